"""What all exchanges of a gateway share."""

from __future__ import annotations

import json

from tests.raw_client import chat, request, rows, tool_turn
from tests.scripted_upstream import whole
from tests.stage import Stage


async def test_every_exchange_has_a_name_of_its_own(stage: Stage) -> None:
    gateways = [await stage.gateway(), await stage.gateway()]
    names = set()
    for gateway in gateways:
        client = await stage.client(gateway)
        await client.send(request() + request(target="/healthz") + b"nonsense\r\n\r\n")
        for _ in range(3):
            (name,) = (await client.answer()).values(b"x-narrows-request-id")
            names.add(name)
    assert len(names) == 6


async def test_first_decisions_are_lines_and_replayed_ones_a_count(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    body = chat(*tool_turn("list", rows(100)), stream=False)
    for _ in range(3):
        await client.send(request("POST", "/v1/chat/completions", "Authorization: Bearer sk-secret", body=body))
        assert (await client.answer()).status == 200
    last = await stage.record(gateway, 2)
    await stage.logged(last.request_id.encode())
    lines = [json.loads(line) for line in stage.log.written.splitlines()]
    decisions = [line for line in lines if line["event"] == "decision"]
    assert [(line["decision"], line["kind"], line["pointer"]) for line in decisions] == [
        ("shortened", "json", "/messages/1/content")
    ]
    exchanges = [line for line in lines if line["event"] == "exchange"]
    assert [line["plan"]["cache_hits"] for line in exchanges] == [0, 1, 1]
    assert {line["plan"]["decision"] for line in exchanges} == {"edited"}
    assert b"sk-secret" not in stage.log.written
    assert b"name 7" not in stage.log.written


async def test_figures_of_all_parts_are_read_when_asked_for(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    for _ in range(3):
        await client.send(request())
        assert (await client.answer()).status == 200
    await client.send(b"nonsense\r\n\r\n")
    assert (await client.answer()).status == 400
    await stage.record(gateway, 3)
    client = await stage.client(gateway)
    await client.send(request(target="/metrics"))
    figures = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in (await client.answer()).raw_body.decode().splitlines()
        if not line.startswith("#")
    }
    assert figures["narrows_upstream_connections_opened_total"] == 1
    assert figures["narrows_upstream_connections_reused_total"] == 2
    assert figures['narrows_errors_total{code="malformed_request"}'] == 1
    assert figures["narrows_exchanges_in_flight"] == 1, "the scrape itself"


async def test_a_conversation_that_was_joined_late_is_told_what_to_do(stage: Stage) -> None:
    """Models that check the prefix of replayed thinking refuse it behind other bytes than it was made behind."""
    refused = {"type": "invalid_request_error", "message": "the block is bound to a different conversation"}
    stage.upstream.play(whole(json.dumps({"type": "error", "error": refused}).encode(), status=400))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/messages", body=b'{"messages": []}'))
    assert (await client.answer()).status == 400
    await stage.logged(b"prefix_refused")
    (line,) = [json.loads(line) for line in stage.log.written.splitlines() if b"prefix_refused" in line]
    assert line["request_id"] == (await stage.record(gateway)).request_id
    assert "x-narrows-policy: off" in line["note"]

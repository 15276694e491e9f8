"""One request and its answer, from head to record."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
from dataclasses import replace

import pytest

from narrows.core.edits import apply_edits
from narrows.core.http1 import ChunkDecoder
from narrows.core.tokens import TOKENIZER
from narrows.plan import plan_body
from narrows.policy import Level, Policy
from narrows.records.types import BodyDecision, Outcome
from narrows.wire.registry import wire_named
from tests.agent_stage import agent_settings
from tests.raw_client import chat, request, rows, tool_turn
from tests.scripted_upstream import DONE, Answer, Ending, chunk, events, frame, stream, whole
from tests.stage import Stage

CHAT = "/v1/chat/completions"
CONVERSATION = chat({"role": "user", "content": "list them"}, *tool_turn("list", rows(400)))
ODD = (
    "ACCEPT: application/json",
    "x-stainless-retry-count: 0",
    "Authorization: Bearer sk-secret",
    "X-Empty:",
    "cookie: a=1",
    "Accept-Encoding: gzip, br;q=0.5",
    "Cookie: b=2",
    "X-Spaces:   two  words  ",
)


def expected(body: bytes, level: Level = Level.BALANCED) -> bytes:
    """What the library says goes upstream."""
    policy = replace(Policy(tokenizer=TOKENIZER), level=level)
    return apply_edits(body, plan_body(body, wire_named("openai_chat"), policy).edits)


async def test_method_target_fields_and_body_arrive_as_they_were_sent(stage: Stage) -> None:
    """Order, case, duplicates, values; Host becomes the upstream's in its place, hop-by-hop goes, our mark is last."""
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    for path in (CHAT, "/v1/files"):
        body = b'{"messages": [], "odd":1.0,"\xc3\xa9":"\\u00e9\\/"}'
        await client.send(
            request("POST", f"{path}?a=%20b&c", *ODD, "Connection: keep-alive, X-Hop", "X-Hop: 1", body=body)
        )
        assert (await client.answer()).status == 200
        received = stage.upstream.requests[-1]
        assert received.start == f"POST {path}?a=%20b&c HTTP/1.1".encode()
        *passed, mark = received.lines
        own = [f"Host: 127.0.0.1:{stage.upstream.port}", *ODD, f"Content-Length: {len(body)}"]
        assert passed == [line.encode() for line in own]
        assert mark.startswith(b"x-narrows-loop: ")
        assert received.framed == body


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_every_method_and_path_is_proxied(stage: Stage, method: str) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    for target in ("/v1/chat/completions", "/", "/a//b/../c;d?x=y?z", "/v1/audio?q=%00"):
        stage.upstream.play(whole(b"" if method == "HEAD" else b"ok"))
        await client.send(request(method, target))
        assert (await client.answer(method.encode())).status == 200
        assert stage.upstream.requests[-1].start == f"{method} {target} HTTP/1.1".encode()


async def test_a_target_with_scheme_and_host_cannot_lead_elsewhere(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("GET", "http://169.254.169.254/latest?x"))
    assert (await client.answer()).status == 200
    received = stage.upstream.requests[0]
    assert received.start == b"GET /latest?x HTTP/1.1"
    assert received.values(b"host") == [f"127.0.0.1:{stage.upstream.port}".encode()]


async def test_a_shared_base_path_is_joined_once(stage: Stage) -> None:
    gateway = await stage.gateway(upstream=stage.upstream.url + "/api/v1")
    client = await stage.client(gateway)
    for target in ("/v1/chat/completions", "/chat/completions"):
        await client.send(request("POST", target, body=chat()))
        assert (await client.answer()).status == 200
        assert stage.upstream.requests[-1].start == b"POST /api/v1/chat/completions HTTP/1.1"
        assert (await stage.record(gateway)).wire == "openai_chat"
    await client.send(request("POST", "/v1/../admin", body=chat()))
    assert (await client.answer()).error_code == "malformed_request"


@pytest.mark.parametrize("framing", ["sized", "chunked"])
async def test_a_planned_body_is_edited_in_its_own_framing(stage: Stage, framing: str) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    if framing == "sized":
        sent = request("POST", CHAT, "X-After: 1", body=CONVERSATION)
    else:
        half = len(CONVERSATION) // 2
        pieces = chunk(CONVERSATION[:half]) + chunk(CONVERSATION[half:]) + b"0\r\n\r\n"
        sent = request("POST", CHAT, "Transfer-Encoding: chunked", "X-After: 1") + pieces
    await client.send(sent)
    assert (await client.answer()).status == 200
    received = stage.upstream.requests[0]
    assert received.body == expected(CONVERSATION)
    assert len(received.body) < 0.6 * len(CONVERSATION)
    if framing == "sized":
        assert received.values(b"content-length") == [str(len(received.body)).encode()]
    else:
        assert received.values(b"transfer-encoding") == [b"chunked"]
        assert received.framed == chunk(received.body) + b"0\r\n\r\n"
    record = await stage.record(gateway)
    assert (record.plan.decision, record.model, record.stream) == (BodyDecision.EDITED, "gpt-4o", False)
    assert (record.request_bytes, record.forwarded_bytes) == (len(sent.partition(b"\r\n\r\n")[2]), len(received.framed))
    await stage.logged(b'"event":"decision","decision":"shortened","kind":"json"')


async def test_a_chunked_body_that_needs_no_edit_keeps_its_chunks(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    for body in (
        b"5;x=y\r\n" + chat()[:5] + b"\r\n" + chunk(chat()[5:]) + b"00\r\n\r\n",
        chunk(CONVERSATION) + b"0\r\nX-Sum: 1\r\n\r\n",
        b"0\r\n\r\n",
    ):
        await client.send(request("POST", CHAT, "Transfer-Encoding: chunked") + body)
        assert (await client.answer()).status == 200
        assert stage.upstream.requests[-1].framed == body
    assert ChunkDecoder().receive_data(body)[1] == []
    assert (await stage.record(gateway, 1)).plan.reason == "trailers"


async def test_an_empty_body_is_forwarded(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", CHAT, body=b"") + request("POST", CHAT))
    assert [(await client.answer()).status for _ in range(2)] == [200, 200]
    assert (await stage.record(gateway)).plan.reason == "not_json"
    assert (await stage.record(gateway, 1)).plan.reason == "no_body"


SEALED = [
    "Content-Encoding: gzip",
    "Content-Digest: sha-256=:x:",
    "digest: x",
    "Signature: sig1=:x:",
    "X-Amz-Content-Sha256: x",
    "Authorization:  AWS4-HMAC-SHA256 Credential=x",
]


@pytest.mark.parametrize(
    ("line", "reason"),
    [*((line, "encoded") for line in SEALED), ("Cache-Control: no-cache, No-Transform", "no_transform")],
)
async def test_a_body_that_we_may_not_change_is_passed_on(stage: Stage, line: str, reason: str) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", CHAT, line, body=CONVERSATION))
    assert (await client.answer()).status == 200
    received = stage.upstream.requests[0]
    assert (received.body, line.encode() in received.lines) == (CONVERSATION, True)
    record = await stage.record(gateway)
    assert (record.plan.decision, record.plan.reason) == (BodyDecision.UNTOUCHED, reason)


async def test_a_client_chooses_the_level_of_a_request(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    for level in Level:
        await client.send(request("POST", CHAT, f"X-Narrows-Policy: {level.upper()}", body=CONVERSATION))
        assert (await client.answer()).status == 200
        received = stage.upstream.requests[-1]
        assert received.values(b"x-narrows-policy") == []
        assert received.body == expected(CONVERSATION, level)
    assert (await stage.record(gateway)).plan.reason == "policy_off"


async def test_the_name_of_a_session_stays_where_agents_are(stage: Stage) -> None:
    """Without any it is passed on as it came: there may be a gateway behind this one that has."""
    for agents, values in (((agent_settings(),), []), ((), [b"monday"])):
        client = await stage.client(await stage.gateway(agents=agents))
        await client.send(request("POST", CHAT, "X-Narrows-Session: monday", body=CONVERSATION))
        assert (await client.answer()).status == 200
        assert stage.upstream.requests[-1].values(b"x-narrows-session") == values


@pytest.mark.parametrize("lines", [["x-narrows-policy: strong"], ["x-narrows-policy: off", "x-narrows-policy: off"]])
async def test_a_level_that_is_none_is_refused_and_the_levels_are_named(stage: Stage, lines: list[str]) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("GET", "/v1/models", *lines))
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (400, "malformed_request")
    assert "off, lossless, balanced" in answer.json["error"]["message"]
    assert answer.json["error"]["param"] == "x-narrows-policy"
    assert stage.upstream.requests == []


async def test_a_request_that_comes_round_is_508(stage: Stage) -> None:
    """The second gateway is the first one's upstream, and the first one the second's."""
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("GET", "/v1/models", "x-narrows-loop: somebody-elses"))
    assert (await client.answer()).status == 200
    (other, mark) = stage.upstream.requests[0].values(b"x-narrows-loop")
    assert other == b"somebody-elses", "another gateway in front of this one is not a loop"
    await client.send(request("POST", CHAT, f"X-Narrows-Loop: {mark.decode()}", body=chat()))
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (508, "loop_detected")


async def test_bodies_held_by_all_requests_have_one_budget(stage: Stage) -> None:
    gateway = await stage.gateway(max_body_bytes=1000, max_buffered_bytes=1500)
    first, second, third = [await stage.client(gateway) for _ in range(3)]
    await first.send(request("POST", CHAT, "Content-Length: 1000") + b"x" * 900)
    await stage.until(lambda: gateway.gateway.budget.held == 900)
    await second.send(request("POST", CHAT, "Content-Length: 700"))
    answer = await second.answer()
    assert (answer.status, answer.error_code, answer.values(b"retry-after")) == (503, "overloaded", [b"1"])
    await third.send(request("POST", CHAT, "Transfer-Encoding: chunked") + chunk(b"y" * 500))
    assert (await third.answer()).error_code == "overloaded"
    await third.send(request("POST", "/v1/files", body=b"z" * 100_000))
    assert gateway.gateway.budget.held == 900
    await first.send(b"x" * 100)
    assert (await first.answer()).status == 200
    assert gateway.gateway.budget.held == 0


@pytest.mark.parametrize("framing", ["Content-Length: 1001", "Transfer-Encoding: chunked"])
async def test_a_held_body_over_the_limit_is_413_and_a_passed_one_has_none(stage: Stage, framing: str) -> None:
    gateway = await stage.gateway(max_body_bytes=1000, max_buffered_bytes=100_000)
    body = chunk(b"x" * 999) + b"0\r\n\r\n" if "chunked" in framing else b"x" * 1001
    client = await stage.client(gateway)
    await client.send(request("POST", CHAT, framing) + body)
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (413, "request_too_large")
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/files", framing) + body)
    assert (await client.answer()).status == 200
    assert stage.upstream.requests[0].framed == body


async def test_a_large_body_goes_through_whole(stage: Stage) -> None:
    gateway = await stage.gateway()
    body = bytes(range(256)) * 40_000
    for path in (CHAT, "/v1/files"):
        client = await stage.client(gateway)
        await client.send(request("POST", path, body=body))
        assert (await client.answer()).status == 200
        arrived = stage.upstream.requests[-1].body == body
        assert arrived


async def test_an_exchange_is_recorded_with_what_was_observed(stage: Stage) -> None:
    stage.upstream.play(stream({"content": "Hel"}, {"content": "lo"}, include_usage=True))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", f"{CHAT}?api-key=secret", body=chat(stream=True)))
    answer = await client.answer()
    record = await stage.record(gateway)
    assert (record.path, record.method, record.wire, record.stream) == (CHAT, "POST", "openai_chat", True)
    assert (record.status, record.outcome, record.error_code) == (200, Outcome.ANSWERED, None)
    assert record.response_bytes == len(answer.raw_body)
    assert answer.values(b"x-narrows-request-id") == [record.request_id.encode()]
    assert record.response is not None
    assert (record.response.text_chars, record.response.done, record.response.input_tokens) == (5, True, 11)
    timings = record.timings
    assert timings.first_byte_s is not None
    assert timings.first_chunk_s is not None
    assert timings.overhead_s is not None
    assert 0 <= timings.overhead_s <= timings.first_byte_s <= timings.first_chunk_s <= timings.total_s
    assert b"secret" not in stage.log.written + json.dumps(str(record)).encode()


@pytest.mark.parametrize("seen", ["done", "cut short"])
async def test_leaving_after_the_answers_end_mark_is_no_cancel(stage: Stage, seen: str) -> None:
    gate = asyncio.Event()
    last = [DONE] if seen == "done" else []
    stage.upstream.play(events(frame({"content": "x"}), *last, gate))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", CHAT, body=chat(stream=True)))
    await client.reader.readuntil((last or [frame({"content": "x"})])[-1])
    client.close()
    record = await stage.record(gateway)
    assert record.outcome is (Outcome.ANSWERED if seen == "done" else Outcome.CANCELLED)
    await stage.upstream.all_closed()


async def test_own_routes_are_not_recorded(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request(target="/healthz") + request())
    assert [(await client.answer()).status for _ in range(2)] == [200, 200]
    assert (await stage.record(gateway)).path == "/v1/models"


async def test_an_own_answer_to_head_has_no_body(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    for _ in range(2):
        await client.send(request("HEAD", "/healthz"))
        answer = await client.answer(b"HEAD")
        assert (answer.status, answer.values(b"content-length")) == (200, [b"16"])


async def test_a_failing_answer_is_forwarded_as_the_upstream_made_it(stage: Stage) -> None:
    body = b'{"error": {"code": null,  "message": "m"}}\n\n'
    stage.upstream.play(whole(body, status=429, fields=(("retry-after-ms", "12"), ("x-should-retry", "true"))))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", CHAT, body=chat()))
    answer = await client.answer()
    assert (answer.status, answer.raw_body) == (429, body)
    assert (answer.values(b"retry-after-ms"), answer.values(b"x-should-retry")) == ([b"12"], [b"true"])
    assert answer.values(b"x-narrows-error") == []


async def test_an_answer_before_the_end_of_the_request_is_passed_on(stage: Stage) -> None:
    early = whole(b"no", status=403)
    stage.upstream.play(Answer(early.steps, at_head=True))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/files", "Content-Length: 1000") + b"x" * 10)
    answer = await client.answer()
    assert (answer.status, answer.raw_body, answer.values(b"connection")) == (403, b"no", [b"close"])
    assert await client.rest() == b""
    await stage.upstream.all_closed()


async def test_a_connection_whose_request_has_not_all_left_is_not_used_again(stage: Stage) -> None:
    """The rest of the request would stand in front of the next one."""
    gate = asyncio.Event()
    stage.upstream.play(Answer((gate, *whole(b"no", status=403).steps), at_head=True))
    gateway = await stage.gateway(inline_scan_bytes=64 << 20)
    client = await stage.client(gateway)
    sending = asyncio.create_task(
        client.send(request("POST", CHAT, body=chat({"role": "system", "content": "x" * (24 << 20)})))
    )
    await stage.upstream.request()
    stage.upstream.set_reading(False)
    await sending
    gate.set()
    answer = await client.answer()
    assert (answer.status, answer.raw_body) == (403, b"no")
    await stage.record(gateway)
    assert gateway.gateway.pool.idle_count == 0
    stage.upstream.set_reading(True)
    await client.send(request("POST", CHAT, body=chat()))
    assert (await client.answer()).status == 200
    assert stage.upstream.connections == 2


async def test_an_exchange_leaves_nothing_to_collect(stage: Stage) -> None:
    """Cycles would keep every exchange's bytes until the collector comes, and hold the event loop when it does."""
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    answers = (
        whole(b"{}"),
        stream({"role": "assistant", "content": "Hello"}),
        whole(gzip.compress(b"{}"), fields=[("Content-Encoding", "gzip")]),
        events(chunk(b"data: {"), ending=Ending.CLOSE),
    )
    gc.collect()
    gc.freeze()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(3):
            stage.upstream.play(*answers)
            for body in (CONVERSATION, chat(stream=True), chat(n=2), b"no"):
                await client.send(request("POST", CHAT, body=body))
                await client.answer()
            client = await stage.client(gateway)
            await client.send(request("GET", "/healthz") + b"nonsense\r\n\r\n")
            await client.answer()
            await client.answer()
            client = await stage.client(gateway)
        await stage.record(gateway, 14)
        gc.collect()
        found = {type(one).__qualname__ for one in gc.garbage if type(one).__module__.startswith("narrows.")}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.unfreeze()
    assert found == set()

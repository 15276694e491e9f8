"""The straight way and the general way: the same bytes, records, log lines and figures."""

from __future__ import annotations

import asyncio
import re
from contextlib import closing
from typing import Any

import pytest

from narrows.server.agents.handing_over import Elsewhere, handing_over_pair
from narrows.server.app import RunningGateway
from narrows.server.exchange import Exchange
from narrows.server.straight import StraightExchange
from narrows.settings import GatewayKey, KeyLimits
from narrows.settings.keys import key_digest
from tests.agent_stage import agent_settings
from tests.raw_client import chat, request, rows, tool_turn
from tests.scripted_upstream import Answer, Ending, completion, error, events, head, raw, stream, whole
from tests.stage import Stage

PATH = "/v1/chat/completions"
JSON = ("Content-Type", "application/json")


def post(body: bytes, *lines: str) -> bytes:
    return request("POST", PATH, *lines, body=body)


SHORT = chat(model="gpt-4o")
PLANNED = chat(*tool_turn("list", rows(80)))
LARGE = chat({"role": "system", "content": "x" * 90_000})
REQUESTS = {
    "short": post(SHORT),
    "shortened": post(PLANNED),
    "large": post(LARGE),
    "stream": post(chat(stream=True)),
    "off": post(SHORT, "x-narrows-policy: off"),
    "no such policy": post(SHORT, "x-narrows-policy: much"),
    "expects": post(SHORT, "Expect: 100-continue"),
    "not json": post(b"{"),
    "empty": post(b""),
    "another path": request("POST", "/v1/files", body=b"data"),
    "no body": request("GET", "/v1/files"),
    "head": request("HEAD", "/v1/files"),
    "two at once": post(SHORT) + post(PLANNED),
    "closes": post(SHORT, "Connection: close"),
    "HTTP/1.0": post(SHORT, "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
}
BODY = completion()
ANSWERS = {
    "usual": whole(BODY),
    "calls": whole(completion({"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]})),
    "error": error(429, fields=[("Retry-After", "1")]),
    "stream": stream({"content": "Hello"}, include_usage=True),
    "whole stream in chunks": events(b"data: [DONE]\n\n"),
    "no JSON": whole(b"\x00" * 300),
    "empty": whole(b""),
    "204": raw(b"HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n", ending=Ending.KEEP),
    "of the connection": whole(BODY, fields=[JSON, ("Connection", "keep-alive, X-Own"), ("X-Own", "1")]),
    "ours": whole(BODY, fields=[JSON, ("x-narrows-error", "forged")]),
    "closing": whole(BODY, fields=[JSON, ("Connection", "close")]),
    "in two pieces": Answer((head([JSON, ("Content-Length", str(len(BODY)))]) + BODY[:9], 0.01, BODY[9:])),
    "until close": raw(head([JSON]) + BODY),
    "cut": raw(head([JSON, ("Content-Length", "5000")]) + BODY),
    "coded": whole(b"\x1f\x8b nonsense", fields=[JSON, ("Content-Encoding", "gzip")]),
    "old": raw(head([JSON, ("Content-Length", "2")]).replace(b"HTTP/1.1", b"HTTP/1.0") + b"{}"),
    "no reason": raw(b"HTTP/1.1 200\r\ncontent-LENGTH:2\r\n\r\n{}", ending=Ending.KEEP),
    "304": raw(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ending=Ending.KEEP),
    "with a trailer": raw(
        head([("Transfer-Encoding", "chunked")]) + b"2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n", ending=Ending.KEEP
    ),
    "too much": raw(
        head([JSON, ("Content-Length", "2")]) + b"{}" + head([("Content-Length", "0")]), ending=Ending.KEEP
    ),
    "two lengths": raw(head([("Content-Length", "2"), ("content-length", "2")]) + b"{}", ending=Ending.KEEP),
    "forged": whole(BODY, fields=[JSON, ("X-Narrows-Request-ID", "nrw-0"), ("X-NARROWS-OTHER", "stays")]),
    "interim": raw(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", *whole(BODY).steps, ending=Ending.KEEP),
}
PAIRS = [("short", name) for name in ANSWERS] + [(name, "usual") for name in REQUESTS if name != "short"]
ALICE = "nrw_" + "a" * 43
AMPLE = KeyLimits(max_in_flight=2, requests_per_minute=1000, body_bytes_per_minute=10_000_000)


def keyed(limits: KeyLimits = AMPLE) -> dict[str, Any]:
    """Settings of a gateway that has a key and an agent."""
    digest = key_digest(ALICE.encode())
    assert digest is not None
    return {"keys": (GatewayKey("alice", digest, limits),), "agents": (agent_settings(),)}


def with_key(sent: bytes) -> bytes:
    return re.sub(rb"( HTTP/1\.[01]\r\n)", rb"\1x-narrows-key: " + ALICE.encode() + rb"\r\n", sent)


async def played(stage: Stage, kind: type[Exchange], sent: bytes, answer: Answer, **changes: Any) -> dict[str, Any]:
    """What came of the same exchange three times over, but for names and times. The first time it is planned by another
    process, so the second and third are those that may go straight."""
    gateway: RunningGateway = await stage.gateway(**changes)
    gateway.gateway.exchange = kind
    before, logged = len(stage.upstream.requests), len(stage.log.written)
    received, count = [], max(sent.count(b"POST "), 1)
    stage.upstream.otherwise = lambda _: answer
    for turn in range(3):
        client = await stage.client(gateway)
        await client.send(sent)
        for _ in range(count):
            method = sent.split(b" ")[0]
            answered = await client.answer(method)
            received.append((answered.head, answered.raw_body, answered.interim, answered.complete))
        await stage.record(gateway, count * (turn + 1) - 1)
    ring = gateway.gateway.telling.ring
    seen = [(one.head, one.framed) for one in stage.upstream.requests[before:]]
    figures = gateway.gateway.figures()
    holder = None if gateway.gateway.keyring is None else gateway.gateway.keyring.named("alice")
    await gateway.close(drain_timeout_s=2)
    await asyncio.to_thread(gateway.gateway.telling.log.close)
    return {
        "received": plain(repr(received)),
        "sent on": plain(repr(seen)),
        "records": plain(ring.to_json().decode()),
        "log": plain(stage.log.written[logged:].decode()),
        "figures": [one for one in figures if not one.name.endswith(("_bucket", "_sum"))],
        "in flight": None if holder is None else holder.allowance.in_flight,
    }


def plain(text: str) -> str:
    text = re.sub(r"nrw-[0-9a-f]+-", "nrw-", text)
    text = re.sub(r"x-narrows-loop: [0-9a-f]+", "x-narrows-loop", text)
    text = re.sub(r"Retry-After: [0-9]{2}", "Retry-After: later", text)
    text = re.sub(r'"(time|started_at|\w+_s)":("[^"]*"|[0-9.e-]+)', r'"\1":0', text)
    return re.sub(r"127\.0\.0\.1:\d+", "here", text)


async def both(stage: Stage, sent: bytes, answer: Answer, **changes: Any) -> dict[str, Any]:
    """What came of it either way, which is the same."""
    general = await played(stage, Exchange, sent, answer, **changes)
    straight = await played(stage, StraightExchange, sent, answer, **changes)
    for name, of_general in general.items():
        assert straight[name] == of_general, name
    return general


@pytest.mark.parametrize(("sent", "answer"), PAIRS)
async def test_both_ways_are_one(stage: Stage, sent: str, answer: str) -> None:
    await both(stage, REQUESTS[sent], ANSWERS[answer])


@pytest.mark.parametrize(("sent", "answer"), PAIRS)
async def test_both_ways_are_one_where_there_are_keys_and_agents(stage: Stage, sent: str, answer: str) -> None:
    found = await both(stage, with_key(REQUESTS[sent]), ANSWERS[answer], **keyed())
    assert found["in flight"] == 0


async def test_without_a_key_both_ways_refuse(stage: Stage) -> None:
    found = await both(stage, REQUESTS["short"], ANSWERS["usual"], **keyed())
    assert found["received"].count("x-narrows-error: invalid_api_key") == 3


@pytest.mark.parametrize(
    "limits",
    [KeyLimits(requests_per_minute=2), KeyLimits(body_bytes_per_minute=len(SHORT) * 5 // 2)],
    ids=["requests", "bytes"],
)
async def test_over_a_limit_both_ways_refuse(stage: Stage, limits: KeyLimits) -> None:
    found = await both(stage, with_key(REQUESTS["short"]), ANSWERS["usual"], **keyed(limits))
    assert found["in flight"] == 0
    assert found["received"].count("429 Too Many Requests") == 1
    assert found["sent on"].count("POST ") == 2


@pytest.mark.parametrize("where", ["alone", "with a key", "agents elsewhere"])
async def test_the_usual_exchange_goes_straight(stage: Stage, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """And nothing of the general way is asked for."""
    gateway = await stage.gateway(**(keyed() if where == "with a key" else {}))
    client = await stage.client(gateway)
    giving, taking = handing_over_pair()
    with closing(giving), closing(taking):
        if where == "agents elsewhere":
            gateway.gateway.elsewhere = Elsewhere(giving, [agent_settings()], "")
        sent = with_key(REQUESTS["shortened"])
        for _ in range(2):
            await client.send(sent)
            assert (await client.answer()).status == 200
        for name in ("begin", "body_data", "_send", "_finish"):
            monkeypatch.delattr(next(kind for kind in Exchange.__mro__ if name in vars(kind)), name)
        await client.send(sent)
        assert (await client.answer()).json["id"] == "chatcmpl-1"
        monkeypatch.undo()

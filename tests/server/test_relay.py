"""What the client gets of an answer: what the upstream sent."""

from __future__ import annotations

import asyncio

import pytest

from narrows.records.types import Outcome
from tests.raw_client import request
from tests.scripted_upstream import EVENT_STREAM, LAST_CHUNK, Ending, chunk, events, head, raw, whole
from tests.stage import Stage

ODD = (
    ("SERVER", "Thing/1.0"),
    ("Set-Cookie", "a=1; Path=/"),
    ("x-request-id", "req_0123"),
    ("set-cookie", "b=2"),
    ("X-Empty", ""),
    ("x-ratelimit-reset-tokens", "6m0s"),
    ("Content-Type", "application/json; charset=\xfc"),
)


async def test_status_reason_fields_and_body_arrive_as_they_were_sent(stage: Stage) -> None:
    """Order, case, duplicates and values; what belongs to one connection goes, and ours comes last."""
    lines = [f"{name}: {value}" for name, value in ODD]
    sent = [
        "HTTP/1.1 429 Slow Down, Please",
        *lines,
        "Keep-Alive: timeout=5",
        "X-Hop: 1",
        "Connection: keep-alive, x-hop",
    ]
    stage.upstream.play(
        raw("\r\n".join([*sent, "content-LENGTH:  4", "", "body"]).encode("latin-1"), ending=Ending.KEEP)
    )
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request())
    answer = await client.answer()
    assert answer.head.startswith(b"HTTP/1.1 429 Slow Down, Please\r\n")
    *passed, own = answer.lines
    assert passed == [line.encode("latin-1") for line in [*lines, "content-LENGTH:  4"]]
    assert own.startswith(b"x-narrows-request-id: ")
    assert (answer.raw_body, answer.complete) == (b"body", True)


async def test_nobody_else_speaks_in_our_name(stage: Stage) -> None:
    theirs = "X-Narrows-Request-Id: theirs\r\nx-narrows-error:overloaded\r\n"
    interim = f"HTTP/1.1 103 Early Hints\r\n{theirs}A: b\r\n\r\n"
    answered = f"HTTP/1.1 200 OK\r\n{theirs}Content-Length: 2\r\n\r\n{{}}"
    stage.upstream.play(raw((interim + answered).encode(), ending=Ending.KEEP))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request())
    answer = await client.answer()
    assert answer.interim == [b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"]
    assert (answer.values(b"x-narrows-error"), answer.raw_body) == ([], b"{}")
    assert answer.values(b"x-narrows-request-id") == [(await stage.record(gateway)).request_id.encode()]


CHUNKED = head([("Content-Type", "text/plain"), ("transfer-encoding", "chunked")])
BODIES = {
    "sized": (head([("Content-Length", "10")]), b"0123456789"),
    "chunked": (CHUNKED, b"3;ext=1\r\nabc\r\n0A\r\n0123456789\r\n" + LAST_CHUNK),
    "trailers": (CHUNKED, b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
    "empty chunked": (CHUNKED, LAST_CHUNK),
    "empty": (head([("Content-Length", "0")]), b""),
    "until close": (head([("Content-Type", "text/plain")]), b"until the end"),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n", b"old"),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("cut", ["whole", "split", "bytewise"])
async def test_body_bytes_arrive_with_the_framing_they_were_sent_in(stage: Stage, name: str, cut: str) -> None:
    start, body = BODIES[name]
    sent = start + body
    pieces = {"whole": [sent], "split": [start, body], "bytewise": [sent[i : i + 1] for i in range(len(sent))]}[cut]
    steps = [step for piece in pieces for step in (piece, 0.0)]
    closes = name in {"until close", "1.0"}
    stage.upstream.play(raw(*steps, ending=Ending.CLOSE if closes else Ending.KEEP))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request() + request(target="/second"))
    answer = await client.answer()
    assert (answer.raw_body, answer.complete) == (body, True)
    assert answer.values(b"connection") == ([b"close"] if closes else [])
    if closes:
        assert await client.rest() == b""
    else:
        assert (await client.answer()).status == 200
        assert stage.upstream.connections == 1, "the upstream's connection was not used again"


CUT = {
    "sized": head([("Content-Length", "10")]) + b"01234",
    "sized, no body yet": head([("Content-Length", "10")]),
    "in a chunk": CHUNKED + b"a\r\n01234",
    "between chunks": CHUNKED + chunk(b"0123456789"),
    "in the last chunk": CHUNKED + chunk(b"0123456789") + b"0\r\n",
}


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET])
async def test_a_truncated_answer_stays_truncated(stage: Stage, name: str, ending: Ending) -> None:
    sent = CUT[name]
    gate = asyncio.Event()
    stage.upstream.play(raw(sent, gate, ending=ending))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request())
    reading = asyncio.create_task(client.answer())
    await asyncio.sleep(0.05)
    gate.set()
    answer = await reading
    assert answer.status == 200
    assert not answer.complete
    assert answer.raw_body == sent.partition(b"\r\n\r\n")[2]
    assert (await stage.record(gateway)).outcome is Outcome.TRUNCATED


async def test_an_answer_that_only_its_close_would_end_is_reset_when_it_breaks_off(stage: Stage) -> None:
    gate = asyncio.Event()
    stage.upstream.play(raw(head(EVENT_STREAM) + b"data: 1\n\n", gate, ending=Ending.RESET))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request())
    assert await client.reader.readuntil(b"data: 1\n\n")
    gate.set()
    with pytest.raises(ConnectionResetError):
        await client.reader.read()
    assert (await stage.record(gateway)).outcome is Outcome.TRUNCATED


async def test_a_client_of_http_1_0_gets_the_payload_ended_by_the_close(stage: Stage) -> None:
    stage.upstream.play(events(b"data: 1\n\n", 0.01, b"data: 2\n\n"))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request(version="HTTP/1.0"))
    answer = await client.answer()
    assert answer.raw_body == b"data: 1\n\ndata: 2\n\n"
    assert answer.values(b"transfer-encoding") == []
    assert answer.values(b"connection") == [b"close"]


async def test_a_client_of_http_1_0_sees_a_cut_as_a_reset(stage: Stage) -> None:
    gate = asyncio.Event()
    stage.upstream.play(events(b"data: 1\n\n", gate, ending=Ending.CLOSE))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request(version="HTTP/1.0"))
    assert await client.reader.readuntil(b"data: 1\n\n")
    gate.set()
    with pytest.raises(ConnectionResetError):
        await client.reader.read()


async def test_a_client_of_http_1_0_may_keep_its_connection(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    for _ in range(2):
        await client.send(request("GET", "/x", "Connection: keep-alive", version="HTTP/1.0"))
        answer = await client.answer()
        assert answer.values(b"connection") == [b"keep-alive"]


@pytest.mark.parametrize(
    ("method", "status", "fields"),
    [
        (b"HEAD", 200, [("Content-Length", "1234")]),
        (b"HEAD", 200, [("Transfer-Encoding", "chunked")]),
        (b"GET", 304, [("ETag", '"x"'), ("Content-Length", "99")]),
        (b"DELETE", 204, []),
    ],
)
async def test_answers_without_a_body_keep_their_fields(
    stage: Stage, method: bytes, status: int, fields: list[tuple[str, str]]
) -> None:
    stage.upstream.play(raw(head(fields, status), ending=Ending.KEEP))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request(method.decode()))
    answer = await client.answer(method)
    assert answer.status == status
    assert [line.partition(b": ")[0].decode() for line in answer.lines] == [
        *(name for name, _ in fields), "x-narrows-request-id"
    ]  # fmt: skip
    await client.send(request())
    assert (await client.answer()).status == 200
    assert stage.upstream.connections == 1


async def test_interim_heads_are_passed_on(stage: Stage) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </s>; rel=preload\r\n\r\n"
    stage.upstream.play(raw(b"HTTP/1.1 100 Continue\r\n\r\n" + early, 0.01, whole(b"{}").steps[0], ending=Ending.KEEP))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request())
    answer = await client.answer()
    assert answer.interim == [b"HTTP/1.1 100 Continue\r\n\r\n", early]
    assert answer.raw_body == b"{}"


async def test_interim_heads_are_not_for_http_1_0(stage: Stage) -> None:
    stage.upstream.play(raw(b"HTTP/1.1 103 Early Hints\r\n\r\n", *whole(b"{}").steps, ending=Ending.KEEP))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request(version="HTTP/1.0"))
    answer = await client.answer()
    assert (answer.interim, answer.raw_body) == ([], b"{}")

"""Faults of clients: what the client sees, what the upstream sees, what is recorded (docs/reliability.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from narrows.records.types import Outcome
from narrows.server.app import RunningGateway
from narrows.server.deadlines import NEVER_S
from narrows.server.limits import Limits
from tests.raw_client import RawClient, chat, raw_client, request
from tests.reliability.seen import ASKED, CHAT, ask, seen
from tests.scripted_upstream import DONE, STALL, Answer, Ending, Step, events, frame, raw, stream, whole
from tests.stage import Stage

# Requests that are late, large, or none


async def drip(client: RawClient, piece: bytes) -> None:
    while True:
        await asyncio.sleep(0.02)
        await client.send(piece)


async def while_dripping(client: RawClient, piece: bytes, work: Callable[[], Awaitable[None]]) -> None:
    """Do something while the client sends a little now and then."""
    dripping = asyncio.create_task(drip(client, piece))
    try:
        await work()
    finally:
        dripping.cancel()


async def test_its_head_is_slow(stage: Stage) -> None:
    gateway = await stage.gateway(limits=Limits(head_timeout_s=0.1))
    client = await stage.client(gateway)
    await client.send(b"GET / HTTP/1.1\r\nHost: ")

    async def refused() -> None:
        (await seen(stage, gateway, client)).refused(408, "request_timeout", requests=0)

    await while_dripping(client, b"a", refused)


@pytest.mark.parametrize(("path", "requests"), [(CHAT, 0), ("/v1/files", 1)])
async def test_its_body_stops_coming(stage: Stage, path: str, requests: int) -> None:
    gateway = await stage.gateway(idle_timeout_s=60.0)
    client = await stage.client(gateway)
    await client.send(request("POST", path, "Content-Length: 100") + b"{")
    await stage.until(lambda: gateway.gateway.in_flight == 1 and len(stage.upstream.requests) == requests)
    await stage.pass_time(61)
    (await seen(stage, gateway, client)).refused(408, "request_timeout", requests=requests)
    await stage.upstream.all_closed()


@pytest.mark.parametrize("path", [CHAT, "/v1/files"])
async def test_its_body_is_slow(stage: Stage, path: str) -> None:
    """As long as something comes, there is time."""
    gateway = await stage.gateway(idle_timeout_s=60.0)
    client = await stage.client(gateway)
    asked = request("POST", path, body=chat())
    start = len(asked) - len(chat()) + 1
    await client.send(asked[:start])
    await stage.until(lambda: gateway.gateway.in_flight == 1)
    (downstream,) = gateway.gateway.downstreams
    await stage.until(lambda: downstream.deadline_s < NEVER_S)
    for at in range(start, start + 3):
        before_s = downstream.deadline_s
        await client.send(asked[at : at + 1])
        await stage.until(lambda: downstream.deadline_s > before_s)  # noqa: B023  # waited for here
        await stage.pass_time(40)
    await client.send(asked[start + 3 :])
    told = await seen(stage, gateway, client)
    assert told.record.outcome is Outcome.ANSWERED
    assert stage.upstream.requests[0].body == chat()


OVERSIZE = {
    "line": b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "header": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
    "a line that does not end": b"GET /" + b"x" * 200_000,
}


@pytest.mark.parametrize("name", OVERSIZE)
async def test_its_head_is_too_large(stage: Stage, name: str) -> None:
    gateway = await stage.gateway()
    (await ask(stage, gateway, OVERSIZE[name])).refused(431, "request_head_too_large", requests=0)
    assert stage.upstream.connections == 0


async def test_its_body_is_too_large(stage: Stage) -> None:
    gateway = await stage.gateway(max_body_bytes=1000, max_buffered_bytes=2000)
    client = await stage.client(gateway)
    sending = asyncio.create_task(client.send(request("POST", CHAT, body=b"x" * 5_000_000)))
    (await seen(stage, gateway, client)).refused(413, "request_too_large", requests=0)
    await sending


SMUGGLED = {
    "two framings": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 4\r\nContent-Length: 44\r\n\r\n0\r\n\r\n",
    "a coding behind a tab": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"Content-Length : 4\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"X: a\nContent-Length: 4\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
async def test_it_smuggles(stage: Stage, name: str) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    hidden = request("GET", "/hidden")
    told = await ask(stage, gateway, b"POST /v1/files HTTP/1.1\r\nHost: a\r\n" + SMUGGLED[name] + hidden, client)
    told.refused(400, "malformed_request", requests=0)
    assert await client.rest() == b""
    assert stage.upstream.connections == 0


@pytest.mark.parametrize("path", [CHAT, "/v1/files"])
async def test_it_expects_a_hundred(stage: Stage, path: str) -> None:
    gateway = await stage.gateway(max_body_bytes=1000, max_buffered_bytes=1000)
    client = await stage.client(gateway)
    await client.send(request("POST", path, "Expect: 100-continue", f"Content-Length: {len(chat())}"))
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    stage.upstream.play(whole(b"ok"))
    (await ask(stage, gateway, chat(), client)).answered(200, b"ok", requests=1)
    assert stage.upstream.requests[0].values(b"expect") == []
    refused = await ask(stage, gateway, request("POST", CHAT, "Expect: 100-continue", "Content-Length: 1001"))
    refused.refused(413, "request_too_large", requests=1)
    assert refused.answer.interim == []


async def test_it_sends_ahead(stage: Stage) -> None:
    gate = asyncio.Event()
    stage.upstream.play(Answer((gate, *whole(b"0").steps)), *(whole(b"%d" % number) for number in range(1, 20)))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(ASKED * 20)
    await stage.upstream.request()
    await asyncio.sleep(0.02)
    assert len(stage.upstream.requests) == 1, "the second was sent before the first was answered"
    gate.set()
    for number in range(20):
        told = await seen(stage, gateway, client, number)
        assert (told.answer.raw_body, told.record.outcome) == (b"%d" % number, Outcome.ANSWERED)
    assert stage.upstream.connections == 1


async def test_it_abandons_its_connection(stage: Stage) -> None:
    gateway = await stage.gateway(limits=Limits(keep_alive_s=60))
    fresh, used = await stage.client(gateway), await stage.client(gateway)
    await ask(stage, gateway, client=used)
    await stage.pass_time(61)
    assert await fresh.rest() == b""
    assert await used.rest() == b""
    assert gateway.gateway.telling.ring.appended == 1, "closing is no exchange"


# Clients that leave


async def cancelled(stage: Stage, gateway: RunningGateway, client: RawClient, leave: str) -> None:
    """It leaves, and with it the upstream's work."""
    received = stage.upstream.requests[-1]
    index = gateway.gateway.telling.ring.appended
    getattr(client, leave)()
    async with asyncio.timeout(60):
        await received.ended.wait()
    record = await stage.record(gateway, index)
    assert (record.outcome, record.error_code) == (Outcome.CANCELLED, None)


LEAVE = ["close", "reset", "half_close"]


@pytest.mark.parametrize("leave", LEAVE)
@pytest.mark.parametrize("path", [CHAT, "/v1/other"])
async def test_it_leaves_before_an_answer(stage: Stage, leave: str, path: str) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    stage.upstream.play(STALL)
    await client.send(request("POST", path, body=chat()))
    await (await stage.upstream.request()).complete.wait()
    await cancelled(stage, gateway, client, leave)


RECORDED = b"".join(step for step in stream({"content": "Hi"}).steps if isinstance(step, bytes))


@pytest.mark.parametrize("leave", LEAVE)
async def test_it_leaves_at_any_byte_of_the_answer(stage: Stage, leave: str) -> None:
    """Each client goes when it has read so far; only the end mark makes a leave of it that is no cancel."""
    gateway = await stage.gateway()
    done_at = RECORDED.index(DONE) + len(DONE)
    strides = {"close": 0, "reset": 1, "half_close": 2}
    for cut in range(strides[leave], len(RECORDED), 3):
        stage.upstream.play(Answer((RECORDED[:cut],) if cut else (), Ending.STALL))
        async with raw_client(gateway.port) as client:
            await client.send(ASKED)
            received = await stage.upstream.request(len(stage.upstream.requests))
            body = cut - RECORDED.index(b"\r\n\r\n") - 4
            if body >= 0:
                await client.reader.readuntil(b"\r\n\r\n")
                await client.reader.readexactly(body)
            getattr(client, leave)()
            async with asyncio.timeout(60):
                await received.ended.wait()
        record = await stage.record(gateway, len(stage.upstream.requests) - 1)
        assert record.outcome is (Outcome.CANCELLED if cut < done_at else Outcome.ANSWERED), cut
        assert not received.answered.is_set()
    assert stage.upstream.connections == len(stage.upstream.requests), "a connection was used again"


@pytest.mark.parametrize("leave", LEAVE)
async def test_it_leaves_after_the_end_mark(stage: Stage, leave: str) -> None:
    """As SDKs do: they stop reading at [DONE], and close before the last chunk."""
    steps: list[Step] = [frame({"content": "a"}), frame({}, finish_reason="stop"), DONE]
    stage.upstream.play(events(*steps, ending=Ending.STALL))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(ASKED)
    await client.reader.readuntil(DONE)
    getattr(client, leave)()
    assert (await stage.record(gateway)).outcome is Outcome.ANSWERED
    await stage.upstream.all_closed()


@pytest.mark.parametrize("leave", LEAVE)
async def test_it_leaves_while_it_is_held_up(stage: Stage, leave: str) -> None:
    """Nothing is read from it, because the upstream takes nothing: its end is seen all the same."""
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    stage.upstream.play(Answer((), Ending.STALL, at_head=True))
    await client.send(request("POST", "/v1/files", "Content-Length: 1000000000"))
    received = await stage.upstream.request()
    stage.upstream.set_reading(False)
    async with asyncio.timeout(60):
        while not gateway.gateway.unread:
            await client.send(b"x" * 50_000)
            await asyncio.sleep(0)
    await asyncio.sleep(0.02)
    getattr(client, leave)()
    assert (await stage.record(gateway)).outcome is Outcome.CANCELLED
    stage.upstream.set_reading(True)
    async with asyncio.timeout(60):
        await received.ended.wait()


async def test_it_reads_nothing_of_its_answer(stage: Stage) -> None:
    block = b"x" * (1 << 20)
    sent = b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n"
    stage.upstream.play(raw(sent, *[block] * 64, ending=Ending.KEEP))
    gateway = await stage.gateway(idle_timeout_s=0.1)
    client = await stage.client(gateway)
    client.set_reading(False)
    await client.send(ASKED)
    assert (await stage.record(gateway)).outcome is Outcome.CANCELLED
    await stage.upstream.all_closed()


async def test_it_reads_nothing_of_an_answer_that_its_close_would_end(stage: Stage) -> None:
    """When it reads again, it must not take what it finds for the whole."""
    block = b"x" * (1 << 20)
    stage.upstream.play(raw(b"HTTP/1.1 200 OK\r\n\r\n", *[block] * 64, ending=Ending.CLOSE))
    gateway = await stage.gateway(idle_timeout_s=0.1)
    client = await stage.client(gateway)
    client.set_reading(False)
    await client.send(ASKED)
    assert (await stage.record(gateway)).outcome is Outcome.CANCELLED
    client.set_reading(True)
    assert (await client.answer()).reset


async def test_it_reads_nothing_of_the_end_of_an_answer(stage: Stage) -> None:
    """The upstream has closed behind the whole of it, and some of it is still here when the time is over."""
    gateway = await stage.gateway(idle_timeout_s=60.0)
    client = await stage.client(gateway)
    client.set_reading(False)
    unsent = answers = 0
    while not unsent:
        stage.upstream.play(whole(b"x" * 20_000))
        await client.send(ASKED)
        answers += 1
        await stage.record(gateway, answers - 1)
        (downstream,) = gateway.gateway.downstreams
        unsent = downstream.unsent_bytes()
    stage.upstream.play(raw(b"HTTP/1.1 200 OK\r\n\r\nits close is its end"))
    await client.send(ASKED)
    assert (await stage.record(gateway, answers)).outcome is Outcome.ANSWERED
    await stage.pass_time(61)
    await stage.until(lambda: not gateway.gateway.downstreams)
    client.set_reading(True)
    with pytest.raises(ConnectionResetError):
        await client.reader.read(-1)

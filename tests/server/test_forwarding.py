"""To the upstream and back: no answers, silence, leaving clients, slow readers, tunnels."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

import pytest

from narrows.records.types import Outcome
from tests.raw_client import chat, request, rows, tool_turn
from tests.scripted_upstream import EVENT_STREAM, STALL, Answer, Ending, chunk, events, head, raw, whole
from tests.stage import Stage

CHAT = "/v1/chat/completions"
GARBAGE = {
    "no head": b"garbage\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 70_000,
    "a protocol nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "too many interim heads": b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_an_answer_that_is_none_is_an_error(stage: Stage, name: str) -> None:
    stage.upstream.play(raw(GARBAGE[name], ending=Ending.STALL))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request())
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (502, "upstream_malformed")
    await stage.upstream.all_closed()


async def test_garbage_in_the_middle_cuts_the_answer(stage: Stage) -> None:
    gate = asyncio.Event()
    good = head([("Transfer-Encoding", "chunked")]) + chunk(b"good")
    stage.upstream.play(raw(good, gate, b"zz\r\n", ending=Ending.STALL))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request())
    await client.reader.readuntil(chunk(b"good"))
    gate.set()
    assert await client.rest() == b""
    assert (await stage.record(gateway)).outcome is Outcome.TRUNCATED


async def test_bytes_behind_an_answer_belong_to_nobody(stage: Stage) -> None:
    """They must not become the answer to the next request."""
    stage.upstream.play(raw(*whole(b"mine").steps, *whole(b"injected").steps, ending=Ending.KEEP))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    for expected in (b"mine", b"next"):
        await client.send(request())
        assert (await client.answer()).raw_body == expected
        stage.upstream.play(whole(b"next"))
    assert stage.upstream.connections == 2


async def test_an_upstream_that_is_not_there_is_502(stage: Stage) -> None:
    gateway = await stage.gateway(upstream="http://127.0.0.1:9")
    client = await stage.client(gateway)
    for path in (CHAT, "/v1/files"):
        await client.send(request("POST", path, body=chat()))
        answer = await client.answer()
        assert (answer.status, answer.error_code) == (502, "upstream_unreachable")
        assert "127.0.0.1:9" in answer.json["error"]["message"]


async def test_no_first_byte_in_time_is_504(stage: Stage) -> None:
    stage.upstream.play(STALL)
    gateway = await stage.gateway(first_byte_timeout_s=60.0)
    client = await stage.client(gateway)
    await client.send(request("POST", CHAT, body=chat()))
    await (await stage.upstream.request()).complete.wait()
    await stage.pass_time(61)
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (504, "upstream_timeout")
    await stage.upstream.all_closed()
    await client.send(request())
    assert (await client.answer()).status == 200


async def test_there_is_an_idle_limit_and_no_total_one(stage: Stage) -> None:
    gates = [asyncio.Event() for _ in range(4)]
    pieces = [step for gate in gates for step in (b": still here\n\n", gate)]
    stage.upstream.play(events(*pieces), events(b"data: 1\n\n", ending=Ending.STALL))
    gateway = await stage.gateway(idle_timeout_s=60.0)
    client = await stage.client(gateway)
    await client.send(request())
    for gate in gates:
        await client.reader.readuntil(b": still here\n\n\r\n")
        await stage.pass_time(40)
        gate.set()
    assert await client.reader.readuntil(b"0\r\n\r\n") == b"0\r\n\r\n"
    await client.send(request())
    await client.reader.readuntil(b"data: 1\n\n\r\n")
    await stage.pass_time(61)
    assert await client.rest() == b"", "no last chunk"
    assert (await stage.record(gateway, 1)).outcome is Outcome.TRUNCATED
    await stage.upstream.all_closed()


AT_EACH_STAGE = {
    "before the first byte": STALL,
    "in the head": raw(b"HTTP/1.1 200", ending=Ending.STALL),
    "after the head": raw(head([("Content-Length", "10")]), ending=Ending.STALL),
    "in a stream": events(b"data: 1\n\n", ending=Ending.STALL),
    "in an answer that its close ends": raw(head(EVENT_STREAM) + b"data: 1\n\n", ending=Ending.STALL),
}


@pytest.mark.parametrize("name", AT_EACH_STAGE)
@pytest.mark.parametrize("leave", ["close", "reset", "half_close"])
@pytest.mark.parametrize("path", [CHAT, "/v1/other"])
async def test_a_client_that_leaves_ends_the_upstreams_work(stage: Stage, name: str, leave: str, path: str) -> None:
    stage.upstream.play(AT_EACH_STAGE[name])
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", path, body=chat()))
    received = await stage.upstream.request()
    await received.complete.wait()
    await asyncio.sleep(0.02)
    getattr(client, leave)()
    async with asyncio.timeout(60):
        await received.ended.wait()
    record = await stage.record(gateway)
    assert record.outcome is Outcome.CANCELLED
    assert len(stage.upstream.requests) == 1


async def test_a_client_that_leaves_in_its_body_ends_the_upstreams_work(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/files", "Content-Length: 100") + b"x")
    received = await stage.upstream.request()
    client.close()
    async with asyncio.timeout(60):
        await received.ended.wait()
    assert (await stage.record(gateway)).outcome is Outcome.CANCELLED


async def test_a_client_that_leaves_while_its_request_is_planned_is_forgotten(stage: Stage) -> None:
    """Its plan is finished all the same, and its retry is answered; what that holds meanwhile is the planner's test."""
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    body = chat(*tool_turn("list", rows(200)))
    await client.send(request("POST", CHAT, body=body))
    await stage.until(lambda: gateway.gateway.planner.pool.running > 0)
    client.close()
    assert (await stage.record(gateway)).outcome is Outcome.CANCELLED
    async with asyncio.timeout(60):
        while gateway.gateway.planner.pool.running:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert stage.upstream.connections == 0
    again = await stage.client(gateway)
    await again.send(request("POST", CHAT, body=body))
    assert (await again.answer()).status == 200


async def test_a_client_that_leaves_while_connecting_is_forgotten(stage: Stage) -> None:
    """A listener whose backlog is full leaves every further connection waiting."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        gateway = await stage.gateway(upstream=f"http://127.0.0.1:{address[1]}", connect_timeout_s=60)
        client = await stage.client(gateway)
        await client.send(request())
        await stage.until(lambda: gateway.gateway.in_flight == 1)
        await asyncio.sleep(0.1)
        client.close()
        assert (await stage.record(gateway)).outcome is Outcome.CANCELLED


async def test_no_connection_in_time_is_504(stage: Stage) -> None:
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        gateway = await stage.gateway(upstream=f"http://127.0.0.1:{address[1]}", connect_timeout_s=0.2)
        client = await stage.client(gateway)
        await client.send(request())
        assert (await client.answer()).error_code == "upstream_timeout"


async def test_a_client_that_was_full_before_its_answer_holds_up_the_upstream(stage: Stage) -> None:
    """It is told to wait once, when what is written reaches the bound, and that may be before there is an answer."""
    gate = asyncio.Event()
    stage.upstream.play(Answer((gate, *whole(b"x" * 1_500_000).steps)))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request())
    await stage.upstream.request(0)
    (downstream,) = gateway.gateway.downstreams
    downstream.writable = False
    gate.set()
    await asyncio.sleep(0.3)
    assert gateway.gateway.telling.ring.appended == 0
    downstream.resume_writing()
    assert len((await client.answer()).raw_body) == 1_500_000


async def test_a_client_that_reads_slowly_holds_up_the_upstream(stage: Stage) -> None:
    """100 MB towards a client that reads nothing for a while: memory stays flat, and every byte arrives."""
    size = 100 << 20
    block = bytes(range(256)) * 4096
    steps = [head([("Content-Length", str(size))]), *[block] * (size // len(block))]
    stage.upstream.play(raw(*steps, ending=Ending.KEEP))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    client.set_reading(False)
    await client.send(request("GET", "/v1/files/1/content"))
    await stage.upstream.request()
    await asyncio.sleep(0.3)
    (downstream,) = gateway.gateway.downstreams
    assert downstream.unsent_bytes() < 2 << 20
    assert stage.upstream.unsent_bytes() > size // 2, "the upstream got rid of its answer, into somebody's memory"
    client.set_reading(True)
    answer = await client.answer()
    assert (len(answer.raw_body), answer.complete) == (size, True)
    whole_and_in_order = answer.raw_body == block * (size // len(block))
    assert whole_and_in_order
    record = await stage.record(gateway)
    assert (record.outcome, record.response_bytes) == (Outcome.ANSWERED, size)


async def test_a_client_that_reads_slowly_holds_up_nobody_else(stage: Stage) -> None:
    """The connection on which an answer ended while its client was held up is fit for the next client."""
    gateway = await stage.gateway()
    slow = await stage.client(gateway)
    slow.set_reading(False)
    answers = 0
    downstream = None
    while downstream is None or downstream.writable:
        stage.upstream.play(whole(b"x" * 60_000))
        await slow.send(request())
        answers += 1
        await stage.record(gateway, answers - 1)
        (downstream,) = gateway.gateway.downstreams
    assert stage.upstream.connections == 1
    other = await stage.client(gateway)
    await other.send(request())
    assert (await other.answer()).status == 200
    assert stage.upstream.connections == 1
    slow.set_reading(True)
    for _ in range(answers):
        assert len((await slow.answer()).raw_body) == 60_000


async def test_an_upstream_that_reads_slowly_holds_up_the_client(stage: Stage) -> None:
    gate = asyncio.Event()
    gateway = await stage.gateway()
    stage.upstream.play(Answer((gate, *whole(b"ok").steps), at_head=True))
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/files", "Content-Length: 50000000"))
    await stage.upstream.request()
    stage.upstream.set_reading(False)
    sending = asyncio.create_task(client.send(b"x" * 50_000_000))
    await asyncio.sleep(0.3)
    assert not sending.done(), "50 MB were taken in while the upstream read nothing"
    stage.upstream.set_reading(True)
    await sending
    await stage.upstream.requests[0].complete.wait()
    gate.set()
    assert (await client.answer()).raw_body == b"ok"
    whole_and_in_order = stage.upstream.requests[0].body == b"x" * 50_000_000
    assert whole_and_in_order


async def test_a_client_that_stops_reading_is_given_up(stage: Stage) -> None:
    block = b"x" * (1 << 20)
    stage.upstream.play(raw(head([("Content-Length", str(64 << 20))]), *[block] * 64, ending=Ending.KEEP))
    gateway = await stage.gateway(idle_timeout_s=0.3)
    client = await stage.client(gateway)
    client.set_reading(False)
    await client.send(request())
    assert (await stage.record(gateway)).outcome is Outcome.CANCELLED
    await stage.upstream.all_closed()


async def test_an_upstream_that_stops_reading_is_504(stage: Stage) -> None:
    gateway = await stage.gateway(idle_timeout_s=60.0)
    stage.upstream.play(Answer((), Ending.STALL, at_head=True))
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/files", "Content-Length: 50000000"))
    await stage.upstream.request()
    stage.upstream.set_reading(False)
    sending = asyncio.create_task(client.send(b"x" * 50_000_000))
    await stage.until(lambda: bool(gateway.gateway.unread))
    await stage.pass_time(61)
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (504, "upstream_timeout")
    sending.cancel()
    stage.upstream.set_reading(True)


WEBSOCKET = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x")
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: y\r\n\r\n"
)


async def test_a_websocket_is_a_tunnel(stage: Stage) -> None:
    gate = asyncio.Event()
    stage.upstream.play(raw(SWITCHED + b"\x81\x01a", gate, b"\x81\x01b", ending=Ending.CLOSE))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("GET", "/v1/realtime", *WEBSOCKET) + b"\x82\x01early")
    answer = await client.answer()
    assert answer.head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert (answer.values(b"connection"), answer.values(b"upgrade")) == ([b"Upgrade"], [b"websocket"])
    assert answer.values(b"sec-websocket-accept") == [b"y"]
    received = stage.upstream.requests[0]
    assert (received.values(b"connection"), received.values(b"upgrade")) == ([b"Upgrade"], [b"websocket"])
    await client.send(b"\x82\x01late")
    assert await client.reader.readexactly(3) == b"\x81\x01a"
    async with asyncio.timeout(60):
        while stage.upstream.unread() != b"\x82\x01early\x82\x01late":
            await asyncio.sleep(0.01)
    gate.set()
    assert await client.rest() == b"\x81\x01b"
    record = await stage.record(gateway)
    assert (record.status, record.outcome) == (101, Outcome.ANSWERED)


async def test_a_tunnel_ends_with_its_client(stage: Stage) -> None:
    stage.upstream.play(raw(SWITCHED, ending=Ending.STALL))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("GET", "/v1/realtime", *WEBSOCKET))
    assert (await client.answer()).status == 101
    await client.send(b"last words")
    client.close()
    await stage.upstream.all_closed()
    assert (await stage.record(gateway)).outcome is Outcome.ANSWERED


async def test_a_refused_upgrade_is_an_ordinary_answer(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    for _ in range(2):
        await client.send(request("GET", "/v1/realtime", *WEBSOCKET))
        assert (await client.answer()).status == 200


async def test_other_upgrades_are_not_passed_on(stage: Stage) -> None:
    """HTTP/2 in clear text could carry requests past everything that is checked here."""
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("GET", "/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: x"))
    assert (await client.answer()).status == 200
    received = stage.upstream.requests[0]
    assert [received.values(name) for name in (b"connection", b"upgrade", b"http2-settings")] == [[], [], []]


async def test_a_request_with_a_body_becomes_no_tunnel(stage: Stage) -> None:
    """Two readers might differ on whether its body is the tunnel's first bytes."""
    stage.upstream.play(raw(SWITCHED, ending=Ending.STALL))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("GET", "/v1/realtime", *WEBSOCKET, body=b"x"))
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (502, "upstream_malformed")
    received = stage.upstream.requests[0]
    assert [received.values(name) for name in (b"connection", b"upgrade")] == [[], []]


NOT_ASKED_FOR = {
    "h2c was asked for here, and not passed on": (("Connection: Upgrade", "Upgrade: h2c"), b"h2c"),
    "another was asked for here, this one by nobody": (("Connection: Upgrade", "Upgrade: h2c"), b"websocket"),
    "a websocket was asked for": (WEBSOCKET, b"h2c"),
}


@pytest.mark.parametrize("name", NOT_ASKED_FOR)
async def test_nothing_is_tunnelled_that_was_not_asked_for(stage: Stage, name: str) -> None:
    lines, protocol = NOT_ASKED_FOR[name]
    stage.upstream.play(raw(SWITCHED.replace(b"websocket", protocol), ending=Ending.STALL))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("GET", "/v1/realtime", *lines))
    assert (await client.answer()).error_code == "upstream_malformed"
    await stage.upstream.all_closed()

"""Faults of the upstream: what the client sees, what the upstream sees, what is recorded (docs/reliability.md)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from narrows.records.types import Outcome
from narrows.server.limits import Limits
from tests.authority import make_authority
from tests.raw_client import request
from tests.reliability.seen import ASKED, ask, seen
from tests.scripted_upstream import (
    EVENT_STREAM,
    LAST_CHUNK,
    STALL,
    Answer,
    Ending,
    ScriptedUpstream,
    chunk,
    events,
    head,
    raw,
    whole,
)
from tests.stage import Stage, stage_before

SIZED = head([("Content-Length", "10")])
CHUNKED = head([("Transfer-Encoding", "chunked")])


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port whose queue is full: connections to it wait."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield address[1]


# No connection


async def test_it_refuses_the_connection(stage: Stage) -> None:
    gateway = await stage.gateway(upstream="http://127.0.0.1:9")
    (await ask(stage, gateway)).refused(502, "upstream_unreachable", requests=0)


async def test_it_does_not_accept(stage: Stage, deaf_port: int) -> None:
    gateway = await stage.gateway(upstream=f"http://127.0.0.1:{deaf_port}", connect_timeout_s=0.1)
    (await ask(stage, gateway)).refused(504, "upstream_timeout", requests=0)


async def test_its_tls_is_not_to_be_trusted(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    async with ScriptedUpstream(tls=authority.server_context()) as upstream, stage_before(upstream) as stage:
        gateway = await stage.gateway(ca_bundle="")
        (await ask(stage, gateway)).refused(502, "upstream_unreachable", requests=0)
        await upstream.all_closed()


async def test_its_tls_never_begins(stage: Stage) -> None:
    """The connection is there, and the handshake is not answered: that, too, is connecting."""
    gateway = await stage.gateway(upstream=f"https://127.0.0.1:{stage.upstream.port}", connect_timeout_s=0.1)
    (await ask(stage, gateway)).refused(504, "upstream_timeout", requests=0)
    await stage.upstream.all_closed()


# No answer


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 102 Processing\r\n\r\n"])
async def test_it_stalls_before_its_answers_head_is_complete(stage: Stage, begun: bytes) -> None:
    stage.upstream.play(raw(begun, ending=Ending.STALL) if begun else STALL)
    gateway = await stage.gateway(first_byte_timeout_s=0.1)
    (await ask(stage, gateway)).refused(504, "upstream_timeout", requests=1)
    await stage.upstream.all_closed()


async def test_a_head_that_trickles_gets_no_more_time(stage: Stage) -> None:
    stage.upstream.play(raw(*(step for _ in range(200) for step in (b"1", 0.02))))
    gateway = await stage.gateway(first_byte_timeout_s=0.1)
    (await ask(stage, gateway)).refused(504, "upstream_timeout", requests=1)
    await stage.upstream.all_closed()


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET, Ending.HALF_CLOSE])
async def test_it_ends_a_new_connection_before_its_answer(stage: Stage, begun: bytes, ending: Ending) -> None:
    stage.upstream.play(raw(begun, ending=ending))
    gateway = await stage.gateway()
    (await ask(stage, gateway)).refused(502, "upstream_unreachable", requests=1)
    await stage.upstream.all_closed()


GARBAGE = {
    "no HTTP": b"garbage\r\n\r\n",
    "zeros": bytes(4096),
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_it_answers_garbage(stage: Stage, name: str) -> None:
    stage.upstream.play(raw(GARBAGE[name], ending=Ending.STALL))
    gateway = await stage.gateway()
    (await ask(stage, gateway)).refused(502, "upstream_malformed", requests=1)
    await stage.upstream.all_closed()


async def test_it_sends_interim_heads(stage: Stage) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    stage.upstream.play(raw(b"HTTP/1.1 102 Processing\r\n\r\n" + early, SIZED + b"0123456789", ending=Ending.KEEP))
    gateway = await stage.gateway()
    told = await ask(stage, gateway)
    told.answered(200, b"0123456789", requests=1)
    assert told.answer.interim == [b"HTTP/1.1 102 Processing\r\n\r\n", early]
    stage.upstream.play(raw(early * 17, ending=Ending.STALL))
    (await ask(stage, gateway)).refused(502, "upstream_malformed", requests=2)
    await stage.upstream.all_closed()


# An answer that does not end as it said

CUT = {
    "within the length": (SIZED, b"01234"),
    "after the head": (SIZED, b""),
    "in a chunk": (CHUNKED, b"a\r\n01234"),
    "in a chunk's size": (CHUNKED, b"5\r\nhello\r\n1"),
    "between chunks": (CHUNKED, chunk(b"data: 1\n\n")),
    "before the last line": (CHUNKED, chunk(b"data: [DONE]\n\n") + b"0\r\n"),
}


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET, Ending.HALF_CLOSE])
async def test_it_breaks_off_in_its_answer(stage: Stage, name: str, ending: Ending) -> None:
    start, body = CUT[name]
    gate = asyncio.Event()
    stage.upstream.play(raw(start + body, gate, ending=ending))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(ASKED)
    asyncio.get_running_loop().call_later(0.02, gate.set)
    (await seen(stage, gateway, client)).truncated(body, requests=1)
    await stage.upstream.all_closed()


async def test_an_answer_that_its_close_would_end_is_reset(stage: Stage) -> None:
    """Nothing else would tell its client that it is not whole."""
    gate = asyncio.Event()
    stage.upstream.play(raw(head(EVENT_STREAM) + b"data: 1\n\n", gate, ending=Ending.RESET))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(ASKED)
    asyncio.get_running_loop().call_later(0.02, gate.set)
    told = await seen(stage, gateway, client)
    assert told.answer.reset
    told.truncated(b"data: 1\n\n", requests=1)


async def test_its_content_length_is_too_large(stage: Stage) -> None:
    """It waits for a next request, and the client for bytes that never come."""
    stage.upstream.play(raw(SIZED + b"01234", ending=Ending.KEEP))
    gateway = await stage.gateway(idle_timeout_s=0.1)
    (await ask(stage, gateway)).truncated(b"01234", requests=1)
    await stage.upstream.all_closed()


async def test_its_content_length_is_too_small(stage: Stage) -> None:
    """What is too much belongs to nobody, least of all to the next client."""
    stage.upstream.play(raw(SIZED + b"0123456789" + b"surplus", ending=Ending.KEEP))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    (await ask(stage, gateway, client=client)).answered(200, b"0123456789", requests=1)
    await stage.upstream.all_closed()
    stage.upstream.play(whole(b"next"))
    (await ask(stage, gateway, client=client)).answered(200, b"next", requests=2)
    assert stage.upstream.connections == 2


async def test_it_sends_garbage_between_its_chunks(stage: Stage) -> None:
    gate = asyncio.Event()
    good = chunk(b"data: 1\n\n")
    stage.upstream.play(raw(CHUNKED + good, gate, b"zz\r\n", ending=Ending.STALL))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(ASKED)
    asyncio.get_running_loop().call_later(0.02, gate.set)
    (await seen(stage, gateway, client)).truncated(good, requests=1)
    await stage.upstream.all_closed()


async def test_it_stalls_in_its_answer(stage: Stage) -> None:
    sent = chunk(b"data: 1\n\n")
    stage.upstream.play(raw(CHUNKED + sent, ending=Ending.STALL))
    gateway = await stage.gateway(idle_timeout_s=0.1)
    (await ask(stage, gateway)).truncated(sent, requests=1)
    await stage.upstream.all_closed()


async def test_it_trickles(stage: Stage) -> None:
    """Byte by byte, and twice the idle limit in all: there is no limit for the whole."""
    body = chunk(b"data: 1\n\n") * 2 + LAST_CHUNK
    gates = [asyncio.Event() for _ in body]
    steps = [step for at, gate in enumerate(gates) for step in (gate, body[at : at + 1])]
    stage.upstream.play(raw(CHUNKED, *steps, ending=Ending.KEEP))
    gateway = await stage.gateway(idle_timeout_s=60.0)
    client = await stage.client(gateway)
    await client.send(ASKED)
    await client.reader.readuntil(b"\r\n\r\n")
    received = b""
    for at, gate in enumerate(gates):
        gate.set()
        received += await client.reader.readexactly(1)
        if at in {3, 6, 9}:
            await stage.pass_time(40)
    assert received == body
    assert (await stage.record(gateway)).outcome is Outcome.ANSWERED


# Answers at odd times


async def test_it_answers_before_the_request_ends(stage: Stage) -> None:
    stage.upstream.play(Answer(whole(b"no", status=413).steps, at_head=True))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    told = await ask(stage, gateway, request("POST", "/v1/files", "Content-Length: 1000") + b"x", client)
    told.answered(413, b"no", requests=1)
    assert told.answer.values(b"connection") == [b"close"]
    await stage.upstream.all_closed()
    assert not stage.upstream.requests[0].complete.is_set()


async def test_it_speaks_when_it_has_not_been_asked(stage: Stage) -> None:
    gate = asyncio.Event()
    stage.upstream.play(raw(SIZED + b"0123456789", gate, SIZED + b"9876543210", 0.0, ending=Ending.STALL))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    (await ask(stage, gateway, client=client)).answered(200, b"0123456789", requests=1)
    gate.set()
    await stage.upstream.all_closed()
    stage.upstream.play(whole(b"mine"))
    (await ask(stage, gateway, client=client)).answered(200, b"mine", requests=2)


@pytest.mark.parametrize("status", [429, 503])
async def test_it_asks_for_a_retry(stage: Stage, status: int) -> None:
    """That is for its client to do: the answer is passed on as it came, and nothing is repeated here."""
    fields = [("Retry-After", "7"), ("retry-after-ms", "6500"), ("x-should-retry", "true")]
    stage.upstream.play(whole(b'{ "error" : null}', status=status, fields=fields))
    gateway = await stage.gateway()
    told = await ask(stage, gateway)
    told.answered(status, b'{ "error" : null}', requests=1)
    assert told.answer.lines[:3] == [f"{name}: {value}".encode() for name, value in fields]


async def test_an_error_in_a_stream_is_part_of_it(stage: Stage) -> None:
    said = b'data: {"error":{"message":"m","type":"server_error","param":null,"code":"overloaded"}}\n\n'
    stage.upstream.play(events(b"data: {}\n\n", said))
    gateway = await stage.gateway()
    told = await ask(stage, gateway)
    told.answered(200, chunk(b"data: {}\n\n") + chunk(said) + LAST_CHUNK, requests=1)
    assert told.record.response is not None
    assert told.record.response.errors == ("overloaded",)


# Kept connections


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET, Ending.HALF_CLOSE])
async def test_it_closes_a_kept_connection_as_a_request_arrives(stage: Stage, ending: Ending) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await ask(stage, gateway, client=client)
    stage.upstream.play(raw(ending=ending), whole(b"again"))
    (await ask(stage, gateway, client=client)).answered(200, b"again", requests=3)
    _, first, second = stage.upstream.requests
    assert (first.head, first.body) == (second.head, second.body)
    assert gateway.gateway.readings().upstream_retried == 1


async def test_it_closes_the_new_connection_too(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await ask(stage, gateway, client=client)
    stage.upstream.play(raw(), raw())
    (await ask(stage, gateway, client=client)).refused(502, "upstream_unreachable", requests=3)


MAY_HAVE_ACTED = {
    "something was answered": raw(b"HTTP/1.1 2"),
    "an interim head came": raw(b"HTTP/1.1 102 Processing\r\n\r\n"),
    "it closed late": raw(0.2),
}


@pytest.mark.parametrize("name", MAY_HAVE_ACTED)
async def test_what_it_may_have_acted_on_is_not_sent_again(stage: Stage, name: str) -> None:
    gateway = await stage.gateway(limits=Limits(stale_s=0.05))
    client = await stage.client(gateway)
    await ask(stage, gateway, client=client)
    stage.upstream.play(MAY_HAVE_ACTED[name])
    (await ask(stage, gateway, client=client)).refused(502, "upstream_unreachable", requests=2)


async def test_it_closes_a_kept_connection_in_between(stage: Stage) -> None:
    stage.upstream.play(Answer((*whole(b"x").steps, 0.02), Ending.CLOSE))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await ask(stage, gateway, client=client)
    await stage.upstream.all_closed()
    await stage.until(lambda: gateway.gateway.pool.idle_count == 0)
    stage.upstream.play(whole(b"next"))
    (await ask(stage, gateway, client=client)).answered(200, b"next", requests=2)
    assert gateway.gateway.readings().upstream_retried == 0


# Reading the request


@pytest.mark.parametrize("reads_on", [True, False])
async def test_it_reads_the_request_slowly(stage: Stage, reads_on: bool) -> None:
    size = 20_000_000
    gateway = await stage.gateway(idle_timeout_s=60.0)
    stage.upstream.play(Answer((), Ending.STALL, at_head=True) if not reads_on else whole(b"ok"))
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/files", f"Content-Length: {size}"))
    await stage.upstream.request()
    stage.upstream.set_reading(False)
    sending = asyncio.create_task(client.send(b"x" * size))
    await stage.until(lambda: bool(gateway.gateway.unread))
    await asyncio.sleep(0.1)
    assert not sending.done(), "20 MB were taken in while the upstream read nothing"
    if reads_on:
        stage.upstream.set_reading(True)
        await sending
        (await seen(stage, gateway, client)).answered(200, b"ok", requests=1)
        as_sent = stage.upstream.requests[0].body == b"x" * size
        assert as_sent
    else:
        await stage.pass_time(61)
        (await seen(stage, gateway, client)).refused(504, "upstream_timeout", requests=1)
        sending.cancel()
        stage.upstream.set_reading(True)

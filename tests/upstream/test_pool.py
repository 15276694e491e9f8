"""Connections are kept, taken again, and let go of."""

from __future__ import annotations

import asyncio
import socket

import pytest

from narrows.core.http1 import ResponseHead
from narrows.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from narrows.upstream.connection import Connection
from narrows.upstream.pool import MAX_IDLE_S, Pool
from narrows.upstream.target import parse_target
from tests.scripted_upstream import Answer, Ending, ScriptedUpstream, whole


class Ended:
    """A receiver that waits for the end."""

    def __init__(self) -> None:
        self.done: asyncio.Future[ResponseHead | UpstreamError] = asyncio.get_running_loop().create_future()

    def interim(self, head: ResponseHead) -> None: ...

    def switched(self, head: ResponseHead, rest: bytes) -> None: ...

    def response_started(self, head: ResponseHead, data: bytes, *, ended: bool) -> None:
        assert ended
        self.done.set_result(head)

    def response_data(self, data: bytes, *, ended: bool) -> None: ...

    def response_failed(self, error: UpstreamError) -> None:
        self.done.set_result(error)

    def upstream_writable(self, writable: bool) -> None: ...


def pool_for(upstream: ScriptedUpstream) -> Pool:
    return Pool(parse_target(upstream.url), None, 60)


async def used(pool: Pool) -> Connection:
    """A connection that has carried an exchange."""
    connection = await pool.connect()
    ended = Ended()
    connection.begin(ended, b"GET")
    connection.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert isinstance(await ended.done, ResponseHead)
    return connection


async def test_the_latest_is_taken_first(scripted_upstream: ScriptedUpstream) -> None:
    pool = pool_for(scripted_upstream)
    first, second = await used(pool), await used(pool)
    pool.give_back(first, 1)
    pool.give_back(second, 2)
    assert (pool.idle_count, pool.counts.opened) == (2, 2)
    assert [pool.take(), pool.take(), pool.take()] == [second, first, None]
    assert pool.counts.reused == 2
    first.abort()
    second.abort()


async def test_what_cannot_be_used_again_is_closed(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.play(whole(b"", fields=[("Connection", "close")]))
    pool = pool_for(scripted_upstream)
    pool.give_back(await used(pool), 0)
    assert pool.idle_count == 0
    await scripted_upstream.all_closed()


async def test_what_the_upstream_closed_is_not_taken(scripted_upstream: ScriptedUpstream) -> None:
    gate = asyncio.Event()
    scripted_upstream.play(Answer((*whole(b"").steps, gate), Ending.CLOSE))
    pool = pool_for(scripted_upstream)
    pool.give_back(await used(pool), 0)
    gate.set()
    await scripted_upstream.all_closed()
    async with asyncio.timeout(60):
        while pool._idle[0].alive:
            await asyncio.sleep(0.005)
    assert pool.take() is None


async def test_what_speaks_unasked_is_closed(scripted_upstream: ScriptedUpstream) -> None:
    gate = asyncio.Event()
    scripted_upstream.play(Answer((*whole(b"").steps, gate, *whole(b"unasked").steps)))
    pool = pool_for(scripted_upstream)
    pool.give_back(await used(pool), 0)
    gate.set()
    await scripted_upstream.all_closed()
    assert pool.take() is None


async def test_what_is_idle_for_long_is_closed(scripted_upstream: ScriptedUpstream) -> None:
    pool = pool_for(scripted_upstream)
    old, young = await used(pool), await used(pool)
    pool.give_back(old, 0)
    pool.give_back(young, MAX_IDLE_S / 2)
    pool.close_stale(MAX_IDLE_S + 1)
    assert pool.idle_count == 1
    assert pool.take() is young
    young.abort()
    await scripted_upstream.all_closed()


async def test_a_closed_pool_keeps_nothing(scripted_upstream: ScriptedUpstream) -> None:
    pool = pool_for(scripted_upstream)
    kept, late = await used(pool), await used(pool)
    pool.give_back(kept, 0)
    pool.close()
    pool.give_back(late, 0)
    assert pool.take() is None
    await scripted_upstream.all_closed()


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("http://127.0.0.1:9", "see that it runs"),
        ("http://no-such-host.invalid", "the name is right"),
        (f"http://{'a' * 64}.invalid", "the name is right"),
    ],
)
async def test_what_cannot_be_reached_is_named(url: str, remedy: str) -> None:
    pool = Pool(parse_target(url), None, 300)  # a resolver that reaches nobody takes its time
    with pytest.raises(UpstreamUnreachable, match=f"{parse_target(url).host}.*; .*{remedy}"):
        await pool.connect()
    assert pool.counts.opened == 0


async def test_what_does_not_answer_in_time_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        with pytest.raises(UpstreamTimeout, match=r"within 0\.1 s"):
            await Pool(parse_target(f"http://127.0.0.1:{address[1]}"), None, 0.1).connect()
        for filler in fillers:
            filler.close()


async def test_small_writes_are_not_held_back(scripted_upstream: ScriptedUpstream) -> None:
    """Nagle's algorithm would hold a small request until the one before is acknowledged, 40 ms later."""
    connection = await pool_for(scripted_upstream).connect()
    assert connection.transport is not None
    peer: socket.socket = connection.transport.get_extra_info("socket")
    assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    connection.abort()

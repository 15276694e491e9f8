"""Whichever address of a host answers, by a resolver that says what it is told."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from narrows.errors import UpstreamTimeout, UpstreamUnreachable
from narrows.upstream.dialling import Address, dialled, first_to_answer, in_turns
from narrows.upstream.pool import Pool
from narrows.upstream.target import parse_target
from tests.scripted_upstream import ScriptedUpstream

V4, V6 = socket.AF_INET, socket.AF_INET6
REFUSED: Address = (V4, ("127.0.0.1", 9))


@contextmanager
def silence() -> Iterator[Address]:
    """An address at which nobody ever answers, and nobody refuses."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        yield V4, address
        for filler in fillers:
            filler.close()


def resolves_to(*addresses: Address) -> list[str]:
    """From now on every name has these addresses. Returns the names that are asked for."""
    asked = []

    async def resolved(host: str, port: int, *, family: int = 0, **_: Any) -> list[Any]:
        if host[0].isdigit():  # uvloop asks for addresses, too
            return [(family, socket.SOCK_STREAM, 6, "", (host, port))]
        asked.append(host)
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in addresses]

    asyncio.get_running_loop().getaddrinfo = resolved  # type: ignore[method-assign, assignment] # of this test's loop alone
    return asked


def at(upstream: ScriptedUpstream) -> Address:
    return V4, ("127.0.0.1", parse_target(upstream.url).port)


def a_pool(timeout_s: float = 60) -> Pool:
    return Pool(parse_target("http://models.example"), None, timeout_s)


async def test_one_that_does_not_answer_does_not_hold_up_the_others(scripted_upstream: ScriptedUpstream) -> None:
    with silence() as silent:
        resolves_to(silent, silent, REFUSED, at(scripted_upstream))
        connection = await a_pool().connect()
    assert connection.transport is not None
    peer = connection.transport.get_extra_info("socket")
    assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "small writes are not held back here either"
    connection.abort()
    await scripted_upstream.all_closed()


async def test_the_first_that_answers_is_taken_and_no_other_is_left_open(scripted_upstream: ScriptedUpstream) -> None:
    async with ScriptedUpstream() as second:
        connected = await first_to_answer([REFUSED, at(second), at(scripted_upstream)])
        assert connected.getpeername() == at(second)[1]
        connected.close()
        await second.all_closed()
    await scripted_upstream.all_closed()


async def test_where_none_can_be_reached_every_reason_is_told() -> None:
    refused_too: Address = (V4, ("127.0.0.1", 1))
    resolves_to(REFUSED, refused_too)
    with pytest.raises(UpstreamUnreachable, match=r"models\.example.*no address answers: .*; .*; see that it runs"):
        await a_pool().connect()


async def test_what_takes_too_long_is_broken_off_and_closed(recwarn: pytest.WarningsRecorder) -> None:
    with silence() as first, silence() as second:
        resolves_to(first, second)
        with pytest.raises(UpstreamTimeout):
            await a_pool(0.5).connect()
    gc.collect()
    assert [str(one.message) for one in recwarn if issubclass(one.category, ResourceWarning)] == []


@pytest.mark.parametrize("turns", range(10))
async def test_whoever_stops_waiting_leaves_nothing_open(
    turns: int, scripted_upstream: ScriptedUpstream, recwarn: pytest.WarningsRecorder
) -> None:
    async with ScriptedUpstream() as second:
        addresses = [at(second), at(scripted_upstream)]
        dialling = asyncio.create_task(first_to_answer(addresses))
        for _ in range(turns):
            await asyncio.sleep(0)
        dialling.cancel()
        (found,) = await asyncio.gather(dialling, return_exceptions=True)
        if isinstance(found, socket.socket):
            found.close()
        del dialling, found
        await second.all_closed()
    await scripted_upstream.all_closed()
    gc.collect()
    told = [str(one.message) for one in recwarn if issubclass(one.category, ResourceWarning)]
    assert [one for one in told if any(f"raddr={where}" in one for _, where in addresses)] == []


async def test_an_address_is_not_resolved_and_a_name_once(scripted_upstream: ScriptedUpstream) -> None:
    asked = resolves_to(at(scripted_upstream))
    assert await dialled("127.0.0.1", 80) is None
    assert await dialled("::1", 80) is None
    assert asked == []
    connection = await a_pool().connect()
    connection.abort()
    assert asked == ["models.example"]
    resolves_to(REFUSED)
    with pytest.raises(ConnectionRefusedError):
        await dialled("models.example", 80)
    await scripted_upstream.all_closed()


def test_families_take_turns() -> None:
    a, b, c, d, e = ((family, (str(at), 80)) for at, family in enumerate([V6, V6, V6, V4, V4]))
    assert in_turns([a, b, c, d, e]) == [a, d, b, e, c]
    assert in_turns([d, a, d, e, a]) == [d, a, e]
    assert in_turns([]) == []

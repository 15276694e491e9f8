"""Clients that go from one process to another, both played here: what was read of them goes along."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from narrows.errors import Overloaded
from narrows.server.agents import handing_over
from narrows.server.agents.handing_over import Arrivals, Elsewhere, handing_over_pair, refuse_waiting
from tests.agent_stage import agent_settings

Taken = tuple[socket.socket, bytes]


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Elsewhere, Arrivals, list[Taken]]]:
    giving, taking = handing_over_pair()
    taken: list[Taken] = []
    arrivals = Arrivals(taking, lambda connection, read: taken.append((connection, read)))
    try:
        yield Elsewhere(giving, [agent_settings(models=["coder", "large"])], "/own"), arrivals, taken
    finally:
        arrivals.stop()
        for connection, _ in taken:
            connection.close()
        giving.close()
        taking.close()


async def until(taken: list[Taken], count: int) -> None:
    async with asyncio.timeout(60):
        while len(taken) < count:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("size", [0, 1, 100_000, 3 << 20])
async def test_a_connection_and_what_was_read_of_it_arrive_together(size: int) -> None:
    async with pair() as (elsewhere, arrivals, taken):
        ours, theirs = socket.socketpair()
        read = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        await elsewhere.give(theirs.fileno(), read)
        theirs.close()
        arrivals.begin()
        await until(taken, 1)
        connection, found = taken[0]
        assert found == read
        assert not connection.get_inheritable()
        connection.sendall(b"still open")
        assert ours.recv(64) == b"still open"
        ours.close()


async def test_what_comes_while_nobody_takes_it_waits_in_order() -> None:
    async with pair() as (elsewhere, arrivals, taken):
        ours, theirs = socket.socketpair()
        for number in range(20):
            await elsewhere.give(theirs.fileno(), b"%d" % number)
        arrivals.begin()
        await until(taken, 20)
        assert [read for _, read in taken] == [b"%d" % number for number in range(20)]
        ours.close()
        theirs.close()


async def test_a_pair_that_takes_no_more_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_over, "GIVEN_WITHIN_S", 0.02)
    async with pair() as (elsewhere, arrivals, taken):
        ours, theirs = socket.socketpair()
        given = 0

        async def give_on() -> None:
            nonlocal given
            while given < 100_000:
                await elsewhere.give(theirs.fileno(), b"x")
                given += 1

        with pytest.raises(Overloaded, match="takes no requests"):
            await give_on()
        arrivals.begin()
        await until(taken, given)
        assert len(taken) == given
        ours.close()
        theirs.close()


async def test_a_pair_whose_other_end_is_gone_is_an_error() -> None:
    giving, taking = handing_over_pair()
    taking.close()
    with pytest.raises(Overloaded):
        await Elsewhere(giving, [], "").give(0, b"x")
    giving.close()


async def test_the_end_of_the_givers_is_the_end_of_taking() -> None:
    async with pair() as (elsewhere, arrivals, taken):
        arrivals.begin()
        elsewhere._end.close()
        await asyncio.sleep(0.02)
        assert taken == []
        arrivals.begin()


async def test_whoever_nobody_will_take_is_told_to_ask_again() -> None:
    """Also one that goes on sending, and one that has left."""
    giving, taking = handing_over_pair()
    elsewhere = Elsewhere(giving, [], "")
    clients: list[socket.socket] = []
    for _ in range(3):
        ours, theirs = socket.socketpair()
        await elsewhere.give(theirs.fileno(), b"POST / HTTP/1.1\r\n")
        theirs.close()
        clients.append(ours)
    clients[1].sendall(b"x" * 10_000)
    clients.pop().close()
    for client in clients:
        client.setblocking(False)
    refusing = asyncio.create_task(refuse_waiting(taking))
    loop = asyncio.get_running_loop()
    for client in clients:
        answer = b""
        while piece := await loop.sock_recv(client, 65536):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 2\r\n" in answer
        assert b"Connection: close\r\n" in answer
        client.close()
    await asyncio.wait_for(refusing, 60)
    await refuse_waiting(taking)
    giving.close()
    taking.close()


def test_what_is_elsewhere_is_known_by_the_model_or_the_path() -> None:
    giving, taking = handing_over_pair()
    elsewhere = Elsewhere(giving, [agent_settings(models=["coder", "large"])], "/own")
    assert elsewhere.models == ("coder", "large")
    assert elsewhere.serves(b'{"model": "large"}')
    assert not elsewhere.serves(b'{"model": "gpt-4o"}')
    assert not elsewhere.serves(b"{}")
    assert Elsewhere(giving, [agent_settings(default=True)], "").serves(b"{}")
    assert elsewhere.takes(b"/own/narrows/agents/coder/s/x/v1/chat/completions")
    assert elsewhere.takes(b"/v1/sessions/mine")
    assert not elsewhere.takes(b"/own/narrows/agentsx")
    assert not elsewhere.takes(b"/narrows/agents/coder")
    giving.close()
    taking.close()


async def test_a_client_that_does_not_take_its_last_answer_is_not_handed_over() -> None:
    """Its next answer would stand in the middle of the last one."""
    giving, taking = handing_over_pair()
    ours, clients = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    transport.write(b"x" * 10_000_000)
    await Elsewhere(giving, [], "").take_over(transport, b"next", 0.02)
    assert transport.is_closing()
    with pytest.raises(BlockingIOError):
        taking.recv(100)
    for end in (giving, taking, clients):
        end.close()

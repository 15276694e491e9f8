"""Clients that leave while the upstream takes nothing of what they sent."""

from __future__ import annotations

import asyncio
import socket

import pytest

from narrows.records.types import Outcome
from narrows.server.app import RunningGateway
from narrows.server.departures import departed
from narrows.server.limits import Limits
from tests.raw_client import RawClient, chat, request
from tests.scripted_upstream import STALL, Answer, Ending, raw
from tests.stage import Stage

CHAT = "/v1/chat/completions"
DEAF = Answer((), Ending.STALL, at_head=True)
LEAVE = ["close", "reset", "half_close"]


def test_who_has_left_is_seen_without_reading() -> None:
    assert departed([]) == []
    pairs = [socket.socketpair() for _ in range(4)]
    (_, stays), (silent, _), (speaks, _), (half, _) = pairs
    assert departed([ours.fileno() for _, ours in pairs]) == []
    silent.close()
    speaks.send(b"last words")
    speaks.close()
    half.shutdown(socket.SHUT_WR)
    left = departed([ours.fileno() for _, ours in pairs])
    assert sorted(left) == sorted(ours.fileno() for _, ours in pairs if ours is not stays)
    assert pairs[2][1].recv(100) == b"last words"
    for pair in pairs:
        for end in pair:
            end.close()


async def held_up(stage: Stage, gateway: RunningGateway, client: RawClient) -> None:
    """Send a body that goes on and on to an upstream that reads nothing, until the client is held up."""
    stage.upstream.play(DEAF)
    await client.send(request("POST", "/v1/files", "Content-Length: 1000000000"))
    await stage.upstream.request()
    stage.upstream.set_reading(False)
    async with asyncio.timeout(60):
        while not gateway.gateway.unread:
            await client.send(b"x" * 50_000)
            await asyncio.sleep(0)
    await asyncio.sleep(0.05)


async def ends(stage: Stage, gateway: RunningGateway) -> None:
    """The exchange is over soon, and the upstream is told."""
    async with asyncio.timeout(60):
        while gateway.gateway.in_flight:
            await asyncio.sleep(0.01)
    stage.upstream.set_reading(True)
    async with asyncio.timeout(60):
        await stage.upstream.requests[-1].ended.wait()
    assert (await stage.record(gateway)).outcome is Outcome.CANCELLED
    assert not gateway.gateway.unread


@pytest.mark.parametrize("leave", LEAVE)
async def test_a_held_body_does_not_hide_that_its_client_leaves(stage: Stage, leave: str) -> None:
    gateway = await stage.gateway(inline_scan_bytes=64 << 20)
    stage.upstream.play(DEAF)
    client = await stage.client(gateway)
    body = chat({"role": "system", "content": "x" * 12_000_000})
    sending = asyncio.create_task(client.send(request("POST", CHAT, body=body)))
    await stage.upstream.request()
    stage.upstream.set_reading(False)
    await sending
    await asyncio.sleep(0.05)
    assert gateway.gateway.in_flight == 1
    getattr(client, leave)()
    await ends(stage, gateway)


@pytest.mark.parametrize("leave", LEAVE)
async def test_a_client_that_is_held_up_is_seen_to_leave(stage: Stage, leave: str) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await held_up(stage, gateway, client)
    getattr(client, leave)()
    await ends(stage, gateway)


@pytest.mark.parametrize("leave", LEAVE)
async def test_a_client_that_sent_too_far_ahead_is_seen_to_leave(stage: Stage, leave: str) -> None:
    gateway = await stage.gateway(limits=Limits(pipelined_bytes=1000))
    stage.upstream.play(STALL)
    client = await stage.client(gateway)
    await client.send(request())
    await stage.upstream.request()
    await client.send(request() * 100)
    async with asyncio.timeout(60):
        while not gateway.gateway.unread:
            await asyncio.sleep(0.01)
    getattr(client, leave)()
    await ends(stage, gateway)


async def test_a_client_that_leaves_a_tunnel_whose_upstream_reads_nothing_is_seen(stage: Stage) -> None:
    """A tunnel's bytes have no end: its client is held up, whatever of its request is complete."""
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    stage.upstream.play(raw(switched, ending=Ending.STALL))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("GET", "/v1/realtime", "Connection: Upgrade", "Upgrade: websocket"))
    assert (await client.answer()).status == 101
    stage.upstream.set_reading(False)
    async with asyncio.timeout(60):
        while not gateway.gateway.unread:
            await client.send(b"x" * 50_000)
            await asyncio.sleep(0)
    client.reset()
    async with asyncio.timeout(60):
        while gateway.gateway.in_flight:
            await asyncio.sleep(0.01)
    stage.upstream.set_reading(True)


async def test_one_that_stays_is_left_alone(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await held_up(stage, gateway, client)
    await asyncio.sleep(0.6)
    assert gateway.gateway.in_flight == 1
    client.reset()
    await ends(stage, gateway)

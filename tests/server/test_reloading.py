"""Other settings for a gateway that runs, and retiring in favour of another."""

from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from narrows.errors import SettingsError
from narrows.server.app import RunningGateway
from tests.raw_client import request
from tests.scripted_upstream import ScriptedUpstream, events, whole
from tests.stage import Stage


def change(gateway: RunningGateway, **changes: object) -> None:
    gateway.reload(replace(gateway.gateway.settings, **changes))  # type: ignore[arg-type] # a field each, of its type


async def test_an_exchange_in_flight_ends_with_the_upstream_it_began_with(stage: Stage) -> None:
    gateway = await stage.gateway()
    busy, idle = await stage.client(gateway), await stage.client(gateway)
    stage.upstream.otherwise = lambda asked: whole(b"the first")
    await idle.send(request())
    assert (await idle.answer()).raw_body == b"the first"
    gate = asyncio.Event()
    stage.upstream.play(events(b"data: 1\n\n", gate, b"data: 2\n\n"))
    await busy.send(request())
    await busy.reader.readuntil(b"data: 1\n\n")
    async with ScriptedUpstream() as second:
        second.otherwise = lambda asked: whole(b"the second")
        change(gateway, upstream=second.url)
        await idle.send(request())
        assert (await idle.answer()).raw_body == b"the second", "the next exchange on a connection that is open"
        gate.set()
        assert await busy.reader.readuntil(b"0\r\n\r\n") == b"\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"
        await busy.send(request())
        assert (await busy.answer()).raw_body == b"the second", "a connection of the first upstream is not used for it"
        assert len(stage.upstream.requests) == 2
        readings = gateway.gateway.readings()
        assert readings.upstream_opened + readings.upstream_reused == 4, "what former pools counted is kept"
        await gateway.close()


async def test_nothing_is_kept_of_former_settings_but_what_they_counted(stage: Stage) -> None:
    """But for the first: it still tells the stories."""
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    former = []
    for turn in range(4):
        former.append(weakref.ref(gateway.gateway.pool))
        await client.send(request())
        assert (await client.answer()).status == 200
        change(gateway, connect_timeout_s=10.0 + turn)
    gc.collect()
    assert [pool() for pool in former[1:]] == [None] * 3
    assert gateway.gateway.readings().upstream_opened == 4


async def test_a_time_limit_of_an_exchange_stays_the_one_it_began_with(stage: Stage) -> None:
    stage.upstream.play(events(b"data: 1\n\n", 1.2, b"data: 2\n\n"))
    gateway = await stage.gateway(idle_timeout_s=60.0)
    client = await stage.client(gateway)
    await client.send(request())
    await client.reader.readuntil(b"data: 1\n\n")
    change(gateway, idle_timeout_s=0.1)
    assert await client.reader.readuntil(b"0\r\n\r\n")


async def test_settings_that_cannot_be_used_change_nothing(stage: Stage, tmp_path: Path) -> None:
    gateway = await stage.gateway()
    before = gateway.gateway
    with pytest.raises(SettingsError):
        change(gateway, upstream="https://models.example", ca_bundle=str(tmp_path / "gone.pem"))
    assert gateway.gateway is before
    client = await stage.client(gateway)
    await client.send(request())
    assert (await client.answer()).status == 200


async def test_bounds_and_own_routes_follow(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    for prefix in ("/a", "/b"):
        change(gateway, own_prefix=prefix, max_buffered_bytes=len(prefix) << 26)
        await client.send(request(target=f"{prefix}/readyz"))
        assert (await client.answer()).json == {"ready": True, "reasons": []}
        assert gateway.gateway.budget.limit == len(prefix) << 26


async def test_one_that_retires_answers_on_the_connections_it_has(stage: Stage) -> None:
    gate = asyncio.Event()
    stage.upstream.play(events(b"data: 1\n\n", gate, b"data: 2\n\n"))
    gateway = await stage.gateway()
    asking, idle, busy = [await stage.client(gateway) for _ in range(3)]
    for client in (asking, idle):
        await client.send(request(target="/healthz"))
        assert (await client.answer()).status == 200
    await busy.send(request())
    await busy.reader.readuntil(b"data: 1\n\n")
    gateway.retire(1.0)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", gateway.port)
    closing = asyncio.create_task(gateway.close())
    await asking.send(request(target="/readyz"))
    answer = await asking.answer()
    assert (answer.status, answer.values(b"connection")) == (200, [b"close"]), "others serve, so it is ready"
    assert await asking.rest() == b""
    assert await idle.rest() == b"", "closed after the grace"
    gate.set()
    await busy.reader.readuntil(b"0\r\n\r\n")
    await busy.send(request(target="/healthz"))
    answer = await busy.answer()
    assert (answer.status, answer.values(b"connection")) == (200, [b"close"]), "it was not told before that it closes"
    await closing


async def test_planning_that_is_held_back_is_said_so_and_waits(stage: Stage) -> None:
    gateway = await stage.gateway()
    pool = gateway.gateway.planner.pool
    pool.hold_back()
    client = await stage.client(gateway)
    await client.send(request(target="/readyz"))
    assert (await client.answer()).json["reasons"] == ["the classifier is being tried"]
    job = asyncio.create_task(pool.run(int, "7"))
    await asyncio.sleep(0.05)
    assert not job.done()
    pool.allow()
    assert await job == 7
    assert not pool.held_back

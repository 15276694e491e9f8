"""What becomes of exchanges when the gateway itself fails, is full, or is told to stop (docs/reliability.md)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from dataclasses import replace

import pytest

from narrows.core.edits import apply_edits
from narrows.core.tokens import TOKENIZER
from narrows.plan import plan_body
from narrows.policy import Policy
from narrows.records.types import Outcome
from narrows.server.app import RunningGateway
from narrows.wire.registry import wire_named
from tests.raw_client import chat, request, rows, tool_turn
from tests.reliability.seen import ASKED, CHAT, ask, seen
from tests.scripted_upstream import EVENT_STREAM, STALL, Answer, Ending, chunk, events, head, raw, whole
from tests.stage import Stage

only_uvloop = pytest.mark.asyncio(loop_factories=["uvloop"])  # each starts a process

TURN = chat(*tool_turn("list", rows(60)))
PLANNED = request("POST", CHAT, body=TURN)
SHORTENED = apply_edits(TURN, plan_body(TURN, wire_named("openai_chat"), Policy(tokenizer=TOKENIZER)).edits)


async def stopped_processes(gateway: RunningGateway) -> list[int]:
    """The planning processes, started and then stopped where they stand."""
    ids = [await gateway.gateway.planner.pool.run(os.getpid)]
    signal_all(ids, signal.SIGSTOP)
    return ids


def signal_all(ids: Iterable[int], number: signal.Signals) -> None:
    for one in ids:
        os.kill(one, number)


# Planning


@only_uvloop
async def test_planning_processes_keep_dying(stage: Stage) -> None:
    assert SHORTENED != TURN
    gateway = await stage.gateway()

    async def kill_all() -> None:
        while True:
            gateway.gateway.planner.pool.kill()
            await asyncio.sleep(0.002)

    killing = asyncio.create_task(kill_all())
    told = await ask(stage, gateway, PLANNED)
    killing.cancel()
    told.refused(503, "overloaded", requests=0)
    assert told.answer.values(b"retry-after") == [b"1"]
    again = await ask(stage, gateway, PLANNED)
    assert again.record.outcome is Outcome.ANSWERED
    assert [one.body for one in stage.upstream.requests] == [SHORTENED], "no fault ever changes a decision"


@only_uvloop
async def test_planning_takes_too_long(stage: Stage) -> None:
    gateway = await stage.gateway(plan_timeout_s=0.1)
    ids = await stopped_processes(gateway)
    (await ask(stage, gateway, PLANNED)).refused(503, "overloaded", requests=0)
    signal_all(ids, signal.SIGCONT)
    async with asyncio.timeout(60):
        while (await ask(stage, gateway, PLANNED)).record.outcome is not Outcome.ANSWERED:
            pass
    assert [one.body for one in stage.upstream.requests] == [SHORTENED]


async def test_the_room_for_bodies_is_used_up(stage: Stage) -> None:
    gateway = await stage.gateway(max_body_bytes=1000, max_buffered_bytes=1500)
    client = await stage.client(gateway)
    await client.send(request("POST", CHAT, "Content-Length: 1000") + b"x" * 999)
    await stage.until(lambda: gateway.gateway.budget.held >= 999)
    told = await ask(stage, gateway, request("POST", CHAT, body=b"y" * 700))
    told.refused(503, "overloaded", requests=0)
    assert told.answer.values(b"retry-after") == [b"1"]
    stage.upstream.play(whole(b"ok"))
    (await ask(stage, gateway, request("POST", "/v1/files", body=b"z" * 9000))).answered(200, b"ok", requests=1)
    await client.send(b"x")
    assert (await client.answer()).status == 200


async def test_a_fault_in_our_own_code(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = await stage.gateway(inline_scan_bytes=1)

    async def fail(*_: object) -> None:
        raise RuntimeError("sk-secret")

    with monkeypatch.context() as patched:
        patched.setattr(gateway.gateway.planner.pool, "run", fail)
        (await ask(stage, gateway)).refused(500, "internal_error", requests=0)
    await stage.logged(b'"event":"internal_error","request_id":"nrw-')
    assert b"sk-secret" not in stage.log.written
    gateway.gateway.faults = 0


# Stopping


async def test_it_drains(stage: Stage) -> None:
    gate = asyncio.Event()
    stage.upstream.play(events(b"data: 1\n\n", gate, b"data: 2\n\n"))
    gateway = await stage.gateway(drain_timeout_s=60.0)
    idle, busy = await stage.client(gateway), await stage.client(gateway)
    await idle.send(request(target="/healthz"))
    assert (await idle.answer()).status == 200
    await busy.send(ASKED)
    await stage.upstream.request()
    await asyncio.sleep(0.02)
    closing = asyncio.create_task(gateway.close())
    assert await idle.rest() == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", gateway.port)
    gate.set()
    told = await seen(stage, gateway, busy)
    told.answered(200, chunk(b"data: 1\n\n") + chunk(b"data: 2\n\n") + b"0\r\n\r\n", requests=1)
    await closing
    await stage.logged(b'"event":"stopped","aborted":0')


UNENDED = {
    "chunks": (events(b"data: 1\n\n", ending=Ending.STALL), chunk(b"data: 1\n\n")),
    "a length": (raw(head([("Content-Length", "10")]) + b"01234", ending=Ending.STALL), b"01234"),
    "its close": (raw(head(EVENT_STREAM) + b"data: 1\n\n", ending=Ending.STALL), b"data: 1\n\n"),
}


@pytest.mark.parametrize("name", UNENDED)
async def test_draining_ends_before_an_answer_does(stage: Stage, name: str) -> None:
    """It is cut short, whatever would have ended it; who cut it was not its client."""
    scripted, body = UNENDED[name]
    stage.upstream.play(scripted)
    gateway = await stage.gateway(drain_timeout_s=0.1)
    client = await stage.client(gateway)
    await client.send(ASKED)
    await client.reader.readuntil(b"\r\n\r\n")
    await client.reader.readexactly(len(body))
    await gateway.close()
    if name == "its close":
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
    else:
        assert await client.rest() == b""
    record = await stage.record(gateway)
    assert (record.outcome, record.status) == (Outcome.TRUNCATED, 200)
    await stage.logged(b'"event":"stopped","aborted":1')
    await stage.upstream.all_closed()


async def test_draining_ends_before_an_answer_begins(stage: Stage) -> None:
    stage.upstream.play(STALL)
    gateway = await stage.gateway(drain_timeout_s=0.1)
    client = await stage.client(gateway)
    await client.send(ASKED)
    await stage.upstream.request()
    await gateway.close()
    assert await client.rest() == b""
    record = await stage.record(gateway)
    assert (record.outcome, record.status) == (Outcome.TRUNCATED, None)
    await stage.upstream.all_closed()


async def test_its_settings_change(stage: Stage) -> None:
    """What has begun ends with the settings it began with."""
    gate = asyncio.Event()
    stage.upstream.play(Answer((gate, *whole(b"first").steps)), STALL)
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(ASKED)
    await stage.upstream.request()
    gateway.reload(replace(gateway.gateway.settings, first_byte_timeout_s=0.1))
    await asyncio.sleep(0.2)
    gate.set()
    (await seen(stage, gateway, client)).answered(200, b"first", requests=1)
    (await ask(stage, gateway, client=client)).refused(504, "upstream_timeout", requests=2)

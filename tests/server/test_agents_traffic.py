"""A run's model calls: what they use, which of them count, and how they wake whoever waits."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from narrows.agents.observation import Usage
from narrows.server.agents import traffic as module
from narrows.server.agents.traffic import Figures, ModelCall, RunTraffic, summed
from narrows.wire.types import ResponseRecord
from narrows.wire.types import Usage as Reported


def told(call: ModelCall, *figures: int | None, status: int | None = 200) -> ModelCall:
    usage = Reported(figures[0], figures[1], None, *figures[2:]) if figures else None
    call.ended()
    call.tell(ResponseRecord(usage=usage), status)
    return call


def asking(run: RunTraffic, *, tools: Any = None, model: str = "big") -> ModelCall:
    call = run.call()
    body: dict[str, Any] = {"model": model, "messages": []}
    call.asked(json.dumps(body if tools is None else body | {"tools": tools}).encode(), None)
    return call


async def test_usage_is_summed_over_the_runs_calls() -> None:
    run = RunTraffic("r")
    told(asking(run), 10, 2, 3, 1)
    told(asking(run), 20, 4, 5, 0)
    figures = run.figures()
    assert (figures.calls, figures.background, figures.usage, figures.overhead) == (2, 0, Usage(30, 6, 8, 1), None)


async def test_what_is_unknown_stays_unknown() -> None:
    run = RunTraffic("r")
    assert run.figures().usage is None, "there was no call"
    told(asking(run), 10, 2, None, None)
    assert run.figures().usage == Usage(10, 2, None, None)
    told(asking(run), 20, None, 7, None)
    assert run.figures().usage == Usage(30, None, None, None)
    told(asking(run))
    assert run.figures().usage is None, "a sum without one of them is not the sum"


async def test_a_call_that_failed_used_nothing() -> None:
    run = RunTraffic("r")
    told(asking(run), status=429)
    told(asking(run), status=None)
    told(asking(run), 5, 1)
    assert run.figures().usage == Usage(5, 1)


async def test_calls_without_tools_are_overhead_where_others_have_some() -> None:
    run = RunTraffic("r")
    title = told(asking(run), 100, 9)
    assert not title.background, "nothing is known of the others yet"
    told(asking(run, tools=[{"type": "function"}]), 10, 2)
    empty = told(asking(run, tools=[]), 1, 1)
    figures = run.figures()
    assert (figures.calls, figures.background) == (1, 2)
    assert (figures.usage, figures.overhead) == (Usage(10, 2), Usage(101, 10))
    assert title.background
    assert empty.background


async def test_calls_of_a_model_for_other_ends_are_overhead() -> None:
    run = RunTraffic("r", frozenset({"small"}))
    told(asking(run), 10, 2)
    told(asking(run, model="small"), 100, 9)
    assert (run.figures().usage, run.figures().overhead) == (Usage(10, 2), Usage(100, 9))
    with_tools = told(asking(run, model="small", tools=[{}]), 1, 1)
    assert not with_tools.background, "what has tools works on the answer, whatever its model"


def test_a_call_outside_a_run_is_overhead() -> None:
    call = ModelCall(None)
    assert call.background
    call.passed()
    call.ended()
    call.tell(None, 200)
    assert summed([call]) is None


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b'{"model": 3}', b"\xff", b'{"a":' * 100_000])
def test_a_request_that_cannot_be_read_says_nothing(body: bytes) -> None:
    call = ModelCall(None)
    call.asked(body, "named-in-path")
    assert (call.has_tools, call.model) == (None, "named-in-path")


def test_what_an_earlier_leg_has_told_is_not_told_again() -> None:
    before, now = Figures(1, 1, Usage(10, 2), None), Figures(3, 1, Usage(30, 5, 1), Usage(4))
    assert now.beyond(before) == Figures(2, 0, Usage(20, 3, 1), Usage(4))
    assert now.beyond(Figures(0, 0, None, None)) == now
    assert Figures(3, 1, None, None).beyond(before) == Figures(2, 0, None, None)


async def test_a_pause_ends_with_the_news() -> None:
    run = RunTraffic("r")
    call = asking(run)
    run.looking()
    waiting = asyncio.create_task(run.pause(3600))
    await asyncio.sleep(0)
    assert not waiting.done()
    call.ended()
    async with asyncio.timeout(60):
        await waiting
    assert run.last_s > 0


async def test_news_since_the_last_look_is_not_waited_for() -> None:
    run = RunTraffic("r")
    run.looking()
    asking(run).ended()
    async with asyncio.timeout(60):
        await run.pause(3600)
    run.looking()
    waiting = asyncio.create_task(run.pause(3600))
    await asyncio.sleep(0.01)
    assert not waiting.done(), "it is known by now"
    waiting.cancel()


async def test_bytes_ask_for_a_look_but_not_for_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_GAP_S", 3600.0)
    run = RunTraffic("r")
    call = asking(run)
    run.looking()
    waiting = asyncio.create_task(run.pause(7200))
    await asyncio.sleep(0)
    call.passed()
    await asyncio.sleep(0.01)
    assert not waiting.done(), "the last look was just now"
    call.ended()
    async with asyncio.timeout(60):
        await waiting


async def test_a_pause_ends_by_itself() -> None:
    run = RunTraffic("r")
    run.looking()
    await run.pause(0.0)
    await run.pause(0.01)
    run.stirred()
    await run.pause(0.01)


async def test_the_end_waits_for_figures_that_are_on_their_way(monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunTraffic("r")
    call = asking(run)
    settling = asyncio.create_task(run.settle())
    await asyncio.sleep(0)
    assert not settling.done()
    told(call, 1, 1)
    await settling
    assert run.figures().usage == Usage(1, 1)
    monkeypatch.setattr(module, "TOLD_WITHIN_S", 0.01)
    asking(run)
    await run.settle()
    assert run.figures().usage is None, "a call that goes on has not told anything"

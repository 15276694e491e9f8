from __future__ import annotations

import asyncio

import pytest

from narrows.agents.observation import Observation
from narrows.backends.scripted import ScriptedBackend
from narrows.backends.types import ConversationLost, LookFailed, Outgoing, Verdict
from narrows.errors import AgentFailed

HI = Outgoing("hi", "1")


async def test_each_turn_plays_its_script_and_stays_at_its_end() -> None:
    backend = ScriptedBackend([Observation("a"), LookFailed("b"), Observation("c")], [Observation("d")])
    conversation = await backend.start()
    first, second = await backend.send(conversation, HI), await backend.send(conversation, HI)
    assert (await first.look(0)).mark == "a"
    with pytest.raises(LookFailed):
        await first.look(0)
    assert [(await first.look(0)).mark for _ in range(3)] == ["c", "c", "c"]
    assert (await second.look(0)).mark == "d"
    assert (first.looks, [turn.message for turn in backend.turns]) == (5, [HI, HI])


async def test_what_is_told_is_kept() -> None:
    backend = ScriptedBackend()
    turn = await backend.send(await backend.start(), HI)
    turn.decide(3, Verdict(allow=False))
    await turn.cancel()
    await turn.close()
    await backend.close()
    assert (turn.decided, turn.cancelled, turn.closed) == ([(3, Verdict(allow=False))], 1, True)


async def test_failures_are_raised_once() -> None:
    backend = ScriptedBackend()
    backend.fails, backend.refuses = AgentFailed("x"), AgentFailed("y")
    with pytest.raises(AgentFailed, match="x"):
        await backend.start()
    conversation = await backend.start()
    with pytest.raises(AgentFailed, match="y"):
        await backend.send(conversation, HI)
    await backend.send(conversation, HI)
    with pytest.raises(ConversationLost):
        await backend.send("another", HI)


async def test_a_gate_holds_every_look() -> None:
    backend = ScriptedBackend([Observation("a")])
    backend.gate = asyncio.Event()
    turn = await backend.send(await backend.start(), HI)
    look = asyncio.create_task(turn.look(0))
    await asyncio.sleep(0.01)
    assert not look.done()
    backend.gate.set()
    assert (await look).mark == "a"

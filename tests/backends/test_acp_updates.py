"""What an agent says of its work has a size, whatever it says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from narrows.agents.observation import Usage
from narrows.backends.acp.updates import MAX_NAME_CHARS, AnswerReader, usage_of
from narrows.backends.types import Verdict
from narrows.errors import AgentFailed
from tests.backends.acp_peer import peer


@pytest.mark.parametrize("count", [2**53, -1, True, 1.5, "7", None])
def test_what_is_no_number_of_tokens_is_none(count: object) -> None:
    assert usage_of({"usage": {"inputTokens": count, "outputTokens": 3}}) == Usage(None, 3, None, None)


def test_names_of_calls_have_a_size() -> None:
    reader = AnswerReader()
    for at in range(3):
        reader.take({"sessionUpdate": "tool_call", "toolCallId": "x" * 100_000 + str(at)})
    assert sum(map(len, reader._open)) <= 3 * MAX_NAME_CHARS
    reader.take({"sessionUpdate": "tool_call_update", "toolCallId": "x" * 100_000, "status": "completed"})
    assert not reader.using_tool


async def test_questions_that_wait_have_a_number_and_those_that_are_answered_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.backends.acp.turn.MAX_WAITING", 2)
    async with peer(tmp_path) as one:
        turn = await one.ask("HANG")
        asked = {"options": [{"kind": "allow_once", "optionId": "yes"}]}
        first, second, third = (asyncio.ensure_future(turn.permission(asked)) for _ in range(3))
        assert (await third)["outcome"] == {"outcome": "cancelled"}
        turn.decide(0, Verdict(allow=True))
        assert (await first)["outcome"] == {"outcome": "selected", "optionId": "yes"}
        fourth = asyncio.ensure_future(turn.permission(asked))
        await asyncio.sleep(0)
        assert tuple(turn._asked) == (await turn.look(0)).waiting == (1, 2)
        await turn.cancel()
        assert (await second, await fourth) == (await third, await third)
        await turn.close()
        assert not turn._asked


async def test_the_name_of_a_session_has_a_size(tmp_path: Path) -> None:
    async with peer(tmp_path, env={"BEGINS": "long"}) as one:
        with pytest.raises(AgentFailed, match="names no session"):
            await one.begin()

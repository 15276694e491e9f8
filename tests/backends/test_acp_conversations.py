"""Whose a session of an ACP agent is, and whose process: nothing that one conversation does reaches another."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from narrows.agents.request import Image
from narrows.backends.types import ConversationLost, ModelEndpoint, own_name
from narrows.errors import AgentFailed, AgentOverloaded, AgentUnavailable, UnsupportedParameter
from tests.backends.acp_peer import peer, runs
from tests.backends.turns import looks

ENDPOINT = ModelEndpoint("http://gateway/s/token/v1", "nrw_token")


async def test_a_session_that_comes_twice_is_given_to_nobody_else(tmp_path: Path) -> None:
    async with peer(tmp_path, env={"BEGINS": "same"}) as one:
        first = await one.begin()
        await one.said("my secret", first)
        with pytest.raises(AgentFailed, match="another conversation's"):
            await one.begin()
        assert await one.said("hello", first) == "HELLO", "whoever was first has it still"


async def test_a_session_that_was_loaded_is_not_begun_by_another(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    async with peer(tmp_path, env={"STORE": str(store)}) as before:
        conversation = await before.begin()
        await before.said("my secret", conversation)
    async with peer(tmp_path, env={"STORE": str(store), "BEGINS": "same"}) as one:
        asked = [one.said("hello", f"{word} session-1") for word in "ab"]
        loaded = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(found) for found in loaded] == [str, ConversationLost], "two conversations are not one session"
        with pytest.raises(AgentFailed, match="another conversation's"):
            await one.begin()


async def test_a_session_may_have_any_name(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    env = {"STORE": str(store), "BEGINS": "spaced"}
    async with peer(tmp_path, env=env) as one:
        conversation = await one.begin()
        assert own_name(conversation) == "my session-1"
        await one.said("first", conversation)
    async with peer(tmp_path, env=env) as other:
        assert json.loads(await other.said("SHOW history", conversation)) == ["first", "FIRST"]


@pytest.mark.parametrize("apart", [False, True])
async def test_a_message_that_is_refused_leaves_the_conversation_and_its_process_as_they_are(
    *, apart: bool, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    chosen: dict[str, Any] = {"env": {"STORE": str(store)}, "apart": apart, "max_processes": 1}
    async with peer(tmp_path, **chosen) as before:
        conversation = await before.begin(ENDPOINT)
        await before.said("first", conversation)
    async with peer(tmp_path, **chosen) as one:
        with pytest.raises(UnsupportedParameter, match="text alone"):
            await one.ask("look", conversation, images=(Image("image/png", "aGk="),))
        assert json.loads(await one.said("SHOW history", conversation)) == ["first", "FIRST"]


async def test_there_are_never_more_processes_than_may_be(tmp_path: Path) -> None:
    """Also where another conversation begins while an idle process is being ended for one."""
    async with peer(tmp_path, apart=True, max_processes=1) as one:
        await one.begin(ENDPOINT)
        (idle,) = one.backend._words
        beginning = asyncio.create_task(one.begin(ENDPOINT))
        while idle.alive:
            await asyncio.sleep(0)
        with pytest.raises(AgentOverloaded):
            await one.begin(ENDPOINT)
        assert await one.said("hello", await beginning) == "HELLO"


async def test_a_process_that_is_asked_for_a_session_is_not_ended_with_anothers_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.backends.acp.turn.CANCEL_TIMEOUT_S", 0.1)
    async with peer(tmp_path, env={"BEGINS": "slow"}) as one:
        turn = await one.ask("STUBBORN")
        while not (await turn.look(60)).texts:
            pass
        beginning = asyncio.create_task(one.begin())
        await asyncio.sleep(0)  # it has asked
        await turn.cancel()
        await turn.close()
        (tmp_path / "go").touch()
        assert await one.said("hello", await beginning) == "HELLO"


async def test_an_agent_that_does_not_stop_is_ended_with_the_last_turn_that_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.backends.acp.turn.CANCEL_TIMEOUT_S", 0.1)
    async with peer(tmp_path) as one:
        stubborn, other = await one.ask("STUBBORN"), await one.ask("HANG")
        (process,) = one.backend._words
        for turn in (stubborn, other):
            while not (await turn.look(60)).texts:
                pass
        await stubborn.cancel()
        await stubborn.close()
        assert process.alive, "another turn needs it"
        await other.cancel()
        await other.close()
        async with asyncio.timeout(60):
            await process.gone()
        assert await one.said("hello") == "HELLO"


async def test_a_process_that_gives_no_session_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or none would have one ever again."""
    async with peer(tmp_path, env={"BEGINS": "idle"}) as one:
        found = await one.backend._peer(None)
        monkeypatch.setattr("narrows.backends.acp.peer.AcpPeer.ask.__defaults__", (0.2,))
        with pytest.raises(AgentUnavailable, match="has not answered session/new"):
            await one.begin()
        assert not found.alive
        await found.gone()
        assert not runs(found._process._process.pid)
        assert len(one.ended) == 1


@pytest.mark.parametrize("error", ['"boom"', "[1]", '{"code": "x", "message": 5}', "null"])
async def test_an_error_of_any_form_ends_the_turn(error: str, tmp_path: Path) -> None:
    """The prompt is the third question."""
    async with peer(tmp_path) as one:
        turn = await one.ask(f'NONSENSE {{"jsonrpc": "2.0", "id": 2, "error": {error}}}')
        with pytest.raises(AgentFailed, match="session/prompt"):
            await looks(turn)
        await turn.close()

"""The ACP backend against an agent on the official SDK, in a process of its own; opencode and Gemini CLI are in
tests/agents_e2e."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from narrows.agents.observation import Finish, Finished, Observation, Usage
from narrows.agents.request import Image
from narrows.backends.types import ConversationLost, ModelEndpoint, ToolServer, Verdict, own_name
from narrows.errors import (
    AgentCredentials,
    AgentFailed,
    AgentOverloaded,
    AgentUnavailable,
    UnsupportedParameter,
)
from tests.backends.acp_peer import TOKEN, peer, runs
from tests.backends.turns import failed, looks, streamed

ENDPOINT = ModelEndpoint("http://gateway/s/token/v1", "nrw_token")
TOOLS = ToolServer("http://gateway/s/token/mcp")


async def test_a_message_is_a_prompt_and_its_text_is_what_was_streamed(tmp_path: Path) -> None:
    async with peer(tmp_path) as one:
        seen = await one.answer("one two three")
    assert streamed(seen) == "ONE TWO THREE"
    assert seen[-1].outcome == Finished(Finish.STOP)
    assert seen[-1].usage == Usage(7, 3, 3, None)


async def test_one_process_serves_all_conversations_and_each_is_its_own(tmp_path: Path) -> None:
    async with peer(tmp_path) as one:
        names = [await one.begin() for _ in range(3)]
        await asyncio.gather(*(one.said(f"I am {name}", name) for name in names))
        told = [json.loads(await one.said("SHOW history", name)) for name in names]
        pids = {await one.said("SHOW pid", name) for name in names}
    assert [history[0] for history in told] == [f"I am {name}" for name in names]
    assert len(pids) == 1
    assert [own_name(name) for name in names] == ["session-1", "session-2", "session-3"]


async def test_its_environment_is_what_is_given_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NARROWS_UPSTREAM_KEY", "sk-secret")
    env = {"BASE": "{base_url}", "KEY": "{api_key}", "JSON": '{"url": "{base_url}"}'}
    async with peer(tmp_path, env=env) as one:
        told = json.loads(await one.said("SHOW env"))
    assert told.pop("PATH") == os.environ["PATH"]
    told.pop("LC_CTYPE", "its own Python's")
    shared = "http://gateway/shared/v1"
    assert told == {"BASE": shared, "KEY": TOKEN, "JSON": json.dumps({"url": shared})}


async def test_a_conversation_with_an_address_of_its_own_has_a_process_of_its_own(tmp_path: Path) -> None:
    env = {"BASE": "{base_url}", "KEY": "{api_key}"}
    async with peer(tmp_path, env=env, apart=True) as one:
        found = []
        for name in "ab":
            conversation = await one.begin(ModelEndpoint(f"http://gateway/{name}/v1", f"nrw_{name}"))
            told = json.loads(await one.said("SHOW env", conversation))
            found.append((told["BASE"], told["KEY"], await one.said("SHOW pid", conversation)))
    assert [one[:2] for one in found] == [("http://gateway/a/v1", "nrw_a"), ("http://gateway/b/v1", "nrw_b")]
    assert found[0][2] != found[1][2]


async def test_processes_are_bounded_and_an_idle_one_makes_room(tmp_path: Path) -> None:
    async with peer(tmp_path, apart=True, max_processes=2) as one:
        first, second = await one.begin(ENDPOINT), await one.begin(ENDPOINT)
        pid = int(await one.said("SHOW pid", first))
        turn = await one.ask("HANG", second)
        third = await one.begin(ENDPOINT)
        assert not runs(pid)
        with pytest.raises(ConversationLost):
            await one.ask("hello", first)
        other = await one.ask("HANG", third)
        with pytest.raises(AgentOverloaded) as caught:
            await one.begin(ENDPOINT)
        assert caught.value.retry_after_s
        await turn.cancel()
        await turn.close()
        await one.begin(ENDPOINT)
        await other.close()


async def test_nothing_outlives_the_backend(tmp_path: Path) -> None:
    async with peer(tmp_path, apart=True) as one:
        pids = [int(await one.said("SHOW pid", await one.begin(ENDPOINT))) for _ in range(2)]
        assert all(map(runs, pids))
    assert not any(map(runs, pids))
    assert one.ended == [], "they were ended, and did not end"


# How an agent ends a turn


async def test_why_it_stops(tmp_path: Path) -> None:
    ends = {
        "end_turn": Finish.STOP,
        "max_tokens": Finish.LENGTH,
        "max_turn_requests": Finish.LENGTH,
        "refusal": Finish.CONTENT_FILTER,
    }
    async with peer(tmp_path) as one:
        for reason, finish in ends.items():
            seen = await one.answer(f"STOP {reason}")
            assert (seen[-1].outcome, streamed(seen)) == (Finished(finish), "Enough.")
            later = await one.answer(f"IDLE {reason}")
            assert (later[-1].outcome, streamed(later)) == (Finished(finish), "Later.")
        for reason, words in (("cancelled", "was cancelled"), ("boredom", "not known here: boredom")):
            error = failed(await one.answer(f"STOP {reason}"))
            assert isinstance(error, AgentFailed)
            assert words in str(error)


async def test_a_failure_has_the_agents_own_words(tmp_path: Path) -> None:
    async with peer(tmp_path) as one:
        turn = await one.ask("FAIL -32603 no disk")
        with pytest.raises(AgentFailed, match="session/prompt: it failed: no disk") as caught:
            await looks(turn)
        assert caught.value.may_have_acted
        await turn.cancel()
        await turn.close()
        assert await one.said("and now") == "AND NOW"


async def test_a_cancelled_turn_has_ended_when_the_cancel_returns(tmp_path: Path) -> None:
    async with peer(tmp_path) as one:
        conversation = await one.begin()
        turn = await one.ask("HANG", conversation)
        while not (await turn.look(5)).texts:
            pass
        await turn.cancel()
        assert isinstance(failed([await turn.look(0)]), AgentFailed)
        await turn.close()
        assert await one.said("go on", conversation) == "GO ON"


async def test_an_agent_that_does_not_stop_is_ended_and_its_conversation_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.backends.acp.turn.CANCEL_TIMEOUT_S", 0.1)
    async with peer(tmp_path) as one:
        conversation = await one.begin()
        pid = int(await one.said("SHOW pid", conversation))
        turn = await one.ask("STUBBORN", conversation)
        await turn.look(5)
        await turn.cancel()
        await turn.close()
        with pytest.raises(ConversationLost):
            await one.ask("hello", conversation)
        async with asyncio.timeout(60):
            while runs(pid):
                await asyncio.sleep(0.01)
        assert await one.said("hello") == "HELLO"


# What it says beside its answer


async def test_text_before_and_after_a_tool_are_two_steps(tmp_path: Path) -> None:
    async with peer(tmp_path) as one:
        turn = await one.ask("STEPS 0.2")
        seen: list[Observation] = []
        while not seen or seen[-1].outcome is None:
            seen.append(await turn.look(5))
        await turn.close()
    assert [text.text for text in seen[-1].texts] == ["Before.", "After."]
    assert streamed(seen) == "Before.\n\nAfter."
    assert True in [look.using_tool for look in seen]
    assert not seen[-1].using_tool


async def test_reasoning_stands_apart(tmp_path: Path) -> None:
    async with peer(tmp_path) as one:
        seen = await one.answer("THINK well")
        assert [thought.text for thought in seen[-1].thoughts] == ["Let me think."]
        assert streamed(seen) == "WELL"
        assert await one.said("JUNK but well") == "? BUT WELL", "no message, and half a pair of surrogates"
        assert await one.said("SHOW files") == "-32601", "files are not offered"


async def test_images_go_to_those_who_take_them(tmp_path: Path) -> None:
    image = Image("image/png", "aGk=")
    async with peer(tmp_path, env={"ABILITIES": "image"}) as one:
        assert one.backend.takes_images
        assert await one.said("SHOW images", images=(image, image)) == "2"
    async with peer(tmp_path) as one:
        conversation = await one.begin()
        assert not one.backend.takes_images
        with pytest.raises(UnsupportedParameter):
            await one.ask("SHOW images", conversation, images=(image,))


async def test_tools_go_to_those_who_take_them(tmp_path: Path) -> None:
    async with peer(tmp_path) as one:
        assert one.backend.takes_tool_server
        with pytest.raises(UnsupportedParameter, match="tools"):
            await one.begin(tools=TOOLS)
        assert not one.backend.takes_tool_server
        assert await one.said("hello") == "HELLO"
    async with peer(tmp_path, env={"ABILITIES": "http"}) as one:
        await one.begin(tools=TOOLS)
        assert one.backend.takes_tool_server


# Permission


async def test_a_permission_is_for_once(tmp_path: Path) -> None:
    async with peer(tmp_path) as one:
        for allow, options, said in (
            (True, "allow_always allow_once reject_once", "selected id-allow_once"),
            (False, "allow_once reject_always reject_once", "selected id-reject_once"),
            (True, "allow_always reject_once", "cancelled"),
            (False, "allow_once reject_always", "cancelled"),
        ):
            turn = await one.ask(f"ASK {options}")
            while not (seen := await turn.look(5)).waiting:
                pass
            (step,) = seen.waiting
            asked = json.loads(turn.question(step))
            assert (asked["kind"], asked["asked"]["toolCall"]["title"]) == ("command", "rm -r build")
            assert [option["kind"] for option in asked["asked"]["options"]] == options.split()
            assert "sessionId" not in asked["asked"]
            assert (seen.outcome, seen.using_tool) == (None, True)
            turn.decide(step, Verdict(allow))
            seen = (await looks(turn))[-1]
            assert [text.text for text in seen.texts] == [said]
            assert seen.waiting == ()


async def test_a_cancel_answers_what_was_asked(tmp_path: Path) -> None:
    async with peer(tmp_path) as one:
        conversation = await one.begin()
        turn = await one.ask("ASK", conversation)
        while not (await turn.look(5)).waiting:
            pass
        await turn.cancel()
        assert (await turn.look(0)).outcome is not None
        await turn.close()
        assert await one.said("go on", conversation) == "GO ON"


# Processes that end


async def test_a_crash_fails_the_run_and_the_next_one_has_another_process(tmp_path: Path) -> None:
    async with peer(tmp_path) as one:
        conversation = await one.begin()
        turn = await one.ask("CRASH now", conversation)
        with pytest.raises(AgentUnavailable, match="status 137; its last lines are in the gateway's log") as caught:
            await looks(turn)
        assert caught.value.may_have_acted
        await turn.cancel()
        await turn.close()
        assert one.ended == [(137, ("Traceback: out of cheese",))]
        assert "cheese" not in str(caught.value)
        with pytest.raises(ConversationLost):
            await one.ask("hello", conversation)
        assert await one.said("hello") == "HELLO"


async def test_names_of_two_processes_are_not_mixed_up(tmp_path: Path) -> None:
    """Both count their sessions from one."""
    async with peer(tmp_path) as one:
        first = await one.begin()
        pid = int(await one.said("SHOW pid", first))
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            while not one.ended:
                await asyncio.sleep(0.01)
        second = await one.begin()
        assert own_name(first) == own_name(second) == "session-1"
        with pytest.raises(ConversationLost):
            await one.ask("hello", first)


@pytest.mark.parametrize("ability", ["", "resume"])
async def test_a_conversation_is_loaded_again_where_the_agent_can(ability: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    env = {"STORE": str(store), "ABILITIES": ability}
    async with peer(tmp_path, env=env) as one:
        conversation = await one.begin()
        await one.said("first thing", conversation)
        os.kill(int(await one.said("SHOW pid", conversation)), signal.SIGKILL)
        async with asyncio.timeout(60):
            while not one.ended:
                await asyncio.sleep(0.01)
        assert await one.said("second thing", conversation) == "SECOND THING", "and nothing that was repeated"
    async with peer(tmp_path, env=env) as other:
        history = json.loads(await other.said("SHOW history", conversation))
        assert history == ["first thing", "FIRST THING", "second thing", "SECOND THING"]
        (store / own_name(conversation)).unlink()
    async with peer(tmp_path, env=env) as third:
        with pytest.raises(ConversationLost):
            await third.ask("hello", conversation)


async def test_one_with_an_address_of_its_own_is_told_another(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    env = {"STORE": str(store), "BASE": "{base_url}"}
    async with peer(tmp_path, env=env, apart=True) as one:
        conversation = await one.begin(ENDPOINT)
        await one.said("first", conversation)
    async with peer(tmp_path, env=env, apart=True) as other:
        again = ModelEndpoint("http://gateway/s/again/v1", "")
        told = json.loads(await other.said("SHOW env", conversation, endpoint=lambda: again))
        assert told["BASE"] == again.base_url


async def test_an_agent_that_cannot_be_started(tmp_path: Path) -> None:
    async with peer(tmp_path, env={"BEGINS": "crash"}) as one:
        with pytest.raises(AgentUnavailable, match="initialize: the agent's process has ended with status 3") as caught:
            await one.begin()
        assert not caught.value.may_have_acted
        assert one.ended == [(3, ("no licence found",))]
    for begins, version in (("version", "99"), ("versions", r"\[1\]")):
        async with peer(tmp_path, env={"BEGINS": begins}) as one:
            with pytest.raises(AgentFailed, match=f"version {version} of"):
                await one.begin()
    async with peer(tmp_path, env={"BEGINS": "login"}) as one:
        with pytest.raises(AgentCredentials, match=r"Single sign-on.*log in once"):
            await one.begin()


async def test_an_agent_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("narrows.backends.acp.peer.AcpPeer.ask.__defaults__", (0.5,))
    async with peer(tmp_path, env={"BEGINS": "hang"}) as one:
        with pytest.raises(AgentUnavailable, match="has not answered initialize"):
            await one.begin()


async def test_a_key_that_is_named_and_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.backends.acp_peer.TOKEN", "")
    async with peer(tmp_path, env={"KEY": "{api_key}"}) as one:
        with pytest.raises(AgentCredentials, match="token_env"):
            await one.begin()


# Floods


async def test_a_line_that_is_too_long_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("narrows.backends.acp.process.AgentProcess.begin.__func__.__defaults__", (100_000,))
    async with peer(tmp_path) as one:
        assert len(await one.said("LONGLINE 50000")) == 50_000
        turn = await one.ask("LONGLINE 500000")
        with pytest.raises(AgentUnavailable, match="longer than any message may be"):
            await looks(turn)
        await turn.close()
        assert await one.said("hello") == "HELLO"


async def test_what_the_sdk_cannot_read_ends_the_process(tmp_path: Path) -> None:
    async with peer(tmp_path) as one:
        turn = await one.ask('NONSENSE {"jsonrpc": "2.0", "id": [], "result": 1}')
        with pytest.raises(AgentUnavailable, match="what it says is not the protocol's"):
            await looks(turn)
        await turn.close()
        assert await one.said("hello") == "HELLO"


async def test_conversations_that_are_remembered_are_bounded(tmp_path: Path) -> None:
    async with peer(tmp_path, max_conversations=2) as one:
        names = [await one.begin() for _ in range(3)]
        with pytest.raises(ConversationLost):
            await one.ask("hello", names[0])
        assert await one.said("hello", names[2]) == "HELLO"


async def test_an_answer_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("narrows.backends.acp.turn.MAX_ANSWER_CHARS", 1_000_000)
    async with peer(tmp_path) as one:
        conversation = await one.begin()
        turn = await one.ask("FLOOD", conversation)
        with pytest.raises(AgentFailed, match="more than 1000000 characters"):
            await looks(turn)
        assert turn._reader.size < 3_000_000
        await turn.cancel()
        await turn.close()
        with pytest.raises(ConversationLost):
            await one.ask("hello", conversation)

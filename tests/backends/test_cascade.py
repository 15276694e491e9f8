"""The cascade client against the reference server, in both dialects and in every awkward shape a real one has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from narrows.agents.deltas import answer_text
from narrows.agents.observation import Broken, Finish, Finished, Observation, StepText, Usage
from narrows.agents.request import Image
from narrows.backends.cascade import CascadeBackend, CascadeOptions, CascadeTurn
from narrows.backends.cascade.calls import CallFailed, Calls
from narrows.backends.cascade.steps import NEVER_BEGAN_S, Snapshot, TurnReader, snapshot
from narrows.backends.cascade.waiting import asked_by, interaction
from narrows.backends.credentials import NoToken
from narrows.backends.types import ConversationLost, Credentials, LookFailed, ModelEndpoint, Outgoing, Verdict
from narrows.cli.cascade_server.listener import Listener
from narrows.cli.cascade_server.script import Refused
from narrows.errors import (
    AgentCredentials,
    AgentFailed,
    AgentOverloaded,
    AgentRateLimited,
    AgentUnavailable,
    SessionBusy,
    SessionDiverged,
)
from narrows.upstream.calling import Caller
from narrows.upstream.pool import Pool
from narrows.upstream.target import parse_target
from tests.agent_stage import cascade_server
from tests.scripted_upstream import ScriptedUpstream

HI = Outgoing("hi", "message-1")
TEXT = {"act": "text", "texts": ["Hel", "Hello"]}
DIALECTS = pytest.mark.parametrize("classic", [False, True], ids=["cascade/1", "classic"])


@dataclass(slots=True)
class Peer:
    """A server, and a client of it."""

    server: Listener
    backend: CascadeBackend
    calls: Calls

    async def turn(self, message: Outgoing = HI, conversation: str = "") -> CascadeTurn:
        return await self.backend.send(conversation or await self.backend.start(), message)

    async def answer(self, message: Outgoing = HI, conversation: str = "") -> list[Observation]:
        turn = await self.turn(message, conversation)
        return await looks(turn)

    def methods(self) -> list[str]:
        return [method for method, _ in self.server.service.calls]


async def looks(turn: CascadeTurn, wait_s: float = 5.0) -> list[Observation]:
    """Looks until the run is over."""
    seen: list[Observation] = []
    try:
        async with asyncio.timeout(60):
            while not seen or seen[-1].outcome is None:
                seen.append(await turn.look(wait_s))
                await asyncio.sleep(0.005)
    finally:
        await turn.close()
    return seen


@asynccontextmanager
async def peer(
    *turns: dict[str, Any],
    classic: bool = False,
    token: str = "",
    credentials: Credentials | None = None,
    model_url: str = "",
    **script: Any,
) -> AsyncIterator[Peer]:
    paced = [{"pace_s": 0.01, **turn} for turn in turns]
    async with cascade_server({"turns": paced, **script}, classic=classic, token=token, model_url=model_url) as server:
        pool = Pool(parse_target(f"http://127.0.0.1:{server.port}"), None, 5.0)
        calls = Calls(
            Caller(pool), credentials or NoToken(), service="cascade.v1.CascadeService", token_field="x-cascade-token"
        )
        backend = CascadeBackend(calls, CascadeOptions("m"), asyncio.get_running_loop().time)
        yield Peer(server, backend, calls)
        await backend.close()


def ended(seen: list[Observation]) -> AgentFailed | Finish:
    outcome = seen[-1].outcome
    if isinstance(outcome, Broken):
        assert isinstance(outcome.error, AgentFailed)
        return outcome.error
    assert isinstance(outcome, Finished)
    return outcome.finish


@DIALECTS
async def test_images_go_as_media(classic: bool) -> None:
    image = Image("image/png", "aaaa")
    async with peer({"do": [TEXT]}, classic=classic) as one:
        await one.answer(replace(HI, text="What is this?\n[Image]", images=(image,)))
        (sent,) = [request for method, request in one.server.service.calls if method == "SendUserCascadeMessage"]
    assert sent["media"] == [{"mimeType": "image/png", "inlineData": "aaaa"}]
    assert sent["items"] == [{"text": "What is this?\n[Image]"}]


@DIALECTS
async def test_a_text_that_grows(classic: bool) -> None:
    async with peer({"do": [TEXT], "pace_s": 0.6}, classic=classic) as one:
        seen = await one.answer()
    assert ended(seen) is Finish.STOP
    assert answer_text(seen[-1].texts) == "Hello"
    assert "Hel" in {answer_text(look.texts) for look in seen}
    assert one.backend.holds_looks is not classic
    methods = one.methods()
    assert methods.index("UpdateConversationAnnotations") < methods.index("SendUserCascadeMessage")


@DIALECTS
async def test_what_is_reasoned_is_no_text(classic: bool) -> None:
    async with peer({"do": [{**TEXT, "thinking": "Hm."}, {"act": "tool"}, TEXT]}, classic=classic) as one:
        last = (await one.answer())[-1]
    assert answer_text(last.texts) == "Hello\n\nHello"
    assert last.thoughts == (StepText(1, "Hm.", True),)


@DIALECTS
async def test_texts_with_tools_between_them_are_all_the_answer(classic: bool) -> None:
    acts = [TEXT, {"act": "tool"}, {"act": "text", "texts": [""]}, {"act": "tool"}, {"act": "text", "texts": ["Done."]}]
    async with peer({"do": acts, "pace_s": 0.3}, classic=classic) as one:
        seen = await one.answer()
    assert answer_text(seen[-1].texts) == "Hello\n\nDone."
    assert any(look.using_tool for look in seen)
    assert not seen[-1].using_tool


@DIALECTS
async def test_a_second_turn_does_not_show_the_first(classic: bool) -> None:
    async with peer({"do": [TEXT]}, {"do": [{"act": "text", "texts": ["Again"]}]}, classic=classic) as one:
        conversation = await one.backend.start()
        first = await one.turn(HI, conversation)
        await looks(first)
        second = await one.turn(Outgoing("more", "message-2", first.steps), conversation)
        seen = await looks(second)
    assert answer_text(seen[-1].texts) == "Again"


@DIALECTS
async def test_pages_of_one_step(classic: bool) -> None:
    acts = [TEXT, {"act": "tool"}, {"act": "text", "texts": ["Done."]}]
    async with peer({"do": acts}, classic=classic, page_size=1) as one:
        seen = await one.answer()
    assert answer_text(seen[-1].texts) == "Hello\n\nDone."


@DIALECTS
async def test_a_send_that_answers_when_the_run_has_ended_is_not_waited_for(classic: bool) -> None:
    async with peer({"do": [TEXT, {"act": "wait"}], "send": "blocking"}, classic=classic) as one:
        turn = await one.turn()
        while not (seen := await turn.look(1.0)).waiting:
            await asyncio.sleep(0.005)
        assert answer_text(seen.texts) == "Hello"
        assert not turn._sending.done()
        turn.decide(seen.waiting[0], Verdict(allow=True))
        assert ended(await looks(turn)) is Finish.STOP


@DIALECTS
async def test_idle_before_it_begins_is_not_the_end(classic: bool) -> None:
    async with peer({"do": [TEXT], "idle_s": 1.0}, classic=classic) as one:
        seen = await one.answer()
    assert not seen[0].working
    assert answer_text(seen[-1].texts) == "Hello"


@DIALECTS
async def test_an_empty_answer_is_an_answer(classic: bool) -> None:
    async with peer({"do": [{"act": "text", "texts": [""]}]}, classic=classic) as one:
        seen = await one.answer()
    assert (ended(seen), answer_text(seen[-1].texts)) == (Finish.STOP, "")


async def test_a_rewrite_counts_at_the_end_alone() -> None:
    async with peer({"do": [{**TEXT, "modified": "Hello, rewritten"}], "pace_s": 0.6}) as one:
        seen = await one.answer()
    assert answer_text(seen[-1].texts) == "Hello, rewritten"
    assert "Hel" in {answer_text(look.texts) for look in seen[:-1]}


@pytest.mark.parametrize(
    ("stop", "finish"),
    [("STOP_REASON_END_TURN", Finish.STOP), ("", Finish.STOP), ("STOP_REASON_MAX_TOKENS", Finish.LENGTH)],
)
async def test_how_an_answer_ends(stop: str, finish: Finish) -> None:
    async with peer({"do": [{**TEXT, "stop": stop}]}) as one:
        assert ended(await one.answer()) is finish


@pytest.mark.parametrize("stop", ["STOP_REASON_CLIENT_STREAM_ERROR", "STOP_REASON_SOMETHING_NEW"])
async def test_a_reason_that_is_no_end_is_never_taken_for_one(stop: str) -> None:
    async with peer({"do": [{**TEXT, "stop": stop}]}) as one:
        assert stop.removeprefix("STOP_REASON_") in str(ended(await one.answer()))


@pytest.mark.parametrize(
    ("code", "kind"), [(0, AgentFailed), (429, AgentRateLimited), (503, AgentOverloaded), (500, AgentFailed)]
)
async def test_an_error_step_fails_the_run_with_its_words(code: int, kind: type[Exception]) -> None:
    async with peer({"do": [TEXT, {"act": "error", "message": "quota is gone", "code": code}]}) as one:
        outcome = (await one.answer())[-1].outcome
    assert isinstance(outcome, Broken)
    assert type(outcome.error) is kind
    assert "quota is gone" in outcome.error.message


async def test_an_agent_may_recover_from_an_error() -> None:
    async with peer({"do": [{"act": "error", "message": "once"}, TEXT]}) as one:
        assert ended(await one.answer()) is Finish.STOP


@DIALECTS
@pytest.mark.parametrize(("allow", "status"), [(False, "CANCELED"), (True, "DONE")])
async def test_a_step_that_waits_is_shown_and_decided(classic: bool, allow: bool, status: str) -> None:
    async with peer({"do": [{"act": "wait", "message": "rm -r /"}, TEXT]}, classic=classic) as one:
        turn = await one.turn()
        while not (seen := await turn.look(1.0)).waiting:
            await asyncio.sleep(0.005)
        assert seen.outcome is None
        assert turn.question(seen.waiting[0]) == '{"kind":"permission","asked":{"what":"rm -r /"}}'
        turn.decide(seen.waiting[0], Verdict(allow=allow))
        last = (await looks(turn))[-1]
        steps = one.server.service.conversations["cascade-1"].steps
    assert answer_text(last.texts) == "Hello"
    (waited,) = [step for step in steps if step["type"].endswith("RUN_COMMAND")]
    assert waited["status"] == f"CORTEX_STEP_STATUS_{status}"


@pytest.mark.parametrize(
    ("asked", "kind", "verdict", "said"),
    [
        ({"runCommand": {}}, "command", Verdict(allow=True), {"runCommand": {"confirm": True}}),
        ({"run_command": {"line": "ls"}}, "command", Verdict(allow=False), {"runCommand": {"confirm": False}}),
        ({"askQuestion": {"q": "?"}}, "question", Verdict(allow=False, answer="A"), {"askQuestion": {"answer": "A"}}),
        ({"permission": {}}, "permission", Verdict(allow=True), {"permission": {"allow": True}}),
        (None, "permission", Verdict(allow=False), {"permission": {"allow": False}}),
    ],
)
def test_what_a_step_waits_for_and_how_it_is_told(
    asked: dict[str, Any] | None, kind: str, verdict: Verdict, said: dict[str, Any]
) -> None:
    step = {"requestedInteraction": asked}
    words = next(iter(asked.values())) if asked else {}
    assert json.loads(asked_by(step)) == {"kind": kind, "asked": words}
    assert interaction(step, verdict) == said


async def test_a_verdict_that_cannot_be_told_fails_the_run() -> None:
    refused = {"method": "HandleCascadeUserInteraction", "code": "invalid_argument", "message": "no such step"}
    async with peer({"do": [{"act": "wait"}, TEXT]}, failures=[refused]) as one:
        turn = await one.turn()
        while not (seen := await turn.look(1.0)).waiting:
            await asyncio.sleep(0.005)
        turn.decide(seen.waiting[0], Verdict(allow=False))
        with pytest.raises(AgentFailed, match="no such step"):
            await looks(turn)


@DIALECTS
async def test_a_cancelled_run_is_no_answer(classic: bool) -> None:
    async with peer({"do": [{**TEXT, "texts": ["Hel"] * 500}]}, classic=classic) as one:
        turn = await one.turn()
        while not (await turn.look(1.0)).texts:
            await asyncio.sleep(0.005)
        await turn.cancel()
        await turn.cancel()
        assert not one.server.service.conversations["cascade-1"].busy
        seen = await looks(turn)
    assert isinstance(ended(seen), AgentFailed)


async def test_a_message_that_was_sent_twice_is_answered_once() -> None:
    async with peer({"do": [TEXT]}) as one:
        conversation = await one.backend.start()
        for _ in range(2):
            request = {"cascadeId": conversation, "items": [{"text": "hi"}], "clientMessageId": "same"}
            answer = await one.calls.call("SendUserCascadeMessage", request)
        assert answer["duplicate"] is True
        with pytest.raises(CallFailed, match="another message"):
            await one.calls.call("SendUserCascadeMessage", {**request, "items": [{"text": "other"}]})
        users = [step for step in one.server.service.conversations[conversation].steps if "userInput" in step]
    assert len(users) == 1


async def test_somebody_else_in_the_conversation_is_noticed() -> None:
    async with peer({"do": [TEXT, {"act": "intrude", "text": "me too"}]}) as one:
        conversation = await one.backend.start()
        first = await one.turn(HI, conversation)
        await looks(first)
        with pytest.raises(SessionDiverged, match="somebody else"):
            await one.turn(Outgoing("more", "message-2", 2), conversation)


async def test_a_conversation_that_moves_while_a_message_is_sent_refuses_it() -> None:
    async with peer({"do": [TEXT]}, failures=[{"method": "SendUserCascadeMessage", "code": "aborted"}]) as one:
        turn = await one.turn()
        with pytest.raises(SessionDiverged):
            await looks(turn)


async def test_a_second_message_to_a_busy_agent_is_refused() -> None:
    async with peer({"do": [{"act": "hang"}]}) as one:
        conversation = await one.backend.start()
        first = await one.turn(HI, conversation)
        while not (await first.look(0.0)).working:
            await asyncio.sleep(0.005)
        second = await one.turn(Outgoing("more", "message-2"), conversation)
        with pytest.raises(SessionBusy):
            await looks(second)
        await second.cancel()
        assert one.server.service.conversations[conversation].busy  # what was refused stops nobody else
        await first.cancel()
        assert not one.server.service.conversations[conversation].busy
        await first.close()


async def test_a_cancel_waits_for_its_message_to_have_left() -> None:
    async with peer({"do": [{"act": "hang"}]}) as one:
        turn = await one.turn()
        await turn.cancel()
        methods = one.methods()
        assert methods.index("SendUserCascadeMessage") < methods.index("CancelCascadeInvocation")
        assert not one.server.service.conversations["cascade-1"].busy
        await turn.close()


@DIALECTS
async def test_a_conversation_that_is_gone(classic: bool) -> None:
    async with peer({"do": [TEXT, {"act": "restart", "keep": False}, {"act": "hang"}]}, classic=classic) as one:
        conversation = await one.backend.start()
        turn = await one.turn(HI, conversation)
        with pytest.raises(AgentFailed, match="does not know the conversation any more"):
            await looks(turn)
        with pytest.raises(ConversationLost):
            await one.turn(Outgoing("more", "message-2"), conversation)


async def test_a_restart_that_keeps_conversations_is_survived() -> None:
    async with peer({"do": [{"act": "restart", "keep": True}, TEXT]}) as one:
        assert ended(await one.answer()) is Finish.STOP


async def test_a_held_look_answers_at_news_and_at_its_end() -> None:
    async with peer({"do": [{**TEXT, "texts": ["a"]}, {"act": "pause", "s": 0.3}, TEXT]}) as one:
        loop = asyncio.get_running_loop()
        seen = await looks(await one.turn(), wait_s=10.0)
        assert ended(seen) is Finish.STOP
        waits = [request["waitMs"] for method, request in one.server.service.calls if "waitMs" in request]
        assert waits
        assert set(waits) == {10_000}
        asked = {"cascadeId": "cascade-1", "sinceVersion": one.server.service._version(
            one.server.service.conversations["cascade-1"]), "waitMs": 50}  # fmt: skip
        before_s = loop.time()
        answer = await one.calls.call("GetCascadeTrajectorySteps", asked, held_s=1.0)
        assert loop.time() - before_s >= 0.04
        assert answer["version"] == asked["sinceVersion"]


async def test_looks_ask_from_the_first_step_that_may_change() -> None:
    async with peer({"do": [TEXT, {"act": "tool"}, TEXT]}) as one:
        await one.answer()
        offsets = [request["stepOffset"] for _, request in one.server.service.calls if "stepOffset" in request]
    assert offsets == sorted(offsets)
    assert offsets[-1] > 0


@pytest.mark.parametrize("code", ["unavailable", "internal", "resource_exhausted"])
async def test_a_look_that_fails_may_succeed_next(code: str) -> None:
    async with peer({"do": [TEXT]}, failures=[]) as one:
        turn = await one.turn()
        one.server.service._script.failures.append(Refused("GetCascadeTrajectorySteps", code, "no"))
        with pytest.raises(LookFailed, match="no"):
            await turn.look(0.0)
        assert ended(await looks(turn)) is Finish.STOP


@pytest.mark.parametrize(
    ("code", "kind"),
    [("internal", AgentFailed), ("resource_exhausted", AgentRateLimited), ("unavailable", AgentOverloaded)],
)
async def test_a_start_that_fails_says_why(code: str, kind: type[Exception]) -> None:
    async with peer(failures=[{"method": "StartCascade", "code": code, "message": "no room"}]) as one:
        with pytest.raises(kind, match="StartCascade failed: no room"):
            await one.backend.start()


async def test_a_conversation_is_told_where_its_model_calls_go(scripted_upstream: ScriptedUpstream) -> None:
    async with peer({}, {}, model_url="http://127.0.0.1:1/v1") as one:
        place = ModelEndpoint(scripted_upstream.url + "/own/v1", "sk-own")
        conversation = await one.backend.start(place)
        assert ended(await looks(await one.backend.send(conversation, Outgoing("hi", "m1")))) is Finish.STOP
    (asked,) = scripted_upstream.requests
    assert asked.start == b"POST /own/v1/chat/completions HTTP/1.1"
    assert asked.values(b"authorization") == [b"Bearer sk-own"]
    assert asked.values(b"x-session-id") == [conversation.encode()]


async def test_a_server_that_lets_nobody_say_so_is_asked_without(scripted_upstream: ScriptedUpstream) -> None:
    failures = [{"method": "StartCascade", "code": "permission_denied"}]
    async with peer({}, model_url=scripted_upstream.url + "/v1", failures=failures) as one:
        conversation = await one.backend.start(ModelEndpoint("http://127.0.0.1:1/v1", ""))
        assert ended(await looks(await one.backend.send(conversation, Outgoing("hi", "m1")))) is Finish.STOP
        starts = [request for method, request in one.server.service.calls if method == "StartCascade"]
    assert starts[0]["modelEndpoint"] == {"baseUrl": "http://127.0.0.1:1/v1", "wire": "openai-chat"}
    assert "modelEndpoint" not in starts[1]
    assert scripted_upstream.requests[0].values(b"x-session-id") == [conversation.encode()]
    twice = [{"method": "StartCascade", "code": "permission_denied", "times": 2}]
    async with peer(failures=twice) as one:
        with pytest.raises(AgentFailed):
            await one.backend.start(ModelEndpoint("http://127.0.0.1:1/v1", ""))


async def test_a_classic_server_cannot_be_told() -> None:
    async with peer(classic=True) as one:
        await one.backend.start(ModelEndpoint("http://127.0.0.1:1/v1", ""))
        assert [request for method, request in one.server.service.calls if method == "StartCascade"] == [
            {"source": "CORTEX_TRAJECTORY_SOURCE_SDK"}
        ]


async def test_annotations_that_fail_are_ignored() -> None:
    failure = {"method": "UpdateConversationAnnotations", "code": "unimplemented"}
    async with peer({"do": [TEXT]}, failures=[failure]) as one:
        assert ended(await one.answer()) is Finish.STOP


class Changing:
    """Credentials of a server that has restarted."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.read = 0

    async def token(self, *, again: bool = False) -> str:
        self.read += again
        return self.tokens[min(self.read, len(self.tokens) - 1)]


async def test_a_refused_token_is_read_again_once() -> None:
    credentials = Changing("old", "new")
    async with peer({"do": [TEXT]}, token="new", credentials=credentials) as one:
        assert ended(await one.answer()) is Finish.STOP
    assert credentials.read == 1
    async with peer(token="new", credentials=Changing("old", "older")) as one:
        with pytest.raises(AgentCredentials, match="token_env or token_file"):
            await one.backend.start()


async def test_a_server_that_is_not_there() -> None:
    async with peer() as one:
        await one.server.close()
        with pytest.raises(AgentUnavailable):
            await one.backend.start()


async def test_at_most_so_many_calls_are_in_flight() -> None:
    class Counting:
        now = most = 0

        async def post(self, *_: object) -> Any:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.01)
            self.now -= 1
            return type("Answer", (), {"status": 200, "body": b"{}"})

        def close(self) -> None: ...

    poster = Counting()
    calls = Calls(poster, NoToken(), service="s", token_field="t", max_calls=4)
    await asyncio.gather(*(calls.call("Health", {}) for _ in range(12)))
    assert poster.most == 4


@pytest.mark.parametrize(("status", "body"), [(200, b"no json"), (502, b"<html>"), (500, b"{}"), (200, b"[]")])
async def test_an_answer_that_cannot_be_read(status: int, body: bytes) -> None:
    class Garbled:
        async def post(self, *_: object) -> Any:
            return type("Answer", (), {"status": status, "body": body})

        def close(self) -> None: ...

    calls = Calls(Garbled(), NoToken(), service="s", token_field="t")
    with pytest.raises(AgentUnavailable):
        await calls.call("Health", {})


# Reading steps, without a server


def planner(index: int, text: str, status: str = "DONE", *, metadata: Any = None) -> dict[str, Any]:
    said = {"response": text, "stopReason": "STOP_REASON_END_TURN"}
    return {
        "index": index,
        "type": "CORTEX_STEP_TYPE_PLANNER_RESPONSE",
        "status": f"CORTEX_STEP_STATUS_{status}",
        "plannerResponse": said,
        "metadata": metadata or {},
    }


def state(word: str, *steps: dict[str, Any]) -> Snapshot:
    return snapshot({"status": f"CASCADE_RUN_STATUS_{word}" if word else "", "steps": list(steps)}, 0)


def test_running_with_all_steps_done_goes_on() -> None:
    for word in ("RUNNING", "BUSY", "CANCELING", "SOMETHING_NEW", ""):
        assert TurnReader(-1, 0.0).read(state(word, planner(1, "x")), 1.0).outcome is None


async def test_a_classic_servers_status_is_asked_for_before_its_steps() -> None:
    async with peer({"do": [TEXT]}, classic=True) as one:
        turn = await one.turn()
        before = len(one.methods())
        await turn.look(0.0)
        looked = [method for method in one.methods()[before:] if method != "SendUserCascadeMessage"]
        await turn.close()
    assert looked[:2] == ["GetCascadeTrajectory", "GetCascadeTrajectorySteps"]


def test_a_classic_server_must_be_idle_twice() -> None:
    reader = TurnReader(-1, 0.0, looks_needed=2)
    idle = state("IDLE", planner(1, "x"))
    assert reader.read(idle, 1.0).outcome is None
    assert reader.read(state("RUNNING", planner(1, "x")), 1.1).outcome is None
    assert reader.read(idle, 1.2).outcome is None
    assert reader.read(idle, 1.3).outcome == Finished(Finish.STOP)


def test_a_status_that_is_not_known_is_never_an_end() -> None:
    reader = TurnReader(-1, 0.0)
    assert reader.read(state("IDLE", planner(1, "x", "SOMETHING_NEW")), 1.0).outcome is None


def test_idle_and_nothing_else_is_a_run_that_never_began() -> None:
    reader = TurnReader(-1, 0.0)
    assert reader.read(state("IDLE"), NEVER_BEGAN_S - 0.1).outcome is None
    outcome = TurnReader(-1, 0.0).read(state("IDLE"), 0.0).outcome
    assert outcome is None
    reader.read(state("IDLE"), 1.0)
    outcome = reader.read(state("IDLE"), 3 * NEVER_BEGAN_S).outcome
    assert isinstance(outcome, Broken)
    assert "did not start" in outcome.error.message


def test_history_is_not_the_answer() -> None:
    seen = TurnReader(3, 0.0).read(state("IDLE", planner(2, "old"), planner(5, "new")), 1.0)
    assert seen.texts == (StepText(5, "new", True),)


def test_figures_are_summed_as_proto3_writes_them() -> None:
    usage = {"modelUsage": {"inputTokens": "6303", "outputTokens": "7", "cacheReadTokens": "100"}}
    more = {"model_usage": {"input_tokens": 10, "thinking_output_tokens": "2"}}
    summary = {"index": 3, "type": "CORTEX_STEP_TYPE_CHECKPOINT", "metadata": {"modelUsage": {"inputTokens": "999"}}}
    steps = (planner(1, "a", metadata=usage), planner(2, "b", metadata=more), summary)
    assert TurnReader(-1, 0.0).read(state("IDLE", *steps), 1.0).usage == Usage(6313, 7, 100, 2)
    assert TurnReader(-1, 0.0).read(state("IDLE", *steps, planner(4, "c")), 1.0).usage is None
    assert TurnReader(-1, 0.0).read(state("IDLE"), 1.0).usage is None


def test_steps_in_snake_case_and_without_an_index() -> None:
    step = {"type": "CORTEX_STEP_TYPE_PLANNER_RESPONSE", "status": "CORTEX_STEP_STATUS_DONE"}
    answer = {"status": "X", "num_total_steps": 9, "steps": [{**step, "planner_response": {"response": "hi"}}]}
    seen = snapshot(answer, 4)
    assert (list(seen.steps), seen.total) == ([4], 9)
    assert TurnReader(-1, 0.0).read(seen, 0.0).texts == (StepText(4, "hi", True),)


def test_a_look_that_shows_nothing_new_has_the_same_mark() -> None:
    reader = TurnReader(-1, 0.0)
    one = reader.read(state("RUNNING", planner(1, "x", "GENERATING")), 1.0)
    assert reader.read(state("RUNNING"), 2.0).mark == one.mark
    two = reader.read(state("RUNNING", planner(1, "xy", "GENERATING")), 3.0)
    assert two.mark != one.mark
    thinks = planner(1, "xy", "GENERATING")
    thinks = {**thinks, "plannerResponse": {**thinks["plannerResponse"], "thinking": "Hm."}}
    assert reader.read(state("RUNNING", thinks), 4.0).mark != two.mark

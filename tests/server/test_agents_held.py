"""Client tools of an agent that is held up while it waits: a request that it has made is kept open in the gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from narrows.agents.observation import AgentCall, Finish, Finished, Observation, StepText, Usage
from narrows.agents.tools import CallOutput
from narrows.backends.scripted import Scripted, ScriptedTurn
from narrows.backends.types import Outgoing
from narrows.errors import AgentFailed, AgentUnavailable, GatewayError
from narrows.server.agents import parking, performing
from narrows.server.agents.building import served
from narrows.server.agents.passage import Passage
from narrows.server.agents.plane import AgentPlane
from narrows.server.agents.session_store import SessionStore
from narrows.telemetry.events import AgentRunMoved, LoggedEvent
from tests.agent_stage import Json, Scene, chat, growing, scene
from tests.raw_client import Answered, request
from tests.server.test_agents import PATH, ask, events, session_of, text_of, until
from tests.server.test_agents_tools import CALL, OTHER, finish_of, ids_of, message_of, output, turn, with_outputs
from tests.stage import Stage

GIVEN = CallOutput("native-1", "weather", '{"city": "Oslo"}', "cold", "signed")
ALSO_GIVEN = CallOutput("native-2", "time", "{}", "noon")


def looks(text: str, *, over: bool = False) -> Observation:
    outcome = Finished(Finish.STOP) if over else None
    return Observation(f"{text}{over}", (StepText(1, text, over),), working=True, outcome=outcome)


class Held:
    """A request of the agent's that waits for outputs."""

    def __init__(self, one: Scene, *calls: AgentCall, session: int = 0) -> None:
        self.got: list[tuple[CallOutput, ...] | GatewayError] = []
        id_ = one.agent.sessions.listed()[session].id
        self.taken = one.plane.called("coder", id_, calls, self.got.append)

    @property
    def error(self) -> GatewayError:
        (found,) = self.got
        assert isinstance(found, GatewayError)
        return found


async def held_scene(stage: Stage, *scripts: list[Scripted], **changes: Any) -> Scene:
    one = await scene(stage, *scripts, **changes)
    one.backend.pauses, one.backend.takes_tool_server = False, True
    return one


async def looked_at(one: Scene, number: int = 1) -> ScriptedTurn:
    """The turn, when it has been looked at."""
    await until(lambda: len(one.backend.turns) >= number and one.backend.turns[number - 1].looks)
    return one.backend.turns[number - 1]


async def first_leg(
    stage: Stage, one: Scene, body: Json, *calls: AgentCall, lines: Sequence[str] = ()
) -> tuple[Answered, Held]:
    asking = asyncio.create_task(ask(stage, one, body, *lines))
    await looked_at(one)
    held = Held(one, *calls)
    return await asking, held


@pytest.mark.parametrize("stream", [False, True])
async def test_a_run_that_is_held_up_goes_on_where_it_was(stage: Stage, stream: bool) -> None:
    one = await held_scene(stage, [looks("Let me"), looks("Let me look.")])
    body = turn("How is it?", stream=stream)
    first, held = await first_leg(stage, one, body, CALL)
    assert held.taken
    assert (message_of(first)["content"], finish_of(first)) == ("Let me look.", "tool_calls")
    (only,) = one.backend.turns
    assert (only.closed, only.cancelled, held.got) == (False, 0, [])
    only.script.extend([looks("Let me look. It is"), looks("Let me look. It is cold.", over=True)])
    second = await ask(stage, one, with_outputs(body, first, "cold"))
    assert held.got == [(GIVEN,)]
    assert (text_of(second), finish_of(second), session_of(second)[1]) == (" It is cold.", "stop", "resumed")
    assert one.backend.turns == [only]
    assert one.backend.resumed == []
    assert only.closed
    one.backend.scripts.append(growing("Bye."))
    body = with_outputs(body, first, "cold")
    body = {**body, "messages": [*body["messages"], message_of(second), {"role": "user", "content": "bye"}]}
    assert session_of(await ask(stage, one, body))[1] == "reused"


async def test_usage_is_told_once(stage: Stage) -> None:
    def counted(text: str, usage: Usage, *, over: bool = False) -> Observation:
        seen = looks(text, over=over)
        return Observation(seen.mark, seen.texts, working=True, outcome=seen.outcome, usage=usage)

    one = await held_scene(stage, [counted("a", Usage(10, 2))])
    first, _ = await first_leg(stage, one, turn("hi"), CALL)
    one.backend.turns[0].script.append(counted("ab", Usage(30, 5), over=True))
    second = await ask(stage, one, with_outputs(turn("hi"), first, "cold"))
    assert [answer.json["usage"]["prompt_tokens"] for answer in (first, second)] == [10, 20]
    assert [answer.json["usage"]["completion_tokens"] for answer in (first, second)] == [2, 3]


async def test_a_stream_of_a_held_run_ends_well(stage: Stage) -> None:
    one = await held_scene(stage, [looks("Let me")])
    first, _ = await first_leg(stage, one, turn("hi", stream=True), CALL)
    assert events(first)[-1] == "[DONE]"
    assert first.complete


async def test_two_requests_that_are_held_each_get_their_own_outputs(stage: Stage) -> None:
    """One of them came while the client was away with the other's call; and one while both were asked for."""
    one = await held_scene(stage, [looks("a")])
    asking = asyncio.create_task(ask(stage, one, turn("hi")))
    await looked_at(one)
    third = AgentCall("native-3", "time", "[]")
    held, also = Held(one, CALL), Held(one, OTHER)
    first = await asking
    later = Held(one, third)
    assert later.taken
    second = await ask(stage, one, with_outputs(turn("hi"), first, "cold", "noon"))
    assert (held.got, also.got, later.got) == ([(GIVEN,)], [(ALSO_GIVEN,)], [])
    assert finish_of(second) == "tool_calls"
    one.backend.turns[0].script.append(looks("a", over=True))
    last = await ask(stage, one, chat(output(ids_of(second)[0], "late")))
    assert finish_of(last) == "stop"
    assert later.got == [(CallOutput("native-3", "time", "[]", "late"),)]


async def test_one_call_at_a_time_holds_the_agent_up_for_both(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")])
    body = turn("hi", parallel_tool_calls=False)
    first, held = await first_leg(stage, one, body, CALL, OTHER)
    second = await ask(stage, one, with_outputs(body, first, "cold"))
    assert (finish_of(second), held.got, len(ids_of(second))) == ("tool_calls", [], 1)
    one.backend.turns[0].script.append(looks("ab", over=True))
    body = with_outputs(with_outputs(body, first, "cold"), second, "noon")
    assert text_of(await ask(stage, one, body)) == "b"
    assert held.got == [(GIVEN, ALSO_GIVEN)]


async def test_a_held_agent_has_its_tools_still_where_a_request_names_none(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")])
    first, _ = await first_leg(stage, one, turn("hi"), CALL)
    later = Held(one, OTHER)
    second = await ask(stage, one, chat(output(ids_of(first)[0])))
    assert (finish_of(second), later.got) == ("tool_calls", [])


async def test_a_call_waits_until_the_agent_has_its_message(stage: Stage) -> None:
    """A server may answer the message late; the agent's call is no reason to break that off."""
    one = await held_scene(stage, [looks("a")])
    sent, go_on = one.backend.send, asyncio.Event()

    async def slowly(conversation: str, message: Outgoing) -> ScriptedTurn:
        await go_on.wait()
        return await sent(conversation, message)

    one.backend.send = slowly  # type: ignore[method-assign]  # a server that answers late
    asking = asyncio.create_task(ask(stage, one, turn("hi")))
    await until(lambda: one.plane.running and one.agent.sessions.listed()[0].conversation)
    held = Held(one, CALL)
    await asyncio.sleep(0.01)
    go_on.set()
    assert finish_of(await asking) == "tool_calls"
    assert held.taken


async def test_a_call_without_a_run_is_not_taken(stage: Stage) -> None:
    one = await held_scene(stage, growing("x"))
    await ask(stage, one, turn("hi"))
    await until(lambda: one.plane.running == 0)
    held = Held(one, CALL)
    assert (held.taken, held.got) == (False, [])
    assert not one.plane.called("nobody", "x", [CALL], held.got.append)
    assert not one.plane.gave_up("coder", "x", AgentFailed("x"))
    assert one.plane.tools("coder", "x") == ()


async def test_the_tools_of_a_run_are_the_runs(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")])
    asking = asyncio.create_task(ask(stage, one, turn("hi")))
    await looked_at(one)
    id_ = one.agent.sessions.listed()[0].id

    def names() -> list[str]:
        return [tool.name for tool in one.plane.tools("coder", id_)]

    assert names() == ["weather", "time"]
    Held(one, CALL)
    first = await asking
    await until(lambda: one.plane.running == 0)
    assert names() == ["weather", "time"]
    one.backend.turns[0].script.append(looks("a", over=True))
    await ask(stage, one, with_outputs(turn("hi"), first, "cold"))
    await until(lambda: one.plane.running == 0)
    assert names() == []


async def test_tools_that_a_held_agent_has_cannot_change(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")])
    first, held = await first_leg(stage, one, turn("hi"), CALL)
    body = with_outputs(turn("hi"), first, "cold")
    answer = await ask(stage, one, {**body, "tools": body["tools"][:1]})
    assert (answer.status, answer.json["error"]["param"], held.got) == (400, "tools", [])


async def test_a_call_of_a_tool_that_nobody_declared_fails_the_run_and_is_told(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")])
    answer, held = await first_leg(stage, one, turn("hi"), AgentCall("1", "rm", "{}"))
    assert (answer.status, answer.error_code) == (502, "agent_error")
    assert isinstance(held.error, AgentUnavailable)
    assert one.backend.turns[0].cancelled == 1


async def test_an_agent_that_ends_all_the_same_has_ended(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a"), looks("ab", over=True)])
    answer, held = await first_leg(stage, one, turn("hi"), CALL)
    assert (text_of(answer), finish_of(answer)) == ("ab", "stop")
    assert isinstance(held.error, AgentUnavailable)


async def test_a_look_that_takes_long_does_not_keep_the_call(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performing, "LAST_LOOK_S", 0.01)
    one = await held_scene(stage, [looks("a")])
    asking = asyncio.create_task(ask(stage, one, turn("hi")))
    only = await looked_at(one)
    only.gate = asyncio.Event()
    Held(one, CALL)
    answer = await asking
    assert (message_of(answer)["content"], finish_of(answer)) == ("a", "tool_calls")


# How it ends


async def test_a_pause_has_a_limit(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")], hold_timeout_s="0.5s")
    first, held = await first_leg(stage, one, turn("hi"), CALL)
    later = Held(one, OTHER)
    await until(lambda: held.got)
    assert (held.error.code, later.error.code) == ("agent_timeout", "agent_timeout")
    await until(lambda: one.backend.turns[0].closed)
    assert one.backend.turns[0].cancelled == 1
    body = with_outputs(turn("hi"), first, "cold")
    answer = await ask(stage, one, body)
    assert (answer.status, answer.error_code) == (400, "tool_call_expired")
    assert ids_of(first)[0] in answer.json["error"]["message"]
    one.backend.scripts.append(growing("anew"))
    answer = await ask(stage, one, {**body, "messages": [*body["messages"], {"role": "user", "content": "and?"}]})
    assert (text_of(answer), session_of(answer)[1]) == ("anew", "retold")


async def test_the_oldest_of_too_many_runs_that_wait_is_ended(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")], [looks("b")], max_sessions=1)
    first, held = await first_leg(stage, one, turn("one"), CALL)
    asking = asyncio.create_task(ask(stage, one, turn("two")))
    await looked_at(one, 2)
    other = Held(one, OTHER, session=1)
    second = await asking
    assert (held.error.code, other.got) == ("agent_overloaded", [])
    assert (await ask(stage, one, chat(output(ids_of(first)[0])))).error_code == "tool_call_expired"
    one.backend.turns[1].script.append(looks("bc", over=True))
    assert text_of(await ask(stage, one, chat(output(ids_of(second)[0])))) == "c"


async def test_model_calls_of_an_agent_that_is_held_up_are_its_runs(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")], correlation="single", max_runs=1, hold_timeout_s="1s")
    first, held = await first_leg(stage, one, turn("hi"), CALL)
    await until(lambda: one.plane.running == 0)

    def run_of_a_call() -> str | None:
        call = one.agent.traffic.call(Passage("coder", b"", b"/v1/chat/completions", b""), counts=True)
        return None if call.run is None else call.run.name

    (whose,) = first.values(b"x-narrows-request-id")
    assert run_of_a_call() == whose.decode()
    await until(lambda: held.got)
    assert run_of_a_call() is None


async def test_a_client_that_waits_for_a_place_has_come_in_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "RECHECK_S", 0.01)
    one = await held_scene(stage, [looks("a")], [looks("other")], hold_timeout_s="2s", max_runs=1)
    first, held = await first_leg(stage, one, turn("hi"), CALL)
    blocking = await stage.client(one.gateway)
    await blocking.send(request("POST", PATH, body=json.dumps(chat("other")).encode()))
    await looked_at(one, 2)
    asking = asyncio.create_task(ask(stage, one, with_outputs(turn("hi"), first, "cold")))
    await asyncio.sleep(2.3)
    assert held.got == []
    one.backend.turns[0].script.append(looks("ab", over=True))
    blocking.close()
    assert text_of(await asking) == "b"
    assert held.got == [(GIVEN,)]


async def test_a_client_that_leaves_before_its_place_brings_nothing(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")], [looks("other")], max_runs=1)
    first, held = await first_leg(stage, one, turn("hi"), CALL)
    blocking, leaving = await stage.client(one.gateway), await stage.client(one.gateway)
    await blocking.send(request("POST", PATH, body=json.dumps(chat("other")).encode()))
    await looked_at(one, 2)
    body = with_outputs(turn("hi"), first, "cold")
    await leaving.send(request("POST", PATH, body=json.dumps(body).encode()))
    await until(lambda: one.plane.running == 2)
    later = Held(one, OTHER)
    leaving.close()
    await until(lambda: one.plane.running == 1)
    blocking.close()
    assert (held.got, later.got) == ([], [])
    second = await ask(stage, one, body)
    assert (session_of(second)[1], held.got, later.got) == ("resumed", [(GIVEN,)], [])
    one.backend.turns[0].script.append(looks("ab", over=True))
    assert text_of(await ask(stage, one, chat(output(ids_of(second)[0], "noon")))) == "b"
    assert later.got == [(ALSO_GIVEN,)]


@pytest.mark.parametrize("policy", ["cancel", "detach"])
async def test_a_client_that_leaves_while_the_agent_is_held_up_changes_nothing(stage: Stage, policy: str) -> None:
    one = await held_scene(stage, [looks("a")], on_disconnect=policy)
    client = await stage.client(one.gateway)
    await client.send(request("POST", PATH, body=json.dumps(turn("hi")).encode()))
    await looked_at(one)
    held = Held(one, CALL)
    first = await client.answer(b"POST")
    client.close()
    await until(lambda: one.plane.running == 0)
    assert (held.got, one.backend.turns[0].cancelled) == ([], 0)
    one.backend.turns[0].script.append(looks("ab", over=True))
    assert text_of(await ask(stage, one, with_outputs(turn("hi"), first, "cold"))) == "b"


async def test_a_client_that_leaves_in_the_next_leg_cancels_the_agent(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")])
    first, held = await first_leg(stage, one, turn("hi"), CALL)
    client = await stage.client(one.gateway)
    body = with_outputs(turn("hi"), first, "cold")
    await client.send(request("POST", PATH, body=json.dumps(body).encode()))
    await until(lambda: held.got)
    client.close()
    await until(lambda: one.plane.running == 0)
    assert (one.backend.turns[0].cancelled, one.backend.turns[0].closed) == (1, True)


async def test_a_client_that_goes_on_without_the_agent_holds_it_up_no_longer(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")], growing("anew"))
    first, held = await first_leg(stage, one, turn("hi"), CALL)
    body = with_outputs(turn("hi"), first, "cold")
    answer = await ask(stage, one, {**body, "messages": [*body["messages"], {"role": "user", "content": "and?"}]})
    assert (text_of(answer), session_of(answer)[1]) == ("anew", "retold")
    assert isinstance(held.error, AgentUnavailable)
    await until(lambda: one.backend.turns[0].closed)
    assert (one.backend.turns[0].cancelled, len(one.agent.parking)) == (1, 0)


async def test_an_agent_that_breaks_off_its_request_ends_the_run(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")], [looks("b")])
    told: list[LoggedEvent] = []
    one.agent.log = told.append
    first, held = await first_leg(stage, one, turn("hi"), CALL)
    assert one.plane.gave_up("coder", one.agent.sessions.listed()[0].id, AgentFailed("it waited 60 s"))
    assert held.error.message == "it waited 60 s"
    moved = [(event.before, event.state) for event in told if isinstance(event, AgentRunMoved)]
    assert moved == [("queued", "in_progress"), ("in_progress", "requires_action"), ("requires_action", "failed")]
    assert len({event.run for event in told if isinstance(event, AgentRunMoved)}) == 1
    answer = await ask(stage, one, with_outputs(turn("hi"), first, "cold"))
    assert answer.error_code == "tool_call_expired"
    asking = asyncio.create_task(ask(stage, one, turn("hello")))
    await looked_at(one, 2)
    (id_,) = [session.id for session in one.agent.sessions.listed() if session.leased]
    assert one.plane.gave_up("coder", id_, AgentFailed("it crashed"))
    assert (await asking).json["error"]["message"] == "it crashed"


async def test_an_agent_that_breaks_off_while_its_client_waits_for_a_place(stage: Stage) -> None:
    one = await held_scene(stage, [looks("a")], [looks("other")], max_runs=1)
    first, held = await first_leg(stage, one, turn("hi"), CALL)
    blocking = await stage.client(one.gateway)
    await blocking.send(request("POST", PATH, body=json.dumps(chat("other")).encode()))
    await looked_at(one, 2)
    asking = asyncio.create_task(ask(stage, one, with_outputs(turn("hi"), first, "cold")))
    await until(lambda: one.plane.running == 2)
    (id_,) = [session.id for session in one.agent.sessions.listed() if session.calls]
    assert one.plane.gave_up("coder", id_, AgentFailed("it waited 60 s"))
    blocking.close()
    answer = await asking
    assert (answer.status, answer.error_code) == (400, "tool_call_expired")
    assert held.error.message == "it waited 60 s"
    await until(lambda: one.plane.running == 0)
    assert not any(session.calls or session.leased for session in one.agent.sessions.listed())


async def test_a_gateway_that_stops_lets_nobody_wait(stage: Stage, tmp_path: Path) -> None:
    one = await held_scene(stage, [looks("a")])
    store = SessionStore(str(tmp_path / "s.db"), print)
    agent = served(one.agent.settings, one.backend, store)
    one.gateway.gateway.agents = AgentPlane([agent], [], print, store)
    first, held = await first_leg(stage, one, turn("hi"), CALL)
    await one.gateway.close(drain_timeout_s=0.05)
    assert isinstance(held.error, AgentUnavailable)
    assert (one.backend.turns[0].cancelled, one.backend.turns[0].closed) == (1, True)
    again = await held_scene(stage)
    store = SessionStore(str(tmp_path / "s.db"), print)
    again.gateway.gateway.agents = AgentPlane([served(one.agent.settings, one.backend, store)], [], print, store)
    answer = await ask(stage, again, chat(output(*ids_of(first))))
    assert (answer.status, answer.error_code) == (400, "tool_call_expired")
    assert "was started again" in answer.json["error"]["message"]

"""A client's own tools: the agent calls them, its client answers, and the exact run goes on."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from narrows.agents.observation import AgentCall, Usage
from narrows.agents.tools import CallOutput, ClientTool
from narrows.backends.scripted import ScriptedBackend
from narrows.errors import AgentUnavailable
from narrows.server.agents.building import served
from narrows.server.agents.plane import AgentPlane
from narrows.server.agents.session_store import SessionStore
from tests.agent_stage import Json, Scene, agent_settings, chat, growing, pausing, scene, tool
from tests.raw_client import Answered, request
from tests.server.test_agents import PATH, ask, events, session_of, text_of, until
from tests.stage import Stage

CALL = AgentCall("native-1", "weather", '{"city": "Oslo"}', "signed")
OTHER = AgentCall("native-2", "time", "{}")
WEATHER, TIME = tool("weather", parameters={"type": "object"}), tool("time")
TOOLS: list[Json] = [WEATHER, TIME]


def turn(*messages: str | Json, tools: list[Json] | None = None, **fields: Any) -> Json:
    """A request that offers tools."""
    return chat(*messages, tools=TOOLS if tools is None else tools, **fields)


def message_of(answer: Answered) -> Json:
    """The assistant's message, put together as clients do."""
    if answer.values(b"content-type") == [b"application/json"]:
        message: Json = answer.json["choices"][0]["message"]
        return message
    calls: list[Json] = []
    for chunk in events(answer):
        for choice in chunk["choices"] if isinstance(chunk, dict) else ():
            for delta in choice["delta"].get("tool_calls", ()):
                if "id" in delta:
                    assert delta["index"] == len(calls)
                    calls.append({"id": delta["id"], "type": delta["type"], "function": dict(delta["function"])})
                else:
                    calls[delta["index"]]["function"]["arguments"] += delta["function"]["arguments"]
    text = text_of_stream(answer)
    return {"role": "assistant", "content": text or None, "refusal": None, "tool_calls": calls}


def text_of_stream(answer: Answered) -> str:
    chunks = [one for one in events(answer) if isinstance(one, dict)]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def finish_of(answer: Answered) -> str:
    if answer.values(b"content-type") == [b"application/json"]:
        return str(answer.json["choices"][0]["finish_reason"])
    return str(
        [one for one in events(answer) if isinstance(one, dict) and one["choices"]][-1]["choices"][0]["finish_reason"]
    )


def ids_of(answer: Answered) -> list[str]:
    return [call["id"] for call in message_of(answer)["tool_calls"]]


def output(id_: str, text: str = "cold") -> Json:
    return {"role": "tool", "tool_call_id": id_, "content": text}


def with_outputs(body: Json, answer: Answered, *texts: str) -> Json:
    """The request that brings the outputs of an answer's calls."""
    outputs = [output(id_, text) for id_, text in zip(ids_of(answer), texts, strict=True)]
    return {**body, "messages": [*body["messages"], message_of(answer), *outputs]}


# An agent whose run rests at its server


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_reaches_the_client_and_its_output_the_run(stage: Stage, stream: bool) -> None:
    one = await scene(
        stage, pausing("Let me look.", CALL, usage=Usage(5, 2)), growing("It is cold.", usage=Usage(9, 3))
    )
    body = turn("How is it?", stream=stream, stream_options={"include_usage": True})
    first = await ask(stage, one, body)
    said = message_of(first)
    (call,) = said["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}
    assert re.fullmatch(r"call_[0-9A-Za-z]{22}", call["id"])
    assert (message_of(first)["content"], finish_of(first), session_of(first)[1]) == (
        "Let me look.",
        "tool_calls",
        "new",
    )
    assert one.backend.turns[0].message.tools == (
        ClientTool("weather", "", b'{"type": "object"}'),
        ClientTool("time"),
    )
    assert one.backend.turns[0].closed
    assert one.backend.turns[0].cancelled == 0
    second = await ask(stage, one, with_outputs(body, first, "cold"))
    assert (text_of(second), finish_of(second), session_of(second)) == (
        "It is cold.",
        "stop",
        (session_of(first)[0], "resumed"),
    )
    assert one.backend.resumed == [
        ("conversation-1", (CallOutput("native-1", "weather", '{"city": "Oslo"}', "cold", "signed"),))
    ]
    assert one.backend.turns[1].message.text == ""


async def test_a_stream_and_an_answer_are_the_same_in_each_leg(stage: Stage) -> None:
    scripts = [pausing("Look", CALL, OTHER, usage=Usage(5, 2)), growing("It", "It is", usage=Usage(6, 3))]
    one = await scene(stage, *scripts, *(list(script) for script in scripts))
    found = []
    for stream in (False, True):
        body = turn("hi", stream=stream, stream_options={"include_usage": True})
        first = await ask(stage, one, body)
        second = await ask(stage, one, with_outputs(body, first, "a", "b"))
        called = message_of(first)
        usages = [events(leg)[-2]["usage"] if stream else leg.json["usage"] for leg in (first, second)]
        for call in called["tool_calls"]:
            del call["id"]
        found.append((called, usages, text_of(second), finish_of(first), finish_of(second)))
    assert found[0] == found[1]


async def test_the_first_chunk_says_that_there_is_no_text(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL))
    answer = await ask(stage, one, turn("hi", stream=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in events(answer)[:-1]]
    assert deltas[0] == {"role": "assistant", "content": None, "refusal": None}
    assert [set(delta) for delta in deltas[1:]] == [{"tool_calls"}, {"tool_calls"}, set()]
    assert events(answer)[-1] == "[DONE]"


async def test_the_turn_after_a_tools_goes_on_in_the_session(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL), pausing("And", OTHER), growing("Cold."), growing("Bye."))
    body = turn("hi")
    uses = []
    for texts in (["cold"], ["noon"], None, None):
        answer = await ask(stage, one, body)
        uses.append(session_of(answer)[1])
        if texts is not None:
            body = with_outputs(body, answer, *texts)
        else:
            body = {**body, "messages": [*body["messages"], message_of(answer), {"role": "user", "content": "bye"}]}
    assert uses == ["new", "resumed", "resumed", "reused"]
    assert one.backend.turns[-1].message.text == "bye"
    assert [name for name, _ in one.backend.resumed] == ["conversation-1"] * 2


async def test_outputs_alone_are_enough(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL, OTHER), growing("done"))
    first = await ask(stage, one, turn("hi"))
    (weather, time) = ids_of(first)
    answer = await ask(stage, one, chat(output(time, "noon"), output(weather, "cold")))
    assert (text_of(answer), session_of(answer)[1]) == ("done", "resumed")
    ((_, outputs),) = one.backend.resumed
    assert [(one.id, one.output) for one in outputs] == [("native-1", "cold"), ("native-2", "noon")]


@pytest.mark.parametrize("whole", [True, False], ids=["the conversation", "outputs alone"])
async def test_one_call_at_a_time(stage: Stage, whole: bool) -> None:
    """The agent makes two at once, and is given both outputs together."""
    one = await scene(stage, pausing("Look.", CALL, OTHER), growing("done"))
    body = turn("hi", parallel_tool_calls=False)
    found = []
    for output_text in ("cold", "noon"):
        answer = await ask(stage, one, body)
        found.append(
            (message_of(answer)["content"], [call["function"]["name"] for call in message_of(answer)["tool_calls"]])
        )
        body = with_outputs(body if whole else turn(parallel_tool_calls=False), answer, output_text)
        assert one.backend.resumed == []
    assert found == [("Look.", ["weather"]), (None, ["time"])]
    assert text_of(await ask(stage, one, body)) == "done"
    ((_, outputs),) = one.backend.resumed
    assert [(one.id, one.output) for one in outputs] == [("native-1", "cold"), ("native-2", "noon")]
    figures = [(await stage.record(one.gateway, at)).agent for at in range(3)]
    assert [(one.run, one.tool_calls, one.tool_outputs) for one in figures if one is not None] == [
        ("requires_action", 1, 0),
        ("requires_action", 1, 1),
        ("completed", 0, 1),
    ]


async def test_a_client_may_change_its_mind_about_calls_at_once(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL, OTHER, CALL), growing("done"))
    first = await ask(stage, one, turn("hi", parallel_tool_calls=False))
    second = await ask(stage, one, with_outputs(turn("hi"), first, "a"))
    assert len(ids_of(second)) == 2
    assert text_of(await ask(stage, one, with_outputs(turn("hi"), second, "b", "c"))) == "done"


async def test_the_record_counts_tools_and_calls(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL, OTHER), growing("done"))
    body = turn("hi")
    first = await ask(stage, one, body)
    await ask(stage, one, with_outputs(body, first, "a", "b"))
    records = [(await stage.record(one.gateway, at)).agent for at in (0, 1)]
    found = [
        (each.run, each.use, each.tools, each.tool_calls, each.tool_outputs) for each in records if each is not None
    ]
    assert found == [("requires_action", "new", 2, 2, 0), ("completed", "resumed", 2, 0, 2)]


async def test_a_run_that_rests_has_no_place_and_does_not_mind_its_client_leaving(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL), growing("other"), growing("done"), max_runs=1)
    client = await stage.client(one.gateway)
    await client.send(request("POST", PATH, body=json.dumps(turn("hi")).encode()))
    first = await client.answer(b"POST")
    client.close()
    assert text_of(await ask(stage, one, chat("something else"))) == "other"
    answer = await ask(stage, one, with_outputs(turn("hi"), first, "cold"))
    assert (text_of(answer), session_of(answer)[1]) == ("done", "resumed")
    assert [turn.cancelled for turn in one.backend.turns] == [0, 0, 0]


async def test_a_call_of_a_tool_that_nobody_declared_fails_the_run(stage: Stage) -> None:
    one = await scene(stage, pausing("", AgentCall("1", "rm", "{}")))
    answer = await ask(stage, one, turn("hi"))
    assert (answer.status, answer.error_code, answer.values(b"x-should-retry")) == (502, "agent_error", [b"false"])
    assert "has not: rm" in answer.json["error"]["message"]
    assert one.backend.turns[0].cancelled == 1


# Outputs that cannot be given


async def test_missing_unknown_and_foreign_ids_are_named(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL, OTHER), growing("done"))
    mine, theirs = "Authorization: Bearer alice", "Authorization: Bearer bob"
    first = await ask(stage, one, turn("hi"), mine)
    weather, time = ids_of(first)
    for body, line, status, code, named in [
        (chat(output(weather)), mine, 400, "missing_tool_outputs", time),
        (chat(output(weather), output(time), output("call_x")), mine, 400, "missing_tool_outputs", "call_x"),
        (chat(output("call_x")), mine, 400, "missing_tool_outputs", "call_x"),
        (chat(output(weather), output(weather)), mine, 400, "malformed_request", weather),
        (chat(output(weather), output(time)), theirs, 404, "no_such_tool_call", weather),
    ]:
        answer = await ask(stage, one, body, line)
        assert (answer.status, answer.error_code) == (status, code)
        assert named in answer.json["error"]["message"]
        assert answer.values(b"x-should-retry") == []
    assert one.backend.resumed == []
    assert text_of(await ask(stage, one, chat(output(weather), output(time)), mine)) == "done"


async def test_unknown_ids_with_the_whole_conversation_are_told_anew(stage: Stage) -> None:
    one = await scene(stage, growing("done"))
    called = {"role": "assistant", "tool_calls": [{"id": "call_x", "type": "function", "function": {"name": "f"}}]}
    answer = await ask(stage, one, turn("hi", called, output("call_x")))
    assert session_of(answer)[1] == "retold"
    assert one.backend.turns[0].message.text.endswith("[Tool result (call_x)]:\ncold")


async def test_what_follows_the_outputs_is_refused_in_clear_words(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL), growing("done"))
    first = await ask(stage, one, turn("hi"))
    answer = await ask(stage, one, chat(output(ids_of(first)[0]), {"role": "user", "content": "and?"}))
    assert (answer.status, answer.error_code) == (400, "unsupported_parameter")
    assert text_of(await ask(stage, one, with_outputs(turn("hi"), first, "cold"))) == "done"


async def test_what_follows_the_outputs_in_a_whole_conversation_is_told_to_another(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL), growing("anew"))
    body = with_outputs(turn("hi"), await ask(stage, one, turn("hi")), "cold")
    answer = await ask(stage, one, {**body, "messages": [*body["messages"], {"role": "user", "content": "and?"}]})
    assert (text_of(answer), session_of(answer)[1]) == ("anew", "retold")
    assert one.backend.turns[1].message.text.endswith("]:\ncold\n\n[User]:\nand?")
    assert one.backend.resumed == []


async def test_the_same_outputs_twice_act_once(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL), growing("done"))
    body = turn("hi")
    body = with_outputs(body, await ask(stage, one, body), "cold")
    one.backend.gate = asyncio.Event()
    first = asyncio.create_task(ask(stage, one, body))
    await until(lambda: one.backend.resumed)
    second = await ask(stage, one, body, "X-Stainless-Retry-Count: 1")
    assert (second.status, second.error_code, second.values(b"x-should-retry")) == (409, "session_busy", [b"false"])
    one.backend.gate.set()
    assert text_of(await first) == "done"
    assert len(one.backend.resumed) == 1


async def test_a_session_that_waits_for_outputs_is_busy(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL))
    first = await ask(stage, one, turn("hi"), "X-Narrows-Session: mine")
    answer = await ask(stage, one, turn("something else"), "X-Narrows-Session: mine")
    assert (answer.status, answer.error_code, answer.values(b"x-should-retry")) == (409, "session_busy", [b"false"])
    assert ids_of(first)[0] in answer.json["error"]["message"]


async def test_outputs_that_the_server_could_not_be_given_can_be_sent_again(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL), growing("done"))
    first = await ask(stage, one, turn("hi"))
    one.backend.refuses = AgentUnavailable("not there")
    body = with_outputs(turn("hi"), first, "cold")
    answer = await ask(stage, one, body)
    assert (answer.status, answer.error_code, answer.values(b"x-should-retry")) == (502, "agent_unavailable", [])
    record = await stage.record(one.gateway, 1)
    assert record.agent is not None
    assert record.agent.run == "requires_action"
    assert session_of(await ask(stage, one, body))[1] == "resumed"


async def test_outputs_that_the_server_may_have_cannot_be_sent_again(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL), growing("done"))
    first = await ask(stage, one, turn("hi"))
    one.backend.refuses = AgentUnavailable("broke off", may_have_acted=True)
    body = with_outputs(turn("hi"), first, "cold")
    assert (await ask(stage, one, body)).values(b"x-should-retry") == [b"false"]
    assert session_of(await ask(stage, one, body))[1] == "retold"


@pytest.mark.parametrize(
    ("named", "whole", "status", "said"),
    [(False, True, 200, "retold"), (False, False, 400, "tool_call_expired"), (True, True, 400, "tool_call_expired")],
)
async def test_an_agent_that_does_not_wait_any_more(
    stage: Stage, named: bool, whole: bool, status: int, said: str
) -> None:
    one = await scene(stage, pausing("", CALL), growing("anew"), growing("more"))
    lines = ("X-Narrows-Session: mine",) if named else ()
    first = await ask(stage, one, turn("hi"), *lines)
    one.backend.conversations.clear()
    body = with_outputs(turn("hi"), first, "cold") if whole else chat(output(ids_of(first)[0]))
    answer = await ask(stage, one, body, *lines)
    assert (answer.status, session_of(answer)[1] if status == 200 else answer.error_code) == (status, said)
    assert one.backend.resumed == []
    if status == 200:
        assert "[Tool result" in one.backend.turns[-1].message.text
    body = {**with_outputs(turn("hi"), first, "cold"), "messages": turn("Hi again")["messages"]}
    assert (await ask(stage, one, body, *lines)).status == 200


# Which agents, which tools


async def test_tools_can_be_turned_off(stage: Stage) -> None:
    one = await scene(stage, growing("x"), tools="off")
    answer = await ask(stage, one, turn("hi"))
    assert (answer.status, answer.error_code, answer.json["error"]["param"]) == (400, "unsupported_parameter", "tools")
    assert "`off`" in answer.json["error"]["message"]
    assert text_of(await ask(stage, one, turn("hi", tool_choice="none"))) == "x"


async def test_an_agent_that_takes_no_tools_says_so(stage: Stage) -> None:
    one = await scene(stage)
    one.backend.pauses = False
    answer = await ask(stage, one, turn("hi"))
    assert (answer.status, answer.error_code) == (400, "unsupported_parameter")
    assert "its server takes none" in answer.json["error"]["message"]


async def test_other_tools_are_another_conversation(stage: Stage) -> None:
    one = await scene(stage, growing("one"), growing("two"), growing("three"))
    await ask(stage, one, turn("hi"))
    assert session_of(await ask(stage, one, turn("hi", "one", "more")))[1] == "reused"
    answer = await ask(stage, one, turn("hi", "one", "more", "two", "last", tools=[TIME]))
    assert session_of(answer)[1] == "retold"


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "time"}}])
async def test_a_call_can_be_forced_on_nobody(stage: Stage, choice: object) -> None:
    one = await scene(stage)
    answer = await ask(stage, one, turn("hi", tool_choice=choice))
    assert (answer.status, answer.json["error"]["param"]) == (400, "tool_choice")


async def test_strict_is_said_to_be_ignored(stage: Stage) -> None:
    one = await scene(stage, growing("x"))
    answer = await ask(stage, one, turn("hi", tools=[tool("f", strict=True)]))
    assert (answer.status, answer.values(b"x-narrows-ignored")) == (200, [b"tools.strict"])


# The gateway's end


class Life:
    """A gateway on a file of sessions; `again` is the next one, before the same backend."""

    def __init__(self, stage: Stage, path: Path, backend: ScriptedBackend) -> None:
        self.stage, self.path, self.backend = stage, path, backend

    async def scene(self, **changes: Any) -> Scene:
        chosen = agent_settings(**changes)
        gateway = await self.stage.gateway(agents=(chosen,))
        store = SessionStore(str(self.path), print)
        gateway.gateway.agents = AgentPlane([served(chosen, self.backend, store)], [], print, store)
        return Scene(gateway, self.backend)


async def test_calls_one_at_a_time_outlive_the_gateway(stage: Stage, tmp_path: Path) -> None:
    life = Life(stage, tmp_path / "s.db", ScriptedBackend(pausing("", CALL, OTHER), growing("done")))
    body = turn("hi", parallel_tool_calls=False)
    for text in ("cold", "noon"):
        one = await life.scene()
        body = with_outputs(body, await ask(stage, one, body), text)
        await one.gateway.close(drain_timeout_s=0.05)
    one = await life.scene()
    assert text_of(await ask(stage, one, body)) == "done"
    ((_, outputs),) = life.backend.resumed
    assert [one.output for one in outputs] == ["cold", "noon"]


async def test_a_call_outlives_the_gateway(stage: Stage, tmp_path: Path) -> None:
    life = Life(stage, tmp_path / "s.db", ScriptedBackend(pausing("Look.", CALL), growing("done"), growing("more")))
    one = await life.scene()
    body = turn("hi")
    first = await ask(stage, one, body)
    await one.gateway.close(drain_timeout_s=0.05)
    one = await life.scene()
    body = with_outputs(body, first, "cold")
    second = await ask(stage, one, body)
    assert (text_of(second), session_of(second)) == ("done", (session_of(first)[0], "resumed"))
    body = {**body, "messages": [*body["messages"], message_of(second), {"role": "user", "content": "more"}]}
    assert session_of(await ask(stage, one, body))[1] == "reused"
    assert life.backend.turns[0].cancelled == 0


async def test_calls_of_one_name_without_ids_are_told_apart(stage: Stage) -> None:
    calls = [AgentCall("", "weather", f'{{"city": "{city}"}}') for city in ("Oslo", "Rome")]
    one = await scene(stage, pausing("", *calls), growing("done"))
    first = await ask(stage, one, turn("hi"))
    assert len(set(ids_of(first))) == 2
    body = with_outputs(turn("hi"), first, "cold", "warm")
    body["messages"][-2:] = reversed(body["messages"][-2:])
    assert text_of(await ask(stage, one, body)) == "done"
    ((_, given),) = one.backend.resumed
    assert [(call.arguments, call.output) for call in given] == [
        ('{"city": "Oslo"}', "cold"),
        ('{"city": "Rome"}', "warm"),
    ]

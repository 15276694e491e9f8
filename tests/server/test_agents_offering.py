"""A client's tools on its agent's model traffic: put into the calls, withheld from the answers, and gone on with."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from narrows.agents.observation import Finish, Finished, Observation, StepText
from narrows.agents.tools import ClientTool, ToolPath
from narrows.backends.scripted import Scripted, ScriptedBackend
from narrows.backends.types import ModelEndpoint, ToolServer
from narrows.errors import AgentFailed, GatewayError, UnsupportedParameter
from narrows.inject.registry import injector_for
from narrows.inject.types import Exchange, Place
from narrows.server.agents import model_exchange
from narrows.server.agents import offering as offering_module
from narrows.server.agents import plane as plane_module
from narrows.server.agents.building import served
from narrows.server.agents.offering import Offerings
from narrows.server.agents.plane import AgentPlane
from narrows.server.agents.session_store import SessionStore
from narrows.settings import GatewayKey
from narrows.settings.keys import key_digest
from narrows.telemetry.events import KNOW_CALLS, SEND_CALLS_HERE, AgentRunMoved, AgentToolsUnheard, LoggedEvent
from tests.agent_stage import Json, Scene, chat, scene, tool
from tests.raw_client import Answered, RawClient, request
from tests.scripted_upstream import DONE, USAGE, Answer, Ending, completion, error, events, frame, head, whole
from tests.server.test_agents import ask, until
from tests.server.test_agents import events as events_of
from tests.server.test_agents_tools import finish_of, ids_of, message_of, with_outputs
from tests.stage import Stage

CHAT = "/v1/chat/completions"
WEATHER = tool("weather", parameters={"type": "object"})
OWN = tool("read_file")
CALL = {"id": "call_native", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
OWN_CALL = {"id": "call_own", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}


def calling(*calls: Json, text: str = "Let me see.", usage: bool = True) -> Answer:
    """A model's stream that ends with these calls."""
    steps = [frame({"role": "assistant", "content": ""}), frame({"content": text})]
    steps += [frame({"tool_calls": [{**call, "index": at}]}) for at, call in enumerate(calls)]
    steps.append(frame({}, finish_reason="tool_calls"))
    return events(*steps, *([frame(None, usage=USAGE)] if usage else []), DONE)


def saying(*texts: str) -> Answer:
    steps = [frame({"role": "assistant", "content": ""}), *(frame({"content": text}) for text in texts)]
    return events(*steps, frame({}, finish_reason="stop"), frame(None, usage=USAGE), DONE)


def whole_call(*calls: Json) -> Answer:
    return whole(completion({"content": "Let me see.", "tool_calls": list(calls)}, finish_reason="tool_calls"))


def looks(text: str, *, over: bool = False) -> Observation:
    outcome = Finished(Finish.STOP) if over else None
    return Observation(f"{text}{over}", (StepText(1, text, over),), working=True, outcome=outcome)


class Agent:
    """An agent's side: its model call, on a connection of its own."""

    def __init__(self, client: RawClient, path: str) -> None:
        self.client = client
        self.path = path
        self.answering: asyncio.Task[Answered] | None = None

    async def calls(self, *messages: Json, lines: tuple[str, ...] = (), minor: int = 1, **fields: Any) -> None:
        body = {
            "model": "big",
            "stream": True,
            "messages": list(messages) or [{"role": "user", "content": "x"}],
            **fields,
        }
        sent = request("POST", self.path, *lines, body=json.dumps(body).encode())
        await self.client.send(sent if minor else sent.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        self.answering = asyncio.create_task(self.client.answer(b"POST"))

    async def answer(self) -> Answered:
        assert self.answering is not None
        return await self.answering


async def offered(stage: Stage, *scripts: Any, **changes: Any) -> Scene:
    one = await scene(stage, *(scripts or ([looks("a")],)), **{"correlation": "endpoint", **changes})
    one.backend.pauses = False
    return one


async def test_an_agent_whose_server_could_rest_may_be_offered_tools_on_its_model_calls_all_the_same(
    stage: Stage,
) -> None:
    """Its server is not told of them then."""
    for policy, path, told in (("traffic", ToolPath.TRAFFIC, 0), ("auto", ToolPath.PAUSE, 1)):
        one = await scene(stage, [looks("a", over=True)], correlation="endpoint", tools=policy)
        (agent,) = one.plane._agents
        assert agent.tool_path is path
        answer = await ask(stage, one, chat("hi", tools=[WEATHER]))
        assert answer.status == 200
        assert len(one.backend.turns[0].message.tools) == told


async def begun(stage: Stage, one: Scene, body: Json, *lines: str) -> tuple[asyncio.Task[Answered], Agent]:
    """A run, and its agent."""
    number = len(one.backend.turns)
    asking = asyncio.create_task(ask(stage, one, body, *lines))
    await until(lambda: len(one.backend.turns) > number and one.backend.turns[number].looks)
    endpoint = one.backend.endpoints[-1]
    assert endpoint is not None
    path = endpoint.base_url.partition(str(one.gateway.port))[2] + "/chat/completions"
    return asking, Agent(await stage.client(one.gateway), path)


def text_and_finish(answer: Answered) -> tuple[str, str, list[Json]]:
    """What the agent has read, as its client puts it together."""
    if answer.values(b"content-type") == [b"application/json"]:
        body = json.loads(bare(answer))
        message = body["choices"][0]["message"]
        return message["content"], body["choices"][0]["finish_reason"], message.get("tool_calls") or []
    text, finish, calls = "", "", list[Json]()
    for chunk in events_of(answer):
        for choice in chunk.get("choices", ()) if isinstance(chunk, dict) else ():
            text += choice["delta"].get("content") or ""
            finish = choice["finish_reason"] or finish
            calls += choice["delta"].get("tool_calls") or []
    return text, finish, calls


def bare(answer: Answered) -> bytes:
    data, rest = b"", answer.raw_body
    if answer.values(b"transfer-encoding") != [b"chunked"]:
        return rest
    while rest and not rest.startswith(b"0\r\n"):
        size, _, rest = rest.partition(b"\r\n")
        data, rest = data + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return data


@pytest.mark.parametrize("stream", [True, False])
async def test_a_call_goes_to_the_client_and_the_agent_reads_one_answer(stage: Stage, stream: bool) -> None:
    one = await offered(stage)
    body = chat("How is it in Oslo?", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    further = saying(" It is", " cold.") if stream else whole(completion({"content": " It is cold."}))
    stage.upstream.play(calling(CALL) if stream else whole_call(CALL), further)
    await agent.calls(stream=stream, tools=[OWN], odd=[1.0, 1e2], lines=("Accept-Encoding: gzip",))
    first = await asking
    assert finish_of(first) == "tool_calls"
    (call,) = message_of(first)["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city":"Oslo"}'}
    assert agent.answering is not None
    assert not agent.answering.done()
    one.backend.turns[0].script.append(looks("a. It is cold.", over=True))
    second = await ask(stage, one, with_outputs(body, first, "minus 3"))
    assert finish_of(second) == "stop"
    answer = await agent.answer()
    assert answer.complete
    text, finish, calls = text_and_finish(answer)
    assert (text, finish, calls) == ("Let me see. It is cold.", "stop", [])
    before, after = (seen.json for seen in stage.upstream.requests)
    assert [one["function"]["name"] for one in before["tools"]] == ["read_file", "weather"]
    assert before["tools"][0] == OWN
    assert after["tools"] == before["tools"]
    assert after["messages"][: len(before["messages"])] == before["messages"]
    assert after["messages"][-1] == {"role": "tool", "tool_call_id": "call_native", "content": "minus 3"}
    assert after["messages"][-2]["tool_calls"][0]["id"] == "call_native"
    assert b'"odd": [1.0, 100.0]' in stage.upstream.requests[1].body
    assert [seen.values(b"accept-encoding") for seen in stage.upstream.requests] == [[b"identity"]] * 2
    assert b"weather" not in answer.raw_body


async def test_an_agent_that_is_held_up_does_not_hold_up_the_gateways_end(stage: Stage) -> None:
    """Its request is in flight for as long as the client's output is out, and no client can bring it any more."""
    one = await offered(stage)
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    stage.upstream.play(calling(CALL))
    await agent.calls(tools=[OWN])
    assert finish_of(await asking) == "tool_calls"
    async with asyncio.timeout(60):
        await one.gateway.close(drain_timeout_s=3600)
    assert events_of(await agent.answer())[-1]["error"]["code"] == "agent_unavailable"
    assert one.backend.turns[0].cancelled == 1


async def test_what_is_held_for_a_further_request_counts_among_the_bytes_that_are_held(stage: Stage) -> None:
    one = await offered(stage)
    budget = one.gateway.gateway.budget
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    gate = asyncio.Event()
    stage.upstream.play(calling(CALL), events(frame({"role": "assistant", "content": "ok"}), gate, DONE))
    await agent.calls(tools=[OWN], pad="x" * 50_000)
    first = await asking
    sizes = [len(seen.body) for seen in stage.upstream.requests]
    withheld = frame({"tool_calls": [{**CALL, "index": 0}]}, finish_reason="tool_calls")
    answer_bytes = budget.held - sizes[0]
    assert sizes[0] > 50_000
    assert len(json.dumps(CALL)) < answer_bytes < len(withheld) + 1000, "and what the model said, as long as it waits"
    one.backend.turns[0].script.append(looks("done", over=True))
    assert (await ask(stage, one, with_outputs(body, first, "cold"))).status == 200
    await until(lambda: len(stage.upstream.requests) == 2 and stage.upstream.requests[1].body)
    sizes = [len(seen.body) for seen in stage.upstream.requests]
    await until(lambda: budget.held == sizes[1])
    gate.set()
    await agent.answer()
    await until(lambda: budget.held == 0)


async def test_what_is_read_of_an_answer_counts_among_the_bytes_that_are_held(stage: Stage) -> None:
    """One that is no stream is read whole; an agent that leaves meanwhile leaves nothing of it."""
    one = await offered(stage)
    budget = one.gateway.gateway.budget
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    gate = asyncio.Event()
    body = completion({"content": "x" * 70_000})
    stage.upstream.play(Answer((head([("Content-Length", str(len(body)))]) + body[:60_000], gate, body[60_000:])))
    await agent.calls(stream=False)
    await until(lambda: budget.held > 60_000)
    agent.client.close()
    await until(lambda: budget.held == 0)
    gate.set()
    one.backend.turns[0].script.append(looks("done", over=True))
    await asking


async def test_a_conversation_with_too_much_of_its_clients_tools_is_to_be_begun_anew(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As nothing is dropped that a request has held: its bytes would be others."""
    one = await offered(stage)
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    stage.upstream.play(calling(CALL))
    await agent.calls(tools=[OWN])
    first = await asking
    monkeypatch.setattr(offering_module, "MAX_WRITTEN_BYTES", 100)
    second = await ask(stage, one, with_outputs(body, first, "cold" * 50))
    assert (second.status, second.error_code) == (502, "agent_error")
    assert "begin another conversation" in second.json["error"]["message"]
    answer = await agent.answer()
    assert events_of(answer)[-1]["error"]["code"] == "agent_error"
    assert len(stage.upstream.requests) == 1


async def test_records_of_both_requests_to_the_model(stage: Stage) -> None:
    one = await offered(stage)
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    stage.upstream.play(calling(CALL), saying("ok"))
    await agent.calls(tools=[OWN])
    first = await asking
    one.backend.turns[0].script.append(looks("done", over=True))
    second = await ask(stage, one, with_outputs(body, first, "cold"))
    await agent.answer()
    found = [await stage.record(one.gateway, index) for index in range(4)]
    calls = [record for record in found if record.agent_call is not None]
    legs = [record for record in found if record.agent is not None]
    figures = [record.agent_call for record in calls]
    assert [(call.tools, call.withheld, call.background) for call in figures if call] == [(1, 1, False), (1, 0, False)]
    assert {record.request_id for record in calls}.isdisjoint({leg.request_id for leg in legs})
    assert {call.run for call in figures if call is not None} == {legs[0].request_id}, "the run began with it"
    assert [leg.json["usage"]["prompt_tokens"] for leg in (first, second)] == [11, 11]
    assert [record.response.input_tokens for record in calls if record.response] == [11, 11]


async def test_outputs_that_had_no_place_leave_the_figures_of_the_run_as_they_were(stage: Stage) -> None:
    one = await offered(stage, max_runs=1, queue_timeout_s="0.05s")
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    stage.upstream.play(calling(CALL), saying("ok"))
    await agent.calls(tools=[OWN])
    first = await asking
    await one.agent.places.acquire()
    assert (await ask(stage, one, with_outputs(body, first, "cold"))).status >= 500
    one.agent.places.release()
    one.backend.turns[0].script.append(looks("done", over=True))
    second = await ask(stage, one, with_outputs(body, first, "cold"))
    await agent.answer()
    assert [leg.json["usage"]["prompt_tokens"] for leg in (first, second)] == [11, 11]


async def test_later_requests_of_the_session_have_the_same_bytes(stage: Stage) -> None:
    """The agent does not know of the exchange: the gateway puts it where it was, each time alike."""
    one = await offered(stage)
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    stage.upstream.play(
        calling(CALL), calling(OWN_CALL, text=" Now a file."), calling(OWN_CALL, text="More."), saying("End.")
    )
    start: list[Json] = [{"role": "user", "content": "x"}]
    await agent.calls(*start, tools=[OWN])
    first = await asking
    asking = asyncio.create_task(ask(stage, one, with_outputs(body, first, "cold")))
    text, finish, calls = text_and_finish(await agent.answer())
    assert (text, finish, [call["function"]["name"] for call in calls]) == (
        "Let me see. Now a file.",
        "tool_calls",
        ["read_file"],
    )
    history: list[Json] = [
        *start,
        {"role": "assistant", "content": text, "tool_calls": [OWN_CALL]},
        {"role": "tool", "tool_call_id": "call_own", "content": "text of the file"},
    ]
    await agent.calls(*history, tools=[OWN])
    await agent.answer()
    history += [
        {"role": "assistant", "content": "More.", "tool_calls": [OWN_CALL]},
        {**history[-1], "content": "again"},
    ]
    await agent.calls(*history, tools=[OWN])
    await agent.answer()
    bodies = [seen.json for seen in stage.upstream.requests]
    roles = [[message["role"] for message in asked["messages"]] for asked in bodies]
    assert roles[1] == ["user", "assistant", "tool"]
    assert roles[2] == ["user", "assistant", "tool", "assistant", "tool"]
    assert [asked["messages"][1:3] for asked in bodies[1:]] == [bodies[1]["messages"][1:]] * 3
    assert bodies[3]["messages"][: len(roles[2])] == bodies[2]["messages"]
    assert [asked["tools"] for asked in bodies] == [bodies[0]["tools"]] * 4
    one.backend.turns[0].script.append(looks("done", over=True))
    await asking


async def test_an_answer_with_calls_of_both(stage: Stage) -> None:
    one = await offered(stage)
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    stage.upstream.play(calling(CALL, OWN_CALL))
    await agent.calls(tools=[OWN])
    first = await asking
    assert len(ids_of(first)) == 1
    one.backend.turns[0].script.append(looks("done", over=True))
    await ask(stage, one, with_outputs(body, first, "cold"))
    text, finish, calls = text_and_finish(await agent.answer())
    assert (text, finish, [call["function"]["name"] for call in calls]) == ("Let me see.", "tool_calls", ["read_file"])
    assert len(stage.upstream.requests) == 1, "the agent goes on by itself"


async def test_two_sessions_with_other_tools_never_mix(stage: Stage) -> None:
    one = await offered(stage, [looks("a")], [looks("b")])
    bodies = [chat("first", tools=[WEATHER]), chat("second", tools=[tool("time")])]
    runs = [await begun(stage, one, body) for body in bodies]

    def model(seen: Any) -> Answer:
        if seen.json["messages"][-1]["role"] == "tool":
            return saying("got " + seen.json["messages"][-1]["content"])
        (declared,) = [one["function"]["name"] for one in seen.json["tools"]]
        return calling({**CALL, "function": {"name": declared, "arguments": "{}"}}, text="")

    stage.upstream.otherwise = model
    await asyncio.gather(*(agent.calls() for _, agent in runs))
    firsts = [await asking for asking, _ in runs]
    assert [message_of(first)["tool_calls"][0]["function"]["name"] for first in firsts] == ["weather", "time"]
    for turn in one.backend.turns:
        turn.script.append(looks("done", over=True))
    for body, first, said in reversed(list(zip(bodies, firsts, ("cold", "noon"), strict=True))):
        await ask(stage, one, with_outputs(body, first, said))
    assert [text_and_finish(await agent.answer())[0] for _, agent in runs] == ["got cold", "got noon"]


@pytest.mark.parametrize("stream", [True, False])
async def test_the_agent_is_shown_that_it_is_not_forgotten(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    monkeypatch.setattr(model_exchange, "WAITING_S", 0.01)
    one = await offered(stage)
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    stage.upstream.play(calling(CALL) if stream else whole_call(CALL), saying("ok") if stream else whole(completion()))
    await agent.calls(stream=stream)
    first = await asking
    await asyncio.sleep(0.1)
    one.backend.turns[0].script.append(looks("done", over=True))
    await ask(stage, one, with_outputs(body, first, "cold"))
    answer = await agent.answer()
    assert answer.complete
    assert text_and_finish(answer)[1] == "stop"
    assert bare(answer).count(b": waiting for a tool\n\n") >= 2 if stream else bare(answer).startswith(b"\n\n")


async def test_a_hold_that_takes_too_long_is_an_error_for_both(stage: Stage) -> None:
    one = await offered(stage, hold_timeout_s="0.2s")
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    stage.upstream.play(calling(CALL))
    await agent.calls()
    first = await asking
    answer = await agent.answer()
    last = events_of(answer)[-1]
    assert last["error"]["code"] == "agent_timeout"
    assert text_and_finish(answer)[1] == "", "no end that looks like one"
    late = await ask(stage, one, with_outputs(body, first, "cold"))
    assert (late.status, late.error_code) == (400, "tool_call_expired")
    assert len(stage.upstream.requests) == 1


async def test_a_hold_that_takes_too_long_without_a_stream_is_a_status(stage: Stage) -> None:
    one = await offered(stage, hold_timeout_s="0.2s")
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    stage.upstream.play(whole_call(CALL))
    await agent.calls(stream=False)
    await asking
    answer = await agent.answer()
    assert (answer.status, answer.error_code) == (504, "agent_timeout")


async def test_an_agent_that_leaves_ends_its_run(stage: Stage) -> None:
    one = await offered(stage)
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    stage.upstream.play(calling(CALL))
    await agent.calls()
    first = await asking
    agent.client.writer.close()
    await until(lambda: one.backend.turns[0].cancelled)
    late = await ask(stage, one, with_outputs(body, first, "cold"))
    assert late.error_code == "tool_call_expired"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_model_that_refuses_the_follow_up_is_an_error_for_the_agent(stage: Stage, stream: bool) -> None:
    one = await offered(stage)
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    stage.upstream.play(calling(CALL) if stream else whole_call(CALL), error(500))
    await agent.calls(stream=stream)
    first = await asking
    one.backend.turns[0].script.append(looks("done", over=True))
    await ask(stage, one, with_outputs(body, first, "cold"))
    answer = await agent.answer()
    if stream:
        assert events_of(answer)[-1]["error"]["code"] == "upstream_malformed"
    else:
        assert (answer.status, answer.error_code) == (502, "upstream_malformed")


async def test_an_answer_that_failed_leaves_no_exchange(stage: Stage) -> None:
    """The agent asks again, and the model makes the call again: what stands in later requests is the second alone."""
    one = await offered(stage)
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    stage.upstream.play(
        whole_call(CALL), error(500), whole_call(CALL), whole(completion({"content": " End."})), saying()
    )
    start: Json = {"role": "user", "content": "x"}
    await agent.calls(start, stream=False)
    first = await asking
    asking = asyncio.create_task(ask(stage, one, body := with_outputs(body, first, "cold")))
    assert (await agent.answer()).status == 502
    again = Agent(await stage.client(one.gateway), agent.path)
    await again.calls(start, stream=False)
    second = await asking
    asking = asyncio.create_task(ask(stage, one, with_outputs(body, second, "warm")))
    text, _, _ = text_and_finish(await again.answer())
    await again.calls(start, {"role": "assistant", "content": text}, start)
    await again.answer()
    one.backend.turns[0].script.append(looks("done", over=True))
    await asking
    asked = [[message.get("content") for message in seen.json["messages"]] for seen in stage.upstream.requests]
    assert asked[2] == ["x"], "asked for again as if nothing had been"
    assert asked[4] == ["x", "Let me see.", "warm", " End.", "x"]


async def test_what_is_no_answer_goes_on_as_it_came(stage: Stage) -> None:
    one = await offered(stage)
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    stage.upstream.play(error(429, fields=[("Retry-After", "3")]))
    await agent.calls()
    answer = await agent.answer()
    assert (answer.status, answer.values(b"retry-after"), answer.json["error"]["code"]) == (429, [b"3"], "scripted")
    one.backend.turns[0].script.append(looks("done", over=True))
    await asking


async def test_a_name_that_the_agent_has_too_is_the_clients_error(stage: Stage) -> None:
    one = await offered(stage)
    asking, agent = await begun(stage, one, chat("hi", tools=[OWN]))
    await agent.calls(tools=[OWN])
    refused = await asking
    assert (refused.status, refused.error_code, refused.json["error"]["param"]) == (
        400,
        "unsupported_parameter",
        "tools",
    )
    assert "read_file" in refused.json["error"]["message"]
    assert (await agent.answer()).status == 400
    assert stage.upstream.requests == []


@pytest.mark.parametrize(
    ("fields", "lines", "said"),
    [
        ({"n": 2}, (), "several answers"),
        ({"functions": [{"name": "old"}]}, (), "`functions`"),
        ({"tools": "x"}, (), "`tools` is no array"),
        ({"messages": []}, (), "no messages"),
        ({}, ("Content-Digest: sha-256=:x:",), "a digest"),
    ],
)
async def test_a_call_that_cannot_carry_the_tools_ends_the_run(
    stage: Stage, fields: Json, lines: tuple[str, ...], said: str
) -> None:
    """Nothing is dropped in silence: the client and the agent are both told what cannot be, and why."""
    one = await offered(stage)
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    await agent.calls(lines=lines, **fields)
    refused, answer = await asking, await agent.answer()
    for told in (refused, answer):
        assert (told.status, told.error_code, told.json["error"]["param"]) == (400, "unsupported_parameter", "tools")
        assert "openai_chat" in told.json["error"]["message"]
        assert said in told.json["error"]["message"]
    assert stage.upstream.requests == []
    assert one.backend.turns[0].cancelled == 1


def a_wire_without_an_injector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        offering_module, "injector_for", lambda wire: None if wire == "openai_responses" else injector_for(wire)
    )


@pytest.mark.parametrize("tools", [[], [OWN]])
async def test_a_wire_on_which_nothing_is_offered_ends_the_run(
    stage: Stage, tools: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_wire_without_an_injector(monkeypatch)
    one = await offered(stage)
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    agent.path = agent.path.replace("chat/completions", "responses")
    await agent.calls(input="x", tools=tools)
    refused, answer = await asking, await agent.answer()
    for told in (refused, answer):
        assert (told.status, told.error_code, told.json["error"]["param"]) == (400, "unsupported_parameter", "tools")
        assert "openai_responses" in told.json["error"]["message"]
        assert "openai_chat" in told.json["error"]["message"], "what it can do instead"
    assert stage.upstream.requests == []


async def test_what_cannot_carry_tools_and_is_not_for_the_answer_goes_on_as_it_is(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of models for other ends, without tools beside calls with some, and outside of a run."""
    a_wire_without_an_injector(monkeypatch)
    one = await offered(stage, background_models=["tiny"])
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    chat_path, responses = agent.path, agent.path.replace("chat/completions", "responses")
    agent.path = responses
    await agent.calls(input="x", model="tiny")
    assert (await agent.answer()).status == 200
    agent.path = chat_path
    await agent.calls(tools=[OWN])
    await agent.answer()
    await agent.calls(n=2)
    assert (await agent.answer()).status == 200
    await agent.calls(lines=("Content-Digest: sha-256=:x:",))
    assert (await agent.answer()).status == 200
    agent.path = responses
    await agent.calls(input="x")
    assert (await agent.answer()).status == 200
    one.backend.turns[0].script.append(looks("done", over=True))
    assert (await asking).status == 200
    await agent.calls(input="x", tools=[OWN])
    assert (await agent.answer()).status == 200
    asked = [seen.json for seen in stage.upstream.requests]
    offered_in = [[tool["function"]["name"] for tool in body.get("tools", ())] for body in asked]
    assert offered_in == [[], ["read_file", "weather"], [], [], [], ["read_file"]]


async def test_what_is_not_for_the_answer_is_left_as_it_is(stage: Stage) -> None:
    """Calls without tools beside others that have some, of models for other ends, and outside the run."""
    one = await offered(stage, background_models=["tiny"])
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    await agent.calls(tools=[OWN])
    await agent.answer()
    await agent.calls()
    await agent.answer()
    await agent.calls(model="tiny")
    await agent.answer()
    one.backend.turns[0].script.append(looks("done", over=True))
    await asking
    await agent.calls(tools=[OWN])
    await agent.answer()
    tools = [[one["function"]["name"] for one in seen.json.get("tools", ())] for seen in stage.upstream.requests]
    assert tools == [["read_file", "weather"], [], [], ["read_file"]]


async def test_an_answer_without_such_a_call_is_passed_on(stage: Stage) -> None:
    one = await offered(stage)
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    played = calling(OWN_CALL)
    stage.upstream.play(played)
    await agent.calls(tools=[OWN])
    answer = await agent.answer()
    framed = [step for step in played.steps[1:-1] if isinstance(step, bytes)]
    assert bare(answer) == b"".join(step.partition(b"\r\n")[2][:-2] for step in framed)
    stage.upstream.play(saying("x"))
    await agent.calls(tools=[OWN])
    assert (await agent.answer()).complete, "the connection was kept"
    one.backend.turns[0].script.append(looks("done", over=True))
    await asking


async def test_an_agent_of_http_1_0(stage: Stage) -> None:
    one = await offered(stage)
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    stage.upstream.play(saying("x"))
    await agent.calls(tools=[OWN], minor=0)
    answer = await agent.answer()
    assert answer.values(b"transfer-encoding") == []
    assert answer.raw_body.endswith(DONE)
    one.backend.turns[0].script.append(looks("done", over=True))
    await asking


async def test_a_request_in_chunks_is_sent_with_its_length(stage: Stage) -> None:
    one = await offered(stage)
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    body = json.dumps({"model": "big", "messages": [{"role": "user", "content": "x"}]}).encode()
    head = f"POST {agent.path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nX-After: 1\r\n\r\n"
    await agent.client.send(head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    assert (await agent.client.answer(b"POST")).status == 200
    (seen,) = stage.upstream.requests
    assert seen.values(b"content-length") == [b"%d" % len(seen.body)]
    assert (seen.values(b"transfer-encoding"), seen.values(b"x-after")) == ([], [b"1"])
    assert [one["function"]["name"] for one in seen.json["tools"]] == ["weather"]
    one.backend.turns[0].script.append(looks("done", over=True))
    await asking


async def test_an_answer_that_cannot_be_read_is_not_passed_on(stage: Stage) -> None:
    """It could hold a call that is not the agent's."""
    one = await offered(stage)
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    coded = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
    stage.upstream.play(whole(gzip.compress(completion()), fields=coded))
    await agent.calls(tools=[OWN])
    answer = await agent.answer()
    assert (answer.status, answer.error_code) == (502, "upstream_malformed")
    one.backend.turns[0].script.append(looks("done", over=True))
    await asking


async def test_an_answer_that_breaks_off_is_cut_short(stage: Stage) -> None:
    one = await offered(stage)
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    stage.upstream.play(events(frame({"content": "Half"}), ending=Ending.CLOSE))
    await agent.calls(tools=[OWN])
    answer = await agent.answer()
    assert not answer.complete
    assert b"Half" in answer.raw_body
    one.backend.turns[0].script.append(looks("done", over=True))
    await asking


async def test_what_stands_in_the_calls_outlives_the_gateway(stage: Stage, tmp_path: Path) -> None:
    """The next gateway has the agent's address, and puts what the agent does not know of where it was."""
    one = await offered(stage, [looks("a")], [looks("b")])
    backend, settings = one.backend, one.agent.settings

    def plane() -> AgentPlane:
        store = SessionStore(str(tmp_path / "sessions.db"), lambda error: one.gateway.gateway.fault(error, None))
        made = AgentPlane([served(settings, backend, store)], [], print, store)
        made.reached_at(f"http://127.0.0.1:{one.gateway.port}", lends_key=False)
        return made

    one.gateway.gateway.agents = plane()
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    stage.upstream.play(calling(CALL), saying(" Cold."))
    await agent.calls(tools=[OWN])
    first = await asking
    backend.turns[0].script.append(looks("a. Cold.", over=True))
    body = with_outputs(body, first, "minus 3")
    second = await ask(stage, one, body)
    said, _, _ = text_and_finish(await agent.answer())
    await one.plane.close()
    one.gateway.gateway.agents = plane()
    body = {**body, "messages": [*body["messages"], message_of(second), {"role": "user", "content": "and now?"}]}
    asking = asyncio.create_task(ask(stage, one, body))
    await until(lambda: len(backend.turns) == 2 and backend.turns[1].looks)
    history: list[Json] = [{"role": "user", "content": "x"}, {"role": "assistant", "content": said}]
    await agent.calls(*history, {"role": "user", "content": "and now?"}, tools=[OWN])
    await agent.answer()
    backend.turns[1].script.append(looks("b", over=True))
    assert (await asking).values(b"x-narrows-session-use") == [b"reused"]
    asked = [seen.json["messages"] for seen in stage.upstream.requests]
    assert [message["role"] for message in asked[2]] == ["user", "assistant", "tool", "assistant", "user"]
    assert asked[2][: len(asked[1])] == asked[1]


def three_keys() -> tuple[tuple[GatewayKey, ...], dict[str, str]]:
    """Keys, and how each is shown."""
    made = {name: "nrw_" + name[0] * 43 for name in ("alice", "robot", "mallory")}
    digests = {name: key_digest(key.encode()) for name, key in made.items()}
    keys = tuple(GatewayKey(name, digest) for name, digest in digests.items() if digest is not None)
    return keys, {name: f"Authorization: Bearer {key}" for name, key in made.items()}


async def test_on_the_shared_address_tools_are_offered_to_the_agents_own_key_alone(stage: Stage) -> None:
    keys, shown = three_keys()
    one = await offered(stage, correlation="header", calls_key="robot")
    one.gateway.reload(dataclasses.replace(one.gateway.gateway.settings, keys=keys))
    asking = asyncio.create_task(ask(stage, one, chat("hi", tools=[WEATHER]), shown["alice"]))
    await until(lambda: one.backend.turns and one.backend.turns[0].looks)
    for name in ("mallory", "robot"):
        agent = Agent(await stage.client(one.gateway), "/narrows/agents/coder" + CHAT)
        await agent.calls(lines=("x-session-id: conversation-1", shown[name]))
        assert (await agent.answer()).status == 200
    one.backend.turns[0].script.append(looks("done", over=True))
    await asking
    assert ["tools" in seen.json for seen in stage.upstream.requests] == [False, True]


@pytest.mark.parametrize("correlation", [{"correlation": "header"}, {"correlation": "single", "max_runs": 1}])
async def test_where_anybodys_key_could_make_its_calls_an_agent_is_offered_no_tools_and_its_client_is_told(
    stage: Stage, correlation: Json
) -> None:
    keys, shown = three_keys()
    one = await offered(stage, [looks("a", over=True)], [looks("b", over=True)], **correlation)
    without, settings = one.gateway.gateway.settings, one.gateway.gateway.settings
    one.gateway.reload(dataclasses.replace(settings, keys=keys))
    refused = await ask(stage, one, chat("hi", tools=[WEATHER]), shown["alice"])
    assert (refused.status, refused.error_code) == (400, "unsupported_parameter")
    assert refused.json["error"]["param"] == "tools"
    assert "`calls_key` under [agents.coder]" in refused.json["error"]["message"]
    assert one.backend.turns == []
    assert (await ask(stage, one, chat("hi"), shown["alice"])).status == 200
    one.gateway.reload(without)
    assert (await ask(stage, one, chat("hi", tools=[WEATHER]))).status == 200


async def test_an_agent_with_an_address_for_each_conversation_needs_no_key_of_its_own(stage: Stage) -> None:
    keys, shown = three_keys()
    one = await offered(stage, [looks("a", over=True)])
    one.gateway.reload(dataclasses.replace(one.gateway.gateway.settings, keys=keys))
    assert (await ask(stage, one, chat("hi", tools=[WEATHER]), shown["alice"])).status == 200


class LateToSay(ScriptedBackend):
    """Says that it takes no tool server when it is asked to begin with one."""

    pauses = False
    takes_tool_server = True

    async def start(self, endpoint: ModelEndpoint | None = None, tools: ToolServer | None = None) -> str:
        self.takes_tool_server = False
        if tools is not None:
            raise UnsupportedParameter("it takes no tools by HTTP", param="tools")
        return await super().start(endpoint, tools)


async def test_an_agent_that_says_late_that_it_takes_no_tool_server_is_refused_for_the_same_reason(
    stage: Stage,
) -> None:
    keys, shown = three_keys()
    one = await offered(stage, [looks("a")], correlation="header")
    one.gateway.reload(dataclasses.replace(one.gateway.gateway.settings, keys=keys))
    one.agent.backend = LateToSay([looks("a")])
    refused = await ask(stage, one, chat("hi", tools=[WEATHER]), shown["alice"])
    assert (refused.status, refused.json["error"]["param"]) == (400, "tools")
    assert "`calls_key`" in refused.json["error"]["message"]


async def test_more_calls_than_a_client_is_shown_at_once_are_an_error_of_the_models(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane_module, "MOST_HELD_CALLS", 2)
    one = await offered(stage)
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    stage.upstream.play(calling(*({**CALL, "id": f"call_{at}"} for at in range(3))))
    await agent.calls(tools=[OWN])
    assert "2 may" in str(events_of(await agent.answer())[-1])
    one.backend.turns[0].script.append(looks("a. No.", over=True))
    answer = await asking
    assert (answer.status, finish_of(answer)) == (200, "stop")


async def test_an_agent_that_breaks_off_as_its_run_ends_does_not_end_the_next_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await offered(stage)
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    stage.upstream.play(calling(CALL))
    await agent.calls(tools=[OWN])
    assert finish_of(await asking) == "tool_calls"
    (downstream,) = [each for each in one.gateway.gateway.downstreams if each.busy]
    exchange = downstream._exchange
    assert exchange is not None
    session = one.agent.sessions.listed()[0]
    assert one.plane.gave_up("coder", session.id, AgentFailed("it is over"))
    given_up: list[str] = []
    monkeypatch.setattr(one.plane, "gave_up", lambda name, id_, error: given_up.append(id_))
    exchange.client_gone()
    assert given_up == []
    assert agent.answering is not None
    agent.answering.cancel()


# Tools that no model hears of


async def test_an_answer_without_a_model_call_says_that_the_tools_were_ignored(stage: Stage) -> None:
    one = await offered(stage, [looks("a", over=True)], [looks("b", over=True)], lenient=True)
    told: list[LoggedEvent] = []
    one.agent.log = told.append
    first = await ask(stage, one, chat("hi", tools=[WEATHER], temperature=0.2))
    assert (first.status, first.values(b"x-narrows-ignored")) == (200, [b"temperature, tools"])
    second = await ask(stage, one, chat("ho", tools=[WEATHER]))
    assert second.values(b"x-narrows-ignored") == [b"tools"]
    for record in one.gateway.gateway.telling.ring.newest():
        assert record.agent is not None
        assert (record.agent.tools, record.agent.tools_unheard) == (1, True)
    (said,) = [event for event in told if isinstance(event, AgentToolsUnheard)]
    assert (said.agent, said.model_calls, said.note) == ("coder", 0, SEND_CALLS_HERE)


async def test_a_stream_whose_head_is_sent_says_it_by_a_comment_before_its_end(stage: Stage) -> None:
    one = await offered(stage, lenient=True)
    client = await stage.client(one.gateway)
    asked = chat("hi", tools=[WEATHER], stream=True, temperature=0.2)
    await client.send(request("POST", CHAT, body=json.dumps(asked).encode()))
    await until(lambda: one.backend.turns and one.backend.turns[0].looks > 1)
    one.backend.turns[0].script.append(looks("ab", over=True))
    answer = await client.answer(b"POST")
    assert answer.complete
    assert answer.values(b"x-narrows-ignored") == [b"temperature"]
    *_, said, end, done, nothing = bare(answer).split(b"\n\n")
    assert said == b": x-narrows-ignored: temperature, tools"
    assert (b'"finish_reason":"stop"' in end, done, nothing) == (True, b"data: [DONE]", b"")
    record = await stage.record(one.gateway)
    assert record.agent is not None
    assert record.agent.tools_unheard


async def test_a_stream_whose_head_says_it_says_it_once(stage: Stage) -> None:
    one = await offered(stage, [looks("a", over=True)])
    answer = await ask(stage, one, chat("hi", tools=[WEATHER], stream=True))
    said = answer.values(b"x-narrows-ignored") == [b"tools"]
    assert bare(answer).count(b": x-narrows-ignored: tools\n\n") == (not said)


async def test_a_call_for_other_ends_carries_no_tools(stage: Stage) -> None:
    one = await offered(stage, background_models=["tiny"])
    told: list[LoggedEvent] = []
    one.agent.log = told.append
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    await agent.calls(model="tiny")
    await agent.answer()
    one.backend.turns[0].script.append(looks("a", over=True))
    assert (await asking).values(b"x-narrows-ignored") == [b"tools"]
    (said,) = [event for event in told if isinstance(event, AgentToolsUnheard)]
    assert (said.model_calls, said.note) == (1, KNOW_CALLS)


async def test_one_call_that_carried_them_is_enough_for_the_whole_run(stage: Stage) -> None:
    one = await offered(stage)
    told: list[LoggedEvent] = []
    one.agent.log = told.append
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    stage.upstream.play(calling(CALL), saying(" Cold."))
    await agent.calls(tools=[OWN])
    first = await asking
    one.backend.turns[0].script.append(looks("a. Cold.", over=True))
    second = await ask(stage, one, with_outputs(body, first, "minus 3"))
    assert [answer.values(b"x-narrows-ignored") for answer in (first, second)] == [[], []]
    assert [type(event) for event in told if not isinstance(event, AgentRunMoved)] == []


@pytest.mark.parametrize("script", [[AgentFailed("it fell over")], [looks("a", over=True)]])
async def test_nothing_is_said_where_a_run_has_failed_or_offered_nothing(stage: Stage, script: list[Scripted]) -> None:
    failing = isinstance(script[0], GatewayError)
    one = await offered(stage, script)
    answer = await ask(stage, one, chat("hi", **({"tools": [WEATHER]} if failing else {})))
    assert answer.values(b"x-narrows-ignored") == []
    record = await stage.record(one.gateway)
    assert record.agent is not None
    assert not record.agent.tools_unheard


async def test_an_agent_that_is_told_of_them_by_its_server_needs_no_model_call(stage: Stage) -> None:
    one = await scene(stage, [looks("a", over=True)], correlation="endpoint")
    assert (await ask(stage, one, chat("hi", tools=[WEATHER]))).values(b"x-narrows-ignored") == []


def named_events(*said: Json) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), json.dumps(one).encode()) for one in said)


TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
ANTHROPIC_CALL = named_events(
    {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": {"input_tokens": 9}}},
    {"type": "content_block_start", "index": 0, "content_block": TOOL_USE},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
)
FUNCTION_CALL = {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
RESPONSES_CALL = named_events(
    {"type": "response.created", "sequence_number": 0, "response": {"id": "r", "status": "in_progress"}},
    {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": FUNCTION_CALL},
    {"type": "response.output_item.done", "sequence_number": 2, "output_index": 0, "item": FUNCTION_CALL},
    {
        "type": "response.completed",
        "sequence_number": 3,
        "response": {"id": "r", "status": "completed", "output": [FUNCTION_CALL]},
    },
)
GEMINI_CONTENT = {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]}
GEMINI_CALL = (
    b"data: " + json.dumps({"candidates": [{"content": GEMINI_CONTENT, "finishReason": "STOP"}]}).encode() + b"\n\n"
)


@pytest.mark.parametrize(
    ("wire", "path", "asked", "calls", "error_of"),
    [
        (
            "anthropic",
            "/v1/messages",
            {"model": "c", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "x"}]},
            ANTHROPIC_CALL,
            b"event: error\ndata: {",
        ),
        (
            "gemini",
            "/v1beta/models/g:streamGenerateContent?alt=sse",
            {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
            GEMINI_CALL,
            b'data: {"error":{',
        ),
        (
            "openai-responses",
            "/responses",
            {"model": "r", "stream": True, "input": "x"},
            RESPONSES_CALL,
            b'data: {"error":{',
        ),
    ],
)
async def test_the_other_wires(stage: Stage, wire: str, path: str, asked: Json, calls: bytes, error_of: bytes) -> None:
    """The call reaches the client, the follow-up the model, and an error the agent in its own words."""
    one = await offered(stage, [looks("a")], model_wire=wire, hold_timeout_s="1.5s")
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body)
    endpoint = one.backend.endpoints[0]
    assert endpoint is not None
    agent.path = endpoint.base_url.partition(str(one.gateway.port))[2] + path
    stage.upstream.play(events(calls), events(calls))
    await agent.client.send(request("POST", agent.path, body=json.dumps(asked).encode()))
    agent.answering = asyncio.create_task(agent.client.answer(b"POST"))
    first = await asking
    assert message_of(first)["tool_calls"][0]["function"] == {"name": "weather", "arguments": "{}"}
    second = await ask(stage, one, with_outputs(body, first, "minus 3"))
    assert finish_of(second) == "tool_calls"
    before, after = (seen.body for seen in stage.upstream.requests)
    assert b'"weather"' in before
    assert b"minus 3" in after
    assert b"weather" not in (answer := await agent.answer()).raw_body
    assert error_of in answer.raw_body


@pytest.mark.parametrize("stored", [{"previous_response_id": "resp_1"}, {"conversation": "conv_1"}])
async def test_a_conversation_that_the_models_server_keeps_is_refused_and_says_what_to_do(
    stage: Stage, stored: Json
) -> None:
    """The gateway could neither put an exchange there, nor does the agent know the response that it ended with."""
    one = await offered(stage, model_wire="openai-responses")
    asking, agent = await begun(stage, one, chat("hi", tools=[WEATHER]))
    agent.path = agent.path.replace("chat/completions", "responses")
    await agent.calls(input=[{"role": "user", "content": "x"}], **stored)
    refused, answer = await asking, await agent.answer()
    for told in (refused, answer):
        assert (told.status, told.error_code, told.json["error"]["param"]) == (400, "unsupported_parameter", "tools")
        assert next(iter(stored)) in told.json["error"]["message"]
        assert "`store: false`" in told.json["error"]["message"]
    assert stage.upstream.requests == []


def test_the_same_tools_are_declared_once() -> None:
    offerings = Offerings([])
    tools = (ClientTool("weather", "", b"{}"),)
    first = offerings.on("openai_chat", tools)
    assert offerings.on("openai_chat", (ClientTool("weather", "", b"{}"),)) is first
    other = offerings.on("openai_chat", (ClientTool("time"),))
    assert other is not first
    assert offerings.on("anthropic", tools).injector is not first.injector
    with pytest.raises(UnsupportedParameter, match="smoke"):
        offerings.on("smoke", tools)


def test_exchanges_are_kept_with_their_session() -> None:
    written: list[bytes] = []
    tools = (ClientTool("weather", "", b"{}"),)
    first = Offerings(written).on("openai_chat", tools)
    exchange = Exchange("openai_chat", Place(1, b"d"), ("said",), False, 0, (b"{}",), (b"[]",), b"{}")
    first.remember(exchange)
    again = Offerings(written).on("openai_chat", tools)
    assert again.exchanges == [exchange]
    elsewhere = Offerings(written).on("gemini", tools)
    assert elsewhere.exchanges == []


def test_an_answer_that_is_asked_for_again_is_forgotten_where_it_is_kept() -> None:
    written: list[bytes] = []
    offering = Offerings(written).on("openai_chat", (ClientTool("weather", "", b"{}"),))
    body = b'{"messages":[{"role":"user","content":"x"}]}'
    place = offering.injector.place(body)
    assert place is not None
    kept = Exchange("openai_chat", Place(1, b"d"), ("said",), False, 0, (b"{}",), (b"[]",), b"{}")
    offering.remember(kept)
    offering.remember(Exchange("openai_chat", place, ("said",), False, 0, (b"{}",), (b"[]",), b"{}"))
    assert offering.insert(body).used == 0
    assert offering.exchanges == [kept]
    assert len(written) == 1

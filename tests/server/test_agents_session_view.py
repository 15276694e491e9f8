"""`GET /v1/sessions/NAME`: what is told of a session, and to whom."""

from __future__ import annotations

import asyncio
import json

from narrows.agents.observation import AgentCall, Broken, Observation
from narrows.errors import AgentFailed
from tests.agent_stage import STUCK, Json, Scene, chat, growing, pausing, scene, tool
from tests.raw_client import Answered, RawClient, request
from tests.server.test_agents import PATH, ask, asked, idle, session_of, until
from tests.stage import Stage

MINE = ("X-Narrows-Session: mine", "Authorization: Bearer me")


async def looked_up(client: RawClient, name: str, *lines: str) -> Answered:
    await client.send(request("GET", f"/v1/sessions/{name}", *lines))
    return await client.answer()


async def told(stage: Stage, one: Scene, name: str = "mine") -> Json:
    answer = await looked_up(await stage.client(one.gateway), name, MINE[1])
    assert answer.status == 200, answer
    found: Json = answer.json
    return found


async def left_in_a_run(stage: Stage, one: Scene, **fields: object) -> None:
    """A client that asks and leaves when the agent is at work."""
    one.backend.gate = asyncio.Event()
    client = await stage.client(one.gateway)
    await client.send(request("POST", PATH, *MINE, body=json.dumps(chat("hi", **fields)).encode()))
    await until(lambda: one.backend.turns and one.backend.turns[-1].looks)
    client.close()
    await stage.record(one.gateway)


async def test_the_answer_that_its_client_did_not_stay_for_can_be_read(stage: Stage) -> None:
    one = await scene(stage, growing("one", "one."), growing("two"), on_disconnect="detach")
    await left_in_a_run(stage, one, stream=True)
    assert (await told(stage, one))["status"] == "in_progress"
    assert one.backend.gate is not None
    one.backend.gate.set()
    await idle(one)
    for _ in range(2):
        found = await told(stage, one)
        assert (found["id"], found["object"], found["agent"], found["status"]) == ("mine", "session", "coder", "idle")
        assert found["unread"]["choices"][0]["message"]["content"] == "one."
        assert found["unread"]["object"] == "chat.completion"
    assert (await ask(stage, one, chat("more"), *MINE)).status == 200
    assert "unread" not in await told(stage, one)


async def test_a_run_that_failed_meanwhile_tells_its_error(stage: Stage) -> None:
    broken = Observation("2", outcome=Broken(AgentFailed("out of ideas")))
    one = await scene(stage, [Observation("1", working=True), broken], on_disconnect="detach")
    await left_in_a_run(stage, one)
    assert one.backend.gate is not None
    one.backend.gate.set()
    await idle(one)
    assert (await told(stage, one))["unread"]["error"]["message"].endswith("out of ideas")


async def test_a_run_under_grace_is_cancelled_where_nobody_asks(stage: Stage) -> None:
    one = await scene(stage, STUCK, on_disconnect="grace", grace_s=60, idle_timeout_s="1h", total_timeout_s="1h")
    await left_in_a_run(stage, one)
    assert one.backend.gate is not None
    one.backend.gate.set()
    for _ in range(3):
        await stage.pass_time(40)
        assert (await told(stage, one))["status"] == "in_progress"
    assert one.backend.turns[0].cancelled == 0
    await stage.pass_time(61)
    await idle(one)
    assert one.backend.turns[0].cancelled == 1
    assert (await told(stage, one))["status"] == "idle"


async def test_calls_that_nobody_was_there_for_can_be_read_and_answered(stage: Stage) -> None:
    called = pausing("Look.", AgentCall("n1", "weather", "{}"), AgentCall("n2", "time", "{}"))
    one = await scene(stage, called, growing("done"), on_disconnect="detach")
    tools = [tool("weather"), tool("time")]
    await left_in_a_run(stage, one, stream=True, tools=tools, parallel_tool_calls=False)
    assert one.backend.gate is not None
    one.backend.gate.set()
    await idle(one)
    found = await told(stage, one)
    assert found["status"] == "requires_action"
    (call,) = found["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": "{}"}
    said = found["unread"]["choices"][0]
    assert (said["message"]["content"], said["message"]["tool_calls"], said["finish_reason"]) == (
        "Look.",
        [call],
        "tool_calls",
    )
    output = {"role": "tool", "tool_call_id": call["id"], "content": "cold"}
    answer = await ask(stage, one, chat(output, tools=tools, parallel_tool_calls=False), *MINE)
    (other,) = answer.json["choices"][0]["message"]["tool_calls"]
    found = await told(stage, one)
    assert ([one["id"] for one in found["tool_calls"]], "unread" in found) == ([call["id"], other["id"]], False)
    answer = await ask(stage, one, chat({**output, "tool_call_id": other["id"]}), *MINE)
    assert session_of(answer) == ("mine", "resumed")
    assert (await told(stage, one))["status"] == "idle"


async def test_a_session_is_its_owners_alone(stage: Stage) -> None:
    one = await scene(stage, growing("one"))
    client = await stage.client(one.gateway)
    name, _ = session_of(await asked(client, chat("hi"), MINE[1]))
    assert (await looked_up(client, name, MINE[1])).json["id"] == name
    for lines in ((), ("Authorization: Bearer you",)):
        answer = await looked_up(client, name, *lines)
        assert (answer.status, answer.error_code) == (404, "no_such_route")
    assert stage.upstream.requests == []


async def test_without_agents_the_path_is_the_upstreams(stage: Stage) -> None:
    gateway = await stage.gateway()
    answer = await looked_up(await stage.client(gateway), "mine")
    assert answer.status == 200
    assert len(stage.upstream.requests) == 1

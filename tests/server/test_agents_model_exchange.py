"""Agents' own model calls on their way through the gateway: forwarded as they are, and known to be a session's."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from narrows.agents.observation import Finish, Finished, Observation, StepText, Usage
from narrows.records.types import AgentCallFigures, ExchangeRecord, Outcome
from narrows.settings import GatewayKey
from narrows.settings.keys import key_digest
from tests.agent_stage import STUCK, Json, Scene, chat, growing, scene
from tests.raw_client import Answered, request
from tests.scripted_upstream import completion, error, events, frame, whole
from tests.stage import Stage

KEY = "nrw_" + "k" * 43
CHAT = "/v1/chat/completions"
SHARED = "/narrows/agents/coder" + CHAT
FINISHED: list[Any] = [Observation("end", (StepText(1, "ok", True),), working=True, outcome=Finished(Finish.STOP))]


def keys() -> tuple[GatewayKey, ...]:
    digest = key_digest(KEY.encode())
    assert digest is not None
    return (GatewayKey("alice", digest),)


async def sent(stage: Stage, one: Scene, path: str, body: Json | bytes, *lines: str) -> Answered:
    client = await stage.client(one.gateway)
    await client.send(
        request("POST", path, *lines, body=body if isinstance(body, bytes) else json.dumps(body).encode())
    )
    return await client.answer(b"POST")


async def running(stage: Stage, one: Scene, *lines: str) -> asyncio.Task[Answered]:
    """A run of the agent that goes on until the scene's gate opens."""
    one.backend.gate = asyncio.Event()
    before = len(one.backend.turns)
    asked = asyncio.create_task(sent(stage, one, CHAT, chat("hi"), *lines))
    async with asyncio.timeout(60):
        while len(one.backend.turns) == before:
            await asyncio.sleep(0.005)
    return asked


def path_of(one: Scene, conversation: int = 0) -> str:
    endpoint = one.backend.endpoints[conversation]
    assert endpoint is not None
    return endpoint.base_url.partition(str(one.gateway.port))[2] + "/chat/completions"


async def records(stage: Stage, one: Scene, count: int) -> dict[str, list[ExchangeRecord]]:
    """Those of the first exchanges, by whether they are the client's or the agent's."""
    found = [await stage.record(one.gateway, index) for index in range(count)]
    return {
        "client": [record for record in found if record.agent is not None],
        "agent": [record for record in found if record.agent_call is not None],
    }


def small(**more: Any) -> Json:
    return {"model": "big", "messages": [{"role": "user", "content": "x"}], **more}


async def test_a_sessions_call_is_forwarded_as_it_is_and_told(stage: Stage) -> None:
    one = await scene(stage, FINISHED, correlation="endpoint")
    run = await running(stage, one)
    body = json.dumps(small(tools=[{"type": "function"}], odd="\\u00e9"), indent=3).encode()
    stage.upstream.play(whole(completion(), fields=[("Content-Type", "application/json"), ("X-Odd", "1")]))
    answer = await sent(stage, one, path_of(one), body, "X-Narrows-Policy: lossless", "Authorization: Bearer sk-own")
    assert one.backend.gate is not None
    one.backend.gate.set()
    client = await run
    (seen,) = stage.upstream.requests
    assert seen.body == body
    assert seen.start == b"POST /v1/chat/completions HTTP/1.1"
    assert seen.values(b"authorization") == [b"Bearer sk-own"]
    ours = [line for line in seen.lines if line.lower().startswith(b"x-narrows-")]
    assert [line.partition(b":")[0] for line in ours] == [b"x-narrows-loop"], "the gateway's own mark"
    assert (answer.status, answer.raw_body, answer.values(b"x-odd")) == (200, completion(), [b"1"])
    assert client.json["usage"] == {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    found = await records(stage, one, 2)
    (mine,), (theirs,) = found["client"], found["agent"]
    assert mine.agent is not None
    assert theirs.agent_call == AgentCallFigures(agent="coder", session=mine.agent.session, run=mine.request_id)
    assert (theirs.path, theirs.model, theirs.wire) == (CHAT, "big", "openai_chat")
    assert (mine.agent.model_calls, mine.agent.background_calls, mine.agent.input_tokens) == (1, None, 11)


async def test_no_trace_of_a_token_is_left(stage: Stage) -> None:
    one = await scene(stage, FINISHED, correlation="endpoint")
    run = await running(stage, one)
    token = path_of(one).split("/")[5]
    await sent(stage, one, path_of(one) + f"?key=nrw_{token}&a=1", small(), f"X-Api-Key: nrw_{token}")
    await sent(stage, one, f"/narrows/agents/coder/s/{token}/v1/nothing", b"")
    await sent(stage, one, f"/narrows/agents/coder/s/{token}x" + CHAT, small())
    assert one.backend.gate is not None
    one.backend.gate.set()
    await run
    await stage.record(one.gateway, 3)
    assert token.encode() not in stage.log.written + one.gateway.gateway.telling.ring.to_json()
    assert all(token.encode() not in seen.head + seen.body for seen in stage.upstream.requests)
    assert stage.upstream.requests[0].start == b"POST /v1/chat/completions?a=1 HTTP/1.1"


@pytest.mark.parametrize(
    "path", ["/narrows/agents/coder/s/wrong", "/narrows/agents/nobody", "/narrows/agents/nobody/s/x"]
)
@pytest.mark.parametrize(
    ("rest", "says"),
    [
        (CHAT, ("error", "code")),
        ("/v1/messages", ("error", "message")),
        ("/v1beta/models/m:generateContent", ("error", "status")),
    ],
)
async def test_a_wrong_address_is_a_404_in_the_wires_shape(
    stage: Stage, path: str, rest: str, says: tuple[str, str]
) -> None:
    one = await scene(stage, correlation="endpoint")
    answer = await sent(stage, one, path + rest, small())
    assert answer.status == 404
    assert answer.values(b"x-narrows-error") == [b"no_such_route"]
    assert answer.json[says[0]][says[1]]
    assert stage.upstream.requests == []


async def test_an_agent_that_is_not_set_up_says_which_setting(stage: Stage) -> None:
    one = await scene(stage)
    answer = await sent(stage, one, SHARED, small())
    assert (answer.status, answer.error_code) == (404, "no_such_route")
    assert "correlation" in answer.json["error"]["message"]


async def test_two_sessions_at_once_never_mix(stage: Stage) -> None:
    one = await scene(stage, FINISHED, FINISHED, correlation="endpoint")
    first = await running(stage, one)
    gate, second = one.backend.gate, await running(stage, one)
    assert gate is not None
    assert one.backend.gate is not None
    usages = ({"prompt_tokens": 100, "completion_tokens": 1}, {"prompt_tokens": 7, "completion_tokens": 2})
    for at, usage in enumerate(usages):
        stage.upstream.play(whole(json.dumps({"choices": [], "usage": usage}).encode()))
        await sent(stage, one, path_of(one, at), small(tools=[{}]))
    gate.set()
    one.backend.gate.set()
    answers = [await first, await second]
    assert [answer.json["usage"]["prompt_tokens"] for answer in answers] == [100, 7]
    found = await records(stage, one, 4)
    runs = {record.request_id: record.agent.session for record in found["client"] if record.agent is not None}
    calls = [record.agent_call for record in found["agent"]]
    assert {call.run: call.session for call in calls if call is not None} == runs
    assert len(runs) == 2


async def test_the_shared_address_with_the_conversations_name(stage: Stage) -> None:
    one = await scene(stage, FINISHED, correlation="header")
    run = await running(stage, one)
    assert one.backend.endpoints == [None]
    await sent(
        stage, one, SHARED, small(stream=True, stream_options={"include_usage": True}), "x-session-id: conversation-1"
    )
    await sent(stage, one, SHARED, small(), "x-session-id: somebody-else")
    await sent(stage, one, SHARED, small())
    assert one.backend.gate is not None
    one.backend.gate.set()
    assert (await run).json["usage"]["prompt_tokens"] == 11
    calls = [record.agent_call for record in (await records(stage, one, 4))["agent"]]
    assert [call.session is not None for call in calls if call is not None] == [True, False, False]
    assert [call.background for call in calls if call is not None] == [False, True, True]
    assert len(stage.upstream.requests) == 3, "none is ever held back"


async def test_the_one_run_there_is(stage: Stage) -> None:
    one = await scene(stage, FINISHED, correlation="single", max_runs=1)
    run = await running(stage, one)
    await sent(stage, one, SHARED, small())
    assert one.backend.gate is not None
    one.backend.gate.set()
    assert (await run).json["usage"]["prompt_tokens"] == 11
    await sent(stage, one, SHARED, small())
    (before, after) = [record.agent_call for record in (await records(stage, one, 3))["agent"]]
    assert before is not None
    assert after is not None
    assert (before.background, after.background, after.run) == (False, True, None)


async def test_calls_for_other_ends_are_counted_apart(stage: Stage) -> None:
    one = await scene(stage, FINISHED, correlation="endpoint", background_models=["tiny"])
    run = await running(stage, one)
    await sent(stage, one, path_of(one), {**small(), "model": "tiny"})
    await sent(stage, one, path_of(one), small())
    stage.upstream.play(error(429))
    await sent(stage, one, path_of(one), small())
    assert one.backend.gate is not None
    one.backend.gate.set()
    assert (await run).json["usage"]["prompt_tokens"] == 11
    (mine,) = (await records(stage, one, 4))["client"]
    assert mine.agent is not None
    assert (mine.agent.model_calls, mine.agent.background_calls) == (2, 1)
    assert (mine.agent.background_input_tokens, mine.agent.background_output_tokens) == (11, 3)


async def test_the_agents_own_figures_stand_where_nothing_passes(stage: Stage) -> None:
    script: list[Any] = growing("ok", usage=Usage(5, 2))
    one = await scene(stage, script, list(script), correlation="endpoint")
    answer = await sent(stage, one, CHAT, chat("hi"))
    assert answer.json["usage"]["prompt_tokens"] == 5
    run = await running(stage, one)
    await sent(stage, one, path_of(one, 1), small(stream=True))
    assert one.backend.gate is not None
    one.backend.gate.set()
    assert (await run).json["usage"]["prompt_tokens"] == 5, "the stream that passed told no figures"


async def test_the_address_is_the_credential_where_there_are_keys(stage: Stage) -> None:
    one = await scene(stage, FINISHED, correlation="endpoint")
    one.gateway.reload(replace(one.gateway.gateway.settings, keys=keys(), upstream_key="sk-real"))
    run = await running(stage, one, f"Authorization: Bearer {KEY}")
    endpoint = one.backend.endpoints[0]
    assert endpoint is not None
    answer = await sent(stage, one, path_of(one), small(), f"Authorization: Bearer {endpoint.api_key}")
    assert answer.status == 200
    assert (await sent(stage, one, SHARED, small(), "x-session-id: conversation-1")).error_code == "invalid_api_key"
    shared = await sent(stage, one, SHARED, small(), "x-session-id: conversation-1", f"Authorization: Bearer {KEY}")
    assert shared.status == 200
    assert (await sent(stage, one, "/narrows/agents/coder/s/wrong" + CHAT, small())).status == 404
    assert one.backend.gate is not None
    one.backend.gate.set()
    await run
    assert [seen.values(b"authorization") for seen in stage.upstream.requests] == [[b"Bearer sk-real"]] * 2


async def test_an_agents_call_never_goes_to_an_agent(stage: Stage) -> None:
    one = await scene(stage, FINISHED, correlation="endpoint")
    run = await running(stage, one)
    await sent(stage, one, path_of(one), chat("for myself"))
    assert one.backend.gate is not None
    one.backend.gate.set()
    await run
    assert [seen.json["model"] for seen in stage.upstream.requests] == ["coder"]
    assert len(one.backend.turns) == 1


async def test_the_list_of_models_is_the_upstreams(stage: Stage) -> None:
    one = await scene(stage, FINISHED, correlation="endpoint")
    run = await running(stage, one)
    client = await stage.client(one.gateway)
    stage.upstream.play(whole(b'{"data":[]}'))
    await client.send(request("GET", path_of(one).replace("chat/completions", "models")))
    assert (await client.answer()).raw_body == b'{"data":[]}'
    assert stage.upstream.requests[0].start == b"GET /v1/models HTTP/1.1"
    assert one.backend.gate is not None
    one.backend.gate.set()
    await run
    (mine,) = (await records(stage, one, 2))["client"]
    assert mine.agent is not None
    assert mine.agent.model_calls is None


async def test_a_call_that_the_agent_breaks_off_ends_and_costs_no_figures(stage: Stage) -> None:
    one = await scene(stage, growing("ok", usage=Usage(5, 2)), correlation="endpoint")
    run = await running(stage, one)
    never = asyncio.Event()
    stage.upstream.play(whole(completion()))
    await sent(stage, one, path_of(one), small())
    stage.upstream.play(events(frame({"content": "x"}), never))
    client = await stage.client(one.gateway)
    await client.send(request("POST", path_of(one), body=json.dumps(small(stream=True)).encode()))
    await client.reader.readuntil(b"\r\n\r\n")
    client.writer.close()
    broken = await stage.record(one.gateway, 1)
    assert broken.outcome is Outcome.CANCELLED
    assert one.backend.gate is not None
    one.backend.gate.set()
    assert (await run).json["usage"]["prompt_tokens"] == 5, "what passed is not all, so the agent's figures stand"


async def test_model_traffic_is_progress(stage: Stage) -> None:
    """A run that shows nothing new lives as long as its model is at work, and no longer."""
    one = await scene(stage, STUCK, correlation="endpoint", idle_timeout_s="60s", total_timeout_s="1h")
    client = await stage.client(one.gateway)
    await client.send(request("POST", CHAT, body=json.dumps(chat("hi")).encode()))
    await stage.until(lambda: bool(one.backend.turns) and one.backend.turns[0].looks >= 2)
    for _ in range(3):
        await sent(stage, one, path_of(one), small())
        await stage.pass_time(40)
        assert one.plane.running == 1
    await stage.pass_time(61)
    assert (await client.answer(b"POST")).error_code == "agent_timeout"


async def test_a_look_is_made_at_the_end_of_a_response(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("narrows.server.agents.agent.WOKEN_POLLS_S", (3600.0, 3600.0))
    monkeypatch.setattr("narrows.server.agents.performing.LONGEST_UNHEARD_S", 3600.0)
    script = [Observation("0", working=True), *FINISHED]
    one = await scene(stage, script, correlation="endpoint")
    asked = asyncio.create_task(sent(stage, one, CHAT, chat("hi")))
    async with asyncio.timeout(60):
        while not one.backend.turns or not one.backend.turns[0].looks:
            await asyncio.sleep(0.005)
        await sent(stage, one, path_of(one), small())
        assert (await asked).status == 200
    assert one.backend.turns[0].looks == 2

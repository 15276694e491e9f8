"""Agents behind /v1/chat/completions: what clients see, whatever the agent does."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from typing import Any

import pytest

from narrows.agents.observation import Broken, Finish, Observation, StepText, Usage
from narrows.backends.types import LookFailed, Verdict
from narrows.core.sse import EventStreamDecoder
from narrows.errors import AgentFailed, AgentRateLimited, AgentUnavailable, SessionDiverged
from narrows.records.types import Outcome
from narrows.server.agents import answering
from narrows.settings import GatewayKey
from narrows.settings.keys import key_digest
from narrows.telemetry.events import AgentRunMoved, LoggedEvent
from tests.agent_stage import STUCK, Json, Scene, chat, growing, scene
from tests.raw_client import Answered, RawClient, request
from tests.scripted_upstream import whole
from tests.stage import Stage

PATH = "/v1/chat/completions"


async def asked(client: RawClient, body: Json, *lines: str) -> Answered:
    await client.send(request("POST", PATH, *lines, body=json.dumps(body).encode()))
    return await client.answer(b"POST")


async def ask(stage: Stage, one: Scene, body: Json, *lines: str) -> Answered:
    return await asked(await stage.client(one.gateway), body, *lines)


def events(answer: Answered) -> list[Any]:
    """The events of a stream."""
    data, rest = b"", answer.raw_body
    while rest and not rest.startswith(b"0\r\n"):
        size, _, rest = rest.partition(b"\r\n")
        data, rest = data + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    found = EventStreamDecoder().receive_data(data)
    return [one.data.decode() if one.data == b"[DONE]" else json.loads(one.data) for one in found]


def text_of(answer: Answered) -> str:
    if answer.values(b"content-type") == [b"application/json"]:
        return str(answer.json["choices"][0]["message"]["content"])
    chunks = [one for one in events(answer) if isinstance(one, dict)]
    return "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])


def session_of(answer: Answered) -> tuple[str, str]:
    (name,), (use,) = answer.values(b"x-narrows-session"), answer.values(b"x-narrows-session-use")
    return name.decode(), use.decode()


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


async def idle(one: Scene) -> None:
    await until(lambda: one.plane.running == 0)


async def test_a_request_that_names_no_model_is_the_default_agents(stage: Stage) -> None:
    one = await scene(stage, growing("Hello"), default=True, models=["coder", "large"])
    body = chat("hi")
    del body["model"]
    answer = await ask(stage, one, body)
    assert (text_of(answer), answer.json["model"]) == ("Hello", "coder")
    assert (await ask(stage, one, {**chat("hi"), "model": "gpt-4o"})).status == 200
    assert len(stage.upstream.requests) == 1


async def test_an_answer_and_its_stream_are_the_same(stage: Stage) -> None:
    script = growing("Hel", "Hello", usage=Usage(5, 2))
    one = await scene(stage, script, list(script))
    answer = await ask(stage, one, chat("hi"))
    stream = await ask(stage, one, chat("hi", stream=True, stream_options={"include_usage": True}))
    assert text_of(answer) == text_of(stream) == "Hello"
    assert answer.json["usage"] == events(stream)[-2]["usage"]
    assert answer.json["choices"][0]["finish_reason"] == "stop"
    assert [one["choices"][0]["finish_reason"] for one in events(stream)[:-2]] == [None, None, None, "stop"]
    assert events(stream)[-1] == "[DONE]"
    assert len({(one["id"], one["created"], one["model"]) for one in events(stream)[:-1]}) == 1
    assert stream.complete
    assert stage.upstream.requests == []


async def test_the_record_says_who_answered(stage: Stage) -> None:
    one = await scene(stage, growing("Hello", usage=Usage(5, 2)))
    answer = await ask(stage, one, chat("hi", stream=True))
    record = await stage.record(one.gateway)
    assert (record.model, record.stream, record.outcome, record.status) == ("coder", True, Outcome.ANSWERED, 200)
    assert record.agent is not None
    assert (record.agent.name, record.agent.run, record.agent.use) == ("coder", "completed", "new")
    assert (record.agent.session, record.agent.input_tokens) == (session_of(answer)[0], 5)


async def test_a_conversation_goes_on_in_its_session(stage: Stage) -> None:
    one = await scene(stage, growing("one"), growing("two"), growing("three"))
    system = {"role": "system", "content": "Be brief."}
    body = chat("hi")
    body["messages"].insert(0, system)
    first = await ask(stage, one, body)
    body["messages"] += chat("", "one", "more")["messages"][1:]
    second = await ask(stage, one, {**body, "stream": True})
    body["messages"] += [{"role": "assistant", "content": [{"type": "text", "text": "two"}]}, *chat("last")["messages"]]
    third = await ask(stage, one, body)
    assert [session_of(answer)[1] for answer in (first, second, third)] == ["new", "reused", "reused"]
    assert len({session_of(answer)[0] for answer in (first, second, third)}) == 1
    assert [turn.message.text for turn in one.backend.turns] == ["Be brief.\n\nhi", "more", "last"]
    assert {turn.conversation for turn in one.backend.turns} == {"conversation-1"}


async def test_edited_history_is_told_anew_and_said_so(stage: Stage) -> None:
    one = await scene(stage, growing("one"), growing("two"))
    await ask(stage, one, chat("hi"))
    answer = await ask(stage, one, chat("hi, edited", "one", "more"))
    assert session_of(answer)[1] == "retold"
    assert one.backend.turns[1].message.text == "[User]:\nhi, edited\n\n[Assistant]:\none\n\n[User]:\nmore"
    assert one.backend.turns[1].conversation == "conversation-2"
    record = await stage.record(one.gateway, 1)
    assert record.agent is not None
    assert record.agent.use == "retold"


async def test_a_session_that_its_backend_has_lost(stage: Stage) -> None:
    one = await scene(stage, growing("one"), growing("two"), growing("three"))
    await ask(stage, one, chat("hi"))
    one.backend.conversations.clear()
    answer = await ask(stage, one, chat("hi", "one", "more"))
    assert session_of(answer)[1] == "retold"
    assert one.backend.turns[-1].message.text.startswith("[User]:\nhi")
    await ask(stage, one, chat("hi"), "X-Narrows-Session: mine")
    one.backend.conversations.clear()
    answer = await ask(stage, one, chat("more"), "X-Narrows-Session: mine")
    assert (answer.status, answer.error_code) == (409, "session_diverged")


async def test_a_conversation_that_somebody_else_has_used(stage: Stage) -> None:
    one = await scene(stage, growing("one"), growing("two"), growing("three"))
    await ask(stage, one, chat("hi"))
    one.backend.refuses = SessionDiverged("somebody else has used it")
    answer = await ask(stage, one, chat("hi", "one", "more"))
    assert (session_of(answer)[1], one.backend.turns[-1].conversation) == ("retold", "conversation-2")
    await ask(stage, one, chat("hi"), "X-Narrows-Session: mine")
    one.backend.refuses = SessionDiverged("somebody else has used it")
    answer = await ask(stage, one, chat("more"), "X-Narrows-Session: mine")
    assert (answer.status, answer.error_code) == (409, "session_diverged")


async def test_concurrent_requests_never_mix(stage: Stage) -> None:
    """Twelve runs at once, each with an answer of its own."""
    one = await scene(stage)
    one.backend.gate = asyncio.Event()
    asking = [asyncio.create_task(ask(stage, one, chat(f"question {n}", stream=n % 2 == 0))) for n in range(12)]
    await until(lambda: len(one.backend.turns) == 12)
    for turn in one.backend.turns:
        turn.script.clear()
        turn.script.extend(growing(turn.message.text.upper(), f"{turn.message.text.upper()}!"))
    one.backend.gate.set()
    answers = await asyncio.gather(*asking)
    assert [text_of(answer) for answer in answers] == [f"QUESTION {n}!" for n in range(12)]
    assert len({session_of(answer)[0] for answer in answers}) == 12


async def test_a_named_session_in_use_is_busy(stage: Stage) -> None:
    one = await scene(stage, growing("one"))
    one.backend.gate = asyncio.Event()
    first = asyncio.create_task(ask(stage, one, chat("hi"), "X-Narrows-Session: mine"))
    await until(lambda: one.backend.turns)
    answer = await ask(stage, one, chat("hi"), "X-Narrows-Session: mine")
    assert (answer.status, answer.error_code, answer.values(b"retry-after")) == (409, "session_busy", [b"1"])
    one.backend.gate.set()
    assert session_of(await first) == ("mine", "new")


async def test_sessions_are_of_those_who_show_the_same_key(stage: Stage) -> None:
    one = await scene(stage, growing("one"), growing("two"))
    await ask(stage, one, chat("hi"), "Authorization: Bearer alice")
    answer = await ask(stage, one, chat("hi", "one", "more"), "Authorization: Bearer bob")
    assert session_of(answer)[1] == "retold"
    assert one.backend.turns[0].conversation != one.backend.turns[1].conversation


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (chat("hi", tools=[{"type": "web_search"}]), "unsupported_parameter", "tools[0]"),
        (chat("hi", n=2), "unsupported_parameter", "n"),
        (chat("hi", stop=["x"]), "unsupported_parameter", "stop"),
        (chat({"role": "system", "content": "x"}), "no_user_message", "messages"),
        (chat("hi", "there"), "no_user_message", "messages"),
        (chat({"role": "tool", "tool_call_id": "call_1", "content": "x"}), "missing_tool_outputs", "messages"),
        ({"model": "coder", "messages": 1}, "malformed_request", "messages"),
    ],
)
async def test_requests_that_cannot_be_answered(stage: Stage, body: Json, code: str, param: str) -> None:
    one = await scene(stage)
    answer = await ask(stage, one, body)
    assert (answer.status, answer.error_code, answer.json["error"]["param"]) == (400, code, param)
    assert answer.values(b"x-should-retry") == []
    assert one.backend.turns == []


def picture(data: str) -> Json:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


async def test_images_go_beside_the_text_and_are_part_of_the_history(stage: Stage) -> None:
    one = await scene(stage, growing("A cat"), growing("A dog"), growing("Both"))
    asking: Json = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture("aaaa")]}
    assert text_of(await ask(stage, one, chat(asking))) == "A cat"
    first = one.backend.turns[0].message
    assert (first.text, [image.data for image in first.images]) == ("What is this?\n[Image]", ["aaaa"])
    other: Json = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture("bbbb")]}
    said: Json = {"role": "assistant", "content": "A cat"}
    edited = await ask(stage, one, chat(other, said, {"role": "user", "content": "Sure?"}))
    assert session_of(edited)[1] == "retold"
    assert [image.data for image in one.backend.turns[1].message.images] == ["bbbb"]
    same = await ask(stage, one, chat(asking, said, {"role": "user", "content": "Sure?"}))
    assert session_of(same)[1] == "reused"
    assert one.backend.turns[2].message.images == ()


async def test_an_agent_that_takes_no_images_says_so(stage: Stage) -> None:
    one = await scene(stage, growing("x"))
    one.backend.takes_images = False
    answer = await ask(stage, one, chat({"role": "user", "content": [picture("aaaa")]}))
    assert (answer.status, answer.error_code) == (400, "unsupported_parameter")
    assert "text alone" in answer.json["error"]["message"]
    assert one.backend.turns == []


async def test_a_lenient_agent_says_what_it_ignored(stage: Stage) -> None:
    one = await scene(stage, growing("x"), lenient=True)
    answer = await ask(stage, one, chat("hi", temperature=0.2, seed=1))
    assert (answer.status, answer.values(b"x-narrows-ignored")) == (200, [b"temperature, seed"])


async def test_another_model_is_the_upstreams(stage: Stage) -> None:
    one = await scene(stage)
    answer = await ask(stage, one, {**chat("hi"), "model": "gpt-4o"})
    assert answer.json["choices"][0]["message"]["content"] == "Hello there!"
    assert stage.upstream.requests[0].json == {**chat("hi"), "model": "gpt-4o"}


async def test_without_an_upstream_another_model_is_not_found(stage: Stage) -> None:
    one = await scene(stage, growing("x"), alone=True)
    answer = await ask(stage, one, {**chat("hi"), "model": "gpt-4o"})
    assert (answer.status, answer.error_code) == (400, "model_not_found")
    assert "coder" in answer.json["error"]["message"]
    client = await stage.client(one.gateway)
    await client.send(request("POST", "/v1/embeddings", body=b"{}"))
    assert (await client.answer()).error_code == "model_not_found"
    assert text_of(await ask(stage, one, chat("hi"))) == "x"


async def test_a_policy_of_the_request_keeps_nobody_from_the_agent(stage: Stage) -> None:
    one = await scene(stage, growing("x"), growing("y"))
    assert text_of(await ask(stage, one, chat("hi"), "X-Narrows-Policy: off")) == "x"
    assert text_of(await ask(stage, one, chat("hi"), "Cache-Control: no-transform")) == "y"
    answer = await ask(stage, one, {**chat("hi"), "model": "gpt-4o"}, "X-Narrows-Policy: off")
    assert answer.status == 200
    assert (await stage.record(one.gateway, 2)).plan.reason == "policy_off"


async def test_models_are_the_upstreams_and_the_agents(stage: Stage) -> None:
    one = await scene(stage, models=["coder", "gpt-4o"])
    client = await stage.client(one.gateway)
    listed = [{"id": "gpt-4o", "object": "model"}, {"id": "gpt-4o-mini", "object": "model"}]
    stage.upstream.play(whole(json.dumps({"object": "list", "data": listed}).encode()))
    await client.send(request("GET", "/v1/models", "Authorization: Bearer mine", "Accept-Encoding: gzip"))
    answer = await client.answer()
    assert [model["id"] for model in answer.json["data"]] == ["gpt-4o-mini", "coder", "gpt-4o"]
    sent = stage.upstream.requests[0]
    assert (sent.values(b"authorization"), sent.values(b"accept-encoding")) == ([b"Bearer mine"], [])
    stage.upstream.play(whole(b"{}", status=401))
    await client.send(request("GET", "/v1/models"))
    answer = await client.answer()
    assert [model["id"] for model in answer.json["data"]] == ["coder", "gpt-4o"]
    assert answer.values(b"x-narrows-upstream") == [b"401"]
    await client.send(request("HEAD", "/v1/models"))
    assert (await client.answer(b"HEAD")).status == 200


async def test_models_of_agents_alone(stage: Stage) -> None:
    one = await scene(stage, alone=True)
    client = await stage.client(one.gateway)
    await client.send(request("GET", "/v1/models"))
    assert [model["id"] for model in (await client.answer()).json["data"]] == ["coder"]


async def test_gateway_keys_are_asked_for(stage: Stage) -> None:
    key = "nrw_" + "a" * 43
    digest = key_digest(key.encode())
    assert digest is not None
    one = await scene(stage, growing("x"))
    keyed = await stage.gateway(keys=(GatewayKey("alice", digest),), agents=one.gateway.gateway.settings.agents)
    keyed.gateway.agents = one.gateway.gateway.agents
    both = Scene(keyed, one.backend)
    assert (await ask(stage, both, chat("hi"))).status == 401
    assert (await ask(stage, both, chat("hi"), f"Authorization: Bearer {key}")).status == 200
    client = await stage.client(keyed)
    await client.send(request("GET", "/v1/models"))
    assert (await client.answer()).status == 401


# Failures


@pytest.mark.parametrize("stream", [False, True])
async def test_a_start_that_fails_keeps_its_status(stage: Stage, stream: bool) -> None:
    one = await scene(stage, growing("x"))
    one.backend.fails = AgentFailed("StartCascade failed: no room")
    answer = await ask(stage, one, chat("hi", stream=stream))
    assert (answer.status, answer.error_code) == (502, "agent_error")
    assert "StartCascade failed: no room" in answer.json["error"]["message"]
    assert answer.values(b"x-should-retry") == []
    assert (await ask(stage, one, chat("hi"))).status == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_of_the_agent_is_told_in_its_words_and_is_not_repeated(stage: Stage, stream: bool) -> None:
    broken = Observation("x", working=False, outcome=Broken(AgentRateLimited("quota is gone", retry_after_s=5)))
    one = await scene(stage, [broken])
    answer = await ask(stage, one, chat("hi", stream=stream))
    assert (answer.status, answer.error_code) == (429, "agent_rate_limited")
    assert answer.json["error"]["message"] == "quota is gone"
    assert (answer.values(b"x-should-retry"), answer.values(b"retry-after")) == ([b"false"], [b"5"])
    assert (await stage.record(one.gateway)).outcome is Outcome.REFUSED


async def test_an_error_after_the_first_text_is_an_event_and_no_finish(stage: Stage) -> None:
    half = Observation("1", (StepText(1, "Half", False),), working=True)
    one = await scene(stage, [half, Observation("2", half.texts, outcome=Broken(AgentFailed("it broke")))])
    answer = await ask(stage, one, chat("hi", stream=True))
    found = events(answer)
    assert answer.status == 200
    assert found[-1]["error"]["code"] == "agent_error"
    assert found[-1]["error"]["message"] == "it broke"
    assert [one["choices"][0]["finish_reason"] for one in found[:-1]] == [None, None]
    record = await stage.record(one.gateway)
    assert (record.outcome, record.error_code) == (Outcome.TRUNCATED, "agent_error")


async def test_no_part_of_an_answer_is_given_as_the_whole(stage: Stage) -> None:
    half = Observation("1", (StepText(1, "Half", False),), working=True)
    one = await scene(stage, [half, Observation("2", half.texts, outcome=Broken(AgentFailed("it broke")))])
    answer = await ask(stage, one, chat("hi"))
    assert (answer.status, answer.error_code) == (502, "agent_error")


@pytest.mark.parametrize("stream", [False, True])
async def test_time_that_runs_out_before_anything_was_said(stage: Stage, stream: bool) -> None:
    one = await scene(stage, [Observation("")])
    answer = await ask(stage, one, chat("hi", stream=stream, timeout=0.2))
    assert (answer.status, answer.error_code) == (504, "agent_timeout")
    assert answer.json["error"]["type"] == "timeout_error"
    assert answer.values(b"x-should-retry") == [b"false"]
    assert answer.values(b"x-narrows-session")
    assert one.backend.turns[0].cancelled == 1


async def test_a_session_whose_turn_failed_can_be_named(stage: Stage) -> None:
    """The name that an error has is one that can be used: with what is new alone, as the agent knows the rest."""
    one = await scene(stage, [Observation("")], growing("Done."))
    failed = await ask(stage, one, chat("hi", timeout=0.2))
    name, use = session_of(failed)
    assert (failed.status, use) == (504, "new")
    client = await stage.client(one.gateway)
    await client.send(request("GET", f"/v1/sessions/{name}"))
    assert (await client.answer()).json["status"] == "idle"
    answer = await ask(stage, one, chat("go on"), f"x-narrows-session: {name}")
    assert (text_of(answer), session_of(answer)) == ("Done.", (name, "reused"))
    assert one.backend.turns[1].conversation == one.backend.turns[0].conversation


async def test_an_error_names_no_session_that_is_not_there(stage: Stage) -> None:
    one = await scene(stage)
    one.backend.fails = AgentUnavailable("nobody there")
    answer = await ask(stage, one, chat("hi"))
    assert (answer.status, answer.values(b"x-narrows-session")) == (502, [])
    one.backend.fails = AgentUnavailable("nobody there")
    assert session_of(await ask(stage, one, chat("hi"), "x-narrows-session: mine")) == ("mine", "new")


async def test_time_that_runs_out_in_a_stream_is_an_event_and_no_stop(stage: Stage) -> None:
    one = await scene(stage, STUCK, idle_timeout_s="0.2s")
    answer = await ask(stage, one, chat("hi", stream=True))
    found = events(answer)
    assert found[-1]["error"]["code"] == "agent_timeout"
    assert "[DONE]" not in found
    assert all(one["choices"][0]["finish_reason"] is None for one in found[:-1])
    assert one.backend.turns[0].cancelled == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_time_that_runs_out_may_end_an_answer_by_its_length(stage: Stage, stream: bool) -> None:
    """As the settings ask; its record says that it expired, and the next turn begins anew."""
    one = await scene(stage, STUCK, growing("More."), idle_timeout_s="1s", timeout_finish="length")
    answer = await ask(stage, one, chat("hi", stream=stream))
    assert answer.status == 200
    if stream:
        *_, last, done = events(answer)
        assert (last["choices"][0]["finish_reason"], done) == ("length", "[DONE]")
    else:
        (choice,) = answer.json["choices"]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("Half", "length")
    assert one.backend.turns[0].cancelled == 1
    record = await stage.record(one.gateway, 0)
    assert record.agent is not None
    assert record.agent.run == "expired"
    again = await ask(stage, one, chat("hi", "Half", "go on"))
    assert session_of(again)[1] == "retold"


async def test_each_step_of_a_run_is_told_with_its_name_and_its_sessions(stage: Stage) -> None:
    one = await scene(stage, growing("a"), [Observation("")])
    told: list[LoggedEvent] = []
    one.agent.log = told.append
    answer = await ask(stage, one, chat("hi"))
    run = answer.values(b"x-narrows-request-id")[0].decode()
    names = {"agent": "coder", "run": run, "session": session_of(answer)[0]}
    assert told == [
        AgentRunMoved(**names, before="queued", state="in_progress"),
        AgentRunMoved(**names, before="in_progress", state="completed"),
    ]
    await ask(stage, one, chat("hi", timeout=0.2))
    assert [(event.before, event.state) for event in told[2:] if isinstance(event, AgentRunMoved)] == [
        ("queued", "in_progress"),
        ("in_progress", "expired"),
    ]


async def test_the_field_user_may_name_the_session(stage: Stage) -> None:
    one = await scene(stage, growing("a"), growing("b"), growing("c"), user_names_session=True)
    first = await ask(stage, one, chat("hi", user="me"))
    second = await ask(stage, one, chat("more", user="me"))
    assert [session_of(answer) for answer in (first, second)] == [("me", "new"), ("me", "reused")]
    by_head = await ask(stage, one, chat("hi", user="me"), "x-narrows-session: other")
    assert session_of(by_head)[0] == "other"
    wrong = await ask(stage, one, chat("hi", user="two words"))
    assert (wrong.status, wrong.json["error"]["param"]) == (400, "user")


async def test_a_client_may_not_ask_for_more_time_than_the_settings_give(stage: Stage) -> None:
    one = await scene(stage, STUCK, total_timeout_s="0.2s")
    answer = await ask(stage, one, chat("hi", timeout=1000))
    assert answer.error_code == "agent_timeout"


async def test_looks_that_fail_are_repeated_and_then_told(stage: Stage) -> None:
    fine = growing("x")
    one = await scene(stage, [LookFailed("503"), LookFailed("503"), *fine], [LookFailed("refused")])
    assert text_of(await ask(stage, one, chat("hi"))) == "x"
    answer = await ask(stage, one, chat("other"))
    assert (answer.status, answer.error_code) == (502, "agent_unavailable")
    assert "refused" in answer.json["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_agent_that_waits_for_a_person(stage: Stage, stream: bool) -> None:
    waiting = Observation("1", working=True, waiting=(2,))
    one = await scene(stage, [waiting], on_waiting="error")
    answer = await ask(stage, one, chat("hi", stream=stream))
    assert (answer.status, answer.error_code) == (409, "agent_waiting_for_input")
    assert (answer.values(b"x-should-retry"), one.backend.turns[0].cancelled) == ([b"false"], 1)
    other = await scene(stage, [waiting, waiting, *growing("x")])
    assert text_of(await ask(stage, other, chat("hi", stream=stream))) == "x"
    assert other.backend.turns[0].decided == [(2, Verdict(allow=False))]


async def test_more_runs_than_places_wait_and_more_than_that_are_refused(stage: Stage) -> None:
    one = await scene(stage, growing("a"), growing("b"), max_runs=1, max_queued=1, queue_timeout_s="20s")
    one.backend.gate = asyncio.Event()
    first = asyncio.create_task(ask(stage, one, chat("one")))
    await until(lambda: one.backend.turns)
    second = asyncio.create_task(ask(stage, one, chat("two")))
    await until(lambda: one.plane.running == 2)
    third = await ask(stage, one, chat("three"))
    assert (third.status, third.error_code, third.values(b"retry-after")) == (503, "overloaded", [b"5"])
    one.backend.gate.set()
    assert [text_of(await first), text_of(await second)] == ["a", "b"]


async def test_a_place_that_does_not_come_free_in_time(stage: Stage) -> None:
    one = await scene(stage, STUCK, max_runs=1, queue_timeout_s="0.1s", idle_timeout_s="5s")
    client = await stage.client(one.gateway)
    await client.send(request("POST", PATH, body=json.dumps(chat("one")).encode()))
    await until(lambda: one.backend.turns)
    answer = await ask(stage, one, chat("two"))
    assert (answer.status, answer.error_code) == (504, "agent_timeout")
    assert answer.values(b"x-should-retry") == []
    client.close()
    await idle(one)


# Clients that leave


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_cancels_the_agent(stage: Stage, stream: bool) -> None:
    one = await scene(stage, STUCK)
    client = await stage.client(one.gateway)
    await client.send(request("POST", PATH, body=json.dumps(chat("hi", stream=stream)).encode()))
    await until(lambda: one.backend.turns and one.backend.turns[0].looks > 1)
    client.close()
    await idle(one)
    assert one.backend.turns[0].cancelled == 1
    assert one.backend.turns[0].closed
    record = await stage.record(one.gateway)
    assert record.outcome is Outcome.CANCELLED


async def test_a_client_that_leaves_while_it_waits_for_a_place(stage: Stage) -> None:
    one = await scene(stage, STUCK, growing("x"), max_runs=1, queue_timeout_s="20s")
    first, second = await stage.client(one.gateway), await stage.client(one.gateway)
    await first.send(request("POST", PATH, body=json.dumps(chat("one")).encode()))
    await until(lambda: one.backend.turns)
    await second.send(request("POST", PATH, body=json.dumps(chat("two")).encode()))
    await until(lambda: one.plane.running == 2)
    second.close()
    await until(lambda: one.plane.running == 1)
    first.close()
    await idle(one)
    assert text_of(await ask(stage, one, chat("three"))) == "x"


async def test_a_detached_run_goes_on_in_its_session(stage: Stage) -> None:
    one = await scene(stage, growing("one", "one."), growing("two"), on_disconnect="detach")
    one.backend.gate = asyncio.Event()
    client = await stage.client(one.gateway)
    lines = ("X-Narrows-Session: mine",)
    await client.send(request("POST", PATH, *lines, body=json.dumps(chat("hi", stream=True)).encode()))
    await until(lambda: one.backend.turns and one.backend.turns[0].looks)
    client.close()
    await stage.record(one.gateway)
    one.backend.gate.set()
    await idle(one)
    assert one.backend.turns[0].cancelled == 0
    answer = await ask(stage, one, chat("more"), *lines)
    assert (text_of(answer), session_of(answer)) == ("two", ("mine", "reused"))


async def test_a_gateway_that_stops_cancels_its_agents(stage: Stage) -> None:
    one = await scene(stage, STUCK)
    client = await stage.client(one.gateway)
    await client.send(request("POST", PATH, body=json.dumps(chat("hi")).encode()))
    await until(lambda: one.backend.turns)
    await one.gateway.close(drain_timeout_s=0.05)
    assert one.backend.turns[0].cancelled == 1
    assert one.plane.running == 0


# The stream on the network


async def test_an_idle_stream_is_kept_alive_by_comments(stage: Stage) -> None:
    one = await scene(stage, STUCK, keep_alive_s="0.05s")
    client = await stage.client(one.gateway)
    await client.send(request("POST", PATH, body=json.dumps(chat("hi", stream=True)).encode()))
    async with asyncio.timeout(60):
        data = b""
        while data.count(b": keep-alive\n\n") < 2:
            data += await client.reader.read(4096)
    assert b"data: " in data.partition(b"\n: keep-alive")[0]


async def test_the_head_is_held_until_the_agent_has_begun(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "HOLD_HEAD_S", 0.15)
    one = await scene(stage, [Observation("")], first_event_timeout_s="60s")
    client = await stage.client(one.gateway)
    await client.send(request("POST", PATH, body=json.dumps(chat("hi", stream=True)).encode()))
    assert (await client.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
    await stage.pass_time(61)
    await client.reader.readuntil(b'"code":"agent_timeout"')


async def test_a_client_of_http_1_0_gets_no_chunks(stage: Stage) -> None:
    one = await scene(stage, growing("Hello"))
    client = await stage.client(one.gateway)
    body = json.dumps(chat("hi", stream=True)).encode()
    await client.send(request("POST", PATH, body=body, version="HTTP/1.0"))
    answer = await client.answer()
    assert answer.values(b"transfer-encoding") == []
    assert answer.raw_body.startswith(b"data: ")
    assert answer.raw_body.endswith(b"data: [DONE]\n\n")


async def test_a_connection_carries_one_answer_after_the_other(stage: Stage) -> None:
    one = await scene(stage, growing("a"), growing("b"), growing("c"))
    client = await stage.client(one.gateway)
    answers = [await asked(client, chat(str(n), stream=n < 2)) for n in range(3)]
    assert [text_of(answer) for answer in answers] == ["a", "b", "c"]


async def test_a_chunked_request(stage: Stage) -> None:
    one = await scene(stage, growing("x"))
    client = await stage.client(one.gateway)
    body = json.dumps(chat("hi")).encode()
    head = request("POST", PATH, "Transfer-Encoding: chunked")
    await client.send(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    assert text_of(await client.answer()) == "x"


async def test_a_client_that_does_not_read_gets_everything_when_it_does(stage: Stage) -> None:
    texts = ["x" * size for size in range(0, 4_000_000, 400_000)]
    one = await scene(stage, growing(*texts, "x" * 4_000_000))
    client = await stage.client(one.gateway)
    client.set_reading(False)
    await client.send(request("POST", PATH, body=json.dumps(chat("hi", stream=True)).encode()))
    await idle(one)
    client.set_reading(True)
    assert len(text_of(await client.answer())) == 4_000_000


async def test_a_text_in_a_revised_step_is_never_sent_twice(stage: Stage) -> None:
    looks: list[Any] = [Observation("1", (StepText(1, "The build", False),), working=True)]
    one = await scene(stage, [*looks, *growing("The test", "The test failed.")])
    answer = await ask(stage, one, chat("hi", stream=True))
    assert text_of(answer) == "The buildtest failed."
    record = await stage.record(one.gateway)
    assert record.agent is not None
    assert record.agent.revised


async def test_an_answer_that_was_cut_at_its_length(stage: Stage) -> None:
    one = await scene(stage, growing("x", finish=Finish.LENGTH))
    answer = await ask(stage, one, chat("hi", max_tokens=5))
    assert answer.json["choices"][0]["finish_reason"] == "length"
    assert one.backend.turns[0].message.max_output_tokens == 5
    assert "usage" not in answer.json


async def test_an_unavailable_server_may_be_asked_again(stage: Stage) -> None:
    one = await scene(stage)
    one.backend.refuses = AgentUnavailable("not there")
    answer = await ask(stage, one, chat("hi"))
    assert (answer.status, answer.error_code, answer.values(b"x-should-retry")) == (502, "agent_unavailable", [])


async def test_a_run_that_is_over_is_no_work_for_the_collector(stage: Stage) -> None:
    one = await scene(stage, growing("a"), correlation="header")
    gc.collect()
    gc.disable()
    try:
        one.backend.gate = asyncio.Event()
        asking = asyncio.create_task(ask(stage, one, chat("hi")))
        await until(lambda: one.backend.turns and one.backend.turns[0].looks)
        (turn,) = map(weakref.ref, one.plane._turns.values())
        client = await stage.client(one.gateway)
        sent = request("POST", "/narrows/agents/coder" + PATH, "x-session-id: conversation-1", body=b'{"model": "m"}')
        await client.send(sent)
        await client.answer(b"POST")
        (traffic,) = map(weakref.ref, one.agent.traffic._runs.values())
        one.backend.gate.set()
        await asking
        await idle(one)
        await until(lambda: turn() is None and traffic() is None)
    finally:
        gc.enable()


@pytest.mark.parametrize(("lines", "cancelled"), [((), 1), (("X-Narrows-Session: mine",), 0)])
async def test_a_run_goes_on_without_its_client_where_its_session_was_named(
    stage: Stage, lines: tuple[str, ...], cancelled: int
) -> None:
    one = await scene(stage, growing("one", "one."))
    one.backend.gate = asyncio.Event()
    client = await stage.client(one.gateway)
    await client.send(request("POST", PATH, *lines, body=json.dumps(chat("hi")).encode()))
    await until(lambda: one.backend.turns and one.backend.turns[0].looks)
    client.close()
    await stage.record(one.gateway)
    one.backend.gate.set()
    await idle(one)
    assert one.backend.turns[0].cancelled == cancelled

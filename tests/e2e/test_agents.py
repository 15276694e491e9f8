"""An agent behind a gateway in a process of its own, driven by openai-python.

The agent is the reference cascade server, and its model traffic goes through the same gateway to a scripted model: a
question passes the gateway twice, once for the agent and once for the agent's model.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from narrows.cli.cascade_server.listener import Listener
from narrows.cli.cascade_server.model import Model
from narrows.cli.cascade_server.script import Script, read_script
from narrows.cli.cascade_server.service import Service
from tests.gateways import exchanges, gateway_process
from tests.scripted_upstream import Answer, Recorded, ScriptedUpstream, events, frame, stream

workers = "1"
"""How many processes the gateway has; where there are several, one more has the agents."""
USAGE = {"prompt_tokens": 21, "completion_tokens": 4, "total_tokens": 25}


@pytest.fixture(params=["1", "2"], ids=["one process", "two workers"], autouse=True)
def of_workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds however many workers there are."""
    monkeypatch.setattr(sys.modules[__name__], "workers", request.param)


def slowly(request: Recorded) -> Answer:
    """The model says the last user's text in capitals, word by word."""
    words = request.json["messages"][-1]["content"].upper().split()
    steps: list[Any] = [frame({"role": "assistant", "content": ""})]
    for at, word in enumerate(words):
        steps += [0.15 if at else 0.0, frame({"content": f" {word}" if at else word})]
    done = b"data: [DONE]\n\n"
    return events(*steps, frame({}, finish_reason="stop"), frame(None, usage=USAGE), done)


@dataclass(slots=True)
class Setting:
    """A client of the gateway, the gateway's URL, and the agent's server."""

    client: AsyncOpenAI
    url: str
    service: Service


@asynccontextmanager
async def agent(
    upstream: ScriptedUpstream, folder: Path, *, script: str = "", classic: bool = False, **settings: str | list[str]
) -> AsyncIterator[Setting]:
    """All three: the model, the agent, and the gateway between them and the client."""
    read = read_script(script.encode()) if script else Script()
    service = Service(read, None, classic=classic)
    listener = Listener(service, token="let-me-in")
    await listener.listen("127.0.0.1", 0)
    (folder / "token").write_text("let-me-in\n")
    lines = {"url": f"http://127.0.0.1:{listener.port}", "token_file": str(folder / "token"), **settings}
    config = folder / "narrows.toml"
    config.write_text("[agents.coder]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items()))
    try:
        async with gateway_process(upstream.url, "--config", str(config), "--workers", workers) as url:
            shared = "" if settings.get("correlation", "none") == "none" else "/narrows/agents/coder"
            model = Model(f"{url}{shared}/v1", "scripted", "sk-agent", small="tiny")
            service._model = model
            client = AsyncOpenAI(base_url=url + "/v1", api_key="sk-me", max_retries=2)
            try:
                yield Setting(client, url, service)
            finally:
                await client.close()
                await listener.close()
                model.close()
    finally:
        await listener.close()


def said(*texts: str) -> list[Any]:
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]


@pytest.mark.parametrize("classic", [False, True], ids=["cascade/1", "classic"])
async def test_text_streams_as_the_agents_model_says_it(
    scripted_upstream: ScriptedUpstream, tmp_path: Path, classic: bool
) -> None:
    scripted_upstream.otherwise = slowly
    async with agent(scripted_upstream, tmp_path, classic=classic) as one:
        pieces: list[str] = []
        usage = None
        answer = await one.client.chat.completions.create(
            model="coder", messages=said("one two three four"), stream=True, stream_options={"include_usage": True}
        )
        async for chunk in answer:
            pieces += [choice.delta.content for choice in chunk.choices if choice.delta.content]
            usage = chunk.usage or usage
        assert "".join(pieces) == "ONE TWO THREE FOUR"
        assert len(pieces) >= 2
        assert usage is not None
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (21, 4, 25)
        whole = await one.client.chat.completions.create(model="coder", messages=said("one two three four"))
        assert whole.choices[0].message.content == "".join(pieces)
        assert whole.usage is not None
        assert whole.usage.total_tokens == usage.total_tokens
    assert [request.values(b"x-session-id") for request in scripted_upstream.requests] == [
        [b"cascade-1"],
        [b"cascade-2"],
    ]


async def test_a_conversation_of_three_turns_is_one_conversation_of_the_agent(
    scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    scripted_upstream.otherwise = slowly
    async with agent(scripted_upstream, tmp_path) as one:
        texts: list[str] = []
        for question in ("first", "second", "third"):
            texts.append(question)
            answer = await one.client.chat.completions.create(model="coder", messages=said(*texts))
            texts.append(str(answer.choices[0].message.content))
        assert texts[1::2] == ["FIRST", "SECOND", "THIRD"]
        assert list(one.service.conversations) == ["cascade-1"]
        uses = [record["agent"]["use"] for record in await exchanges(one.url) if "agent" in record]
    assert uses == ["reused", "reused", "new"]
    last = scripted_upstream.requests[-1].json["messages"]
    assert [message["content"] for message in last] == ["first", "FIRST", "second", "SECOND", "third"]


@pytest.mark.parametrize("correlation", ["none", "endpoint", "header"])
async def test_conversations_at_once_never_mix(
    scripted_upstream: ScriptedUpstream, tmp_path: Path, correlation: str
) -> None:
    scripted_upstream.otherwise = slowly
    async with agent(scripted_upstream, tmp_path, correlation=correlation) as one:

        async def conversation(name: str) -> list[str]:
            texts = []
            for turn in range(2):
                texts.append(f"{name} {turn}")
                answer = await one.client.chat.completions.create(model="coder", messages=said(*texts))
                texts.append(str(answer.choices[0].message.content))
            return texts[1::2]

        answers = await asyncio.gather(*(conversation(f"c{n}") for n in range(6)))
        assert answers == [[f"C{n} 0", f"C{n} 1"] for n in range(6)]
        assert len(one.service.conversations) == 6
        found = await exchanges(one.url)
    runs = {record["request_id"]: record["agent"] for record in found if "agent" in record}
    calls = [record["agent_call"] for record in found if "agent_call" in record]
    assert len(calls) == (0 if correlation == "none" else 12)
    for call in calls:
        assert call["session"] == runs[call["run"]]["session"]
        assert runs[call["run"]]["model_calls"] == 1


async def test_usage_is_that_of_the_model_traffic(scripted_upstream: ScriptedUpstream, tmp_path: Path) -> None:
    """Two calls for the answer, and one for a summary."""
    script = '{"turns": [{"do": [{"act": "model"}, {"act": "summary"}, {"act": "model"}]}]}'
    scripted_upstream.otherwise = slowly
    async with agent(
        scripted_upstream, tmp_path, script=script, correlation="endpoint", background_models=["tiny"]
    ) as one:
        answer = await one.client.chat.completions.create(model="coder", messages=said("hi there"))
        (record,) = [record["agent"] for record in await exchanges(one.url) if "agent" in record]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (42, 8)
    assert (record["model_calls"], record["background_calls"]) == (2, 1)
    assert (record["background_input_tokens"], record["background_output_tokens"]) == (21, 4)
    assert [request.json["model"] for request in scripted_upstream.requests] == ["scripted", "tiny", "scripted"]


def with_a_tool(request: Recorded) -> Answer:
    """The model calls the tool that it is offered, once for each question, and repeats what came of it."""
    asked = request.json
    last = asked["messages"][-1]
    done = b"data: [DONE]\n\n"
    if last["role"] == "tool":
        texts = [frame({"content": f" It is {last['content']}"}), frame({"content": f" for {last['tool_call_id']}."})]
        return events(*texts, frame({}, finish_reason="stop"), frame(None, usage=USAGE), done)
    function = {"name": asked["tools"][0]["function"]["name"], "arguments": json.dumps({"city": last["content"]})}
    call = {"index": 0, "id": f"native-{last['content']}", "type": "function", "function": function}
    steps = [frame({"role": "assistant", "content": "Let me see."}), frame({"tool_calls": [call]})]
    return events(*steps, frame({}, finish_reason="tool_calls"), frame(None, usage=USAGE), done)


@pytest.mark.parametrize("correlation", ["endpoint", "header"])
@pytest.mark.parametrize("classic", [False, True], ids=["cascade/1", "classic"])
async def test_clients_tools_on_the_agents_model_traffic(
    scripted_upstream: ScriptedUpstream, tmp_path: Path, correlation: str, classic: bool
) -> None:
    """Three clients at once, each with a tool of its own, and two questions each; the agents never see a call."""
    scripted_upstream.otherwise = with_a_tool
    async with agent(scripted_upstream, tmp_path, correlation=correlation, classic=classic) as one:

        async def conversation(name: str) -> None:
            tools: Any = [{"type": "function", "function": {"name": f"weather_{name}", "parameters": {}}}]
            texts: list[Any] = []
            for city in (f"{name}-Oslo", f"{name}-Rome"):
                texts.append({"role": "user", "content": city})
                first = await one.client.chat.completions.create(model="coder", messages=texts, tools=tools)
                called = first.choices[0].message
                assert first.choices[0].finish_reason == "tool_calls"
                assert called.tool_calls is not None
                (call,) = called.tool_calls
                assert call.type == "function"
                assert (call.function.name, json.loads(call.function.arguments)) == (f"weather_{name}", {"city": city})
                texts.append(called.model_dump(exclude_none=True))
                texts.append({"role": "tool", "tool_call_id": call.id, "content": f"cold in {city}"})
                second = await one.client.chat.completions.create(model="coder", messages=texts, tools=tools)
                said_last = str(second.choices[0].message.content)
                assert (called.content or "") + said_last == f"Let me see. It is cold in {city} for native-{city}."
                texts.append({"role": "assistant", "content": said_last})
                used = [leg.usage.total_tokens for leg in (first, second) if leg.usage is not None]
                assert used in ([25, 25], [50]), "what is not known in time of the first is told with the second"

        await asyncio.gather(*(conversation(name) for name in ("a", "b", "c")))
        assert len(one.service.conversations) == 3
        shown = json.dumps([conversation.steps for conversation in one.service.conversations.values()])
    assert "native" in shown
    assert "weather_" not in shown
    for request in scripted_upstream.requests:
        (declared,) = request.json["tools"]
        assert f"{declared['function']['name'][-1]}-Oslo" in request.body.decode()
    second_turns = [one.json["messages"] for one in scripted_upstream.requests if len(one.json["messages"]) > 3]
    assert all([message["role"] for message in turn[:4]][1:3] == ["assistant", "tool"] for turn in second_turns)


async def test_a_server_that_refuses_an_address_names_its_conversation(
    scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    script = '{"failures": [{"method": "StartCascade", "code": "permission_denied"}]}'
    async with agent(scripted_upstream, tmp_path, script=script, correlation="endpoint") as one:
        await one.client.chat.completions.create(model="coder", messages=said("hi"))
        (call,) = [record["agent_call"] for record in await exchanges(one.url) if "agent_call" in record]
    assert call["run"]


async def test_a_client_that_leaves_stops_the_agent(scripted_upstream: ScriptedUpstream, tmp_path: Path) -> None:
    scripted_upstream.otherwise = lambda _: stream_without_end()
    async with agent(scripted_upstream, tmp_path) as one:
        answer = await one.client.chat.completions.create(model="coder", messages=said("hi"), stream=True)
        async for chunk in answer:
            if chunk.choices[0].delta.content:
                break
        await answer.close()
        async with asyncio.timeout(60):
            while one.service.conversations["cascade-1"].busy:
                await asyncio.sleep(0.01)
            await scripted_upstream.requests[0].ended.wait()
        assert "CancelCascadeInvocation" in [method for method, _ in one.service.calls]


async def gather_into(chunks: list[Any], answer: Any) -> None:
    async for chunk in answer:
        chunks.append(chunk)  # noqa: PERF401 # what came before an exception must be kept


def stream_without_end() -> Answer:
    return events(frame({"role": "assistant", "content": "Half"}), asyncio.Event())


async def test_time_that_runs_out_is_an_exception_and_nothing_is_done_twice(
    scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    script = '{"turns": [{"do": [{"act": "hang"}]}, {"do": [{"act": "text", "texts": ["Half"]}, {"act": "hang"}]}]}'
    async with agent(scripted_upstream, tmp_path, script=script, idle_timeout_s="0.5s") as one:
        with pytest.raises(openai.InternalServerError) as caught:
            await one.client.chat.completions.create(model="coder", messages=said("hi"))
        assert (caught.value.status_code, caught.value.code) == (504, "agent_timeout")
        answer = await one.client.chat.completions.create(model="coder", messages=said("hi"), stream=True)
        chunks: list[Any] = []
        with pytest.raises(openai.APIError) as broken:
            await gather_into(chunks, answer)
        assert broken.value.code == "agent_timeout"
        assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Half"
        sends = [method for method, _ in one.service.calls if method == "SendUserCascadeMessage"]
    assert len(sends) == 2


async def test_a_client_that_loses_its_patience_does_not_have_it_done_twice(
    scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with agent(scripted_upstream, tmp_path, script='{"turns": [{"do": [{"act": "hang"}]}]}') as one:
        hasty = one.client.with_options(timeout=1.0, max_retries=9)
        with pytest.raises(openai.ConflictError) as caught:
            await hasty.chat.completions.create(model="coder", messages=said("pay the bill"))
        assert caught.value.code == "request_repeated"
        assert int(caught.value.response.request.headers["x-stainless-retry-count"]) > 0
        methods = [method for method, _ in one.service.calls]
    assert (methods.count("SendUserCascadeMessage"), methods.count("CancelCascadeInvocation")) == (1, 1)


async def test_the_agents_own_words_reach_the_client(scripted_upstream: ScriptedUpstream, tmp_path: Path) -> None:
    script = '{"turns": [{"do": [{"act": "error", "message": "quota is gone", "code": 429}]}]}'
    async with agent(scripted_upstream, tmp_path, script=script) as one:
        with pytest.raises(openai.RateLimitError, match="quota is gone"):
            await one.client.chat.completions.create(model="coder", messages=said("hi"))
        sends = [method for method, _ in one.service.calls if method == "SendUserCascadeMessage"]
    assert len(sends) == 1


async def test_a_conversation_outlives_its_gateway(scripted_upstream: ScriptedUpstream, tmp_path: Path) -> None:
    """The gateway is started again between two turns, on the same file."""
    scripted_upstream.otherwise = slowly
    service = Service(Script(), Model(scripted_upstream.url + "/v1", "scripted", "sk-agent"))
    listener = Listener(service)
    await listener.listen("127.0.0.1", 0)
    config = tmp_path / "narrows.toml"
    sessions = f'agent_sessions_file = "{tmp_path / "sessions.db"}"'
    config.write_text(f'{sessions}\n[agents.coder]\nurl = "http://127.0.0.1:{listener.port}"\n')
    texts: list[str] = []
    uses: list[str] = []
    try:
        for question in ("first", "second", "third"):
            texts.append(question)
            async with (
                gateway_process(scripted_upstream.url, "--config", str(config), "--workers", workers) as url,
                AsyncOpenAI(base_url=url + "/v1", api_key="sk-me") as client,
            ):
                raw = await client.chat.completions.with_raw_response.create(model="coder", messages=said(*texts))
                uses.append(raw.headers["x-narrows-session-use"])
                texts.append(str(raw.parse().choices[0].message.content))
    finally:
        await listener.close()
    assert texts[1::2] == ["FIRST", "SECOND", "THIRD"]
    assert uses == ["new", "reused", "reused"]
    assert list(service.conversations) == ["cascade-1"]


async def test_requests_that_an_agent_cannot_honour(scripted_upstream: ScriptedUpstream, tmp_path: Path) -> None:
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": {}}}
    async with agent(scripted_upstream, tmp_path) as one:
        with pytest.raises(openai.BadRequestError, match="its server takes none"):
            await one.client.chat.completions.create(model="coder", messages=said("hi"), tools=[tool])
        with pytest.raises(openai.BadRequestError) as caught:
            await one.client.chat.completions.create(model="coder", messages=said("hi"), n=2)
        assert caught.value.param == "n"
        (tmp_path / "token").write_text("")
        with pytest.raises(openai.AuthenticationError, match="token_file"):
            await one.client.chat.completions.create(model="coder", messages=said("hi"))
        (tmp_path / "token").write_text("let-me-in")
        assert one.service.calls == []


async def test_a_token_that_changed_is_read_again(scripted_upstream: ScriptedUpstream, tmp_path: Path) -> None:
    script = '{"turns": [{"do": [{"act": "text", "texts": ["a"]}]}, {"do": [{"act": "text", "texts": ["b"]}]}]}'
    async with agent(scripted_upstream, tmp_path, script=script) as one:
        (tmp_path / "token").write_text("old")
        with pytest.raises(openai.AuthenticationError, match="refuses the token"):
            await one.client.chat.completions.create(model="coder", messages=said("hi"))
        (tmp_path / "token").write_text("let-me-in")
        answer = await one.client.chat.completions.create(model="coder", messages=said("hi"))
        assert answer.choices[0].message.content == "a"


async def test_a_backend_that_is_killed_in_a_run(scripted_upstream: ScriptedUpstream, tmp_path: Path) -> None:
    script = (
        '{"turns": [{"do": [{"act": "text", "texts": ["Half"]}, {"act": "restart", "keep": false}, {"act": "hang"}]}]}'
    )
    async with agent(scripted_upstream, tmp_path, script=script) as one:
        with pytest.raises(openai.InternalServerError) as caught:
            await one.client.chat.completions.create(model="coder", messages=said("hi"))
        assert caught.value.code == "agent_error"
        scripted_upstream.play(stream({"content": "Again"}, include_usage=True))
        answer = await one.client.chat.completions.create(model="coder", messages=said("hi"))
        assert answer.choices[0].message.content == "Again"

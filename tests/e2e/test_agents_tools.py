"""A client's tools, end to end: openai-python, a gateway in a process of its own, and an agent that speaks A2A.

The agent calls the tools that the text `CALL ...` names, and says their outputs again in capitals.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.agent_stage import tool
from tests.backends.a2a_server import A2AServer, a2a_server
from tests.gateways import exchanges, gateway_process
from tests.scripted_upstream import ScriptedUpstream

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS: list[Any] = [tool("weather", description="Now.", parameters=SCHEMA), tool("time")]
RESTS = pytest.mark.parametrize("workers", ["1", "2"], ids=["one process", "two workers"])


@asynccontextmanager
async def gateway(
    upstream: ScriptedUpstream, server: A2AServer, folder: Path, workers: str = "1"
) -> AsyncIterator[tuple[AsyncOpenAI, str]]:
    """A client of the gateway, and its URL."""
    config = folder / "narrows.toml"
    agent = f'[agents.helper]\nkind = "a2a"\nurl = "{server.url}"\n'
    config.write_text(f'agent_sessions_file = "{folder / "sessions.db"}"\n{agent}')
    async with (
        gateway_process(upstream.url, "--config", str(config), "--workers", workers) as url,
        AsyncOpenAI(base_url=url + "/v1", api_key="sk-me", max_retries=2) as client,
    ):
        yield client, url


async def asked(client: AsyncOpenAI, messages: list[Any], *, stream: bool) -> tuple[Any, str]:
    """The answer's choice, and how it came to its session."""
    if not stream:
        raw = await client.chat.completions.with_raw_response.create(model="helper", messages=messages, tools=TOOLS)
        return raw.parse().choices[0], raw.headers["x-narrows-session-use"]
    async with client.chat.completions.stream(model="helper", messages=messages, tools=TOOLS) as events:
        async for _ in events:
            pass
        whole = await events.get_final_completion()
        return whole.choices[0], events._response.headers["x-narrows-session-use"]


def did(choice: Any) -> list[Any]:
    """The assistant's message, and what a client did about it."""
    message = choice.message.model_dump(exclude_none=True)
    for call in message.get("tool_calls", ()):
        call["function"].pop("parsed_arguments", None)
    message.pop("parsed", None)
    outputs = [
        {
            "role": "tool",
            "tool_call_id": call.id,
            "content": f"{call.function.name} {json.loads(call.function.arguments)}",
        }
        for call in choice.message.tool_calls or ()
    ]
    return [message, *outputs]


@RESTS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_loop_of_tools(scripted_upstream: ScriptedUpstream, tmp_path: Path, stream: bool, workers: str) -> None:
    async with a2a_server() as server, gateway(scripted_upstream, server, tmp_path, workers) as (client, url):
        messages: list[Any] = [{"role": "user", "content": "CALL weather time"}]
        first, use = await asked(client, messages, stream=stream)
        assert (first.finish_reason, use) == ("tool_calls", "new")
        assert first.message.content == "Let me see."
        assert [(call.function.name, call.function.arguments) for call in first.message.tool_calls] == [
            ("weather", '{"n":  1}'),
            ("time", '{"n":  1}'),
        ]
        messages += did(first)
        second, use = await asked(client, messages, stream=stream)
        assert (second.message.content, second.finish_reason, use) == (
            "WEATHER {'N': 1} TIME {'N': 1}",
            "stop",
            "resumed",
        )
        messages += [*did(second), {"role": "user", "content": "so long"}]
        third, use = await asked(client, messages, stream=stream)
        assert (third.message.content, use) == ("SO LONG", "reused")
        offered = server.sent[0]["parts"][1]["data"]["tools"]
        assert [one["name"] for one in offered] == ["weather", "time"]
        assert json.loads(offered[0]["parameters"]) == SCHEMA
        figures = [record["agent"] for record in await exchanges(url) if "agent" in record]
        assert sorted((one["use"], one.get("tool_calls"), one.get("tool_outputs")) for one in figures) == [
            ("new", 2, None),
            ("resumed", None, 2),
            ("reused", None, None),
        ]


async def test_a_call_is_answered_after_the_gateway_was_started_again(
    scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with a2a_server() as server:
        messages: list[Any] = [{"role": "user", "content": "CALL weather"}]
        uses = []
        for _ in range(3):
            async with gateway(scripted_upstream, server, tmp_path) as (client, _):
                choice, use = await asked(client, messages, stream=False)
            uses.append(use)
            messages += did(choice)
            if choice.finish_reason == "stop":
                messages.append({"role": "user", "content": "bye"})
        assert uses == ["new", "resumed", "reused"]
        assert messages[-2]["content"] == "BYE"
        assert len({message["contextId"] for message in server.sent}) == 1


async def test_conversations_with_tools_at_once_never_mix(scripted_upstream: ScriptedUpstream, tmp_path: Path) -> None:
    async with a2a_server() as server, gateway(scripted_upstream, server, tmp_path) as (client, _):

        async def conversation(name: str) -> str:
            mine: list[Any] = [tool(name)]
            messages: list[Any] = [{"role": "user", "content": f"CALL {name}"}]
            for _ in range(3):
                answer = await client.chat.completions.create(model="helper", messages=messages, tools=mine)
                choice: Any = answer.choices[0]
                assert [call.function.name for call in choice.message.tool_calls or ()] in ([name], [])
                messages += did(choice)
                if choice.finish_reason == "stop":
                    return str(choice.message.content)
            return ""

        answers = await asyncio.gather(*(conversation(f"tool_{n}") for n in range(8)))
        assert answers == [f"TOOL_{n} {{'N': 1}}" for n in range(8)]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
async def test_a_framework_drives_the_loop(scripted_upstream: ScriptedUpstream, tmp_path: Path, streamed: bool) -> None:
    """What pydantic-ai makes of its own messages is known again by the gateway, turn after turn. Where it streams, it
    takes the text before a call for the answer, and goes on: with the output of a tool that it has not used."""
    async with a2a_server() as server, gateway(scripted_upstream, server, tmp_path) as (_, url):
        provider = OpenAIProvider(base_url=url + "/v1", api_key="sk-me")
        framework: Agent[None, str] = Agent(OpenAIChatModel("helper", provider=provider))

        @framework.tool_plain
        def weather(n: int) -> str:
            """What it is like."""
            return f"cold {n}"

        history: list[Any] = []
        answers = []
        for asked_for in ("CALL weather", "so long"):
            if streamed:
                async with framework.run_stream(asked_for, message_history=history) as answer:
                    answers.append(await answer.get_output())
                    history = answer.all_messages()
            else:
                done = await framework.run(asked_for, message_history=history)
                answers.append(done.output)
                history = done.all_messages()
        uses = sorted(record["agent"]["use"] for record in await exchanges(url) if "agent" in record)
        if streamed:
            assert (uses, answers[0]) == (["new", "retold"], "Let me see.")
            assert answers[1].endswith("SO LONG")
        else:
            assert (uses, answers) == (["new", "resumed", "reused"], ["COLD 1", "SO LONG"])


async def test_what_cannot_be_done_is_an_exception(scripted_upstream: ScriptedUpstream, tmp_path: Path) -> None:
    async with a2a_server() as server, gateway(scripted_upstream, server, tmp_path) as (client, url):
        messages: list[Any] = [{"role": "user", "content": "CALL weather time"}]
        first, _ = await asked(client, messages, stream=False)
        messages += did(first)
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="helper", messages=messages[:-1], tools=TOOLS)
        assert caught.value.code == "missing_tool_outputs"
        assert first.message.tool_calls[1].id in caught.value.message
        async with AsyncOpenAI(base_url=url + "/v1", api_key="sk-somebody-else") as other:
            with pytest.raises(openai.NotFoundError) as missing:
                await other.chat.completions.create(model="helper", messages=messages, tools=TOOLS)
        assert missing.value.code == "no_such_tool_call"
        with pytest.raises(openai.BadRequestError) as forced:
            await client.chat.completions.create(model="helper", messages=messages, tools=TOOLS, tool_choice="required")
        assert forced.value.param == "tool_choice"
        assert len(server.sent) == 1
        choice, use = await asked(client, messages, stream=False)
        assert (choice.finish_reason, use) == ("stop", "resumed")

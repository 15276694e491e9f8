"""A client's tools by MCP, end to end: openai-python, a gateway in processes of its own, and an agent that it starts,
which speaks ACP and is told where its client's tools are. Whichever worker has the agent's connection, its call is held
where its run is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.agent_stage import tool
from tests.e2e.test_agents_tools import did
from tests.gateways import exchanges, gateway_process
from tests.scripted_upstream import ScriptedUpstream

TOOLS: list[Any] = [tool("weather", description="Now."), tool("time")]
AGENT = Path(__file__).with_name("acp_tool_agent.py")
WORKERS = pytest.mark.parametrize("workers", ["1", "2"], ids=["one process", "two workers"])


@asynccontextmanager
async def gateway(
    upstream: ScriptedUpstream, folder: Path, workers: str = "1"
) -> AsyncIterator[tuple[AsyncOpenAI, str]]:
    """A client of the gateway, and its URL."""
    config = folder / "narrows.toml"
    command = f'kind = "acp"\ncommand = ["{sys.executable}", "{AGENT}"]\ncwd = "{folder}"\n'
    config.write_text(f'agent_sessions_file = "{folder / "sessions.db"}"\n[agents.helper]\n{command}')
    async with (
        gateway_process(upstream.url, "--config", str(config), "--workers", workers) as url,
        AsyncOpenAI(base_url=url + "/v1", api_key="sk-me", max_retries=2) as client,
    ):
        yield client, url


async def asked(client: AsyncOpenAI, messages: list[Any], tools: list[Any] = TOOLS, session: str = "") -> Any:
    named = {"x-narrows-session": session} if session else {}
    answer = await client.chat.completions.create(model="helper", messages=messages, tools=tools, extra_headers=named)
    return answer.choices[0]


@WORKERS
async def test_a_loop_of_tools(scripted_upstream: ScriptedUpstream, tmp_path: Path, workers: str) -> None:
    async with gateway(scripted_upstream, tmp_path, workers) as (client, url):
        messages: list[Any] = [{"role": "user", "content": "CALL weather time"}]
        said, called = "", list[str]()
        while (choice := await asked(client, messages)).finish_reason == "tool_calls":
            said += choice.message.content or ""
            called += [f"{call.function.name} {call.function.arguments}" for call in choice.message.tool_calls]
            messages += did(choice)
        assert sorted(called) == ['time {"n":1}', 'weather {"n":0}']
        assert said + choice.message.content == "Let me see. WEATHER {'N': 0} TIME {'N': 1}"
        messages += [*did(choice), {"role": "user", "content": "LIST"}]
        assert (await asked(client, messages)).message.content == "weather time"
        found = [record["agent_call"] for record in await exchanges(url) if "agent_call" in record]
        assert [one.get("mcp") for one in found].count("tools/call") == 2
        assert len({one["session"] for one in found}) == 1


async def test_conversations_at_once_never_mix(scripted_upstream: ScriptedUpstream, tmp_path: Path) -> None:
    async with gateway(scripted_upstream, tmp_path, "2") as (client, _):

        async def conversation(name: str) -> str:
            mine, messages = [tool(name)], [{"role": "user", "content": f"CALL {name}"}]
            choice = await asked(client, messages, mine)
            assert [call.function.name for call in choice.message.tool_calls] == [name]
            messages += did(choice)
            choice = await asked(client, messages, mine)
            messages += [*did(choice), {"role": "user", "content": "LIST"}]
            return str(choice.message.content) + " | " + str((await asked(client, messages, mine)).message.content)

        names = [f"tool_{at}" for at in range(3)]
        answers = await asyncio.gather(*map(conversation, names))
        assert answers == [f" {name.upper()} {{'N': 0}} | {name}" for name in names]


async def test_after_a_restart_its_call_has_expired_and_its_tools_are_told_anew(
    scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with gateway(scripted_upstream, tmp_path) as (client, _):
        messages: list[Any] = [{"role": "user", "content": "CALL weather"}]
        first = await asked(client, messages, session="mine")
        assert first.finish_reason == "tool_calls"
    async with gateway(scripted_upstream, tmp_path) as (client, _):
        with pytest.raises(openai.BadRequestError) as caught:
            await asked(client, [*messages, *did(first)], session="mine")
        assert caught.value.code == "tool_call_expired"
        again = await asked(client, [{"role": "user", "content": "LIST"}], session="mine")
        assert again.message.content == "weather time"
    assert len(list(tmp_path.glob("ses_*"))) == 1, "the agent has gone on with its session"

"""The official MCP client at a session's server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client

from narrows.server.agents import tool_exchange
from tests.agent_stage import Scene
from tests.server.mcp_agent import SCHEMA, TURN, begun, ends, expired, held
from tests.server.test_agents import ask, text_of, until
from tests.server.test_agents_held import looks
from tests.server.test_agents_tool_servers import served
from tests.server.test_agents_tools import finish_of, message_of, with_outputs
from tests.stage import Stage


@asynccontextmanager
async def official(one: Scene, **options: Any) -> AsyncIterator[Client]:
    server = one.backend.tool_servers[-1]
    assert server is not None
    async with Client(server.url, **options) as client:
        yield client


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_lists_and_calls(stage: Stage, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setattr(tool_exchange, "WAITING_S", 0.01)
    one = await served(stage, [looks("Let me look.")])
    asking, _ = await begun(stage, one)
    heard: list[float] = []

    async def noted(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with official(one, mode=mode) as client:
        (listed,) = (await client.list_tools()).tools
        assert (listed.name, listed.description, listed.input_schema) == ("weather", "how it is", json.loads(SCHEMA))
        calling = asyncio.create_task(client.call_tool("weather", {"city": "Oslo"}, progress_callback=noted))
        first = await asking
        (made,) = message_of(first)["tool_calls"]
        assert json.loads(made["function"]["arguments"]) == {"city": "Oslo"}
        await until(lambda: len(heard) > 2)
        ends(one, "Let me look. Cold.")
        second = await ask(stage, one, with_outputs(TURN, first, "cold"))
        result = await calling
        assert (result.is_error, [part.text for part in result.content]) == (False, ["cold"])  # type: ignore[union-attr]  # texts
        assert text_of(second) == " Cold."
        refused = await client.call_tool("weather", {})
        assert refused.is_error
    assert heard == sorted(set(heard))


async def test_the_official_client_gives_up(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, _ = await begun(stage, one)
    async with official(one, mode="legacy") as client:
        calling = asyncio.create_task(client.call_tool("weather", {}))
        first = await asking
        calling.cancel()
        await until(lambda: one.backend.turns[0].closed)
    await expired(stage, one, first)


async def test_the_official_client_makes_calls_at_once(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, _ = await begun(stage, one)
    async with official(one) as client:
        calls = [asyncio.create_task(client.call_tool("weather", {"at": at})) for at in range(3)]
        await until(lambda: held(one) == 3)
        answer, body = await asking, TURN
        ends(one, "ab")
        while finish_of(answer) == "tool_calls":
            said = [json.loads(made["function"]["arguments"])["at"] for made in message_of(answer)["tool_calls"]]
            body = with_outputs(body, answer, *(f"output {at}" for at in said))
            answer = await ask(stage, one, body)
        for at, calling in enumerate(calls):
            assert (await calling).content[0].text == f"output {at}"  # type: ignore[union-attr]  # a text

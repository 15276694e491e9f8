"""An agent of the Agent Client Protocol, on the official SDKs of it and of MCP, without a model: to `CALL weather time`
it calls the tools of these names at once, with the count of its calls, and says their outputs in capitals; to anything
else it says that in capitals. To `LIST` it says which tools it has. Its sessions are files in the folder it runs in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

from acp import RequestError, run_agent
from acp.helpers import update_agent_message_text
from acp.schema import (
    AgentCapabilities,
    InitializeResponse,
    LoadSessionResponse,
    McpCapabilities,
    NewSessionResponse,
    PromptResponse,
)
from mcp import Client


class Caller:
    """Its sessions, each with where its tools are."""

    def __init__(self) -> None:
        self.servers: dict[str, list[str]] = {}
        self.running: dict[str, asyncio.Task[Any]] = {}
        self.client: Any = None

    def on_connect(self, conn: Any) -> None:
        self.client = conn

    async def initialize(self, protocol_version: int, **_: Any) -> InitializeResponse:
        able = AgentCapabilities(load_session=True, mcp_capabilities=McpCapabilities(http=True))
        return InitializeResponse(protocol_version=protocol_version, agent_capabilities=able)

    async def new_session(self, cwd: str, mcp_servers: list[Any] | None = None, **_: Any) -> NewSessionResponse:
        name = f"ses_{uuid4().hex}"
        Path(name).touch()
        await self.load_session(cwd, name, mcp_servers)
        return NewSessionResponse(session_id=name)

    async def load_session(
        self, cwd: str, session_id: str, mcp_servers: list[Any] | None = None, **_: Any
    ) -> LoadSessionResponse:
        if not Path(session_id).exists():
            raise RequestError.resource_not_found(session_id)
        self.servers[session_id] = [server.url for server in mcp_servers or []]
        return LoadSessionResponse()

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> PromptResponse:
        text = "".join(block.text for block in prompt if block.type == "text")
        said = self.running[session_id] = asyncio.create_task(self.answer(session_id, text))
        try:
            await said
        except asyncio.CancelledError:
            return PromptResponse(stop_reason="cancelled")
        return PromptResponse(stop_reason="end_turn")

    async def cancel(self, session_id: str, **_: Any) -> None:
        self.running[session_id].cancel()

    async def answer(self, session: str, text: str) -> None:
        word, _, rest = text.partition(" ")
        if word not in ("CALL", "LIST"):
            await self.say(session, text.upper())
            return
        (url,) = self.servers[session]
        async with Client(url) as tools:
            if word == "LIST":
                await self.say(session, " ".join(tool.name for tool in (await tools.list_tools()).tools))
                return
            await self.say(session, "Let me see.")
            calls = [tools.call_tool(name, {"n": at}) for at, name in enumerate(rest.split())]
            results = await asyncio.gather(*calls)
        await self.say(session, "".join(" " + "".join(part.text for part in one.content).upper() for one in results))  # type: ignore[union-attr] # texts

    async def say(self, session: str, text: str) -> None:
        await self.client.session_update(session_id=session, update=update_agent_message_text(text))


if __name__ == "__main__":
    caller: Any = Caller()  # an agent needs no more than it is asked for
    asyncio.run(run_agent(caller))

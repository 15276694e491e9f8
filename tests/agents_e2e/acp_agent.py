"""An agent of the Agent Client Protocol on the official SDK's agent side. It has a tool of its own, and takes a
client's by MCP.

    python acp_agent.py

`MODEL_URL` and `MODEL_KEY` say where its model is, `STORE` is a folder in which its sessions outlive it. It runs in an
environment of its own (see `environments`), without anything of the gateway's.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from acp import RequestError, run_agent
from acp.helpers import start_tool_call, update_agent_message_text, update_tool_call, update_user_message_text
from acp.schema import (
    AgentCapabilities,
    InitializeResponse,
    LoadSessionResponse,
    McpCapabilities,
    NewSessionResponse,
    PromptCapabilities,
    PromptResponse,
    Usage,
)
from mcp import Client as McpClient
from openai import APIError, AsyncOpenAI

Json = dict[str, Any]
STORE = Path(os.environ["STORE"])
SHOUT: Json = {
    "type": "function",
    "function": {
        "name": "shout",
        "description": "Say it loudly.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
    },
}


class Session:
    """A session: its messages, its client's servers of tools, and what runs in it."""

    def __init__(self, agent: SampleAgent, name: str, servers: list[Any] | None, messages: list[Json]) -> None:
        self.agent = agent
        self.name = name
        self.servers = servers or []
        self.messages = messages
        self.running: asyncio.Task[Any] | None = None

    async def tell(self, update: Any) -> None:
        await self.agent.client.session_update(session_id=self.name, update=update)

    async def say(self, text: str) -> None:
        await self.tell(update_agent_message_text(text))

    async def answer(self, told: Any) -> PromptResponse:
        self.messages.append({"role": "user", "content": told})
        async with self.tools() as tools:
            figures = [0, 0]
            while calls := await self.ask_model([tool for tool, _ in tools.values()], figures):
                outputs = [self.call(call, tools) for call in calls]
                for call, output in zip(calls, await asyncio.gather(*outputs), strict=True):
                    self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": output})
        self.save()
        usage = Usage(total_tokens=sum(figures), input_tokens=figures[0], output_tokens=figures[1])
        return PromptResponse(stop_reason="end_turn", usage=usage)

    @asynccontextmanager
    async def tools(self) -> AsyncIterator[dict[str, tuple[Json, Any]]]:
        """The tools by name, each with the MCP client that has it, or None for its own."""
        found: dict[str, tuple[Json, Any]] = {"shout": (SHOUT, None)}
        async with AsyncExitStack() as stack:
            for server in self.servers:
                client = await stack.enter_async_context(McpClient(server.url))
                for tool in (await client.list_tools()).tools:
                    function = {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
                    found[tool.name] = ({"type": "function", "function": function}, client)
            yield found

    async def call(self, call: Json, tools: dict[str, tuple[Json, Any]]) -> str:
        name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"])
        await self.tell(start_tool_call(call["id"], name, status="in_progress"))
        client = tools[name][1]
        if client is None:
            output = str(arguments["text"]).upper()
        else:
            result = await client.call_tool(name, arguments)
            output = "".join(getattr(one, "text", "") for one in result.content)
        await self.tell(update_tool_call(call["id"], status="completed"))
        return output

    async def ask_model(self, tools: list[Json], figures: list[int]) -> list[Json]:
        """One model call, its text passed on as it comes; the calls of tools in it."""
        text, calls = "", {}
        async with AsyncOpenAI(
            base_url=os.environ["MODEL_URL"], api_key=os.environ.get("MODEL_KEY", "sk-agent"), max_retries=0
        ) as client:
            chunks: Any = await client.chat.completions.create(
                model="scripted",
                messages=self.messages,
                tools=tools,
                stream=True,
                stream_options={"include_usage": True},
                extra_headers={"x-session-id": self.name},
            )
            async for chunk in chunks:
                if chunk.usage:
                    figures[0] += chunk.usage.prompt_tokens
                    figures[1] += chunk.usage.completion_tokens
                for choice in chunk.choices:
                    for piece in choice.delta.tool_calls or ():
                        function = {"name": piece.function.name, "arguments": ""}
                        call = calls.setdefault(piece.index, {"id": piece.id, "type": "function", "function": function})
                        call["function"]["arguments"] += piece.function.arguments or ""
                    if choice.delta.content:
                        text += choice.delta.content
                        await self.say(choice.delta.content)
        said: Json = {"role": "assistant", "content": text or None}
        found = [calls[place] for place in sorted(calls)]
        self.messages.append({**said, "tool_calls": found} if found else said)
        return found

    def save(self) -> None:
        (STORE / self.name).write_text(json.dumps(self.messages))


class SampleAgent:
    """Its sessions."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.client: Any = None

    def on_connect(self, conn: Any) -> None:
        self.client = conn

    async def initialize(self, protocol_version: int, **_: Any) -> InitializeResponse:
        return InitializeResponse(
            protocol_version=protocol_version,
            agent_capabilities=AgentCapabilities(
                load_session=True,
                prompt_capabilities=PromptCapabilities(image=True),
                mcp_capabilities=McpCapabilities(http=True),
            ),
        )

    async def new_session(self, cwd: str, mcp_servers: list[Any] | None = None, **_: Any) -> NewSessionResponse:
        name = f"ses_{uuid4().hex}"
        session = self.sessions[name] = Session(self, name, mcp_servers, [])
        session.save()
        return NewSessionResponse(session_id=name)

    async def load_session(
        self, cwd: str, session_id: str, mcp_servers: list[Any] | None = None, **_: Any
    ) -> LoadSessionResponse:
        kept = STORE / session_id
        if not kept.exists():
            raise RequestError.resource_not_found(session_id)
        session = self.sessions[session_id] = Session(self, session_id, mcp_servers, json.loads(kept.read_text()))
        for message in session.messages:
            update = update_user_message_text if message["role"] == "user" else update_agent_message_text
            await session.tell(update(str(message["content"])))
        return LoadSessionResponse()

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> Any:
        session = self.sessions[session_id]
        text = "".join(block.text for block in prompt if block.type == "text")
        urls = [f"data:{block.mime_type};base64,{block.data}" for block in prompt if block.type == "image"]
        images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        told = [{"type": "text", "text": text}, *images] if images else text
        session.running = asyncio.create_task(session.answer(told))
        try:
            return await session.running
        except asyncio.CancelledError:
            session.save()
            return PromptResponse(stop_reason="cancelled")
        except APIError as error:
            raise RequestError.internal_error({"details": f"its model said: {error}"}) from error
        finally:
            session.running = None

    async def cancel(self, session_id: str, **_: Any) -> None:
        session = self.sessions[session_id]
        if session.running is not None:
            session.running.cancel()


if __name__ == "__main__":
    asyncio.run(run_agent(SampleAgent()))

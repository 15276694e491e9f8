"""An A2A agent on the official SDK's server. It has a tool of its own, and takes a client's as docs/agents.md says.

    python a2a_agent.py PORT

`MODEL_URL` and `MODEL_KEY` say where its model is. `STREAMING=0` and `EXTENSION=0` leave streaming and a client's tools
out of its card, `BINDING=HTTP+JSON` and `VERSION=0.3` have it speak so. It remembers each context in memory. This runs
in an environment of its own (see `environments`), without anything of the gateway's.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from base64 import b64encode
from typing import Any

import uvicorn
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentExtension,
    AgentInterface,
    AgentSkill,
    Message,
    Part,
    Task,
    TaskState,
    TaskStatus,
)
from google.protobuf import json_format
from openai import APIError, AsyncOpenAI
from starlette.applications import Starlette

CLIENT_TOOLS = "urn:narrows:a2a:client-tools:1"
Json = dict[str, Any]
SHOUT: Json = {
    "type": "function",
    "function": {
        "name": "shout",
        "description": "Say it loudly.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
    },
}


def data_parts(message: Message, kind: str) -> list[Json]:
    """The data parts of this kind."""
    found = [json_format.MessageToDict(part.data) for part in message.parts if part.WhichOneof("content") == "data"]
    return [one for one in found if isinstance(one, dict) and one.get("kind") == kind]


def data_part(value: Json) -> Part:
    part = Part(media_type="application/json")
    json_format.ParseDict(value, part.data)
    return part


def image_part(part: Part) -> Json:
    """A picture, as its model takes it."""
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{b64encode(part.raw).decode()}"}}


class Context:
    """What the agent remembers of a context."""

    def __init__(self) -> None:
        self.messages: list[Json] = []
        self.tools: list[Json] = []
        self.endpoint: Json = {}

    def hear(self, message: Message) -> None:
        """Take a user's message: a text, or outputs of the calls that it was asked for."""
        for offer in data_parts(message, "client_tools"):
            self.tools = [
                {"type": "function", "function": {**tool, "parameters": json.loads(tool["parameters"] or "{}")}}
                for tool in offer["tools"]
            ]
        for answer in data_parts(message, "tool_outputs"):
            for one in answer["outputs"]:
                self.messages.append({"role": "tool", "tool_call_id": one["id"], "content": one["output"]})
        text = "".join(part.text for part in message.parts if part.WhichOneof("content") == "text")
        images = [image_part(part) for part in message.parts if part.WhichOneof("content") == "raw"]
        if text:
            content = [{"type": "text", "text": text}, *images] if images else text
            self.messages.append({"role": "user", "content": content})
        self.endpoint = json_format.MessageToDict(message.metadata).get("modelEndpoint") or self.endpoint


class Agent(AgentExecutor):
    """Asks its model until that has nothing more to call."""

    def __init__(self) -> None:
        self.contexts: dict[str, Context] = {}
        self.running: dict[str, asyncio.Task[None]] = {}

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        task = context.current_task
        if task is None:
            status = TaskStatus(state=TaskState.TASK_STATE_SUBMITTED)
            task = Task(id=context.task_id, context_id=context.context_id, status=status)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        known = self.contexts.setdefault(task.context_id, Context())
        assert context.message is not None
        known.hear(context.message)
        await updater.start_work()
        work = self.running[task.id] = asyncio.create_task(self.answer(known, updater))
        try:
            await work
        except asyncio.CancelledError:
            if not work.cancelled():
                raise
        except APIError as error:
            await updater.failed(updater.new_agent_message([Part(text=f"its model said: {error}")]))
        finally:
            self.running.pop(task.id, None)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.current_task is not None
        work = self.running.get(context.current_task.id)
        if work is not None:
            work.cancel()
            await asyncio.wait({work})
        await TaskUpdater(event_queue, context.current_task.id, context.current_task.context_id).cancel()

    async def answer(self, known: Context, updater: TaskUpdater) -> None:
        while True:
            text, calls = await self.ask(known, updater)
            said: Json = {"role": "assistant", "content": text or None}
            if calls:
                said["tool_calls"] = calls
            known.messages.append(said)
            clients = []
            for call in calls:
                function = call["function"]
                if function["name"] == "shout":
                    loud = json.loads(function["arguments"])["text"].upper()
                    known.messages.append({"role": "tool", "tool_call_id": call["id"], "content": loud})
                else:
                    clients.append({"id": call["id"], **function})
            if clients:
                asked = data_part({"kind": "tool_calls", "calls": clients})
                await updater.requires_input(updater.new_agent_message([asked]))
                return
            if not calls:
                await updater.complete()
                return

    async def ask(self, known: Context, updater: TaskUpdater) -> tuple[str, list[Json]]:
        """One model call, its text passed on as it comes."""
        client = AsyncOpenAI(
            base_url=known.endpoint.get("baseUrl") or os.environ["MODEL_URL"],
            api_key=known.endpoint.get("apiKey") or os.environ.get("MODEL_KEY", "sk-agent"),
            max_retries=0,
        )
        text, calls, usage = "", {}, None
        name = f"answer-{len(known.messages)}"
        async with client:
            chunks = await client.chat.completions.create(
                model="scripted",
                messages=known.messages,
                tools=[SHOUT, *known.tools],
                stream=True,
                stream_options={"include_usage": True},
                extra_headers={"x-session-id": updater.context_id},
            )
            async for chunk in chunks:
                usage = chunk.usage or usage
                for choice in chunk.choices:
                    for piece in choice.delta.tool_calls or ():
                        call = calls.setdefault(
                            piece.index,
                            {
                                "id": piece.id,
                                "type": "function",
                                "function": {"name": piece.function.name, "arguments": ""},
                            },
                        )
                        call["function"]["arguments"] += piece.function.arguments or ""
                    if choice.delta.content:
                        part = Part(text=choice.delta.content)
                        await updater.add_artifact([part], artifact_id=name, append=bool(text))
                        text += choice.delta.content
        figures = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens} if usage else {}
        await updater.add_artifact(
            [Part(text="")], artifact_id=name, append=bool(text), last_chunk=True, metadata={"usage": figures}
        )
        return text, [calls[place] for place in sorted(calls)]


def app(port: int) -> Starlette:
    """The server."""
    extensions = [AgentExtension(uri=CLIENT_TOOLS, description="calls tools of the client")]
    if os.environ.get("EXTENSION") == "0":
        extensions = []
    card = AgentCard(
        name="sample",
        description="A sample agent",
        version="1",
        supported_interfaces=[
            AgentInterface(
                url=f"http://127.0.0.1:{port}",
                protocol_binding=os.environ.get("BINDING", "JSONRPC"),
                protocol_version=os.environ.get("VERSION", "1.0"),
            )
        ],
        capabilities=AgentCapabilities(streaming=os.environ.get("STREAMING") != "0", extensions=extensions),
        default_input_modes=["text/plain", "image/*"],
        default_output_modes=["text/plain"],
        skills=[AgentSkill(id="talk", name="talk", description="talks", tags=["talk"])],
    )
    handler = DefaultRequestHandler(agent_executor=Agent(), task_store=InMemoryTaskStore(), agent_card=card)
    calls = create_jsonrpc_routes(handler, "/", enable_v0_3_compat=True)
    return Starlette(routes=[*create_agent_card_routes(card), *calls, *create_rest_routes(handler)])


if __name__ == "__main__":
    uvicorn.run(app(int(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")

"""Agents that a LangGraph server runs (https://docs.langchain.com/langgraph-platform), by its official SDK.

A conversation is a thread; a message is a run on it, in the background, which is refused while another one runs. Text
grows by the run's stream; `turn` says how one is followed.

What a graph is told beside the messages stands in its `configurable`, next to the server's own `thread_id`:
`client_tools` (in the form of Chat Completions), `model`, `max_output_tokens`, and `model_base_url`, `model_api_key`
and `model_wire` where the conversation's model calls are to go to the gateway. A graph takes of these what it knows; a
client's tools work where it binds them to its model, and its own are run by the node `tools`. Where model calls go is
kept in the thread's metadata: it is said once, when the thread is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx
import msgspec
from langgraph_sdk.client import LangGraphClient

from narrows.agents.tools import CallOutput, ClientTool
from narrows.backends.langgraph.failures import answered, asking
from narrows.backends.langgraph.messages import Json, answered_last, messages_of, pending
from narrows.backends.langgraph.turn import TOOLS_NODE, Course, LangGraphTurn, start_run
from narrows.backends.types import ConversationLost, ModelEndpoint, Outgoing, ToolServer
from narrows.errors import AgentFailed

_ENDPOINT = "narrows_model_endpoint"


@dataclass(frozen=True, slots=True)
class LangGraphOptions:
    """Which of the server's assistants, or graphs, answers, and which model it is to use, or empty."""

    assistant: str = "agent"
    model: str = ""


class LangGraphBackend:
    """One server."""

    holds_looks = True
    takes_images = True
    takes_tool_server = False
    takes_limits = True
    pauses = True

    def __init__(self, http: httpx.AsyncClient, options: LangGraphOptions) -> None:
        self._http = http
        self._client = LangGraphClient(http)
        self._options = options

    async def start(
        self,
        endpoint: ModelEndpoint | None = None,
        tools: ToolServer | None = None,  # noqa: ARG002 # takes none
    ) -> str:
        kept: dict[str, str] = {}
        if endpoint is not None:
            kept = {
                "model_base_url": endpoint.base_url,
                "model_api_key": endpoint.api_key,
                "model_wire": endpoint.wire,
            }
            kept = {name: value for name, value in kept.items() if value}
        async with asking("POST threads"):
            thread = await self._client.threads.create(metadata={_ENDPOINT: kept} if kept else None)
            name = str(thread["thread_id"])
        if not name:
            raise AgentFailed("POST threads: the answer names no thread")
        return name

    async def send(self, conversation: str, message: Outgoing) -> LangGraphTurn:
        course = await self._course(conversation, message, message.id)
        said = {"type": "human", "id": message.id, "content": _content(message)}
        try:
            run = await start_run(self._client, course, said)
        except AgentFailed as error:
            if answered(error) == 404:
                raise ConversationLost from error
            raise
        return LangGraphTurn(self._client, course, run)

    async def resume(self, conversation: str, outputs: Sequence[CallOutput], message: Outgoing) -> LangGraphTurn:
        """Outputs that the thread has, from an attempt whose run could not be started, are not put there again."""
        said = [
            {
                "type": "tool",
                "id": f"{message.id}-{place}",
                "tool_call_id": output.id,
                "name": output.name,
                "content": output.output,
            }
            for place, output in enumerate(outputs)
        ]
        course = await self._course(conversation, message, said[-1]["id"] if said else "")
        async with asking("GET state"):
            state: Json = dict(await self._client.threads.get_state(conversation))
        known, given = messages_of(state), {output.id for output in outputs}
        _, waiting = pending(known)
        if given and state.get("next") and {call.get("id") for call in waiting} == given:
            async with asking("POST state"):
                await self._client.threads.update_state(conversation, {"messages": said}, as_node=TOOLS_NODE)
        elif given and state.get("next") and not waiting and given <= answered_last(known):
            course = replace(course, mark=str(known[-1].get("id")))
        else:
            raise ConversationLost
        return LangGraphTurn(self._client, course, await start_run(self._client, course, None))

    async def close(self) -> None:
        await self._http.aclose()

    async def _course(self, conversation: str, message: Outgoing, mark: str) -> Course:
        """What the runs of a turn are started with."""
        try:
            async with asking("GET thread"):
                thread = await self._client.threads.get(conversation)
                kept = (thread["metadata"] or {}).get(_ENDPOINT)
        except AgentFailed as error:
            if answered(error) == 404:
                raise ConversationLost from error
            raise
        told: dict[str, Any] = dict(kept) if isinstance(kept, Mapping) else {}
        if self._options.model:
            told["model"] = self._options.model
        if message.max_output_tokens is not None:
            told["max_output_tokens"] = message.max_output_tokens
        if message.tools:
            told["client_tools"] = [_declared(tool) for tool in message.tools]
        offered = frozenset(tool.name for tool in message.tools)
        return Course(conversation, self._options.assistant, told, mark, offered)


def _content(message: Outgoing) -> str | list[dict[str, Any]]:
    """A message's content: its text, or parts in the form of Chat Completions, which every model of LangChain takes."""
    if not message.images:
        return message.text
    urls = [f"data:{image.media_type};base64,{image.data}" for image in message.images]
    return [{"type": "text", "text": message.text}, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]


def _declared(tool: ClientTool) -> dict[str, Any]:
    """A tool in the form of Chat Completions."""
    function: dict[str, Any] = {"name": tool.name, "description": tool.description}
    if tool.parameters:
        function["parameters"] = msgspec.json.decode(tool.parameters)
    return {"type": "function", "function": function}

"""Agents that speak A2A (https://a2a-protocol.org, version 1.0), by its official SDK.

A conversation is a context, named by us; a message makes a task in it. What is known of a conversation is asked of the
server before each message but the first: its tasks. A server that has lost them has lost the conversation, which it
would not say by itself, and a newest task that asked the user something is the one that the next message answers.

The agent's card says how the server is to be spoken to. Where calls go follows from the settings: an address in the
card counts where it is on the same server, and else the agent's `url` does; a card can lead no token elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from a2a.client.card_resolver import A2ACardResolver
from a2a.client.client import Client, ClientCallContext, ClientConfig
from a2a.client.client_factory import ClientFactory
from a2a.extensions.common import HTTP_EXTENSION_HEADER
from a2a.types.a2a_pb2 import (
    AgentCard,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    Task,
    TaskState,
)
from a2a.utils.constants import TransportProtocol
from a2a.utils.errors import MethodNotFoundError, TaskNotFoundError, UnsupportedOperationError
from google.protobuf import json_format

from narrows.agents.request import IMAGE_TYPES
from narrows.agents.tools import CallOutput
from narrows.backends.a2a.failures import READABLE, as_error
from narrows.backends.a2a.parts import CLIENT_TOOLS, answering, calls_in, image_part, modes_of, offering, takes
from narrows.backends.a2a.tasks import TaskReader
from narrows.backends.a2a.turn import A2ATurn
from narrows.backends.types import ConversationLost, ModelEndpoint, Outgoing, ToolServer
from narrows.errors import AgentUnavailable, GatewayError, UnsupportedParameter

LEARNS_S: Final = (1.0, 60.0)
"""From how long to how long between two attempts to read a card."""


@dataclass(frozen=True, slots=True)
class A2AOptions:
    """The agent's address, and which model it is to use, or empty."""

    url: str
    model: str = ""


class A2ABackend:
    """One agent."""

    holds_looks = True

    def __init__(self, http: httpx.AsyncClient, options: A2AOptions) -> None:
        self._http = http
        self._options = options
        self._card: AgentCard | None = None
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._fresh: dict[str, ModelEndpoint | None] = {}
        self._learning: asyncio.Task[None] | None = None

    def learn(self) -> None:
        """Read the card as soon as there is one, so that what the agent can do is known before it is needed."""
        self._learning = asyncio.get_running_loop().create_task(self._learn())

    takes_tool_server = False
    takes_limits = True

    @property
    def takes_images(self) -> bool:
        """Whether its card takes any; taken for granted until the card has been read."""
        return self._card is None or any(takes(self._card, media_type) for media_type in IMAGE_TYPES)

    @property
    def pauses(self) -> bool:
        """Whether its card declares client tools; taken for granted until the card has been read."""
        return self._card is None or _takes_tools(self._card)

    async def start(
        self,
        endpoint: ModelEndpoint | None = None,
        tools: ToolServer | None = None,  # noqa: ARG002 # takes none
    ) -> str:
        await self._connected()
        name = str(uuid4())
        self._fresh[name] = endpoint  # the first message says it
        return name

    async def send(self, conversation: str, message: Outgoing) -> A2ATurn:
        client, card = await self._connected()
        if message.tools and not _takes_tools(card):
            raise UnsupportedParameter(
                f"this agent takes no client tools: its card does not declare the extension {CLIENT_TOOLS}; send the"
                " request without `tools`",
                param="tools",
            )
        for image in message.images:
            if not takes(card, image.media_type):
                raise UnsupportedParameter(
                    f"this agent takes no {image.media_type}: its card names {', '.join(modes_of(card))}; send the"
                    " messages without it",
                    param="messages",
                )
        reader = TaskReader()
        steps: int | None = message.steps or 0
        if conversation not in self._fresh and message.steps != 0:
            steps, asked = await self._stands(client, conversation, message.steps)
            if asked is not None:
                reader.begin_after(asked)
        parts = [Part(text=message.text), *map(image_part, message.images)]
        return self._turn(client, reader, conversation, parts, replace(message, steps=steps))

    async def resume(self, conversation: str, outputs: Sequence[CallOutput], message: Outgoing) -> A2ATurn:
        client, _ = await self._connected()
        task = await self._task(client, outputs[0].signature) if outputs else None
        if task is None or task.status.state != TaskState.TASK_STATE_INPUT_REQUIRED:
            raise ConversationLost
        if {call.id for call in calls_in(task.status.message.parts, task.id)} != {output.id for output in outputs}:
            raise ConversationLost
        reader = TaskReader()
        reader.begin_after(task)
        return self._turn(client, reader, conversation, [answering(outputs)], message)

    async def close(self) -> None:
        if self._learning is not None:
            self._learning.cancel()
        await self._http.aclose()

    def _turn(
        self, client: Client, reader: TaskReader, conversation: str, parts: list[Part], message: Outgoing
    ) -> A2ATurn:
        said = Message(
            message_id=message.id, context_id=conversation, task_id=reader.task, role=Role.ROLE_USER, parts=parts
        )
        about = self._about(conversation, message)
        if about:
            json_format.ParseDict(about, said.metadata)
        context = ClientCallContext()
        if message.tools:
            said.parts.append(offering(message.tools))
            said.extensions.append(CLIENT_TOOLS)
            context = ClientCallContext(service_parameters={HTTP_EXTENSION_HEADER: CLIENT_TOOLS})
        assert self._card is not None
        at_once = not self._card.capabilities.streaming
        request = SendMessageRequest(
            message=said, configuration=SendMessageConfiguration(return_immediately=at_once, history_length=0)
        )
        return A2ATurn(client, request, reader, context, message.steps)

    def _about(self, conversation: str, message: Outgoing) -> dict[str, Any]:
        """What a message says beside its text."""
        about: dict[str, Any] = {}
        endpoint = self._fresh.pop(conversation, None)
        if endpoint is not None:
            place = {"baseUrl": endpoint.base_url, "apiKey": endpoint.api_key, "wire": endpoint.wire}
            about["modelEndpoint"] = {name: value for name, value in place.items() if value}
        if self._options.model:
            about["model"] = self._options.model
        if message.max_output_tokens is not None:
            about["maxOutputTokens"] = message.max_output_tokens
        return about

    async def _stands(self, client: Client, conversation: str, steps: int | None) -> tuple[int | None, Task | None]:
        """How many tasks a conversation has, where the server says it, and the newest, where it has asked the user
        something.

        Raises:
            ConversationLost: there are no tasks, and there must be.
        """
        try:
            found = await client.list_tasks(ListTasksRequest(context_id=conversation, page_size=1, history_length=0))
        except (MethodNotFoundError, UnsupportedOperationError, NotImplementedError):
            return steps, None  # a server of version 0.3, or one that does not list
        except READABLE as error:
            raise as_error("ListTasks", error) from error
        if not found.tasks:
            if steps:
                raise ConversationLost
            return steps, None
        newest, count = found.tasks[0], found.total_size or steps
        if newest.status.state != TaskState.TASK_STATE_INPUT_REQUIRED or calls_in(newest.status.message.parts, ""):
            return count, None
        return count, await self._task(client, newest.id)

    async def _task(self, client: Client, name: str) -> Task | None:
        try:
            return await client.get_task(GetTaskRequest(id=name, history_length=0))
        except TaskNotFoundError:
            return None
        except READABLE as error:
            raise as_error("GetTask", error) from error

    async def _learn(self) -> None:
        wait_s = LEARNS_S[0]
        while self._card is None:
            try:
                await self._connected()
            except GatewayError:
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LEARNS_S[1])

    async def _connected(self) -> tuple[Client, AgentCard]:
        """The SDK's client, made from the agent's card when it is first needed."""
        async with self._connecting:
            if self._client is None or self._card is None:
                try:
                    card = await A2ACardResolver(self._http, self._options.url).get_agent_card()
                except READABLE as error:
                    raise as_error("reading the agent's card", error) from error
                for interface in card.supported_interfaces:
                    interface.url = _ours(interface.url, self._options.url)
                bindings = [TransportProtocol.JSONRPC, TransportProtocol.HTTP_JSON]
                config = ClientConfig(httpx_client=self._http, supported_protocol_bindings=[*bindings])
                try:
                    self._client = ClientFactory(config).create(card)
                except ValueError as error:
                    raise AgentUnavailable(
                        f"the agent's card offers neither JSON-RPC nor HTTP+JSON ({error})"
                    ) from error
                self._card = card
            return self._client, self._card


def _takes_tools(card: AgentCard) -> bool:
    return any(one.uri == CLIENT_TOOLS for one in card.capabilities.extensions)


def _ours(url: str, setting: str) -> str:
    """Where to call: what the card says, where it is on the server of the settings."""
    try:
        said, chosen = urlsplit(url), urlsplit(setting)
        same = (said.scheme, said.hostname, said.port) == (chosen.scheme, chosen.hostname, chosen.port)
    except ValueError:
        same = False
    return url if same else setting

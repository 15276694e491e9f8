"""An agent as it is served: its settings, its server, its sessions and its places."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from narrows.agents.request import ChatRequest
from narrows.agents.run import OnDisconnect, OnWaiting, RunRules, RunState
from narrows.agents.session import Session
from narrows.agents.sessions import Sessions
from narrows.agents.tools import APPROVAL_TOOL, ClientTool, ToolPath
from narrows.backends.types import Backend, Outgoing, ToolServer, Turn
from narrows.errors import UnsupportedParameter
from narrows.server.agents.correlation import AgentTraffic
from narrows.server.agents.parking import Parked, Parking
from narrows.server.agents.repeats import LeftRequests
from narrows.server.agents.tool_servers import ToolServers
from narrows.server.agents.traffic import RunTraffic
from narrows.server.agents.unread import Unread
from narrows.settings import AgentSettings, ToolPolicy
from narrows.settings.agents import DisconnectPolicy
from narrows.telemetry.events import (
    KNOW_CALLS,
    SEND_CALLS_HERE,
    AgentRunMoved,
    AgentToolsUnheard,
    LoggedEvent,
)

POLLS_S = (0.1, 0.4)
"""From how long to how long between two looks at an agent."""
WOKEN_POLLS_S = (0.06, 2.0)
"""The same for one whose model calls pass here, as they ask for a look themselves."""


def _to_nobody(event: LoggedEvent) -> None:
    """Where nobody has given a log."""


@dataclass(slots=True)
class Agent:
    """An agent as it is served. `queued`: runs that wait for a place; `parking`: runs that are held up until their
    clients come back; `traffic`: its own model calls; `tool_servers`: the MCP servers that its sessions have; `log` is
    told what its runs do; `warned`: once, that it does not hear of its clients' tools."""

    settings: AgentSettings
    backend: Backend
    sessions: Sessions
    places: asyncio.Semaphore
    queued: int = 0
    parking: Parking = field(init=False)
    left: LeftRequests = field(default_factory=LeftRequests)
    unread: Unread = field(default_factory=Unread)
    traffic: AgentTraffic = field(init=False)
    log: Callable[[LoggedEvent], None] = field(default=_to_nobody)
    warned: bool = False
    tool_servers: ToolServers = field(init=False)

    def __post_init__(self) -> None:
        self.traffic = AgentTraffic(self.settings, self.sessions.listed())
        self.tool_servers = ToolServers(self.settings.name)
        self.parking = Parking(self.settings.max_sessions, self.sessions, self._parked_ended)

    def _parked_ended(self, parked: Parked, before: RunState) -> None:
        self.traffic.run_ends(parked.session)
        self.moved(parked.traffic.name, parked.session, before, parked.run.state)

    def moved(self, run: str, session: Session, before: RunState, state: RunState) -> None:
        """A run of this name has gone from one state to another."""
        self.log(AgentRunMoved(agent=self.settings.name, run=run, session=session.name, before=before, state=state))

    def unheard(self, traffic: RunTraffic, session: Session) -> None:
        """A run has answered without a model call that carried its client's tools."""
        if self.warned:
            return
        self.warned = True
        calls = len(traffic.calls)
        note = KNOW_CALLS if calls else SEND_CALLS_HERE
        name = self.settings.name
        self.log(AgentToolsUnheard(agent=name, run=traffic.name, session=session.name, model_calls=calls, note=note))

    @property
    def tool_path(self) -> ToolPath | None:
        """How it is offered a client's tools; None where it cannot be, or is not to be."""
        if self.settings.tools is ToolPolicy.OFF:
            return None
        if self.settings.tools is not ToolPolicy.TRAFFIC:
            if self.backend.pauses:
                return ToolPath.PAUSE
            if self.backend.takes_tool_server:
                return ToolPath.MCP
        return ToolPath.TRAFFIC if self.traffic.passes and self.traffic.owns_an_address else None

    def check(self, request: ChatRequest) -> None:
        """Refuse what the agent cannot be given.

        Raises:
            UnsupportedParameter: there is such.
        """
        self._check_tools(request)
        if not self.backend.takes_images and any(message.images for message in request.messages):
            raise UnsupportedParameter(
                "this agent takes text alone; send its messages without images", param="messages"
            )

    def within_abilities(self, request: ChatRequest) -> ChatRequest:
        """The request without a limit of tokens, where the agent can be told none and is lenient.

        Raises:
            UnsupportedParameter: it is not.
        """
        if request.max_output_tokens is None or self.backend.takes_limits:
            return request
        if not self.settings.lenient:
            raise UnsupportedParameter(
                "this agent cannot be told a limit of tokens; leave it out, or set `lenient` for this agent",
                param="max_tokens",
            )
        return replace(request, max_output_tokens=None, ignored=(*request.ignored, "max_tokens"))

    def offered(self, tools: Sequence[ClientTool]) -> tuple[ClientTool, ...]:
        """Those of a client's tools that the agent is to know of."""
        asks = self.settings.on_waiting is OnWaiting.ASK
        return tuple(tool for tool in tools if not (asks and tool.name == APPROVAL_TOOL))

    def _check_tools(self, request: ChatRequest) -> None:
        """Refuse tools that cannot be offered.

        Raises:
            UnsupportedParameter: there are such.
        """
        if self.offered(request.tools) and self.tool_path is None:
            self._refuse_tools()

    def _refuse_tools(self) -> NoReturn:
        """Say why there is no way to offer tools.

        Raises:
            UnsupportedParameter: always.
        """
        why = "its server takes none, and its own model calls do not pass the gateway (see `correlation`)"
        if self.settings.tools is ToolPolicy.OFF:
            why = "its setting `tools` is `off`"
        elif self.traffic.passes:
            why = (
                "whoever has a gateway key could make its model calls, and so have this client run tools: set"
                f" `calls_key` under [agents.{self.settings.name}] to the name of the key that the agent shows for them"
            )
        raise UnsupportedParameter(
            f"this agent is not offered a client's tools, as {why}; send the request without `tools`", param="tools"
        )

    async def begin_conversation(self, session: Session, tools: Sequence[ClientTool] = ()) -> None:
        """Have its server begin a conversation for a session; `tools`: its client's.

        Raises:
            GatewayError: there is none.
        """
        endpoint = self.traffic.endpoint_for(session)
        self.tool_servers.forget(session)
        try:
            session.conversation = await self.backend.start(endpoint, self.tool_server(session, tools))
        except UnsupportedParameter:
            path = self.tool_path
            if path is None:  # it has only now said that it takes no tool server
                self._refuse_tools()
            if path is not ToolPath.TRAFFIC:
                raise
            session.conversation = await self.backend.start(endpoint)
        self.traffic.opened(session)

    async def send(self, conversation: str, outgoing: Outgoing) -> Turn:
        """Have its server begin a turn.

        Raises:
            ConversationLost: there is no such conversation (any more).
            GatewayError: the message cannot be sent.
        """
        try:
            return await self.backend.send(conversation, outgoing)
        except UnsupportedParameter:
            path = self.tool_path
            if outgoing.tool_server is None or path is ToolPath.MCP:
                raise
            if path is None:  # it has only now said that it takes no tool server
                self._refuse_tools()
            return await self.backend.send(conversation, replace(outgoing, tool_server=None))

    def tool_server(self, session: Session, tools: Sequence[ClientTool]) -> ToolServer | None:
        """The MCP server that has its client's tools for a session; None where these go another way, or are none."""
        if self.tool_path is not ToolPath.MCP:
            return None
        return self.tool_servers.of(session, self.offered(tools), self.traffic.gateway_url)

    def rules(self, request: ChatRequest, tools: Sequence[ClientTool], *, named: bool) -> RunRules:
        """The rules of a run, whose session was `named` by its client or not. The client may ask for less time than the
        settings give, and never for more."""
        chosen = self.settings
        total_s = chosen.total_timeout_s
        on_disconnect = OnDisconnect.DETACH if named else OnDisconnect.CANCEL
        if chosen.on_disconnect is not DisconnectPolicy.AUTO:
            on_disconnect = OnDisconnect(chosen.on_disconnect.value)
        polls_s = WOKEN_POLLS_S if self.traffic.passes else POLLS_S
        return RunRules(
            polls_s=polls_s,
            queue_s=chosen.queue_timeout_s,
            first_event_s=chosen.first_event_timeout_s,
            idle_s=chosen.idle_timeout_s,
            tool_idle_s=chosen.tool_idle_timeout_s,
            hold_s=chosen.hold_timeout_s,
            tools=frozenset(tool.name for tool in tools),
            parallel_calls=request.parallel_calls,
            reasoning=request.reasoning,
            total_s=total_s if request.timeout_s is None else min(total_s, request.timeout_s),
            grace_s=chosen.grace_s,
            on_disconnect=on_disconnect,
            on_waiting=chosen.on_waiting,
            on_revision=chosen.on_revision,
            timeout_finish=chosen.timeout_finish,
        )

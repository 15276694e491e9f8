"""Agents that speak the Agent Client Protocol (https://agentclientprotocol.com, version 1) over their standard input
and output, by its official SDK.

One process serves all conversations; or each has its own, where the address of its model calls stands in the process's
environment. Processes are started when they are first needed, and again after they have ended.

A conversation's name is a word for the process that began it, a space, and the agent's own name of the session. So two
processes that count their sessions alike are told apart, also by a gateway that was restarted. A conversation whose
process is gone is loaded by another one, where the agent can do that, and is lost where it cannot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final

from acp.schema import HttpMcpServer, LoadSessionRequest, NewSessionRequest, ResumeSessionRequest

from narrows.agents.tools import CallOutput
from narrows.backends.acp.peer import Abilities, AcpPeer, Ended
from narrows.backends.acp.process import Launch
from narrows.backends.acp.turn import AcpTurn
from narrows.backends.acp.updates import MAX_NAME_CHARS
from narrows.backends.types import ConversationLost, ModelEndpoint, Outgoing, ToolServer, own_name
from narrows.errors import AgentCredentials, AgentFailed, AgentOverloaded, UnsupportedParameter
from narrows.settings.agent_process import API_KEY, BASE_URL

RETRY_AFTER_S: Final = 5
TOOLS_NAME: Final = "client"
"""What agents call the server of a client's tools; many put it before the tools' names."""


@dataclass(frozen=True, slots=True)
class AcpOptions:
    """How an agent's processes are started. `environment`: what each gets, and `env`: beside it, with the places of
    `BASE_URL` and `API_KEY` to be filled; `apart`: each conversation has a process of its own, of which there are
    `max_processes` at most; `max_conversations` are remembered."""

    command: tuple[str, ...]
    cwd: str
    environment: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    apart: bool = False
    max_processes: int = 8
    max_conversations: int = 1000


@dataclass(slots=True, eq=False)
class _Conversation:
    """A session of a peer's, by the agent's `session` name of it, with the tool server that it was told."""

    session: str
    peer: AcpPeer
    tools: ToolServer | None


@dataclass(slots=True)
class _Shared:
    """The process that serves all, and the word for it in names."""

    peer: AcpPeer | None = None
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)


class AcpBackend:
    """One agent. `token` gives the key of its settings, `shared_url` the address that all its conversations share;
    `ended` is told of each process that ends by itself."""

    holds_looks = True
    pauses = False
    """Its agents do not rest for a client's tools."""
    takes_limits = False

    def __init__(
        self, options: AcpOptions, token: Callable[[], Awaitable[str]], shared_url: Callable[[], str], ended: Ended
    ) -> None:
        self._options = options
        self._token = token
        self._shared_url = shared_url
        self._ended = ended
        self._shared = _Shared()
        self._words: dict[AcpPeer, str] = {}
        self._conversations: dict[str, _Conversation] = {}
        self._abilities: Abilities | None = None
        self._starting = 0
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def takes_images(self) -> bool:
        """Whether it says so; taken for granted until it has been asked."""
        return self._abilities is None or self._abilities.takes_images

    @property
    def takes_tool_server(self) -> bool:
        """Whether it says that it takes one by HTTP; taken for granted until it has been asked."""
        return self._abilities is None or self._abilities.takes_http_tools

    async def start(self, endpoint: ModelEndpoint | None = None, tools: ToolServer | None = None) -> str:
        peer = await self._peer(endpoint)
        try:
            request = NewSessionRequest(cwd=self._options.cwd, mcp_servers=_servers(peer, tools))
            session = (await peer.ask("session_new", request)).get("sessionId")
            if not isinstance(session, str) or not 0 < len(session) <= MAX_NAME_CHARS:
                raise AgentFailed("session/new: the answer names no session")
            if not peer.claim(session):
                raise AgentFailed("session/new: the answer names a session that is another conversation's")
        except BaseException:
            self._drop(peer)
            raise
        name = f"{self._words[peer]} {session}"
        self._keep(name, _Conversation(session, peer, tools))
        return name

    async def send(self, conversation: str, message: Outgoing) -> AcpTurn:
        found = self._conversations.get(conversation)
        if found is None or not found.peer.alive:
            found = await self._again(conversation, message)
        elif message.tool_server not in {None, found.tools}:
            await self._load(found.peer, found.session, message.tool_server)
            found.tools = message.tool_server
        self._keep(conversation, found)
        if message.images and not found.peer.abilities.takes_images:
            raise UnsupportedParameter(
                "this agent takes text alone; send its messages without images", param="messages"
            )
        return AcpTurn(found.peer, found.session, message, lambda lost: self._left(conversation, found, lost=lost))

    async def resume(self, conversation: str, outputs: Sequence[CallOutput], message: Outgoing) -> AcpTurn:  # noqa: ARG002 # the protocol's
        raise AgentFailed("an ACP agent does not rest for a client's tools")

    async def close(self) -> None:
        for peer in tuple(self._words):
            self._end(peer)
        while self._ending:
            await asyncio.wait(self._ending)

    # Conversations

    async def _again(self, conversation: str, message: Outgoing) -> _Conversation:
        """A conversation whose process is gone, or is not known, in another one.

        Raises:
            ConversationLost: there is no such any more.
        """
        known = self._abilities
        if known is not None and not (known.loads or known.resumes):
            raise ConversationLost
        session = own_name(conversation)
        peer = await self._peer(message.endpoint() if self._options.apart else None)
        try:
            if not peer.claim(session):
                raise ConversationLost  # this process has begun another one under its name
            try:
                await self._load(peer, session, message.tool_server)
            except BaseException:
                peer.give_up(session)
                raise
        except BaseException:
            self._drop(peer)
            raise
        return _Conversation(session, peer, message.tool_server)

    async def _load(self, peer: AcpPeer, session: str, tools: ToolServer | None) -> None:
        """Have a process take a session up; what it repeats of it is heard by nobody.

        Raises:
            ConversationLost: it cannot.
        """
        cwd, servers = self._options.cwd, _servers(peer, tools)
        try:
            if peer.abilities.resumes:
                request = ResumeSessionRequest(cwd=cwd, session_id=session, mcp_servers=servers)
                await peer.ask("session_resume", request)
            elif peer.abilities.loads:
                await peer.ask("session_load", LoadSessionRequest(cwd=cwd, session_id=session, mcp_servers=servers))
                await peer.hear_out(session)
            else:
                raise ConversationLost
        except AgentFailed:
            raise ConversationLost from None

    def _keep(self, name: str, conversation: _Conversation) -> None:
        """Remember a conversation as the one used last, and forget those used longest ago where there are too many."""
        self._conversations.pop(name, None)
        self._conversations[name] = conversation
        for oldest in tuple(self._conversations)[: max(len(self._conversations) - self._options.max_conversations, 0)]:
            if not (self._options.apart and self._conversations[oldest].peer.busy):
                self._forget(oldest, self._conversations[oldest])

    def _forget(self, name: str, conversation: _Conversation) -> None:
        self._conversations.pop(name, None)
        conversation.peer.give_up(conversation.session)
        self._drop(conversation.peer)

    def _left(self, name: str, conversation: _Conversation, *, lost: bool) -> None:
        """A turn is over; or `lost`, and the agent goes on with it though it was told to stop: then the conversation is
        lost, and so is the process, as soon as no other turn needs it."""
        peer = conversation.peer
        if not peer.alive:
            return
        if lost:
            self._conversations.pop(name, None)
            peer.runs_away = True
        if peer.runs_away and not peer.busy:
            self._end(peer)

    # Processes

    async def _peer(self, endpoint: ModelEndpoint | None) -> AcpPeer:
        """The process for a conversation."""
        if self._options.apart:
            return await self._started(endpoint)
        async with self._shared.starting:
            if self._shared.peer is None or not self._shared.peer.alive:
                self._shared.peer = await self._started(None)
            return self._shared.peer

    async def _started(self, endpoint: ModelEndpoint | None) -> AcpPeer:
        idle = self._room()
        self._starting += 1
        try:
            if idle is not None:
                await asyncio.wait({self._end(idle)})
            peer = await AcpPeer.begin(await self._launch(endpoint), self._ended)
        finally:
            self._starting -= 1
        self._words[peer] = token_hex(4)
        self._watch(peer)
        self._abilities = peer.abilities
        return peer

    def _room(self) -> AcpPeer | None:
        """The process that is to end before another one is started, as there are as many as may be: the one that was
        idle for the longest time. None where there is room. No conversation has it any more.

        Raises:
            AgentOverloaded: all of them are at work.
        """
        limit = self._options.max_processes if self._options.apart else 1
        alive = [peer for peer in self._words if peer.alive]
        if len(alive) + self._starting < limit:
            return None
        for name, one in tuple(self._conversations.items()):
            if one.peer.alive and not one.peer.busy:
                self._conversations.pop(name)
                return one.peer
        raise AgentOverloaded(
            f"all {limit} processes of this agent are at work (max_processes); try again", retry_after_s=RETRY_AFTER_S
        )

    def _drop(self, peer: AcpPeer) -> None:
        """A conversation does not need its process any more, or has never come to be."""
        if self._options.apart:
            self._end(peer)

    def _end(self, peer: AcpPeer) -> asyncio.Task[None]:
        return self._later(peer.end())

    def _watch(self, peer: AcpPeer) -> None:
        async def gone() -> None:
            await peer.gone()
            self._words.pop(peer, None)

        self._later(gone())

    def _later(self, doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(doing)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _launch(self, endpoint: ModelEndpoint | None) -> Launch:
        options = self._options
        base_url = self._shared_url() if endpoint is None else endpoint.base_url
        api_key = "" if endpoint is None else endpoint.api_key
        if not api_key and any(API_KEY in word for word in (*options.command, *dict(options.env).values())):
            api_key = await self._token()
            if not api_key:
                raise AgentCredentials(
                    f"the agent's settings name {API_KEY}, and there is none: set token_env, or write the key that its"
                    " model's server wants in place of it"
                )

        def filled(text: str) -> str:
            return text.replace(BASE_URL, base_url).replace(API_KEY, api_key)

        environment = dict(options.environment) | {name: filled(value) for name, value in options.env}
        return Launch(tuple(map(filled, options.command)), options.cwd, environment)


def _servers(peer: AcpPeer, tools: ToolServer | None) -> list[Any]:
    """The servers of tools that a session is told.

    Raises:
        UnsupportedParameter: it has tools, and the agent takes none by HTTP.
    """
    if tools is None:
        return []
    if not peer.abilities.takes_http_tools:
        raise UnsupportedParameter("this agent takes no tools by HTTP; send the request without `tools`", param="tools")
    return [HttpMcpServer(type="http", name=TOOLS_NAME, url=tools.url, headers=[])]

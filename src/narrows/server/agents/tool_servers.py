"""The MCP servers of an agent's sessions: which there are, by the tokens of their addresses.

A session with tools has one for each of its conversations, from before the conversation begins, so that an agent may
ask it at once, and as long as the session lives. The token is drawn as those for model calls are, and dies as they do;
but it is another, as an agent's tools and its model's server are two parties, and neither is to be the other. It is
kept in memory alone: a gateway that was started again draws another, and tells it with the next message.

What a server lists is put down when it is made, and never changes; sessions with the same tools share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from secrets import token_urlsafe
from weakref import WeakKeyDictionary, WeakValueDictionary

from narrows.agents.session import Session
from narrows.agents.tools import ClientTool, tools_digest
from narrows.backends.types import ToolServer
from narrows.errors import NoSuchRoute
from narrows.inject import mcp
from narrows.server.agents.correlation import TOKEN_BYTES, token_digest
from narrows.server.agents.passage import AGENTS, MCP_PATH


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Listed:
    """The tools of some sessions. `made`: their digest; `names`: theirs; `result`: the answer to who asks for them."""

    made: bytes
    names: frozenset[str]
    result: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A session's server: where it is, the digest of its token, and what it lists. `held`: for each request that is
    kept open there, its id and how to end it, where its client waits no longer."""

    server: ToolServer
    token: bytes
    listed: Listed
    held: list[tuple[bytes, Callable[[], None]]] = field(default_factory=list)

    def cancel(self, id_: bytes) -> None:
        """Its client waits no longer for the answer to this request."""
        for held, end in list(self.held):
            if held == id_:
                end()


class ToolServers:
    """Those of the agent `name`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._by_token: WeakValueDictionary[bytes, Session] = WeakValueDictionary()
        self._served: WeakKeyDictionary[Session, Served] = WeakKeyDictionary()
        self._listed: WeakValueDictionary[bytes, Listed] = WeakValueDictionary()

    def forget(self, session: Session) -> None:
        """The session's conversation is no more, and neither is its server."""
        self._served.pop(session, None)

    def of(self, session: Session, tools: Sequence[ClientTool], gateway_url: str) -> ToolServer | None:
        """The session's server, made where it has none yet; None where the session has no tools."""
        if not tools:
            return None
        made = tools_digest(tools)
        found = self._served.get(session)
        if found is None or found.listed.made != made:
            found = self._serve(session, self._list(made, tools), gateway_url)
        return found.server

    def find(self, token: bytes) -> tuple[Session, Served]:
        """The session whose token this is, and its server.

        Raises:
            NoSuchRoute: it is no session's.
        """
        digest = token_digest(token)
        session = self._by_token.get(digest)
        served = None if session is None else self._served.get(session)
        if session is None or served is None or served.token != digest:
            raise NoSuchRoute("this address is no session's of the agent, or not any more")
        return session, served

    def _serve(self, session: Session, listed: Listed, gateway_url: str) -> Served:
        token = token_urlsafe(TOKEN_BYTES)
        server = ToolServer(f"{gateway_url}{AGENTS}{self._name}/s/{token}{MCP_PATH}")
        found = self._served[session] = Served(server, token_digest(token.encode()), listed)
        self._by_token[found.token] = session
        return found

    def _list(self, made: bytes, tools: Sequence[ClientTool]) -> Listed:
        found = self._listed.get(made)
        if found is None:
            found = self._listed[made] = Listed(made, frozenset(tool.name for tool in tools), mcp.listed(tools))
        return found

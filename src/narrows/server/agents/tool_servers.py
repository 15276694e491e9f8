"""The MCP servers of an agent's sessions: which there are, by the tokens of their addresses.

A session with tools has one for each of its conversations, from before the conversation begins, so that an agent may
ask it at once, and as long as the session lives. The token is drawn as those for model calls are, and dies as they do;
but it is another, as an agent's tools and its model's server are two parties, and neither is to be the other. It is
kept in memory alone: a gateway that was started again draws another, and tells it with the next message.

What a server lists is put down when it is made, and never changes; sessions with the same tools share it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from narrows.agents.session import Session
from narrows.agents.tools import ClientTool, tools_digest
from narrows.backends.types import ToolServer
from narrows.errors import NoSuchRoute
from narrows.inject import mcp
from narrows.server.agents.correlation import TOKEN_BYTES, token_digest
from narrows.server.agents.passage import AGENTS, MCP_PATH

LATELY_S: Final = 10.0
"""By how much a word about a request may come before it, or after its answer."""
_MOST_IDS: Final = 64


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Listed:
    """The tools of some sessions. `made`: their digest; `names`: theirs; `result`: the answer to who asks for them."""

    made: bytes
    names: frozenset[str]
    result: bytes


class Lately:
    """Ids that were put down within `LATELY_S`, at most so many: the oldest go first."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: OrderedDict[bytes, float] = OrderedDict()

    def put(self, id_: bytes, now_s: float) -> None:
        """Put an id down."""
        self._ids[id_] = now_s
        self._ids.move_to_end(id_)
        if len(self._ids) > _MOST_IDS:
            self._ids.popitem(last=False)

    def has(self, id_: bytes, now_s: float) -> bool:
        """Whether it was."""
        return id_ in self._ids and now_s - self._ids[id_] < LATELY_S

    def take(self, id_: bytes, now_s: float) -> bool:
        """Whether it was; from now on it is not."""
        found = self.has(id_, now_s)
        self._ids.pop(id_, None)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A session's server: where it is, the digest of its token, and what it lists. `held`: for each request that is
    kept open there, its id and how to end it, where its client waits no longer. That its client does not may be heard
    before the request itself, as each comes on a connection of its own (`_early`); what is said of a request that has
    just been answered (`_over`) is about no other that has its id."""

    server: ToolServer
    token: bytes
    listed: Listed
    held: list[tuple[bytes, Callable[[], None]]] = field(default_factory=list)
    _early: Lately = field(default_factory=Lately)
    _over: Lately = field(default_factory=Lately)

    def cancel(self, id_: bytes, now_s: float) -> None:
        """Its client waits no longer for the answer to this request."""
        found = [end for held, end in self.held if held == id_]
        for end in found:
            end()
        if not found and not self._over.has(id_, now_s):
            self._early.put(id_, now_s)

    def is_cancelled(self, id_: bytes, now_s: float) -> bool:
        """Whether it was said of a request that comes now that nobody waits for its answer."""
        return self._early.take(id_, now_s)

    def answered(self, id_: bytes, now_s: float) -> None:
        """A request has its answer."""
        self._over.put(id_, now_s)


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

"""What a session's client offers on its agent's model traffic: the declarations, and the exchanges the agent does not
know of.

Both are put down before they are first used, and only added to: a request of the session holds the same bytes for them
as every request before it (DESIGN section 1). They hang on the session, are kept where it is kept, and die with it; a
conversation that is begun anew has none, as it is told everything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NoReturn

import msgspec

from narrows.agents.tools import ClientTool, tools_digest
from narrows.core.edits import apply_edits
from narrows.errors import AgentFailed, GatewayError, UnsupportedParameter
from narrows.inject.injector import Injector
from narrows.inject.registry import INJECTORS, injector_for
from narrows.inject.types import Exchange, NotInserted, Obstacle, Offer, Place

MAX_WRITTEN_BYTES: Final = 64 << 20
"""Of one session. An exchange is never dropped to make room: a later request would have other bytes."""
_EXCHANGES: Final = msgspec.json.Decoder(Exchange)
_OBSTACLES: Final = {
    Obstacle.NOT_READABLE: "it is not one JSON object in UTF-8 ({})",
    Obstacle.DUPLICATE_KEY: "`{}` stands in it twice",
    Obstacle.NOT_AN_ARRAY: "its `{}` is no array",
    Obstacle.SEVERAL_CHOICES: "it asks for several answers at once, by `{}`",
    Obstacle.LEGACY_FUNCTIONS: "it declares `{}`, which do not go together with tools",
    Obstacle.STORED: "its `{}` names a conversation that the model's server keeps, into which nothing can be put; the"
    " agent needs to send all items again in each request, as with `store: false`",
    Obstacle.BACKGROUND: "its answer is fetched later, by `{}`",
}
"""Why nothing was inserted, but for a name that is the agent's too, which is told otherwise."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Offering:
    """A session's, on one wire. `made`: of which tools; `written`: where its exchanges are kept."""

    injector: Injector
    offer: Offer
    made: bytes
    written: list[bytes]
    exchanges: list[Exchange]

    def remember(self, exchange: Exchange) -> None:
        """Put an exchange down, before it is first used.

        Raises:
            AgentFailed: there is no room for it; it is not put down.
        """
        written = msgspec.json.encode(exchange)
        if sum(map(len, self.written)) + len(written) > MAX_WRITTEN_BYTES:
            raise AgentFailed(
                f"the client's tools were called in this conversation with more than {MAX_WRITTEN_BYTES} bytes of calls"
                " and outputs, which have to stay in it; begin another conversation"
            )
        self.written.append(written)
        self.exchanges.append(exchange)

    def _forget(self, place: Place) -> None:
        """Drop those of the answer that is being asked for: the agent does not have it, so it has failed."""
        gone = {msgspec.json.encode(one) for one in self.exchanges if one.place == place}
        self.exchanges[:] = [one for one in self.exchanges if one.place != place]
        self.written[:] = [one for one in self.written if one not in gone]

    def insert(self, body: bytes) -> Offered:
        """The request with everything in it.

        Raises:
            UnsupportedParameter: the agent has a tool with the name of one of the client's, or nothing can be inserted.
        """
        inserted = self.injector.insert(body, self.offer)
        if isinstance(inserted, NotInserted):
            if inserted.obstacle is Obstacle.NAME_CLASH:
                raise UnsupportedParameter(
                    f"this agent has a tool of its own that is called {inserted.detail}; give yours another name",
                    param="tools",
                )
            cannot_carry(self.injector.name, _OBSTACLES[inserted.obstacle].format(inserted.detail))
        place = self.injector.place(body)
        if place is None:
            cannot_carry(self.injector.name, f"it has no {self.injector.key}")
        self._forget(place)
        spliced = self.injector.splice(body, self.exchanges)
        edits = [*inserted.edits, *spliced.edits]
        used = len(self.exchanges) - len(spliced.missing)
        return Offered(self, place, apply_edits(body, edits), used, len(spliced.missing))


@dataclass(frozen=True, slots=True)
class Offered:
    """One request with the tools in it. `body`: as it is sent, but for what is shortened; `place`: where its answer
    will stand; `used`: exchanges put into it; `lost`: those that had no place there."""

    offering: Offering
    place: Place
    body: bytes
    used: int
    lost: int

    def sent(self) -> Offered:
        """The same without the body, which whoever sends it has now."""
        return replace(self, body=b"")


def cannot_carry(wire: str, why: str) -> NoReturn:
    """A model call that works on the answer cannot be given the client's tools: they are not dropped in silence.

    Raises:
        UnsupportedParameter: always.
    """
    raise UnsupportedParameter(
        f"a client's tools cannot be put into this agent's model call ({wire}), as {why}; have the agent ask its model"
        " otherwise, or send the request without `tools`",
        param="tools",
    )


class Offerings:
    """A session's, by wire. `written`: its exchanges, where they are kept; more are added. `has_own_tools`: the agent
    has shown tools of its own, so what comes without any is not for the answer."""

    def __init__(self, written: list[bytes]) -> None:
        self._written = written
        self._by_wire: dict[str, Offering] = {}
        self.has_own_tools = False

    def on(self, wire: str, tools: tuple[ClientTool, ...]) -> Offering:
        """The offering of these tools.

        Raises:
            GatewayError: the wire has no way to offer them, or they cannot be declared there.
        """
        injector = injector_for(wire)
        if injector is None:
            known = ", ".join(one.name for one in INJECTORS)
            cannot_carry(wire, f"this is done on the wires {known} alone")
        made = tools_digest(tools)
        found = self._by_wire.get(wire)
        if found is None or found.made != made:
            before = [one for one in map(_EXCHANGES.decode, self._written) if one.wire == wire]
            found = self._by_wire[wire] = Offering(injector, _declared(injector, tools), made, self._written, before)
        return found


def _declared(injector: Injector, tools: tuple[ClientTool, ...]) -> Offer:
    try:
        return injector.declare(tools)
    except GatewayError as error:
        error.may_have_acted = True
        raise

"""What a session's client offers on its agent's model traffic: the declarations, and the exchanges the agent does not
know of.

Both are put down before they are first used, and only added to: a request of the session holds the same bytes for them
as every request before it (DESIGN section 1). They hang on the session, are kept where it is kept, and die with it; a
conversation that is begun anew has none, as it is told everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from narrows.agents.tools import ClientTool, tools_digest
from narrows.core.edits import apply_edits
from narrows.errors import GatewayError, UnsupportedParameter
from narrows.inject.injector import Injector
from narrows.inject.registry import injector_for
from narrows.inject.types import Exchange, NotInserted, Obstacle, Offer, Place

_EXCHANGES: Final = msgspec.json.Decoder(Exchange)


@dataclass(slots=True, eq=False, weakref_slot=True)
class Offering:
    """A session's, on one wire. `made`: of which tools; `written`: where its exchanges are kept; `has_own_tools`: the
    agent has shown tools of its own, so what comes without any is not for the answer."""

    injector: Injector
    offer: Offer
    made: bytes
    written: list[bytes]
    exchanges: list[Exchange]
    has_own_tools: bool = False

    def remember(self, exchange: Exchange) -> None:
        """Put an exchange down, before it is first used."""
        self.written.append(msgspec.json.encode(exchange))
        self.exchanges.append(exchange)

    def _forget(self, place: Place) -> None:
        """Drop those of the answer that is being asked for: the agent does not have it, so it has failed."""
        gone = {msgspec.json.encode(one) for one in self.exchanges if one.place == place}
        self.exchanges[:] = [one for one in self.exchanges if one.place != place]
        self.written[:] = [one for one in self.written if one not in gone]

    def insert(self, body: bytes) -> Offered | None:
        """The request with everything in it; None where nothing can be, and it stays as it is.

        Raises:
            UnsupportedParameter: the agent has a tool with the name of one of the client's.
        """
        inserted = self.injector.insert(body, self.offer)
        place = self.injector.place(body)
        if isinstance(inserted, NotInserted):
            if inserted.obstacle is Obstacle.NAME_CLASH:
                raise UnsupportedParameter(
                    f"this agent has a tool of its own that is called {inserted.detail}; give yours another name",
                    param="tools",
                )
            return None
        if place is None:
            return None
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


class Offerings:
    """A session's, by wire. `written`: its exchanges, where they are kept; more are added."""

    def __init__(self, written: list[bytes]) -> None:
        self._written = written
        self._by_wire: dict[str, Offering] = {}

    def on(self, wire: str, tools: tuple[ClientTool, ...]) -> Offering | None:
        """The offering of these tools; None where the wire has no way to offer them.

        Raises:
            GatewayError: the tools cannot be declared there.
        """
        injector = injector_for(wire)
        if injector is None:
            return None
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

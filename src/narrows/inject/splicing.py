"""Puts exchanges into the message in which the agent keeps our answer, so that the model reads what it wrote and read.

The agent was shown one answer; the model wrote several messages, with outputs between them. The agent's message is cut
where an exchange stood: what closes the first half, the outputs, and what opens the second half go in there, and every
byte of the agent's stays, in its order. Where nothing had been said before an exchange, it goes before the message.

What stands in front of the cut is the agent's own copy, so that it is there once: a thinking block that appears twice,
or before other messages than it was made after, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from narrows.core import jsonscan
from narrows.core.edits import Edit, Span
from narrows.inject.types import Exchange
from narrows.wire.items import Fields, Place, fields_of

Cursor = TypeVar("Cursor")


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that holds the agent's copy of an answer: the message at `messages[at]`."""

    body: bytes
    messages: Sequence[Place]
    at: int

    @property
    def message(self) -> Place:
        """The agent's copy."""
        return self.messages[self.at]

    def fields(self, number: int) -> Fields:
        """A message's members; none where a key stands twice, and it cannot be told which one counts."""
        place = self.messages[number] if number < len(self.messages) else None
        if place is None or self.body[place[0]] != b"{"[0]:
            return {}
        members = jsonscan.members(self.body, *place)
        fields = fields_of(members)
        return fields if len(fields) == len(members) else {}


@dataclass(frozen=True, slots=True)
class Found(Generic[Cursor]):
    """Where exchanges stand in an answer, in their order; several may stand at one place. `mixed`: the last of them, in
    which the agent has calls of its own. `count`: how many were found."""

    spots: tuple[tuple[Cursor, tuple[Exchange, ...]], ...]
    mixed: tuple[Cursor, Exchange] | None
    count: int


def find(
    group: Sequence[Exchange], start: Cursor, advance: Callable[[tuple[str, ...], Cursor], Cursor | None]
) -> Found[Cursor]:
    """Where the exchanges of one answer stand. `advance` tells where what was said ends, None where it is not there."""
    spots: list[tuple[Cursor, tuple[Exchange, ...]]] = []
    cursor = start
    for number, exchange in enumerate(group):
        after = advance(exchange.said, cursor)
        if after is None:
            return Found(tuple(spots), None, number)
        cursor = after
        if exchange.mixed:
            return Found(tuple(spots), (cursor, exchange), number + 1)
        if spots and spots[-1][0] == cursor:
            spots[-1] = cursor, (*spots[-1][1], exchange)
        else:
            spots.append((cursor, (exchange,)))
    return Found(tuple(spots), None, len(group))


def placed(
    group: Sequence[Exchange],
    start: Cursor,
    step: Callable[[str, Cursor], Cursor | None],
    cut: Callable[[Cursor, Sequence[Exchange]], list[Edit]],
    mix: Callable[[Cursor, Exchange], list[Edit]],
) -> tuple[list[Edit], int]:
    """The edits that put the exchanges of one answer where they stand, and how many have their place there. `step`
    tells where one thing that was said ends, None where it is not there; `cut` puts exchanges to a place; `mix` puts
    one beside the agent's own calls, and gives nothing where these are not there."""

    def advance(said: tuple[str, ...], cursor: Cursor) -> Cursor | None:
        at: Cursor | None = cursor
        for one in said:
            at = None if at is None else step(one, at)
        return at

    found = find(group, start, advance)
    edits = [edit for cursor, exchanges in found.spots for edit in cut(cursor, exchanges)]
    if found.mixed is None:
        return edits, found.count
    mixed = mix(*found.mixed)
    return edits + mixed, found.count - (not mixed)


def inserted(at: int, text: bytes) -> Edit:
    """New bytes before the one at a place."""
    return Edit(Span(at, at), text)


def before(at: int, messages: Sequence[bytes]) -> Edit:
    """Messages before the one that starts at a place."""
    return inserted(at, b"".join(b"%b," % one for one in messages))


def after(at: int, messages: Sequence[bytes]) -> Edit:
    """Messages behind the one that ends at a place."""
    return inserted(at, b"".join(b",%b" % one for one in messages))


def role_around(fields: Fields, key: str, role: bytes) -> tuple[bytes, bytes]:
    """What a message that is cut in its member `key` needs of its role: at the end of the first half, and at the start
    of the second. Each half has it where the other's copy does not stand."""
    if "role" in fields and fields["role"] > fields[key]:
        return b',"role":%b' % role, b""
    return b"", b'"role":%b,' % role

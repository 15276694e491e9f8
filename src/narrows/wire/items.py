"""What every reader of a JSON request needs: the members at its top, the text of a value, and a conversation's items,
read only as far as they were not read before.

Wires differ in which items they know and what parts stand in them; that is their `ItemReader`. What a reader knows
after some items follows from those items alone (law 4), so it may be kept and gone on from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

from msgspec import Struct

from narrows.core import jsonscan, jsonstr
from narrows.core.effort import Effort
from narrows.wire.reading import STEP_BYTES, Latest, Reading, ReadingMemory, latest_of, marks_of
from narrows.wire.types import Refusal, Untouched

Place = tuple[int, int]
"""The half-open bytes of a value."""
Fields = dict[str, Place]
"""The members of an object by key, the last of a repeated key winning."""

_KEY_WITHIN_BYTES = 8 * 1024
"""How far the key of the items is looked for."""


class ItemReader(Protocol):
    """Reads the items of a conversation one after the other."""

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory when it is kept."""
        ...

    def copy(self, body: bytes, effort: Effort | None) -> Self:
        """The same knowledge, about to read on in `body`; `b""` where it is only kept."""
        ...

    def read(self, items: Sequence[jsonscan.Element]) -> Self:
        """Read these items, and be what knows them."""
        ...


Reader = TypeVar("Reader", bound=ItemReader)


class Known(Struct, frozen=True, gc=False):
    """What a memory knows of the array that begins at a body's byte `start`: the reading that its items begin with, for
    the reader that `salt` names."""

    start: int
    salt: bytes
    reading: Reading[object] | Latest[object] | None


def recalled(body: bytes, start: int, stop: int, memory: ReadingMemory, salt: bytes) -> Known:
    """What the memory knows of the array at `start`, which ends at `stop`, or before."""
    latest = memory.again(body, start, salt)
    if latest is not None and latest.position < stop:
        return Known(start, salt, latest)
    marks = marks_of(body, start, stop, salt)
    return Known(start, salt, memory.recall(body, marks, stop) if marks else None)


def open_body(
    body: bytes, array: re.Pattern[bytes], effort: Effort | None, memory: ReadingMemory | None, salt: bytes
) -> tuple[list[jsonscan.Member], Known | None] | Untouched:
    """The members of a body, repeated ones too, and what is known of its items; or why it stays as it is.

    `array` finds the key of the items with their opening bracket, as clients write it. Items that the memory knows are
    not parsed again: they are whole values, so the body is JSON if and only if it is with one small value in their
    place, and the other members stand where they stand there, but for the difference in length. That the bracket is
    the one meant, and not inside another value, shows there: a member begins with it.

    Raises:
        OutOfEffortError: there is more to read than the effort allows.
    """
    worth = memory is not None and len(body) > STEP_BYTES
    found = array.search(body, 0, _KEY_WITHIN_BYTES) if worth else None
    known = None
    if memory is not None and found is not None:
        start = found.end() - 1
        known = recalled(body, start, len(body), memory, salt)
        reading = known.reading
        if reading is not None:
            front = body[: start + 1] + b"0"
            short = top_level(front + body[reading.position :], effort)
            if not isinstance(short, Untouched) and any(first == start for _, first, _ in short):
                return _stretched(short, len(front), reading.position - len(front)), known
    top = top_level(body, effort)
    return top if isinstance(top, Untouched) else (top, known)


def _stretched(members: Sequence[jsonscan.Member], beyond: int, by: int) -> list[jsonscan.Member]:
    """The members, with every place from `beyond` on moved."""
    return [
        (key, first + by if first >= beyond else first, last + by if last >= beyond else last)
        for key, first, last in members
    ]


def read_items(
    fresh: Reader, body: bytes, place: Place, effort: Effort | None, memory: ReadingMemory | None, *, salt: bytes
) -> Reader:
    """The reader after every item of the array at `place`; items that the memory knows are not read again.

    `fresh` has read nothing. `salt` names the reader: what another wire knows after the same bytes is something else.

    Raises:
        OutOfEffortError: there is more to read than the effort allows.
    """
    start, stop = place
    if memory is None or stop - start < STEP_BYTES:
        return fresh.read(jsonscan.elements(body, start, stop, effort))
    return read_known(fresh, body, place, effort, memory, recalled(body, start, stop, memory, salt))


def read_known(
    fresh: Reader, body: bytes, place: Place, effort: Effort | None, memory: ReadingMemory, known: Known
) -> Reader:
    """As `read_items`, where the memory has been asked already.

    Raises:
        OutOfEffortError: as there.
    """
    start, stop = place
    reading = known.reading
    if reading is not None and isinstance(reading.known, type(fresh)):
        reader = reading.known.copy(body, effort)
        items = jsonscan.elements_after(body, reading.position, stop, effort)
    else:
        reader, items = fresh, jsonscan.elements(body, start, stop, effort)
    reader.read(items)
    if items and body[items[-1][1] - 1] == b"}"[0] and items[-1][1] - start >= STEP_BYTES:  # a number might go on
        kept, end = reader.copy(b"", None), items[-1][1]
        memory.note(latest_of(body, start, end, known.salt, kept, reader.size_bytes), reading)
    return reader


def top_level(body: bytes, effort: Effort | None) -> list[jsonscan.Member] | Untouched:
    """The members of a body, repeated ones too; or why it stays as it is.

    Raises:
        OutOfEffortError: there is more to read than the effort allows.
    """
    try:
        if not body.isascii():
            body.decode()
        return jsonscan.document(body, effort)
    except UnicodeDecodeError as error:
        return Untouched(Refusal.NOT_UTF8, f"byte {error.start}")
    except jsonscan.NotJsonError as error:
        return Untouched(Refusal.NOT_JSON, f"byte {error.position}")
    except jsonscan.TooDeepError as error:
        return Untouched(Refusal.TOO_DEEP, f"byte {error.position}")
    except jsonscan.WrongTypeError:
        return Untouched(Refusal.NOT_AN_OBJECT)


def fields_of(members: Sequence[jsonscan.Member]) -> Fields:
    """Members by key; of a repeated key the last."""
    return {key: (start, stop) for key, start, stop in members}


def object_at(body: bytes, place: Place | None, effort: Effort | None) -> Fields:
    """The members of an object by key; none of another value."""
    if place is None or body[place[0]] != b"{"[0]:
        return {}
    return fields_of(jsonscan.members(body, *place, effort))


def repeated(members: Sequence[jsonscan.Member], fields: Fields) -> str | None:
    """The fault of an object in which a key stands twice: which one counts is not ours to decide."""
    return None if len(members) == len(fields) else "duplicate key"


def repeated_key(members: Sequence[jsonscan.Member], fields: Fields, watched: Sequence[str]) -> str | None:
    """The first of the watched keys that stands twice."""
    if len(fields) == len(members):
        return None
    keys = [key for key, _, _ in members]
    return next((key for key in watched if keys.count(key) > 1), None)


def literal_at(body: bytes, place: Place | None) -> bytes:
    """The bytes of a value; none where it is absent."""
    return body[place[0] : place[1]] if place else b""


def text_at(body: bytes, place: Place | None) -> str | None:
    """The text of a string value; None where it is absent, another type, or unreadable."""
    if place is None:
        return None
    start, stop = place
    literal = body[start:stop]
    if b"\\" not in literal and literal[:1] == b'"':
        return str(literal[1:-1], "utf-8")
    try:
        return jsonstr.decode(literal)
    except ValueError:
        return None

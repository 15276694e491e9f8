"""How every wire opens a request: its members, its model, and its conversation, read in the cheapest way that there is.

Items that a memory knows are not parsed again, those of a short conversation are split in one step, and all others are
read one by one; the reader knows the same after each way. A wire says where its conversation stands (`Conversation`),
refuses what it must, and has a reader of its items.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

from narrows.core import jsonscan
from narrows.core.effort import Effort
from narrows.policy import Scope
from narrows.wire.conversation import ConversationReader
from narrows.wire.items import (
    Fields,
    Known,
    Place,
    fields_of,
    literal_at,
    open_body,
    read_items,
    read_known,
    repeated_key,
    text_at,
)
from narrows.wire.reading import STEP_BYTES, Notes, ReadingMemory
from narrows.wire.types import Located, Part, Refusal, Untouched

_STABLE = Scope.STABLE

Reader = TypeVar("Reader", bound=ConversationReader)


class Opened(Struct, frozen=True, gc=False):
    """A request whose members are known by their places."""

    body: bytes
    fields: Fields
    effort: Effort | None
    memory: ReadingMemory | None
    known: Known | None
    model: str | None
    stream: bool
    first: tuple[str, ...]

    def literal(self, key: str) -> bytes:
        """The bytes of a member; none where it is absent."""
        return literal_at(self.body, self.fields.get(key))

    def untouched(self, reason: Refusal, detail: str) -> Untouched:
        """That the whole body stays, and why."""
        return Untouched(reason, detail, self.model, self.stream)

    def located(
        self,
        parts: Sequence[Part],
        count: int,
        place: Place,
        notes: Notes | None = None,
        *,
        history_complete: bool = True,
    ) -> Located:
        """These parts of a conversation of `count` items, which stand at `place`."""
        fields = self.fields
        before = None
        if history_complete:
            before = tuple([fields[name] for name in self.first if name in fields])
        return Located(tuple(parts), count, self.model, self.stream, history_complete, notes, before, place[0])


class Conversation:
    """Where a wire's items stand: the member called `key`, an array. `watched` are the members of which one that stands
    twice is a reason to leave the body alone: which one counts is not ours to decide. `first` are those that a model
    reads, and its provider caches, before the items."""

    def __init__(self, wire: str, key: str, *watched: str, first: tuple[str, ...]) -> None:
        self.key = key
        self.first = first
        self._watched = (key, *watched)
        self._array = re.compile(rb'"%b": ?\[' % key.encode())
        self._salt = wire.encode()

    def open(self, body: bytes, effort: Effort | None, memory: ReadingMemory | None) -> Opened | Untouched:
        """The members of a request, or why the whole of it stays as it is.

        Raises:
            OutOfEffortError: there is more to read than the effort allows; never where none is given.
        """
        if len(body) < STEP_BYTES and body.isascii():
            fields = jsonscan.places(body, effort)
            if fields is not None:
                model, stream = _asked(body, fields)
                return Opened(body, fields, effort, memory, None, model, stream, self.first)
        found = open_body(body, self._array, effort, memory, self._salt)
        if isinstance(found, Untouched):
            return found
        members, known = found
        fields = fields_of(members)
        model, stream = _asked(body, fields)
        if key := repeated_key(members, fields, self._watched):
            return Untouched(Refusal.DUPLICATE_KEY, key, model, stream)
        return Opened(body, fields, effort, memory, known, model, stream, self.first)

    def locate(
        self, opened: Opened, fresh: Reader, scope: Scope, *, history_complete: bool = True
    ) -> Located | Untouched:
        """The parts that `fresh`, which has read nothing, finds in the conversation; or that there is none.

        Raises:
            OutOfEffortError: as `open`.
        """
        body, place = opened.body, opened.fields.get(self.key)
        if place is None or body[place[0]] != b"["[0]:
            return opened.untouched(Refusal.NO_MESSAGES, self.key)
        short = place[1] - place[0] < STEP_BYTES
        objects = jsonscan.objects(body, *place, opened.effort) if short else None
        memory, known = opened.memory, opened.known
        if objects is not None:
            reader = fresh.read_objects(objects)
        elif memory is not None and known is not None and known.start == place[0]:
            reader = read_known(fresh, body, place, opened.effort, memory, known)
        else:
            reader = read_items(fresh, body, place, opened.effort, memory, salt=self._salt)
        if scope is not _STABLE:
            return opened.located(reader.latest_parts(), reader.index + 1, place, history_complete=history_complete)
        notes = None if memory is None else reader.notes
        return opened.located(reader.parts, reader.index + 1, place, notes, history_complete=history_complete)


def _asked(body: bytes, fields: Fields) -> tuple[str | None, bool]:
    """The model, and whether a stream is asked for."""
    stream = fields.get("stream")
    return text_at(body, fields.get("model")), stream is not None and literal_at(body, stream) == b"true"

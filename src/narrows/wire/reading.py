"""What was read of a conversation before, so that re-sending it costs a digest and not a reading.

Clients send the whole conversation on every turn, so nearly all of a body's items were read before. What a reader
knows after some items is a function of the bytes of the array up to there, so it can be kept under a digest of those
bytes. The next body does not say where the last one ended: a memory finds the place by digests at fixed offsets
(marks), under which it keeps the few ends that lie behind each, and then the digest from the mark to the end.

Conversations that went on a moment ago need no digest: their last body is still here, and to compare the next one with
it takes a tenth of the time. When there is no room for it any more, what was read of it is kept by digests.

Of one conversation only the latest reading is kept: going on from a reading replaces it. Forgetting costs time and
never changes an answer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from blake3 import blake3
from msgspec import Struct

from narrows.core.lru import BoundedMemory

Known = TypeVar("Known")

STEP_BYTES = 16 * 1024
"""Marks stand at multiples of this; in long arrays only at every fourth, because each costs a digest."""
LONG_BYTES = 16 * STEP_BYTES
ENDS = 8
"""Ends kept behind one mark: conversations that differ only after it, such as by many users of one long prompt."""


_SAMPLE_BYTES = 64


class Mark(Struct, frozen=True, gc=False):
    """A prefix of an array: it ends before the body's byte `offset`, and `digest` names its bytes and its place."""

    offset: int
    digest: bytes


def marks_of(body: bytes, start: int, stop: int, salt: bytes) -> list[Mark]:
    """The marks of the array in `body[start:stop]`, shortest prefix first; none in a short one.

    `salt` names who reads, and how: another reader knows other things after the same bytes.
    """
    if start + STEP_BYTES > stop:
        return []
    digest = blake3(key=blake3(b"%b %d" % (salt, start)).digest())  # as a key: data before would break its alignment
    view = memoryview(body)
    found: list[Mark] = []
    position = start
    while True:
        step = STEP_BYTES if position - start < LONG_BYTES else 4 * STEP_BYTES
        if position + step > stop:
            return found
        digest.update(view[position : position + step])
        position += step
        found.append(Mark(position, digest.digest()))


@dataclass(frozen=True, slots=True)
class Reading(Generic[Known]):
    """What is known of an array's items up to the body's byte `position`, where one of them ends."""

    key: bytes
    mark: Mark
    position: int
    known: Known


class Notes:
    """What others keep with a reading, each under a key of its own, and drop with it: `own` with all that was read,
    `earlier` with the part that was known before; and about how many bytes that takes in memory.

    They say nothing that the reading does not say, only sooner, so they make no difference between two values.
    """

    __slots__ = ("earlier", "earlier_bytes", "own", "own_bytes")

    def __init__(self) -> None:
        self.earlier: dict[object, object] = {}
        self.earlier_bytes = 0
        self.own: dict[object, object] = {}
        self.own_bytes = 0

    def go_on(self) -> Notes:
        """Those of somebody who reads on from here."""
        notes = Notes()
        notes.earlier, notes.earlier_bytes = self.own, self.own_bytes
        return notes

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Notes)

    def __hash__(self) -> int:
        return hash(Notes)


@dataclass(slots=True, eq=False)
class Latest(Generic[Known]):
    """What is known of the array that begins at the byte `start` of a body that came a moment ago, up to its byte
    `position`. `front` is what others of its like are found by."""

    front: bytes
    body: bytes
    start: int
    position: int
    salt: bytes
    known: Known
    known_bytes: int

    def begins(self, body: bytes) -> bool:
        """Whether the array in `body` begins with all that was read, and goes on. The end is looked at first: it
        differs where conversations only begin alike, and how far they do is not for the time taken to tell."""
        position, before = self.position, memoryview(self.body)
        end = position - _SAMPLE_BYTES
        if position >= len(body) or not body.startswith(before[end:position], end):
            return False
        return body.startswith(before[self.start : position], self.start)

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        return len(self.body) + self.known_bytes


class ReadingMemory:
    """Readings of conversations, bounded by bytes. What is kept must never be changed."""

    def __init__(self, limit_bytes: int) -> None:
        rest = limit_bytes - limit_bytes // 2
        self._readings: BoundedMemory[Reading[object]] = BoundedMemory(rest - rest // 8)
        self._ends: BoundedMemory[tuple[int, ...]] = BoundedMemory(rest // 8)
        self._latest_limit = limit_bytes // 2
        self._latest_bytes = 0
        self._latest: OrderedDict[Latest[object], None] = OrderedDict()
        self._by_front: dict[bytes, list[Latest[object]]] = {}

    @property
    def size_bytes(self) -> int:
        """About what is held."""
        return self._latest_bytes + self._readings.size_bytes + self._ends.size_bytes

    def again(self, body: bytes, start: int, salt: bytes) -> Latest[object] | None:
        """The latest reading of the conversation that the array at `start` goes on with."""
        for latest in self._by_front.get(_front(body, start, salt), ()):
            if latest.begins(body):
                return latest
        return None

    def note(self, latest: Latest[object], instead_of: Latest[object] | Reading[object] | None) -> None:
        """Remember the latest reading of a conversation, instead of the one that it goes on from."""
        if isinstance(instead_of, Latest):
            self._drop(instead_of)
        elif instead_of is not None:
            self.forget(instead_of)
        self._latest[latest] = None
        self._latest_bytes += latest.size_bytes
        alike = self._by_front.setdefault(latest.front, [])
        alike.insert(0, latest)
        if len(alike) > ENDS:
            self._settle(alike[-1])
        while self._latest_bytes > self._latest_limit:
            self._settle(next(iter(self._latest)))

    def _settle(self, latest: Latest[object]) -> None:
        """Keep a reading by digests, and its body no longer."""
        self._drop(latest)
        body, position = latest.body, latest.position
        marks = marks_of(body, latest.start, position, latest.salt)
        if marks:
            self.keep(body, marks[-1], position, latest.known, latest.known_bytes)

    def _drop(self, latest: Latest[object]) -> None:
        if latest in self._latest:
            del self._latest[latest]
            self._latest_bytes -= latest.size_bytes
            alike = self._by_front[latest.front]
            alike.remove(latest)
            if not alike:
                del self._by_front[latest.front]

    def recall(self, body: bytes, marks: Sequence[Mark], stop: int) -> Reading[object] | None:
        """The reading that reaches furthest into the array with these marks, which ends at `stop`."""
        for mark in reversed(marks):
            for end in self._ends.get(mark.digest) or ():
                if end < stop and (reading := self._readings.get(_key(body, mark, end))):
                    return reading
        return None

    def keep(self, body: bytes, mark: Mark, position: int, known: object, size_bytes: int) -> None:
        """Remember what is known after the item that ends at `position`, behind the last mark before it."""
        key = _key(body, mark, position)
        self._readings.put(key, Reading(key, mark, position, known), size_bytes)
        others = [end for end in self._ends.get(mark.digest) or () if end != position]
        self._set_ends(mark, (position, *others[: ENDS - 1]))

    def forget(self, reading: Reading[object]) -> None:
        """Drop a reading, because another goes on from it."""
        self._readings.forget(reading.key)
        ends = self._ends.get(reading.mark.digest) or ()
        self._set_ends(reading.mark, tuple(end for end in ends if end != reading.position))

    def _set_ends(self, mark: Mark, ends: tuple[int, ...]) -> None:
        if ends:
            self._ends.put(mark.digest, ends, 40 * len(ends))
        else:
            self._ends.forget(mark.digest)


def latest_of(body: bytes, start: int, position: int, salt: bytes, known: Known, known_bytes: int) -> Latest[Known]:
    """What is known of an array, which is as long as the first mark at least, up to `position`."""
    return Latest(_front(body, start, salt), body, start, position, salt, known, known_bytes)


def _front(body: bytes, start: int, salt: bytes) -> bytes:
    """Some bytes before the first mark, which tell most conversations apart."""
    places = (start, start + STEP_BYTES // 4, start + STEP_BYTES // 2, start + STEP_BYTES - _SAMPLE_BYTES)
    return b"%b %d %b" % (salt, start, b"".join([body[place : place + _SAMPLE_BYTES] for place in places]))


def _key(body: bytes, mark: Mark, end: int) -> bytes:
    return blake3(memoryview(body)[mark.offset : end], key=mark.digest).digest()

"""What was read of a conversation before, so that re-sending it costs a digest and not a reading.

Clients send the whole conversation on every turn, so nearly all of a body's items were read before. What a reader
knows after some items is a function of the bytes of the array up to there, so it can be kept under a digest of those
bytes. The next body does not say where the last one ended: a memory finds the place by digests at fixed offsets
(marks), under which it keeps the few ends that lie behind each, and then the digest from the mark to the end.

Of one conversation only the latest reading is kept: going on from a reading replaces it. Forgetting costs time and
never changes an answer.
"""

from __future__ import annotations

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


class ReadingMemory:
    """Readings of conversations, bounded by bytes. What is kept must never be changed."""

    def __init__(self, limit_bytes: int) -> None:
        self._readings: BoundedMemory[Reading[object]] = BoundedMemory(limit_bytes - limit_bytes // 8)
        self._ends: BoundedMemory[tuple[int, ...]] = BoundedMemory(limit_bytes // 8)

    @property
    def size_bytes(self) -> int:
        """About what is held."""
        return self._readings.size_bytes + self._ends.size_bytes

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


def _key(body: bytes, mark: Mark, end: int) -> bytes:
    return blake3(memoryview(body)[mark.offset : end], key=mark.digest).digest()

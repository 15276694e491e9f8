"""What the prompt lacks, at each part, before its model's provider caches it.

A prompt under the provider's minimum is billed in full on every turn, one above it at a fraction. So a part that would
keep the prompt under the minimum is not shortened: whole, it brings the prompt there, and from then on every turn is
cheaper by more than the part. What is lacking at a part follows from what stands before it in the order in which
providers cache, which is tools, instructions, and the items before it, wherever they stand in the body; nothing behind
it counts, nor does the size of the body (law 4). Before the minimum is reached nothing was shortened, so it is the same
whether what stands before is counted as it came or as it is forwarded.

What is counted is what the strings say, names included, in UTF-8 bytes: the same however a client writes its JSON
(law 2), and counted only up to the minimum, of a conversation that goes on only once.
"""

from __future__ import annotations

from blake3 import blake3
from msgspec import Struct

from narrows.core.jsonstr import said_bytes
from narrows.policy import Level, Policy
from narrows.wire.types import Located

FAR = 10
"""Prompts so many minima long cost more as cached than one under the minimum does in full: where a part alone brings a
prompt there, it is shortened, whatever is left."""


class Reach(Struct, frozen=True, gc=False):
    """`lacking` are the bytes that the prompt lacks at the parts with work that begin before the byte `until`, by where
    they begin, and `marks` what keys of theirs name it by. `behind` is the mark of later parts that may refer to those.
    `reached`: further items change none of it. `said` are the values before the first item for which all of it holds.
    """

    until: int = 0
    lacking: dict[int, int] = {}
    marks: dict[int, bytes] = {}
    behind: bytes = b""
    reached: bool = True
    said: tuple[bytes, ...] = ()

    def holds_for(self, body: bytes, located: Located) -> bool:
        """Whether a body whose items begin as these do has the same values before them, and so the same reach."""
        places, said = located.before, self.said
        if not self.reached or places is None or len(places) != len(said):
            return False
        return all(
            len(one) == stop - start and body.startswith(one, start)
            for one, (start, stop) in zip(said, places, strict=True)
        )

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        return sum(map(len, self.said)) + 200 * len(self.lacking)


REACHED = Reach()
"""Where nothing is lacking at any part."""


def reach_of(body: bytes, located: Located, policy: Policy, minimum_bytes: int, *, refers: bool) -> Reach:
    """What is lacking at the parts of a body, where parts may refer to earlier ones or may not."""
    if not minimum_bytes or located.before is None or policy.level is Level.OFF:
        return REACHED
    counted = 0
    for first, last in located.before:
        counted += said_bytes(body, first, last, minimum_bytes)
    position, smallest, behind = located.start, policy.smallest_min_bytes, b""
    lacking: dict[int, int] = {}
    marks: dict[int, bytes] = {}
    until, reached = len(body), False
    for part in located.parts:
        start, stop = part.span.start, part.span.stop
        if part.fault is not None or stop - start - 2 < smallest:
            continue
        counted += said_bytes(body, position, start, minimum_bytes)
        position = start
        size = said_bytes(body, start, stop, FAR * minimum_bytes)
        if counted >= minimum_bytes or counted + size >= FAR * minimum_bytes:
            until, reached = start, True
            break
        lacking[start] = minimum_bytes - counted
        marks[start] = mark = b"%d" % lacking[start]
        if refers and part.output is not None:
            marks[start] = behind = blake3(behind + mark).digest(length=16)
        if counted + size >= minimum_bytes:
            until, reached = stop, True
            break
    said = tuple([body[first:last] for first, last in located.before])
    return Reach(until, lacking, marks, behind, reached, said)

"""Blocks of lines that repeat earlier ones to the letter, and the pieces that an output is made of.

Line for line this is what LZ77 does for bytes: three equal lines in a row find the candidate, which is then extended.
A repeat names the earlier lines by their numbers, so it loses nothing. It only ever names lines that stand in the
output themselves or are repeats of such lines, and never overlaps with what it names; a run of one and the same line
names the line above it.

Where a machine put a time before every line, no line equals another to the letter, though the tool's output inside may
repeat. There lines are compared without these times, and a repeat says that they differ. That is done for blocks with
an indented line only, which are reports, traces and listings: single lines that a service says again and again are
events, whose times matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

SMALLEST_REPEAT = 120
"""A repeat of fewer characters is not worth a mark."""
_SEED = 3


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines `start <= i < stop`, as they are."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Same:
    """The lines `start <= i < stop` equal those from `source` on, in order; `but_times`: but for the times before
    them."""

    start: int
    stop: int
    source: int
    but_times: bool = False


@dataclass(frozen=True, slots=True)
class Each:
    """Each of the lines `start <= i < stop` equals the line before `start`; `but_times`: but for the times before
    them."""

    start: int
    stop: int
    but_times: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """The lines `start <= i < stop` are left out."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a gap holds: its lines by class, and how many of them mention trouble (passed and repeated ones aside)."""

    classes: dict[str, int]
    trouble: int


Piece = Lines | Same | Each | Gap


@dataclass(frozen=True, slots=True)
class Stampless:
    """The lines of a log without the times that a machine put before them; `texts`: whole but for these, where the line
    is shown; `indented[i]` is 1 where the tool's own line is."""

    texts: Sequence[str]
    indented: bytes


@dataclass(frozen=True, slots=True)
class _Search:
    """`seeds`: where three lines in a row stood first. `texts`: by what lines are compared."""

    lines: Sequence[str]
    shown: bytes | bytearray
    texts: Sequence[str]
    indented: bytes | None
    seeds: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def seed(self, position: int) -> tuple[str, str, str]:
        return self.texts[position], self.texts[position + 1], self.texts[position + 2]

    def differ(self, start: int, stop: int, source: int) -> bool:
        """Whether the times of lines that are taken for the same differ."""
        return self.indented is not None and self.lines[start:stop] != self.lines[source : source + stop - start]

    def compared(self, position: int) -> Sequence[str]:
        """By what a repeat that begins here is compared: it may be one of lines with other times only where one of its
        first lines is indented."""
        may = self.indented is None or self.indented.find(1, position, position + _SEED) >= 0
        return self.texts if may else self.lines


def pieces(lines: Sequence[str], shown: bytes | bytearray, stampless: Stampless | None = None) -> list[Piece]:
    """The whole log in order: gaps where `shown` is 0, and the rest as it is or as repeats."""
    found: list[Piece] = []
    search = _Search(lines, shown, lines, None)
    if stampless is not None:
        search = _Search(lines, shown, stampless.texts, stampless.indented)
    position = 0
    while position < len(lines):
        stop = shown.find(1 - shown[position], position)
        stop = len(lines) if stop < 0 else stop
        if shown[position]:
            found += _block(search, position, stop)
        else:
            found.append(Gap(position, stop))
        position = stop
    return found


def _block(search: _Search, start: int, stop: int) -> Iterator[Piece]:
    """The pieces of one block of shown lines; remembers its lines for later repeats."""
    position = begun = start
    while position < stop:
        piece: Piece | None = _run(search, position, stop) if position > start else None
        if piece is None:
            piece = _repeat(search, position, stop)
        if piece is None:
            _remember(search, position)
            position += 1
            continue
        if begun < position:
            yield Lines(begun, position)
        yield piece
        position = begun = piece.stop
    if begun < stop:
        yield Lines(begun, stop)


def _run(search: _Search, position: int, stop: int) -> Each | None:
    """A run of the line above."""
    texts = search.compared(position)
    text = texts[position]
    if texts[position - 1] != text:
        return None
    after = position + 1
    while after < stop and texts[after] == text:
        after += 1
    if (len(search.lines[position]) + 1) * (after - position) < SMALLEST_REPEAT:
        return None
    return Each(position, after, any(search.differ(one, one + 1, position - 1) for one in range(position, after)))


def _repeat(search: _Search, position: int, stop: int) -> Same | None:
    if position + _SEED > stop:
        return None
    source = search.seeds.get(search.seed(position))
    if source is None:
        return None
    texts = search.compared(position)
    length, size = 0, 0
    while (
        position + length < stop
        and source + length < position
        and search.shown[source + length]
        and texts[source + length] == texts[position + length]
    ):
        size += len(search.lines[position + length]) + 1
        length += 1
    differ = search.differ(position, position + length, source)
    if size < SMALLEST_REPEAT:
        return None
    return Same(position, position + length, source, differ)


def _remember(search: _Search, position: int) -> None:
    if position + _SEED <= len(search.lines) and search.shown.find(0, position, position + _SEED) < 0:
        search.seeds.setdefault(search.seed(position), position)

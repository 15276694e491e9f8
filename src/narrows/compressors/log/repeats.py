"""Blocks of lines that repeat earlier ones to the letter, and the pieces that an output is made of.

Line for line this is what LZ77 does for bytes: three equal lines in a row find the candidate, which is then extended.
A repeat names the earlier lines by their numbers, so it loses nothing. It only ever names lines that stand in the
output themselves or are repeats of such lines, and never overlaps with what it names; a run of one and the same line
names the line above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
    """The lines `start <= i < stop` equal those from `source` on, in order."""

    start: int
    stop: int
    source: int


@dataclass(frozen=True, slots=True)
class Each:
    """Each of the lines `start <= i < stop` equals the line before `start`."""

    start: int
    stop: int


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


def pieces(lines: Sequence[str], shown: bytes | bytearray) -> list[Piece]:
    """The whole log in order: gaps where `shown` is 0, and the rest as it is or as repeats."""
    found: list[Piece] = []
    seeds: dict[tuple[str, str, str], int] = {}
    position = 0
    while position < len(lines):
        stop = shown.find(1 - shown[position], position)
        stop = len(lines) if stop < 0 else stop
        if shown[position]:
            found += _block(lines, shown, seeds, position, stop)
        else:
            found.append(Gap(position, stop))
        position = stop
    return found


def _block(
    lines: Sequence[str], shown: bytes | bytearray, seeds: dict[tuple[str, str, str], int], start: int, stop: int
) -> Iterator[Piece]:
    """The pieces of one block of shown lines; remembers its lines for later repeats."""
    position = begun = start
    while position < stop:
        piece: Piece | None = _run(lines, position, stop) if position > start else None
        if piece is None:
            piece = _repeat(lines, shown, seeds, position, stop)
        if piece is None:
            _remember(lines, shown, seeds, position)
            position += 1
            continue
        if begun < position:
            yield Lines(begun, position)
        yield piece
        position = begun = piece.stop
    if begun < stop:
        yield Lines(begun, stop)


def _run(lines: Sequence[str], position: int, stop: int) -> Each | None:
    """A run of the line above."""
    line = lines[position]
    if lines[position - 1] != line:
        return None
    after = position + 1
    while after < stop and lines[after] == line:
        after += 1
    return Each(position, after) if (len(line) + 1) * (after - position) >= SMALLEST_REPEAT else None


def _repeat(
    lines: Sequence[str],
    shown: bytes | bytearray,
    seeds: dict[tuple[str, str, str], int],
    position: int,
    stop: int,
) -> Same | None:
    if position + _SEED > stop:
        return None
    source = seeds.get((lines[position], lines[position + 1], lines[position + 2]))
    if source is None:
        return None
    length, size = 0, 0
    while (
        position + length < stop
        and source + length < position
        and shown[source + length]
        and lines[source + length] == lines[position + length]
    ):
        size += len(lines[position + length]) + 1
        length += 1
    return Same(position, position + length, source) if size >= SMALLEST_REPEAT else None


def _remember(
    lines: Sequence[str], shown: bytes | bytearray, seeds: dict[tuple[str, str, str], int], position: int
) -> None:
    if position + _SEED <= len(lines) and shown.find(0, position, position + _SEED) < 0:
        seeds.setdefault((lines[position], lines[position + 1], lines[position + 2]), position)

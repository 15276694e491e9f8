"""Which lines of a text stand, in a row, in an earlier output.

Outputs are put on a shelf once, in their order, and texts are then looked up against all of them: groups of three lines
lead to the places where the same three stand, line numbers aside, and from there a run is followed in both directions,
line by line and exactly. No text with a mark in it is ever looked up, so none finds a mark on the shelf. All of it is
bounded by counts, which depend on the outputs before a text alone: the window of outputs looked at, the places tried
for a group, the lines compared.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from narrows.compressors import marks
from narrows.compressors.repeats.earlier import Earlier, Shown
from narrows.compressors.repeats.gutter import first_lines, moved, named_numbers, number_of, without_numbers

WINDOW_BYTES = 512 << 10
WINDOW_OUTPUTS = 256
WINDOW_LINES = 32_768
"""An output is looked at while all from it on are within these together; of one with more lines none is."""

LEAST_LINES = 3
LEAST_CHARACTERS = 200
"""What must be hidden by a mark, white space at the ends of lines not counted; a mark has some 17 tokens. With less,
later outputs would find a run in pieces, here and there."""
LEAST_NUMBERED_CHARACTERS = 100
_GUTTER_CHARACTERS = 8
"""The same for numbered lines, and what a number counts for: it costs as many tokens as so many letters."""
LEAST_EDGE_LINES = 2
LEAST_EDGE_CHARACTERS = 80
"""The same for a text's first or last lines, whose mark is shorter."""

_GROUP = 3
_MOST_PLACES = 8
_STEPS_A_LINE = 8
_BREAK = "\n"
"""Stands between outputs; no line is equal to it."""

_Group = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """Lines `start` to `stop` of a text, half-open, which stand in `earlier` from its line `first` on (all counted from
    0), there with numbers that are lower by `distance`.

    `number`: the first line's number, where all the lines are numbered in a row. `by_number`: no earlier line of
    `earlier` has the number that its first line has there, and no mark in it stands for lines with these numbers, so
    they name the place. `edge`: the lines are the "first" or the "last" of both texts; "" where they are neither.
    """

    start: int
    stop: int
    earlier: Earlier
    first: int
    distance: int = 0
    number: int | None = None
    by_number: bool = False
    edge: str = ""


class Shelf:
    """Earlier outputs of one conversation, oldest first."""

    def __init__(self, outputs: Iterable[Earlier] = ()) -> None:
        self._outputs: list[Earlier] = []
        self._sizes: list[int] = []
        self._starts: list[int] = []
        self.lines: list[str] = []
        self.bare: list[str] = []
        self._places: dict[_Group, list[int]] = {}
        self._whole: dict[str, int] = {}
        self._numbers: dict[int, dict[int, int]] = {}
        self._named: dict[int, list[tuple[int, int]]] = {}
        self._oldest = 0
        self._held = 0
        for output in outputs:
            self.add(output)

    def add(self, output: Earlier) -> None:
        """Put the next output on the shelf."""
        if output.shown is Shown.NOTHING:
            return
        text = output.text
        size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
        self._starts.append(len(self.lines))
        if output.shown is not Shown.UNMARKED:
            self._whole[output.whole] = len(self._outputs)
        if _has_lines(output) and size <= WINDOW_BYTES and text.count("\n") < WINDOW_LINES:
            self._add_lines(output, len(self.lines))
        self._outputs.append(output)
        self.lines.append(_BREAK)
        self.bare.append(_BREAK)
        self._sizes.append(size)
        self._held += size
        self._leave()

    def _add_lines(self, output: Earlier, start: int) -> None:
        lines, bare = output.text.split("\n"), without_numbers(output.text).split("\n")
        if not lines[-1]:
            lines[-1] = bare[-1] = _BREAK
        self.lines += lines
        self.bare += bare
        places = self._places
        for place, group in enumerate(zip(bare, bare[1:], bare[2:], strict=False), start):
            found = places.get(group)
            if found is None:
                places[group] = [place]
            else:
                found.append(place)
                if len(found) > 4 * _MOST_PLACES:
                    del found[:-_MOST_PLACES]

    def _leave(self) -> None:
        """Move the window to the outputs that are still near enough."""
        while (
            self._held > WINDOW_BYTES
            or len(self._outputs) - self._oldest > WINDOW_OUTPUTS
            or len(self.lines) - self._starts[self._oldest] > WINDOW_LINES
        ):
            self._held -= self._sizes[self._oldest]
            self._oldest += 1
            if self._oldest == len(self._outputs):
                return

    def same(self, text: str) -> Earlier | None:
        """The latest output that is the same as `text`."""
        index = self._whole.get(text)
        return None if index is None or index < self._oldest else self._outputs[index]

    def runs(self, text: str) -> list[Run]:
        """The runs of `text` that are worth a mark, in order. Where no number names the place and they are not the
        first or last lines, their first and last line, neither of them blank, are not part of them, and stay on both
        sides to be recognised by."""
        if self._oldest == len(self._outputs):
            return []
        lines, bare = text.split("\n"), without_numbers(text).split("\n")
        if not lines[-1]:
            del lines[-1], bare[-1]
        return _Search(self, lines, bare).runs()

    def places(self, group: _Group) -> Sequence[int]:
        """Where these three lines stand, the latest first."""
        found = self._places.get(group)
        if found is None:
            return ()
        oldest = self._starts[self._oldest]
        return [place for place in reversed(found[-_MOST_PLACES:]) if place >= oldest]

    def run(self, start: int, stop: int, place: int, distance: int, number: int | None) -> Run:
        """The run whose first line stands at `place`."""
        index = bisect_right(self._starts, place) - 1
        output, first = self._outputs[index], place - self._starts[index]
        if number is None:
            return Run(start, stop, output, first)
        numbers = self._numbers.get(index)
        if numbers is None:
            numbers = self._numbers[index] = first_lines(output.text)
            self._named[index] = named_numbers(output.text) if output.shown is Shown.UNMARKED else []
        there, named = number - distance, self._named[index]
        before = bisect_right(named, there + stop - start - 1, key=itemgetter(0)) - 1
        hidden = before >= 0 and named[before][1] >= there
        return Run(start, stop, output, first, distance, number, numbers[there] == first and not hidden)


def _has_lines(output: Earlier) -> bool:
    return output.shown in (Shown.UNMARKED, Shown.HEADED) or (
        output.shown is Shown.LINES and not marks.has_mark(output.text)
    )


@dataclass(slots=True)
class _Match:
    """Lines `start` to `stop` of a text equal the shelf's from `place` on, but for numbers higher by `distance`."""

    start: int
    stop: int
    place: int
    distance: int

    @property
    def rank(self) -> tuple[int, bool]:
        return self.stop - self.start, self.distance == 0


class _Search:
    """One text against the shelf."""

    def __init__(self, shelf: Shelf, lines: list[str], bare: list[str]) -> None:
        self._shelf = shelf
        self._lines = lines
        self._bare = bare
        self._steps = _STEPS_A_LINE * len(lines)

    def runs(self) -> list[Run]:
        found: list[Run] = []
        bare, start, free = self._bare, 0, 0
        while start + _GROUP <= len(bare) and self._steps > 0:
            places = self._shelf.places((bare[start], bare[start + 1], bare[start + 2]))
            matches = [match for match in (self._follow(start, place) for place in places) if match]
            if not matches:
                start += 1
                continue
            best = max(matches, key=lambda match: match.rank)
            stop = best.stop
            self._extend_back(best, free)
            run = self._worth(best)
            if run is not None:
                found.append(run)
                start = free = stop
            else:
                start = max(start + 1, stop - _GROUP + 1)
        return found

    def _follow(self, start: int, place: int) -> _Match | None:
        """The lines from `start` on that equal those from `place` on. What is on the shelf ends with a break, so no
        run leaves it."""
        lines, shelf = self._lines, self._shelf.lines
        index, shift, stop = start, place - start, len(lines)
        if lines[start] == shelf[place]:
            distance = 0
            while index < stop and lines[index] == shelf[index + shift]:
                index += 1
        else:
            here, there = number_of(lines[start]), number_of(shelf[place])
            if here is None or there is None or here == there:
                return None
            distance = here - there
            while index < stop and self._moved(index, index + shift, distance, here + index - start):
                index += 1
        self._steps -= 1 + index - start
        return _Match(start, index, place, distance) if index > start else None

    def _extend_back(self, match: _Match, free: int) -> None:
        """Take in the lines before, down to `free`, that match as well."""
        lines, shelf, distance = self._lines, self._shelf.lines, match.distance
        number = number_of(lines[match.start]) if distance else None
        while match.start > free:
            index, place = match.start - 1, match.place - 1
            if number is None:
                equal = lines[index] == shelf[place]
            else:
                number -= 1
                equal = self._moved(index, place, distance, number)
            if not equal:
                return
            match.start, match.place = index, place
            self._steps -= 1

    def _moved(self, index: int, place: int, distance: int, number: int) -> bool:
        """Whether the line has this number, and is the shelf's with its number moved."""
        line, bare, other = self._lines[index], self._bare[index], self._shelf.lines[place]
        if bare != self._shelf.bare[place] or len(bare) in (len(line), len(other)):
            return False
        gutter = other[: len(other) - len(bare)]
        return int(gutter[:-1]) == number - distance and line[: len(line) - len(bare)] == moved(gutter, number)

    def _worth(self, match: _Match) -> Run | None:
        """The run that hides enough and is named best: by its numbers, as the first or last lines, or by the lines
        around it."""
        start, stop = match.start, match.stop
        if (number := self._numbered(start, stop)) is not None:
            run = self._shelf.run(start, stop, match.place, match.distance, number)
            if run.by_number:
                return run if self._enough(start, stop, LEAST_LINES, LEAST_NUMBERED_CHARACTERS, numbered=True) else None
        bare, edge = self._bare, self._edge(match)
        while start < stop and edge != "first" and not bare[start].strip():
            start += 1
        while start < stop and edge != "last" and not bare[stop - 1].strip():
            stop -= 1
        if edge:
            if not self._enough(start, stop, LEAST_EDGE_LINES, LEAST_EDGE_CHARACTERS):
                return None
            return replace(self._shelf.run(start, stop, match.place + start - match.start, 0, None), edge=edge)
        start, stop = start + 1, stop - 1
        number = self._numbered(start, stop) if start < stop else None
        least = LEAST_CHARACTERS if number is None else LEAST_NUMBERED_CHARACTERS
        if not self._enough(start, stop, LEAST_LINES, least, numbered=number is not None):
            return None
        return self._shelf.run(start, stop, match.place + start - match.start, match.distance, number)

    def _edge(self, match: _Match) -> str:
        """Whether the lines stand at the beginning or at the end of both texts."""
        if match.distance:
            return ""
        lines, place = self._shelf.lines, match.place
        if match.start == 0 and (place == 0 or lines[place - 1] == _BREAK):
            return "first"
        at_end = match.stop == len(self._bare) and lines[place + match.stop - match.start] == _BREAK
        return "last" if at_end else ""

    def _enough(self, start: int, stop: int, lines: int, characters: int, *, numbered: bool = False) -> bool:
        """Whether these are as many lines, and they and their numbers come to as many characters."""
        if stop - start < lines:
            return False
        for index in range(start, stop):
            characters -= len(self._bare[index].strip()) + _GUTTER_CHARACTERS * numbered
            if characters <= 0:
                return True
        return False

    def _numbered(self, start: int, stop: int) -> int | None:
        """The number of the first of these lines, where they are numbered in a row."""
        first = number_of(self._lines[start])
        if first is None:
            return None
        in_a_row = (number_of(self._lines[index]) == first + index - start for index in range(start, stop))
        return first if all(in_a_row) else None

"""The lines that are ours in an output with repeats, written and read (docs/forms.md, "Repeats").

What they say is places and counts, and all of it is checked when it is read: a text is our output only if every count
fits what is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from narrows.compressors import marks
from narrows.compressors.repeats.shelf import Run
from narrows.core.tool_call import OutputPlace

_COUNT = r"[1-9][0-9]{0,8}"
_OUTPUT = rf"(?:text {_COUNT} of )?tool output {_COUNT}"
_NAMED = rf"{_OUTPUT} \((?:{_COUNT} before this|this one)\)"
_HEAD = re.compile(
    rf"\[narrows: (?P<hidden>{_COUNT}) of (?P<lines>{_COUNT}) lines stand already in"
    rf" (?P<outputs>{_NAMED}(?:, {_NAMED})*); nothing left out\]"
)
_MARK = re.compile(
    rf"\[narrows: (?P<count>{_COUNT}) lines(?:, numbered (?P<first>{_COUNT})-(?P<last>{_COUNT})(?P<here> here)?,)?"
    rf" as in (?:lines (?P<start>{_COUNT})-(?P<stop>{_COUNT}) of )?(?P<output>{_OUTPUT})"
    rf"(?:, numbered (?P<there>{_COUNT})-(?P<until>{_COUNT}) there)?\]"
)
_EDGE = re.compile(rf"\[narrows: (?P<edge>first|last) (?P<count>{_COUNT}) lines as in (?P<output>{_OUTPUT})\]")
_WHOLE = re.compile(
    rf"\[narrows: (?:(?P<lines>{_COUNT}) lines?, all as in|shortened, the same text as) (?P<output>{_NAMED})"
    r"(?P<exact>; nothing left out)?\]"
)
_PLACE = re.compile(rf"(?:text (?P<text>{_COUNT}) of )?tool output (?P<number>{_COUNT})")


@dataclass(frozen=True, slots=True)
class Whole:
    """An output that is the same as another. `exact`: so is its source."""

    place: OutputPlace
    exact: bool


@dataclass(frozen=True, slots=True)
class Hidden:
    """Lines that stand in another output: from its line `first` on (from 0), or where `first` is None from its first
    line numbered `there` on; or its "first" or "last" lines, and those of the text here, as `edge` says. Their numbers
    here are higher by `distance`."""

    place: OutputPlace
    count: int
    first: int | None = None
    there: int | None = None
    distance: int = 0
    edge: str = ""


def count_lines(text: str) -> int:
    """Lines as a reader counts them: nothing after the last line end is no line."""
    return text.count("\n") + (not text.endswith("\n"))


def write_whole(text: str, place: OutputPlace, own: OutputPlace, *, shortened: bool, exact: bool) -> str:
    """The line that stands for a text which is the same as an earlier output."""
    lines = count_lines(text)
    what = "shortened, the same text as" if shortened else f"{lines} {'line' if lines == 1 else 'lines'}, all as in"
    return marks.mark(f"{what} {_named(place, own)}{'; nothing left out' if exact else ''}")


def write(text: str, runs: Sequence[Run], own: OutputPlace) -> str:
    """The text with a mark in the place of each run, below the head line."""
    lines = text.split("\n")
    hidden = sum(run.stop - run.start for run in runs)
    outputs = sorted({run.earlier.place for run in runs}, key=lambda place: (place.number, place.text))
    named = ", ".join(_named(place, own) for place in outputs)
    head = f"{hidden} of {count_lines(text)} lines stand already in {named}; nothing left out"
    out, position = [marks.mark(head)], 0
    for run in runs:
        out += lines[position : run.start]
        out.append(_mark(run))
        position = run.stop
    return "\n".join(out + lines[position:])


def _mark(run: Run) -> str:
    count = run.stop - run.start
    if run.edge:
        return marks.mark(f"{run.edge} {count} lines as in {_output(run.earlier.place)}")
    words = f"{count} lines"
    if run.number is not None:
        words += f", numbered {run.number}-{run.number + count - 1}{' here' if run.distance else ''},"
    words += " as in "
    if not run.by_number:
        words += f"lines {run.first + 1}-{run.first + count} of "
    words += _output(run.earlier.place)
    if run.number is not None and run.distance:
        there = run.number - run.distance
        words += f", numbered {there}-{there + count - 1} there"
    return marks.mark(words)


def _output(place: OutputPlace) -> str:
    return f"{f'text {place.text} of ' if place.text > 1 else ''}tool output {place.number}"


def _named(place: OutputPlace, own: OutputPlace) -> str:
    before = own.number - place.number
    return f"{_output(place)} ({f'{before} before this' if before else 'this one'})"


def read_whole(text: str) -> Whole | None:
    """What a whole output that is one line says; None where it is not ours."""
    found = _WHOLE.fullmatch(text)
    if found is None or (found["lines"] and not found["exact"]):
        return None
    return Whole(_place(found["output"]), bool(found["exact"]))


def read(text: str) -> list[str | Hidden] | None:
    """The lines below the head, marks read; None where the text is not our output in full."""
    head, *lines = text.split("\n")
    said = _HEAD.fullmatch(head)
    if said is None:
        return None
    read: list[str | Hidden] = []
    for line in lines:
        if not marks.has_mark(line):
            read.append(line)
        elif (mark := _read_mark(line)) is not None:
            read.append(mark)
        else:
            return None
    found = [one for one in read if isinstance(one, Hidden)]
    ended = lines[-1:] == [""]
    hidden = sum(one.count for one in found)
    fits = int(said["hidden"]) == hidden and int(said["lines"]) == len(read) - len(found) - ended + hidden
    named = {_place(one[0]) for one in _PLACE.finditer(said["outputs"])}
    places = {"first": 0, "last": len(read) - 1 - ended}
    placed = all(at == places.get(one.edge, at) for at, one in enumerate(read) if isinstance(one, Hidden))
    return read if fits and placed and named == {one.place for one in found} else None


def _read_mark(line: str) -> Hidden | None:
    if (end := _EDGE.fullmatch(line)) is not None:
        return Hidden(_place(end["output"]), int(end["count"]), edge=end["edge"])
    found = _MARK.fullmatch(line)
    if found is None:
        return None
    count = int(found["count"])
    ranges = {name: _range(found[name], found[until], count) for name, until in _RANGES}
    moved = found["there"] is not None
    wrong = any(one is False for one in ranges.values()) or moved != (found["here"] is not None)
    if wrong or (found["first"] is None and (moved or found["start"] is None)):
        return None
    here = int(found["first"]) if found["first"] else None
    there = int(found["there"]) if moved else here
    distance = (here or 0) - (there or 0)
    first = int(found["start"]) - 1 if found["start"] else None
    return Hidden(_place(found["output"]), count, first, there, distance)


_RANGES = (("first", "last"), ("start", "stop"), ("there", "until"))


def _range(first: str | None, last: str | None, count: int) -> bool | None:
    """Whether a range has so many members; None where there is none."""
    return None if first is None or last is None else int(last) - int(first) + 1 == count


def _place(words: str) -> OutputPlace:
    found = _PLACE.search(words)
    assert found is not None, "the pattern around it holds one"
    return OutputPlace(int(found["number"]), int(found["text"] or 1))

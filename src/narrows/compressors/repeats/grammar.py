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
    rf"\[narrows: (?P<own>{_OUTPUT}), lossless; (?P<hidden>{_COUNT}) of (?P<lines>{_COUNT}) lines as in earlier ones\]"
)
_MARK = re.compile(
    rf"\[narrows: (?:(?P<first>{_COUNT})-(?P<last>{_COUNT}) )?as (?:in"
    rf"|lines (?P<start>{_COUNT})-(?P<stop>{_COUNT}) of|(?P<there>{_COUNT})-(?P<until>{_COUNT}) in"
    rf"|(?P<moved>{_COUNT})-(?P<moved_until>{_COUNT}), lines (?P<moved_start>{_COUNT})-(?P<moved_stop>{_COUNT}) of)"
    rf" (?P<output>{_OUTPUT})\]"
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
    head = f"{_output(own)}, lossless; {hidden} of {count_lines(text)} lines as in earlier ones"
    out, position = [marks.mark(head)], 0
    for run in runs:
        out += lines[position : run.start]
        out.append(_mark(run))
        position = run.stop
    return "\n".join(out + lines[position:])


def _mark(run: Run) -> str:
    count, output = run.stop - run.start, _output(run.earlier.place)
    if run.edge:
        return marks.mark(f"{run.edge} {count} lines as in {output}")
    here = f"{_numbers(run.number, count)} " if run.number is not None else ""
    there = _numbers(run.number - run.distance, count) if run.number is not None and run.distance else ""
    if run.by_number:
        return marks.mark(f"{here}as {there + ' ' if there else ''}in {output}")
    return marks.mark(f"{here}as {there + ', ' if there else ''}lines {_numbers(run.first + 1, count)} of {output}")


def _numbers(first: int, count: int) -> str:
    return f"{first}-{first + count - 1}"


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
    own = _place(said["own"])
    earlier = all(one.place.number <= own.number and one.place != own for one in found)
    places = {"first": 0, "last": len(read) - 1 - ended}
    placed = all(at == places.get(one.edge, at) for at, one in enumerate(read) if isinstance(one, Hidden))
    return read if found and fits and earlier and placed else None


def _read_mark(line: str) -> Hidden | None:
    if (end := _EDGE.fullmatch(line)) is not None:
        return Hidden(_place(end["output"]), int(end["count"]), edge=end["edge"])
    found = _MARK.fullmatch(line)
    if found is None:
        return None
    here = _range(found, "first", "last")
    there = _range(found, "there", "until", "moved", "moved_until")
    lines = _range(found, "start", "stop", "moved_start", "moved_stop")
    ranges = [one for one in (here, there, lines) if one is not None]
    sizes = {len(one) for one in ranges}
    if len(sizes) != 1 or 0 in sizes or (here is None and lines is None) or (here is None and there is not None):
        return None
    first = lines.start - 1 if lines is not None else None
    number = here.start if here is not None else None
    named = there.start if there is not None else number
    return Hidden(_place(found["output"]), sizes.pop(), first, named, (number or 0) - (named or 0))


def _range(found: re.Match[str], *names: str) -> range | None:
    """The numbers from one to the other, of the first pair of names that is there; None where no numbers are said."""
    pairs = zip(names[::2], names[1::2], strict=True)
    said = next(((found[first], found[last]) for first, last in pairs if found[first] is not None), None)
    return None if said is None else range(int(said[0]), int(said[1]) + 1)


def _place(words: str) -> OutputPlace:
    found = _PLACE.search(words)
    assert found is not None, "the pattern around it holds one"
    return OutputPlace(int(found["number"]), int(found["text"] or 1))

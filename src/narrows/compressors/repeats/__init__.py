"""Repeats: text that an earlier tool output of the same conversation shows already is named instead of said again.

A text that is the same as an earlier output becomes one line. Of a text that was kept, runs of lines that stand in a
row in an earlier output become a mark. It names them by the numbers in front of them, as the first or last lines of
both, or by their place; in that last case the first and the last line of the run stay on both sides of it, so that a
reader finds the place by what it says. A reference is only ever to lines which the model sees, to the letter, earlier
in the same request, so nothing is left out, and `expand` gives back the text. What may be
referred to is told by `earlier`, what is found by `shelf`, how it is said by `grammar`.

The decision is a function of the text and of the outputs before it, which all stand in the immutable prefix (law 4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from narrows.compressors import marks
from narrows.compressors.repeats import grammar
from narrows.compressors.repeats.earlier import FLOOR_BYTES, Earlier, Shown, shown_by
from narrows.compressors.repeats.fewer import fewer
from narrows.compressors.repeats.gutter import first_lines, renumbered
from narrows.compressors.repeats.shelf import WINDOW_BYTES, WINDOW_OUTPUTS, Shelf
from narrows.compressors.types import Compressed, Kept
from narrows.core.tool_call import OutputPlace
from narrows.policy import Kind

__all__ = [
    "FLOOR_BYTES",
    "WINDOW_BYTES",
    "WINDOW_OUTPUTS",
    "Before",
    "Earlier",
    "Shelf",
    "Shown",
    "expand",
    "fold",
    "is_output",
    "shown_by",
    "shown_in",
]


@dataclass(frozen=True, slots=True)
class Before:
    """What stands before the output at `place`. Of a text of `least_bytes` or more so much stays: its prompt is to be
    no shorter."""

    shelf: Shelf
    place: OutputPlace
    least_bytes: int = 0


def fold(text: str, result: Compressed | Kept, before: Before) -> Compressed | None:
    """The text of an output with what stands `before` it named instead; None where nothing is. `result` is what was
    decided for the text alone."""
    match shown_by(result), result:
        case Shown.WHOLE, Compressed(_, shortened, lossless):
            return _same(shortened, before, shortened=True, exact=lossless)
        case Shown.LINES | Shown.HEADED, _:
            same = _same(text, before, shortened=False, exact=True)
            enough = same is not None and len(same.text) >= before.least_bytes
            return same if enough else _folded(text, before) or same
        case _:
            return None


def _same(text: str, before: Before, *, shortened: bool, exact: bool) -> Compressed | None:
    found = before.shelf.same(text)
    if found is None:
        return None
    line = grammar.write_whole(text, found.place, before.place, shortened=shortened, exact=exact)
    return Compressed(Kind.REPEAT, line, exact, f"the same as tool output {found.place.number}")


def _folded(text: str, before: Before) -> Compressed | None:
    runs = before.shelf.runs(text)
    if not runs:
        return None
    if before.least_bytes:
        runs = fewer(text, runs, before.least_bytes) or runs
    hidden = sum(run.stop - run.start for run in runs)
    outputs = len({run.earlier.place for run in runs})
    summary = (
        f"{hidden} of {grammar.count_lines(text)} lines in {len(runs)} {'place' if len(runs) == 1 else 'places'}"
        f" as in {outputs} earlier {'output' if outputs == 1 else 'outputs'}"
    )
    return Compressed(Kind.REPEAT, grammar.write(text, runs, before.place), lossless=True, summary=summary)


def shown_in(text: str) -> Shown:
    """How much of a text is there to be named, by what it says itself: who knows what was decided for it asks
    `shown_by`."""
    if not marks.has_mark(text):
        return Shown.LINES
    if is_output(text):
        return Shown.UNMARKED if "\n" in text else Shown.NOTHING
    return Shown.WHOLE


def is_output(text: str) -> bool:
    """Whether `text` parses in full as our output (law 3)."""
    return grammar.read_whole(text) is not None or grammar.read(text) is not None


def expand(text: str, earlier: Iterable[Earlier]) -> str | None:
    """The text that `text` stands for, from the outputs that it names; None where it is not our output, or one of them
    is not there. The output of another kind comes back as it was forwarded."""
    found_at = {one.place: one for one in earlier}
    whole = grammar.read_whole(text)
    if whole is not None:
        named = found_at.get(whole.place)
        return None if named is None else named.whole
    outputs = {place: one.text for place, one in found_at.items()}
    lines = grammar.read(text)
    if lines is None:
        return None
    found: list[str] = []
    for line in lines:
        if isinstance(line, str):
            found.append(line)
        elif (hidden := _found(line, outputs.get(line.place))) is not None:
            found += hidden
        else:
            return None
    return "\n".join(found)


def _found(hidden: grammar.Hidden, text: str | None) -> list[str] | None:
    if text is None:
        return None
    if hidden.edge:
        return _edge_lines(text, hidden)
    first = hidden.first if hidden.first is not None else first_lines(text).get(hidden.there or 0)
    if first is None:
        return None
    lines = text.split("\n")[first : first + hidden.count]
    if len(lines) < hidden.count:
        return None
    if not hidden.distance:
        return lines
    moved = [renumbered(line, hidden.distance) for line in lines]
    return [line for line in moved if line is not None] if None not in moved else None


def _edge_lines(text: str, hidden: grammar.Hidden) -> list[str] | None:
    lines = text.removesuffix("\n").split("\n")
    if hidden.count > len(lines):
        return None
    return lines[: hidden.count] if hidden.edge == "first" else lines[-hidden.count :]

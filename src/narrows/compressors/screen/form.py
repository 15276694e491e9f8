"""The form of a text without what was only for a screen, written and read (docs/forms.md, "Screens").

The head line says how many lines the text has, which of them are left out and what those are; all others stand below
it, in their order. So every line has the number that it has in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from narrows.compressors import marks
from narrows.compressors.control_codes import CODE
from narrows.compressors.screen.progress import SORTS, Left

_COUNT = r"[1-9]\d{0,8}"
_RANGE = rf"{_COUNT}(?:-{_COUNT})?"
_HEAD = re.compile(
    rf"\[narrows: (?P<lines>{_COUNT}) lines"
    rf"(?P<left>(?:; lines? {_RANGE}(?:, {_RANGE})* left out, (?:{'|'.join(SORTS)}))*)"
    r"(?P<codes>; terminal control codes removed)?\]"
)
_RANGES = re.compile(rf"(?<=line |ines )({_RANGE}(?:, {_RANGE})*) left out")


def write(text: str, left: Sequence[Left], *, codes: bool) -> str:
    """The text without these lines; `codes`: without control codes, too."""
    lines = text.split("\n")
    kept: list[str] = []
    position = 0
    for one in left:
        kept += lines[position : one.start]
        position = one.stop
    body = "\n".join(kept + lines[position:])
    return "\n".join((_head(_count(text), left, codes=codes), CODE.sub("", body) if codes else body))


def _head(count: int, left: Sequence[Left], *, codes: bool) -> str:
    words = f"{count} lines"
    for sort in SORTS:
        of_it = [one for one in left if one.sort == sort]
        if of_it:
            ranges = ", ".join(f"{one.start + 1}" + f"-{one.stop}" * (one.stop - one.start > 1) for one in of_it)
            several = len(of_it) > 1 or of_it[0].stop - of_it[0].start > 1
            words += f"; line{'s' if several else ''} {ranges} left out, {sort}"
    return marks.mark(words + "; terminal control codes removed" * codes)


def _count(text: str) -> int:
    """Lines as a reader counts them: nothing after the last line end is no line."""
    return text.count("\n") + (not text.endswith("\n"))


def below(text: str) -> str | None:
    """What stands below our head line; None where there is none."""
    head, _, body = text.partition("\n")
    said = _HEAD.fullmatch(head)
    return body if said is not None and (said["left"] or said["codes"]) else None


def is_output(text: str) -> bool:
    """Whether the lines below the head line are as many as it says, and none of them is a mark."""
    body = below(text)
    if body is None or marks.has_mark(body):
        return False
    head = text.partition("\n")[0]
    total = int(head.removeprefix(marks.PREFIX).split(" ", 1)[0])
    ranges = [*_ranges(head)]
    placed = all(first <= last <= total for first, last in ranges)
    apart = all(one[1] < other[0] for one, other in zip(sorted(ranges), sorted(ranges)[1:], strict=False))
    return placed and apart and total == _count(body) + sum(last - first + 1 for first, last in ranges)


def _ranges(head: str) -> Iterator[tuple[int, int]]:
    for found in _RANGES.finditer(head):
        for one in found[1].split(", "):
            first, _, last = one.partition("-")
            yield int(first), int(last or first)

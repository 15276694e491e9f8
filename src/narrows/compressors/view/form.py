"""A view of a file without its gutter, written and read (docs/forms.md, "Views of files").

A view is a run of lines numbered one by one, the numbers aligned as `cat -n` aligns them. All that the form leaves out
follows from what stands there: the head line says which numbers stood in the text and how wide they were, the first
line of each view says the separator. What follows a number is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from narrows.compressors import marks

LEAST_LINES = 8
"""Of a view that loses its gutter; a shorter one stays as it is."""

_NUMBER = r"[1-9][0-9]{0,8}"
_GUTTER = re.compile(rf"( *)({_NUMBER})([\t\u2192])")
_ANY_GUTTER = re.compile(rf"^ *{_NUMBER}[\t\u2192]", re.MULTILINE)
_EVEN = " on the first and even lines only"
_HEAD = re.compile(
    rf"\[narrows: lines (?P<ranges>{_NUMBER}-{_NUMBER}(?:, {_NUMBER}-{_NUMBER})*), lossless; numbers"
    rf"(?P<even>{_EVEN}(?=[,\]]))?(?:(?(even),) not padded to (?P<width>[1-9][0-9]?) columns)?\]"
)


@dataclass(frozen=True, slots=True)
class View:
    """Lines of a text from `start` on (from 0), numbered `first` to `last`."""

    start: int
    first: int
    last: int

    @property
    def stop(self) -> int:
        """The line after it."""
        return self.start + self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Gutter:
    """How numbers stand before lines: aligned to the right of `width` columns (0: not aligned), `separator` after
    them."""

    separator: str
    width: int

    def of(self, number: int) -> str:
        """The gutter of a line."""
        return str(number).rjust(self.width) + self.separator


def views(lines: Sequence[str]) -> tuple[Gutter, list[View]] | None:
    """The views in these lines that have the gutter of the first, in order; None where there is none."""
    gutter: Gutter | None = None
    found: list[View] = []
    index = 0
    while index < len(lines):
        begun = _GUTTER.match(lines[index])
        if begun is None:
            index += 1
            continue
        own = Gutter(begun[3], len(begun[1] + begun[2]) if begun[1] else 0)
        view = _view(lines, index, int(begun[2]), own)
        index = view.stop
        if view.last - view.first + 1 >= LEAST_LINES and own == (gutter or own):
            gutter = own
            found.append(view)
    return (gutter, found) if gutter is not None else None


def _view(lines: Sequence[str], start: int, first: int, gutter: Gutter) -> View:
    """The longest view that begins here."""
    number = first + 1
    while start + number - first < len(lines) and lines[start + number - first].startswith(gutter.of(number)):
        number += 1
    return View(start, first, number - 1)


def write(text: str, *, even_only: bool) -> str | None:
    """The text with the gutters of its views reduced: numbers are not padded, and with `even_only` stand on the first
    line of each view and on even ones. None where there is no view, or where a reader could mistake a line for
    another."""
    lines = text.split("\n")
    found = views(lines)
    if found is None or not (even_only or found[0].width):
        return None
    gutter, seen = found
    for view in seen:
        for number, index in enumerate(range(view.start, view.stop), view.first):
            content = lines[index][len(gutter.of(number)) :]
            if number == view.first or not (even_only and number % 2):
                lines[index] = f"{number}{gutter.separator}{content}"
            elif _GUTTER.match(content) or marks.has_mark(content):
                return None
            else:
                lines[index] = content
    written = "\n".join([_head(gutter, seen, even_only=even_only), *lines])
    return written if read(written) == text else None


def _head(gutter: Gutter, seen: Sequence[View], *, even_only: bool) -> str:
    ranges = ", ".join(f"{view.first}-{view.last}" for view in seen)
    padding = f"not padded to {gutter.width} columns" if gutter.width else ""
    numbers = ", ".join(filter(None, (f"numbers{_EVEN if even_only else ''}", padding)))
    if not even_only:
        numbers = f"numbers {padding}"
    return marks.mark(f"lines {ranges}, lossless; {numbers}")


def even_only(text: str) -> bool | None:
    """Whether the head line says that only even lines have their numbers; None where it is none of ours."""
    said = _HEAD.fullmatch(text.partition("\n")[0])
    return None if said is None else said["even"] is not None


def read(text: str) -> str | None:
    """The text that `write` was given; None where this is not what it wrote."""
    head, *lines = text.split("\n")
    said = _HEAD.fullmatch(head)
    if said is None or not (said["even"] or said["width"]):
        return None
    width, even = int(said["width"] or 0), said["even"] is not None
    position = 0
    for first, last in _ranges(said["ranges"]):
        start = next((at for at in range(position, len(lines)) if _begins(lines[at], first)), None)
        if start is None or start + last - first >= len(lines) or last < first:
            return None
        gutter = Gutter(lines[start][len(str(first))], width)
        for number in range(first, last + 1):
            index = start + number - first
            shown = f"{number}{gutter.separator}" if number == first or not (even and number % 2) else ""
            if not lines[index].startswith(shown):
                return None
            lines[index] = gutter.of(number) + lines[index][len(shown) :]
        position = start + last - first + 1
    return "\n".join(lines)


def _ranges(words: str) -> Iterator[tuple[int, int]]:
    for one in words.split(", "):
        first, last = one.split("-")
        yield int(first), int(last)


def _begins(line: str, number: int) -> bool:
    return line.startswith((f"{number}\t", f"{number}\u2192"))


def could_be(text: str) -> bool:
    """Whether any line begins with a gutter: cheap, for texts that have none."""
    return ("\t" in text or "\u2192" in text) and _ANY_GUTTER.search(text) is not None

"""What a line is attached to: the headings under which a tool printed it.

An error shown without its heading would belong to whatever heading was shown last, and that is not what the source
says (law 6). So what is shown as trouble brings its headings along: the less indented lines above it, and the last line
that says where the tool was (a directory entered, a test program started, a command traced). A patch inside a log is
shown whole for the same reason: a hunk below another file's header is another change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from narrows.compressors.log import stamps

LONGEST_TAIL = 60
"""So many lines at most belong to the error above them."""

Show = Callable[[int, int], None]
"""Marks the lines `start <= i < stop` as shown."""

_HEADING = re.compile(
    r"\++ \S|\$ \S|> \S+@|> [A-Z]+ \S+ HTTP/|> Task :|\s+(?:Running|Doc-tests) \S|▶ |##\[group\]|::group::|Step /|# \["
    r"|\S+: Entering directory|(?:\[INFO\] )?Running [\w.$]+$|\[info\] [A-Z][\w.$]*:$|Test run for |_{3,} \S.* _{3,}$"
)
"""Where the tool was, over a line without its digits."""

_FIRST_CHARACTERS = frozenset("+$> ▶#:SgmRTg[/_")
_BLANKS = frozenset(("", " ", "\t", "\r", "\x0b", "\x0c", "\x85", "\xa0"))
"""First characters of lines that are blank or may be indented."""
_TAG = re.compile(r"\[(?:info|warn|error|debug|INFO|WARNING|ERROR|DEBUG)\] ")
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_FILE = ("diff --git ", "index ", "--- ", "+++ ", "new file mode ", "deleted file mode ", "old mode ", "new mode ",
         "similarity index ", "rename ", "copy ", "Binary files ")  # fmt: skip


def is_heading(key: str) -> bool:
    """Whether a line without its digits says where the tool was."""
    return key[:1] in _FIRST_CHARACTERS and _HEADING.match(key) is not None


def show_headings(headings: Sequence[int], troubles: Sequence[int], show: Show) -> None:
    """Show the last heading above each line of trouble; both are line numbers in order."""
    for heading in headings_above(headings, troubles):
        if heading is not None:
            show(heading, heading + 1)


def headings_above(headings: Sequence[int], numbers: Iterable[int]) -> Iterator[int | None]:
    """The last heading above each of these lines; both are in order."""
    position = 0
    for number in numbers:
        while position < len(headings) and headings[position] < number:
            position += 1
        yield headings[position - 1] if position else None


def show_outer_lines(lines: Sequence[str], troubles: Sequence[int], show: Show) -> None:
    """Show the lines above each line of trouble under which it is indented, up to the outermost."""
    brought: set[int] = set()
    for _, outer in outer_lines(lines, troubles):
        for _, above in reversed(outer):
            if above in brought:
                break
            brought.add(above)
            show(above, above + 1)


def outer_lines(lines: Sequence[str], numbers: Iterable[int]) -> Iterator[tuple[int, Sequence[tuple[int, int]]]]:
    """For each of the lines that is indented, in order, the lines above under which it is, the outermost first, each
    with its depth; good until the next is asked for."""
    wanted = {number for number in numbers if lines[number].startswith((" ", "\t"))}
    outer: list[tuple[int, int]] = []
    done = 0
    for number in sorted(wanted):
        top = number
        while top > done and lines[top][:1] in _BLANKS:
            top -= 1
        for below in range(top, number + 1):
            line = lines[below]
            bare = line.lstrip()
            if not bare:
                continue
            depth = len(line) - len(bare)
            while outer and outer[-1][0] >= depth:
                outer.pop()
            if below == number:
                yield number, outer
            outer.append((depth, below))
        done = number + 1


def show_patches(lines: Sequence[str], show: Show) -> None:
    """Show every hunk of a patch, as long as its header says, with the file headers above it."""
    number = 0
    while number < len(lines):
        line = lines[number]
        hunk = _HUNK.match(line) if line.startswith("@@ -") else None
        if hunk is None:
            if line.startswith("diff --git "):
                stop = number + 1
                while stop < len(lines) and lines[stop].startswith(_FILE):
                    stop += 1
                show(number, stop)
                number = stop - 1
            number += 1
            continue
        above = number - 2 if number >= 2 and lines[number - 2].startswith("--- ") else number
        stop = _hunk_end(lines, number + 1, int(hunk[1] or 1), int(hunk[2] or 1))
        show(above, stop)
        number = stop


def _hunk_end(lines: Sequence[str], start: int, old: int, new: int) -> int:
    """The line after a hunk's last, where its counts are used up or a line is none of a hunk."""
    number = start
    while number < len(lines) and (old > 0 or new > 0):
        sign = lines[number][:1]
        if sign not in ("+", "-", " ", "\\", ""):
            break
        old -= sign in ("-", " ", "")
        new -= sign in ("+", " ", "")
        number += 1
    return number


def tail(lines: Sequence[str], number: int, *, stamped: bool) -> int:
    """The line after the last one that belongs to the error at `number`: deeper ones, or, where most lines have a time,
    ones without."""
    depth = _depth(lines[number])
    after = number + 1
    for following in range(number + 1, min(len(lines), number + 1 + LONGEST_TAIL)):
        line = lines[following]
        if stamped and not stamps.is_stamped(line):
            after = following + 1
        elif line and not line.isspace():
            if _depth(line) <= depth:
                break
            after = following + 1
        elif following > after:
            break
    return after


def _depth(line: str) -> int:
    """How far a line is indented, behind the level that sbt and Maven put before each one."""
    tag = _TAG.match(line) if line.startswith("[") else None
    bare = line if tag is None else line[tag.end() :]
    return len(bare) - len(bare.lstrip())

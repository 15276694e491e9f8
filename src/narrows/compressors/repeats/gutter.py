"""Line numbers in front of the lines of a file: `12:x`, `  12|x`, `12 x`, and with a tab, an arrow or a rule as
`cat -n` and its kin print them.

After an edit the same lines come with other numbers. They count as the same only where that is exactly so: moving every
number by one distance gives the other lines to the letter, alignment included.
"""

from __future__ import annotations

import re

_GUTTER = r" *[1-9][0-9]{0,8}[:|\t \u2192\u2502]"
_AT_START = re.compile(_GUTTER)
_NAMED = re.compile(r"^\[narrows: ([1-9][0-9]{0,8})-([1-9][0-9]{0,8}) as ", re.MULTILINE)
_AFTER_LINE_END = re.compile("\n" + _GUTTER)  # four times as fast as "^" is with re.MULTILINE


def without_numbers(text: str) -> str:
    """`text` with the numbers in front of its lines removed; it has as many lines."""
    return _AFTER_LINE_END.sub("\n", "\n" + text)[1:]


def number_of(line: str) -> int | None:
    """The number in front of a line; None where there is none."""
    found = _AT_START.match(line)
    return int(found[0][:-1]) if found else None


def moved(gutter: str, number: int) -> str:
    """A gutter with another number, aligned as before."""
    digits = str(number)
    return (digits.rjust(len(gutter) - 1) if gutter[0] == " " else digits) + gutter[-1]


def renumbered(line: str, distance: int) -> str | None:
    """The line with its number moved by `distance`; None where it has none, or none under 1."""
    found = _AT_START.match(line)
    if found is None or (number := int(found[0][:-1]) + distance) < 1:
        return None
    return moved(found[0], number) + line[found.end() :]


def first_lines(text: str) -> dict[int, int]:
    """For each number the index of the first line that has it in front."""
    found: dict[int, int] = {}
    for index, line in enumerate(text.split("\n")):
        number = number_of(line)
        if number is not None:
            found.setdefault(number, index)
    return found


def named_numbers(text: str) -> list[tuple[int, int]]:
    """The numbers, first and last, of lines for which marks stand in an output of ours: apart and in order."""
    found: list[tuple[int, int]] = []
    for first, last in sorted((int(one[1]), int(one[2])) for one in _NAMED.finditer(text)):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found

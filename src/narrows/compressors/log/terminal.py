"""What a terminal would have shown: the lines that a log is made of.

Programs write colours (ECMA-48 control sequences) and redraw progress lines in place (carriage return). Neither says
anything to a reader of the text, so the balanced form speaks of the resolved lines; its head line says what was
resolved. The lossless form speaks of the lines as they are.

Only `\\n` ends a line, and `\\r\\n` counts as `\\n`: other separators that Unicode knows are text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from narrows.compressors.control_codes import CODE
from narrows.compressors.log.classes import TROUBLE, mentions

_TROUBLE = re.compile("|".join((*TROUBLE, "abort")), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Screen:
    """The lines of a text, and what had to be done to see them. `ended`: the last line has a line end."""

    lines: list[str]
    ended: bool
    colours: bool = False
    redrawn: bool = False
    line_ends: bool = False


def raw_lines(text: str) -> Screen:
    """The lines exactly as they are."""
    lines = text.split("\n")
    ended = len(lines) > 1 and lines[-1] == ""
    if ended:
        lines.pop()
    return Screen(lines, ended)


def resolved(text: str) -> Screen:
    """The lines as a terminal shows them, one for each line of the text: without control sequences, and of a line that
    was redrawn in place the last state that is not blank. A line in which an earlier state speaks of trouble and the
    last does not say the same is left as it is, carriage returns included. A last line of nothing but control sequences
    goes with the line end before it: the text has an end where its source has one."""
    source_ended = text.endswith("\n")
    colours = "\x1b" in text
    if colours:
        text, count = CODE.subn("", text)
        colours = count > 0
    if "\r" not in text:
        lines, ended = _split(text)
        return Screen(lines, ended and source_ended, colours)
    line_ends = "\r\n" in text
    lines, ended = _split(text.replace("\r\n", "\n"))
    redrawn = False
    for number, line in enumerate(lines):
        if "\r" in line:
            shown = _last_state(line)
            redrawn = redrawn or shown != line
            lines[number] = shown
    return Screen(lines, ended and source_ended, colours, redrawn, line_ends)


def _split(text: str) -> tuple[list[str], bool]:
    screen = raw_lines(text)
    return screen.lines, screen.ended


def _last_state(line: str) -> str:
    states = [state for state in line.split("\r") if state.strip()]
    if not states:
        return ""
    if any(_speaks_of_trouble(state) and state.strip() not in states[-1] for state in dict.fromkeys(states[:-1])):
        return line
    return states[-1]


def _speaks_of_trouble(state: str) -> bool:
    return _TROUBLE.search(state) is not None or mentions(state)

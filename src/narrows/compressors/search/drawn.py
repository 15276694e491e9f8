"""Trees that a tool drew (`tree`, `cargo tree`), by indentation instead of lines.

    [narrows: tree of 5 lines, two blanks for each level instead of drawn lines; lossless: nothing left out]
    src
      narrows
        api.py
        plan.py
      README.md

Every line is its name as the tool wrote it, below the one that it hangs on. How the tool drew it follows from the
depths: a last child gets an elbow, and a bar goes on until the next sibling. A tree which it does not follow from (cut
off in the middle, a name that begins with blanks) is kept, so the form always decodes to the source byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from narrows.compressors import marks
from narrows.compressors.search.grouped import counted
from narrows.compressors.search.results import split_lines

INDENT = "  "
_LEVEL = 4
"""Characters that a level takes in every style."""

_MIN_DRAWN = 5
_MIN_DRAWN_SHARE = 0.8
_SAMPLE_CHARACTERS = 4096
_MAX_DEPTH = 200
_HEAD = re.compile(
    r"\[narrows: tree of (?P<lines>[1-9][0-9]* lines?), two blanks for each level instead of "
    r"(?P<style>[A-Za-z ]+); lossless: nothing left out\]"
)


@dataclass(frozen=True, slots=True)
class Style:
    """The pieces that a tool draws with, what a head line calls them, and the beginning of a drawn line."""

    name: str
    bar: str
    tee: str
    elbow: str
    drawn: re.Pattern[str]


def _style(name: str, bar: str, tee: str, elbow: str) -> Style:
    pieces = f"(?:{re.escape(bar)}|{' ' * _LEVEL})*(?:{re.escape(tee)}|{re.escape(elbow)})"
    return Style(name, bar, tee, elbow, re.compile(pieces))


_STYLES = (
    _style("drawn lines", "│\u00a0\u00a0 ", "├── ", "└── "),
    _style("lines drawn with plain blanks", "│   ", "├── ", "└── "),
    _style("lines drawn in ASCII", "|   ", "|-- ", "`-- "),
)


def style_of(text: str) -> Style | None:
    """The style in which nearly all lines of `text` are drawn; None where it is no tree. The beginning tells the style,
    and no line is drawn without an arm."""
    sample = text[:_SAMPLE_CHARACTERS]
    if not _mostly_arms(sample) or not _mostly_arms(text):
        return None
    lines = sample.split("\n")
    lines = lines[:-1] if len(text) > _SAMPLE_CHARACTERS else lines
    drawn, style = max(((sum(1 for line in lines if one.drawn.match(line)), -i) for i, one in enumerate(_STYLES)))
    return _STYLES[-style] if drawn >= max(_MIN_DRAWN, _MIN_DRAWN_SHARE * len(lines) - 2) else None


def _mostly_arms(text: str) -> bool:
    return max(text.count("── "), text.count("-- ")) >= max(_MIN_DRAWN, _MIN_DRAWN_SHARE * text.count("\n") - 2)


def encode(text: str, style: Style) -> tuple[str, str] | None:
    """The form and, in a few words, what it holds; None where it would not give the text back."""
    lines, ends_with_newline = split_lines(text)
    body: list[str] = []
    for line in lines:
        drawn = style.drawn.match(line)
        body.append(f"{INDENT * (drawn.end() // _LEVEL)}{line[drawn.end() :]}" if drawn else line)
    if _draw(body, style) != lines:
        return None
    said = counted(len(lines), "line")
    head = marks.mark(f"tree of {said}, two blanks for each level instead of {style.name}; lossless: nothing left out")
    return "\n".join([head, *body]) + ("\n" if ends_with_newline else ""), f"tree of {said}, lossless"


def decode(text: str) -> str | None:
    """The source of a form that `encode` wrote; None for anything else."""
    (first, *lines), ends_with_newline = split_lines(text)
    head = _HEAD.fullmatch(first)
    style = next((one for one in _STYLES if head is not None and head["style"] == one.name), None)
    if head is None or style is None or head["lines"] != counted(len(lines), "line"):
        return None
    drawn = _draw(lines, style)
    return None if drawn is None else "\n".join(drawn) + ("\n" if ends_with_newline else "")


def _draw(lines: list[str], style: Style) -> list[str] | None:
    """The lines as the tool drew them, from the last to the first: only then it is known who has a sibling below."""
    goes_on = [False] * (_MAX_DEPTH + 1)
    drawn: list[str] = []
    for line in reversed(lines):
        name = line.lstrip(" ")
        depth, odd = divmod(len(line) - len(name), len(INDENT))
        if odd or depth > _MAX_DEPTH:
            return None
        if depth:
            bars = "".join([style.bar if goes_on[level] else " " * _LEVEL for level in range(1, depth)])
            name = f"{bars}{style.tee if goes_on[depth] else style.elbow}{name}"
        drawn.append(name)
        goes_on[depth:] = [depth > 0] + [False] * (_MAX_DEPTH - depth)
    drawn.reverse()
    return drawn

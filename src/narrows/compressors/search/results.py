"""What a search output consists of, in the tool's own order: groups of one file's lines, and lines that are no results.

Numbers are text: an entry is the source's own bytes after the path's separator (`12:def f():`, `13-    x = 1`), so no
number is ever printed again, only copied. An entry that is `--` is the tool's own separator between blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

SEPARATOR = "--"
ENTRY = re.compile(r"([1-9][0-9]{0,9})([:-])")
"""Start of an entry: the line number as the tool wrote it, then `:` for a match or `-` for context."""


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of one file that stood together in the source."""

    path: str
    entries: list[str]


@dataclass(frozen=True, slots=True)
class AsTheyWere:
    """Lines that no rule attaches to a file: notices of the tool, an envelope, anything doubtful."""

    lines: list[str]


Block = Group | AsTheyWere


class Layout(Enum):
    """How the source attaches a line to its file."""

    PLAIN = "path on every line"
    HEADINGS = "path above its lines"
    """As `rg --heading` writes it."""
    UNNAMED = "no path"
    """A search of one file: there is one group, and its path is empty."""


@dataclass(frozen=True, slots=True)
class Results:
    """A whole output. `doubtful`: lines of groups given up because their path could have ended elsewhere.
    `ends_with_newline` is the source's last byte. `coloured`: colour codes were removed before reading."""

    blocks: list[Block]
    layout: Layout
    ends_with_newline: bool
    doubtful: int = 0
    coloured: bool = False

    @property
    def groups(self) -> list[Group]:
        return [block for block in self.blocks if isinstance(block, Group)]

    @property
    def other_lines(self) -> list[str]:
        """Every line that is in no group."""
        return [line for block in self.blocks if isinstance(block, AsTheyWere) for line in block.lines]


def split_lines(text: str) -> tuple[list[str], bool]:
    """The lines of `text` without their ends, and whether the last one had an end. Only LF ends a line: a CR, a form
    feed or U+2028 belongs to the line's text, as it does for the tools that wrote it."""
    lines = text.split("\n")
    ends_with_newline = len(lines) > 1 and lines[-1] == ""
    if ends_with_newline:
        lines.pop()
    return lines, ends_with_newline


def join_blocks(blocks: Iterable[Block]) -> list[Block]:
    """The same blocks, neighbouring lines as they were made one block, and empty blocks gone."""
    joined: list[Block] = []
    for block in blocks:
        if isinstance(block, AsTheyWere):
            if not block.lines:
                continue
            if joined and isinstance(joined[-1], AsTheyWere):
                joined[-1].lines.extend(block.lines)
                continue
        joined.append(block)
    return joined


def numbers(group: Group) -> list[int]:
    """The line numbers of a group's entries, for comparing only; they are never printed."""
    return [int(found[1]) for found in map(ENTRY.match, group.entries) if found]

"""What a diff consists of: file diffs with their header lines and hunks, and the lines between them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

HUNK_HEADER = re.compile(
    r"@@ -(?P<old>[0-9]{1,10})(?:,(?P<olds>[0-9]{1,10}))? \+(?P<new>[0-9]{1,10})(?:,(?P<news>[0-9]{1,10}))? @@"
    r"(?P<heading>[^\r]*)(?P<end>\r?)"
)


class Hunk(NamedTuple):
    """One hunk of a unified diff; a tuple, because there are many, and making one costs a third. `old_start` and
    `new_start` are the line numbers of its first line, also where a side has no lines (there the header itself names
    the line before). `body` holds the lines with their first character, "no newline" lines included, and `firsts` those
    characters, a blank for an empty line; `heading` is what follows the second `@@`, `end` a carriage return where the
    whole diff has CRLF ends."""

    header: str
    old_start: int
    new_start: int
    heading: str
    end: str
    body: list[str]
    firsts: str


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Lines of a file diff that are understood and not shortened: combined hunks, binary notices."""

    lines: list[str]


@dataclass(frozen=True, slots=True)
class BinaryData:
    """One part of a binary patch: its `literal N` or `delta N` line, and its lines of base 85."""

    size_line: str
    data: list[str]


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One file's header lines and what follows them."""

    header: list[str]
    content: list[Hunk | Verbatim | BinaryData]

    @property
    def hunks(self) -> list[Hunk]:
        return [part for part in self.content if isinstance(part, Hunk)]

    @property
    def path(self) -> str:
        """The file's name as the header has it, quotes and all; the new name unless the file is gone."""
        names = [line[4:].partition("\t")[0] for line in self.header if line.startswith(("+++ ", "--- "))]
        named = [name.rstrip("\r") for name in reversed(names) if not name.startswith("/dev/null")]
        return named[0] if named else self.header[0].rstrip("\r")


@dataclass(frozen=True, slots=True)
class Between:
    """Lines outside file diffs: commits, messages, statistics, notices. `unexplained` counts those that are none."""

    lines: list[str]
    unexplained: int


@dataclass(frozen=True, slots=True)
class Patch:
    """A whole text. `truncated`: it ends in the middle of a hunk, whose lines are then in the last `Between`.
    `coloured`: colour codes were removed before reading."""

    parts: list[FileDiff | Between]
    truncated: bool
    ends_with_newline: bool
    coloured: bool = False

    @property
    def files(self) -> list[FileDiff]:
        return [part for part in self.parts if isinstance(part, FileDiff)]

    @property
    def unexplained(self) -> int:
        return sum(part.unexplained for part in self.parts if isinstance(part, Between))

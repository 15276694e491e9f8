"""How a source lays its table out, so that the short form can give it back to the byte.

    Separated   cells between commas, tabs, semicolons or bars
    Framed      psql, a box of `+---+`, Markdown: cells between bars, padded to their column's width
    Spaced      columns that only blanks set apart (`ps`, `df`, `kubectl get`, `docker ps`, `pip list`)

A layout writes lines; the readers beside this module find one. No reader has to be trusted: what the layout writes from
the cells must equal the source, or the text is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Cells: TypeAlias = Sequence[str]
"""Those of one column, from the first row to the last."""

SEPARATORS = {",": "comma-separated", "\t": "tab-separated", ";": "semicolon-separated", "|": "bar-separated"}
_PAD = re.compile(r"(\d{1,4})([<>])([<>^]?)(?:\+(\d{1,4}))?")


@dataclass(frozen=True, slots=True)
class Pad:
    """A column's width, the side its cells stand at (`<` left, `>` right), that of its name (also `^`, the middle), and
    the blanks after it."""

    width: int
    side: str
    name_side: str
    gap: int = 0

    def cells(self, column: Cells) -> list[str]:
        """The rows' cells, padded."""
        width = self.width
        return [text.rjust(width) for text in column] if self.side == ">" else [text.ljust(width) for text in column]

    def name(self, text: str) -> str:
        """The column's name, padded."""
        if self.name_side == "^":
            return (" " * ((self.width - len(text)) // 2) + text).ljust(self.width)
        return text.rjust(self.width) if self.name_side == ">" else text.ljust(self.width)

    def words(self) -> str:
        """As a head line says it: `12<`, `8>^`, `5>+2`."""
        named = "" if self.name_side == self.side else self.name_side
        return f"{self.width}{self.side}{named}" + (f"+{self.gap}" if self.gap else "")


def pads_words(pads: Sequence[Pad]) -> str:
    """All of them."""
    return " ".join(pad.words() for pad in pads)


def read_pads(words: str) -> tuple[Pad, ...] | None:
    """What `pads_words` wrote."""
    found = [_PAD.fullmatch(word) for word in words.split(" ")]
    if not all(found):
        return None
    return tuple(Pad(int(one[1]), one[2], one[3] or one[2], int(one[4] or 0)) for one in found if one)


@dataclass(frozen=True, slots=True)
class Separated:
    """Cells between separators, one row a line."""

    separator: str
    line_end: str = ""

    def words(self) -> str:
        return SEPARATORS[self.separator] + (", CRLF line ends" if self.line_end else "")

    def lines(self, names: Cells, columns: Sequence[Cells]) -> list[str]:
        rows = map(self.separator.join, zip(*columns, strict=True))
        return [line + self.line_end for line in (self.separator.join(names), *rows)]


@dataclass(frozen=True, slots=True)
class Framed:
    """`style` is psql, box or markdown; a Markdown table without widths is not padded, and its `rule` is its own."""

    style: str
    pads: tuple[Pad, ...]
    rule: str = ""

    def words(self) -> str:
        return self.style + (" padded to " + pads_words(self.pads) if any(pad.width for pad in self.pads) else "")

    def lines(self, names: Cells, columns: Sequence[Cells]) -> list[str]:
        pads = self.pads
        name = " | ".join([pad.name(text) for pad, text in zip(pads, names, strict=True)])
        cells = [pad.cells(column) for pad, column in zip(pads, columns, strict=True)]
        rows = list(map(" | ".join, zip(*cells, strict=True)))
        if self.style == "psql":
            body = [f" {line}" for line in rows]
            if pads[-1].side == "<":  # no blanks after the last cell; where it is empty, one after the bar
                body = [line.rstrip(" ") + " " * (not last) for line, last in zip(body, columns[-1], strict=True)]
            return [f" {name} ", "+".join("-" * (pad.width + 2) for pad in pads), *body]
        inside = [f"| {line} |" for line in rows]
        if self.style == "markdown":
            return [f"| {name} |", self.rule, *inside]
        rule = "+" + "+".join("-" * (pad.width + 2) for pad in pads) + "+"
        return [rule, f"| {name} |", rule, *inside, rule]


@dataclass(frozen=True, slots=True)
class Spaced:
    """Columns set apart by blanks; `ruled`: dashes below every name; `trimmed`: no line ends with a blank."""

    pads: tuple[Pad, ...]
    ruled: bool
    trimmed: bool

    def words(self) -> str:
        rule = "ruled " if self.ruled else ""
        trimmed = "" if self.trimmed else ", ends padded"
        return f"{rule}columns of {pads_words(self.pads)}{trimmed}"

    def lines(self, names: Cells, columns: Sequence[Cells]) -> list[str]:
        pads = self.pads
        cells = [
            [name, *(["-" * pad.width] if self.ruled else []), *pad.cells(column)]
            for name, pad, column in zip(map(Pad.name, pads, names), pads, columns, strict=True)
        ]
        between = [" " * pad.gap for pad in pads]
        padded = [
            [text + gap for text in column] if gap else column for column, gap in zip(cells, between, strict=True)
        ]
        lines = list(map("".join, zip(*padded, strict=True)))
        return [line.rstrip(" ") for line in lines] if self.trimmed else lines


Layout: TypeAlias = Separated | Framed | Spaced

_SPACED = re.compile(r"(ruled )?columns of ([0-9<>^+ ]+)(, ends padded)?")
_FRAMED = re.compile(r"(psql|box|markdown)(?: padded to ([0-9<>^+ ]+))?")


def read_layout(words: str, columns: int) -> Layout | None:
    """The layout that a head line names, for so many columns."""
    for separator, name in SEPARATORS.items():
        if words in (name, f"{name}, CRLF line ends"):
            return Separated(separator, "\r" if words != name else "")
    framed = _FRAMED.fullmatch(words)
    spaced = _SPACED.fullmatch(words)
    if framed and not framed[2]:
        return Framed(framed[1], (Pad(0, "<", "<"),) * columns)
    pads = read_pads(framed[2] if framed else spaced[2] if spaced else "")
    if pads is None or len(pads) != columns:
        return None
    if framed:
        return Framed(framed[1], pads)
    return Spaced(pads, spaced[1] is not None, spaced[3] is None) if spaced else None


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of cells under names, the layout they came in, and the lines below the table."""

    names: tuple[str, ...]
    columns: tuple[Cells, ...]
    layout: Layout
    after: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many rows it has."""
        return len(self.columns[0])

    def source_lines(self) -> list[str]:
        """The lines as the source had them."""
        return [*self.layout.lines(self.names, self.columns), *self.after]

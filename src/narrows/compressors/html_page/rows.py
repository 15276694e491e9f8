"""Tables: which of them hold data, and their rows.

A table of data is written a row to a line, `| a | b`, each cell in its column: where a cell reaches over several
columns or rows, `<` and `^` hold the places, so that no cell stands under another one's heading. A table of one column,
and one that holds other tables, headings, code or forms, is there for the layout; its cells are blocks like any others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from narrows.compressors.html_page.pieces import OPEN, RAW_TEXT, Piece

LAYOUT = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "pre", "form", "hr", "textarea"])
SPARE_PLACES = 1000
"""Places that wide cells may reach over in a table, beyond one for each cell: what they cost must not outgrow it."""
_SHAPING = LAYOUT | {"table", "tr", "td", "th"}
MOST_COLUMNS = 64
TO_THE_END = 65_534
"""Rows that a cell of `rowspan=0` reaches over, which is the most that the standard knows."""


class OddPageError(ValueError):
    """The page is not one that can be said in lines for certain."""


@dataclass
class _Shape:
    """What is known of a table that is open: the cells of its row, and of its longest."""

    number: int
    cells: int = 0
    most: int = 0
    layout: bool = False

    def holds(self, name: str, *, begins: bool) -> None:
        """One of the elements that tell what it is for."""
        if name in LAYOUT:
            self.layout = self.layout or begins
        elif name == "tr":
            self.cells = 0
        elif begins:
            self.cells += 1
            self.most = max(self.most, self.cells)


def data_tables(found: Iterable[Piece]) -> frozenset[int]:
    """The numbers of the tables that hold data, counted by their opening tags."""
    data: set[int] = set()
    opened: list[_Shape] = []
    count = 0
    for sort, name, _, _ in found:
        if name not in _SHAPING:
            continue
        if name == "table" and sort == OPEN:
            if opened:
                opened[-1].layout = True
            opened.append(_Shape(count))
            count += 1
        elif name == "table" and opened:
            _closed(opened.pop(), data)
        elif opened:
            opened[-1].holds(name, begins=sort in (OPEN, RAW_TEXT))
    for shape in opened:
        _closed(shape, data)
    return frozenset(data)


def _closed(shape: _Shape, data: set[int]) -> None:
    if shape.most > 1 and not shape.layout:
        data.add(shape.number)


class Rows:
    """The table that is being read: cells wait until their row ends."""

    def __init__(self) -> None:
        self._cells: list[tuple[str, int, int]] = []
        self._above: dict[int, int] = {}
        self._spare = SPARE_PLACES

    def add(self, words: str, columns: int, rows: int) -> None:
        """The next cell of the row and how far it reaches."""
        self._spare += 1
        self._cells.append((words, min(max(columns, 1), MOST_COLUMNS), rows or TO_THE_END))

    def end_group(self) -> None:
        """No cell reaches from a table's head into its body, or from there into its foot."""
        self._above.clear()

    def end_row(self) -> str | None:
        """The row's line; None where it has no words."""
        cells, self._cells = self._cells, []
        above, self._above = self._above, {}
        if not cells:
            self._above = above
            return None
        line: list[str] = []
        for words, columns, rows in cells:
            while len(line) in above:
                self._reach(len(line), above.pop(len(line)) - 1)
                line.append("^")
            start = len(line)
            line += [words, *["<"] * (columns - 1)]
            for column in range(start, len(line)) if rows > 1 else ():
                self._reach(column, rows - 1)
        for column, rows in above.items():
            if column >= len(line):
                self._reach(column, rows - 1)
        self._spare -= len(line) - len(cells)
        if self._spare < 0:
            raise OddPageError("a table of wide cells that holds little else")
        while line and line[-1] in ("<", "^", ""):
            line.pop()
        return "| " + " | ".join(line) if any(words for words, _, _ in cells) else None

    def _reach(self, column: int, rows: int) -> None:
        if rows > 0:
            self._above[column] = rows
        if len(self._above) > MOST_COLUMNS:
            raise OddPageError("a table with too many cells that reach down")

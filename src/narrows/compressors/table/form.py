"""The short form of a table, written and read back.

    [narrows: table of 3 rows in short form, nothing left out; name=value holds for every row; source: ...]
    id,name,status=open
    17,Ada
    18,"Linus, jr."
    19,Grace

One line a row, cells between commas; a column with the same cell in every row is stated once, in the header. The head
line names the layout that the source had, so the form decodes to the source, to the byte, unless rows are left out
(level `balanced`, bulky tables only).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from narrows.compressors import bulky_rows
from narrows.compressors.table import notation
from narrows.compressors.table.layouts import Cells, Framed, Layout, Separated, Table, read_layout

MAX_CHARACTERS = 128 << 20
"""A small form can stand for a large text where a column's one cell is long; no source was longer than this."""

_CONSTANTS = "; name=value holds for every row"
_HEAD = re.compile(
    r"\[narrows: table of (?P<rows>[1-9][0-9]{0,8}) rows in short form, "
    r"(?:nothing left out|(?P<left_out>[1-9][0-9]{0,8}) rows left out where marked)"
    rf"(?P<constants>{_CONSTANTS})?"
    r"(?:; the last (?P<after>[1-9][0-9]{0,2}) lines? as in the source)?"
    r"; source: (?P<source>[^\n]+)\]"
)
_GAP = re.compile(r"\[narrows: rows ([1-9][0-9]{0,8})-([1-9][0-9]{0,8}) left out\]")
_SUMMARY = re.compile(r"\[narrows: ([1-9][0-9]{0,8}) rows left out(?:; [^\n]*)?\]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?\Z")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


@dataclass(frozen=True, slots=True)
class Written:
    """A short form: its lines below the head line, and what the head line says."""

    words: str
    lines: list[str]
    lossless: bool


def write(table: Table, bulk: bulky_rows.Bulk | None) -> Written | None:
    """The short form. With `bulk` a table beyond it loses rows. None where a header cannot be written."""
    raw = _is_raw(table.layout)
    if raw and any("=" in name for name in table.names):
        return None
    columns = table.columns
    constants = _constants(columns)
    if not raw:
        names = [notation.written_name(name) for name in table.names]
        constants = {index: notation.written(cell) for index, cell in constants.items()}
        cells = [list(map(notation.written, column)) for i, column in enumerate(columns) if i not in constants]
    else:
        names = list(table.names)
        cells = [list(column) for i, column in enumerate(columns) if i not in constants]
    lines = list(map(",".join, zip(*cells, strict=True)))
    left_out = 0
    if bulk is not None and bulk.is_reached(lines):
        varying = [index for index in range(len(names)) if index not in constants]
        lines, left_out = _thinned(lines, [(table.names[i], columns[i]) for i in varying], bulk, raw=raw)
    rule = [table.layout.rule] if isinstance(table.layout, Framed) and table.layout.rule and not left_out else []
    body = [notation.header(names, constants), *rule, *lines, *table.after]
    words = f"table of {table.count} rows in short form, "
    words += f"{left_out} rows left out where marked" if left_out else "nothing left out"
    words += _CONSTANTS * bool(constants)
    if table.after:
        words += f"; the last {len(table.after)} line{'s' * (len(table.after) > 1)} as in the source"
    words += f"; source: {table.layout.words()}"
    return Written(words, body, lossless=not left_out)


def read(text: str) -> Table | None:
    """The table of a lossless form; None for any other text."""
    head, _, body = text.removesuffix("\n").partition("\n")
    said = _HEAD.fullmatch(head)
    if said is None or said["left_out"] is not None:
        return None
    lines = body.split("\n")
    reading = str if said["source"].startswith("comma-") else notation.read
    declared = notation.declared(lines[0], reading)
    if declared is None:
        return None
    names, constants = declared
    layout = read_layout(said["source"], len(names))
    if layout is None or bool(constants) != (said["constants"] is not None):
        return None
    first = 1
    if isinstance(layout, Framed) and layout.style == "markdown" and len(lines) > 1:
        layout, first = Framed("markdown", layout.pads, lines[1]), 2
    count, after = int(said["rows"]), int(said["after"] or 0)
    if len(lines) != first + count + after:
        return None
    columns = _columns(lines[first : first + count], len(names), constants, raw=reading is str)
    return None if columns is None else Table(tuple(names), columns, layout, tuple(lines[first + count :]))


def is_thinned(text: str) -> bool:
    """Whether a text is a form that left rows out, its figures agreeing with its lines."""
    head, _, body = text.removesuffix("\n").partition("\n")
    said = _HEAD.fullmatch(head)
    if said is None or said["left_out"] is None:
        return False
    lines = body.split("\n")
    last = len(lines) - int(said["after"] or 0)
    summary = _SUMMARY.fullmatch(lines[last - 1]) if last >= 2 else None
    if summary is None or summary[1] != said["left_out"]:
        return False
    row = left_out = 0
    for line in lines[1 : last - 1]:
        gap = _GAP.fullmatch(line)
        if gap is None:
            row += 1
        elif int(gap[1]) != row + 1 or int(gap[2]) <= row:
            return False
        else:
            left_out += int(gap[2]) - row
            row = int(gap[2])
    return row == int(said["rows"]) and left_out == int(said["left_out"])


def _is_raw(layout: Layout) -> bool:
    return isinstance(layout, Separated) and layout.separator == ","


def _constants(columns: Sequence[Sequence[str]]) -> dict[int, str]:
    """The columns with one cell, the first column excepted where no other would remain."""
    found = {
        index: column[0]
        for index, column in enumerate(columns)
        if column[0] == column[-1] and column.count(column[0]) == len(column)
    }
    if len(found) == len(columns):
        del found[0]
    return found


def _thinned(
    lines: list[str], columns: Sequence[tuple[str, Sequence[str]]], bulk: bulky_rows.Bulk, *, raw: bool
) -> tuple[list[str], int]:
    """The lines that stay and the marks, and how many rows are left out. Of columns with one name between them no mark
    speaks."""

    def bare(cell: str) -> str:
        return notation.read(cell) if raw else cell

    told = [bulky_rows.Column(bare(name), _label(bare(name)), list(map(bare, cells))) for name, cells in columns]
    kept = bulky_rows.survivors(lines, told, (), bulk)
    if kept is None:
        return lines, 0
    times = Counter(column.label for column in told)
    clear = [column for column in told if times[column.label] == 1]
    return bulky_rows.shortened(lines, clear, (), kept, _said), kept.count(False)


def _label(name: str) -> str:
    return name if _PLAIN_NAME.match(name) else json.dumps(name)


def _said(cell: str) -> str | None:
    """A cell as a mark shows it, unless it is a document of its own."""
    if not cell:
        return "empty"
    if cell.startswith(("{", "[")):
        return None
    return cell if _NUMBER.match(cell) else json.dumps(cell)


def _columns(lines: list[str], width: int, constants: dict[int, str], *, raw: bool) -> tuple[Cells, ...] | None:
    if len(lines) * sum(map(len, constants.values())) > MAX_CHARACTERS:
        return None
    rows = list(map(notation.split, lines))
    cells = [row for row in rows if row is not None and len(row) == width - len(constants)]
    if len(cells) < len(lines):
        return None
    varying = iter(zip(*cells, strict=True))
    columns: list[Cells] = []
    for index in range(width):
        if index in constants:
            columns.append([constants[index]] * len(lines))
        else:
            column = next(varying)
            quoted = not raw and any(cell[:1] == '"' for cell in column)
            columns.append(list(map(notation.read, column)) if quoted else column)
    return tuple(columns)

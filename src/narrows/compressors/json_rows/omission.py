"""Leaving whole rows out of a bulky table (level `balanced`): which go is decided as for tables of any kind
(`compressors/bulky_rows`); here is how the columns of this one are told.

A column that follows from another one says nothing of its own, so no mark speaks of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from narrows.compressors import bulky_rows
from narrows.compressors.bulky_rows import Bulk
from narrows.compressors.json_rows.columns import Column
from narrows.compressors.json_rows.notation import NUMBER, quoted

_ANY_NUMBER = re.compile(NUMBER + r"\Z")
_NO_SCALARS = ("{", "[", "`", "@", "\x00")
"""What begins another form than a short string, a number or a constant."""
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


def survivors(lines: Sequence[str], columns: Sequence[Column], whole: dict[int, str], bulk: Bulk) -> list[bool] | None:
    """For each row whether it stays; None where too few could go."""
    return bulky_rows.survivors(lines, [_told(column) for column in columns], whole, bulk)


def shortened(
    lines: Sequence[str], columns: Sequence[Column], whole: dict[int, str], kept: Sequence[bool]
) -> list[str]:
    """The lines that stay, a mark for each gap, and the mark that sums up what is missing."""
    told = [_told(column) for column in columns if column.joined is None]
    return bulky_rows.shortened(lines, told, whole, kept, _said)


def _told(column: Column) -> bulky_rows.Column:
    return bulky_rows.Column(column.path[-1], _path(column.path), column.cells)


def _said(cell: str) -> str | None:
    """A cell as a mark shows it: strings always in quotes."""
    if not cell:
        return "absent"
    if cell.startswith(_NO_SCALARS):
        return None
    if cell in ("null", "true", "false") or cell[0] == '"' or _ANY_NUMBER.match(cell):
        return cell
    return f'"{cell}"'


def _path(path: Iterable[str]) -> str:
    return ".".join(name if _PLAIN_NAME.match(name) else quoted(name) for name in path)

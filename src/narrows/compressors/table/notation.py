"""One line of a table in short form: cells between commas, quoted as in RFC 4180.

A cell stands without quotes where it holds no comma, quote or control character, neither begins nor ends with a blank,
and does not begin with a bracket, so that no line of cells can look like a mark. Cells of comma-separated text stand as
the source wrote them, quotes included: they are in this notation already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

BARE = re.compile(r"(?![ \[])[^,\"\x00-\x1f\x7f]*(?<! )\Z")
FIELD = re.compile(r'(?:"(?:[^"]|"")*"|[^,"]*)(?:,|\Z)')
_NAME = r'(?:"(?:[^"]|"")*"|[^,"=]*)'
_VALUE = r'(?:"(?:[^"]|"")*"|[^,"]*)'
_DECLARED = re.compile(rf"(?P<name>{_NAME})(?P<value>={_VALUE})?(?:,|\Z)")


def written(cell: str) -> str:
    """A cell as it stands in a line."""
    return cell if BARE.match(cell) else '"' + cell.replace('"', '""') + '"'


def written_name(name: str) -> str:
    """A column's name as it stands in the header."""
    return name if BARE.match(name) and "=" not in name else '"' + name.replace('"', '""') + '"'


def read(cell: str) -> str:
    """The cell that `written` wrote."""
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


def split(line: str) -> list[str] | None:
    """The cells of a line as they stand there; None where the quotes are not those of RFC 4180."""
    if '"' not in line:
        return line.split(",")
    cells: list[str] = []
    position = 0
    while True:
        found = FIELD.match(line, position)
        if found is None:
            return None
        position = found.end()
        if not found[0].endswith(","):
            cells.append(found[0])
            return cells
        cells.append(found[0][:-1])


def header(names: Sequence[str], constants: dict[int, str]) -> str:
    """The columns' declaration of names and cells that are `written` already: `name`, or `name=value`."""
    return ",".join([f"{name}={constants[i]}" if i in constants else name for i, name in enumerate(names)])


def declared(line: str, reading: Callable[[str], str]) -> tuple[list[str], dict[int, str]] | None:
    """The names and constants of a header, each through `reading`."""
    names: list[str] = []
    constants: dict[int, str] = {}
    position = 0
    while True:
        found = _DECLARED.match(line, position)
        if found is None:
            return None
        if found["value"] is not None:
            constants[len(names)] = reading(found["value"][1:])
        names.append(reading(found["name"]))
        position = found.end()
        if not found[0].endswith(","):
            return names, constants

"""The columns that a table's header declares, as they are read back, and a row put together from its cells.

All values are compact JSON text; those of strings can be joined without reading their escapes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """A declared column: its `constant`, or the `fields` of a group, or the columns of the `inner` lists of its cells,
    or what stands before and after each of its strings (`affixes`), whose rest is the column `source` or the row's
    cell; one cell a row where it is none of these."""

    key: str
    constant: str | None = None
    fields: tuple[Field, ...] | None = None
    inner: Header | None = None
    affixes: tuple[str, str] | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """Columns; `cells` are those with a cell in the row, in its order, `places` where among them a name stands,
    `sources` those that other columns follow from."""

    fields: tuple[Field, ...]
    cells: tuple[Field, ...]
    places: dict[str, int]
    sources: tuple[int, ...]

    @classmethod
    def of(cls, fields: tuple[Field, ...]) -> Header | None:
        """The columns; None where one follows from a column that is not there exactly once."""
        leaves = tuple(_leaves(fields))
        cells = tuple([field for field in leaves if field.source is None])
        times = Counter(field.key for field in cells)
        places = {field.key: index for index, field in enumerate(cells) if times[field.key] == 1}
        sources = {field.source for field in leaves if field.source is not None}
        if not sources <= places.keys():
            return None
        return cls(fields, cells, places, tuple([places[name] for name in sources]))


def assembled(header: Header, cells: Sequence[str | None]) -> str | None:
    """The row with these cells, None for a key that it does not have; None where a string is joined with none."""
    values: list[str | None] = []
    for field, cell in zip(header.cells, cells, strict=True):
        values.append(cell if cell is None or field.affixes is None else _joined(field, cell))
    if any((values[place] or "null")[0] != '"' for place in header.sources):
        return None
    remaining = iter(values)
    return _members(header, header.fields, values, remaining)


def _members(
    header: Header, fields: tuple[Field, ...], values: Sequence[str | None], remaining: Iterator[str | None]
) -> str:
    members: list[str] = []
    for field in fields:
        value: str | None
        if field.constant is not None:
            value = field.constant
        elif field.fields is not None:
            value = _members(header, field.fields, values, remaining)
        elif field.source is not None:
            value = _joined(field, values[header.places[field.source]] or "")
        else:
            value = next(remaining)
        if value is not None:
            members.append(f"{field.key}:{value}")
    return "{" + ",".join(members) + "}"


def _joined(field: Field, text: str) -> str:
    prefix, suffix = field.affixes or ("", "")
    return f'"{prefix}{text[1:-1]}{suffix}"'


def _leaves(fields: tuple[Field, ...]) -> Iterator[Field]:
    """The columns that are neither constant nor a group."""
    for field in fields:
        if field.fields is not None:
            yield from _leaves(field.fields)
        elif field.constant is None:
            yield field

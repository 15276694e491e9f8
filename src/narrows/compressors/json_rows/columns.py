"""The columns of a list of objects.

Objects whose keys follow one common order share their columns. A column with the same value in every row is stated once
(`Constant`), objects that all rows hold under one key become a `Group` of columns, lists of objects are cells under
columns of their own (`Column.inner`), everything else is one cell a row. A row without the key has an empty cell, which
no value looks like. Rows of an odd shape are not forced in: they are `written whole`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from narrows.compressors.json_rows import moments
from narrows.compressors.json_rows.notation import key, quoted
from narrows.compressors.json_rows.reading import JsonValue, Number
from narrows.compressors.json_rows.values import Values

MAX_COLUMNS = 256
MAX_SHAPES = 64
"""Bounds of the work that merging key orders may take; what does not fit is written whole."""
MIN_SAVED_BY_CONSTANTS = 24
"""What the explanation in the head line costs, in characters."""
MIN_FILLED = 0.5
"""Under this share of filled cells a table is harder to read than the objects themselves."""


class Absent(Enum):
    """The one value of a key that a row does not have."""

    ABSENT = ""


Shape: TypeAlias = tuple[str, ...]
Row: TypeAlias = dict[str, JsonValue]
Entry: TypeAlias = "JsonValue | Absent"
_PLAIN = frozenset((str, bool, type(None), Absent))
_LISTS = frozenset((list, Absent))


@dataclass(frozen=True, slots=True)
class Joined:
    """A string put together in every row: `prefix`, the value of the column `ref` or else the row's cell, `suffix`."""

    prefix: str
    suffix: str
    ref: str | None = None

    def declared(self) -> str:
        middle = "..." if self.ref is None else self.ref
        return f"{quoted(self.prefix)}+{middle}" + (f"+{quoted(self.suffix)}" if self.suffix else "")


@dataclass(frozen=True, slots=True)
class Column:
    """One cell a row; `path` names the column from the row's outermost key inwards. `nested`: some cells hold objects
    in arrays, which a table of their own might write shorter. `strings`: the values where all are strings."""

    path: Shape
    cells: list[str]
    nested: bool = False
    strings: Sequence[str] | None = None
    inner: tuple[Field, ...] = ()
    joined: Joined | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """A column with one value, the same in every row."""

    path: Shape
    cell: str


@dataclass(frozen=True, slots=True)
class Derived:
    """A column of strings that follow from another column's."""

    path: Shape
    joined: Joined


@dataclass(frozen=True, slots=True)
class Group:
    """Objects that every row holds under one key."""

    path: Shape
    fields: tuple[Field, ...]


Field: TypeAlias = Column | Constant | Derived | Group


def header(fields: Iterable[Field], separator: str = ",") -> str:
    """The columns' declaration: `name`, `name=value`, `name{...}`, `name[]{...}`, `name="prefix"+other`."""
    return separator.join([_declared(field, separator) for field in fields])


def spelled_out(fields: tuple[Field, ...], rows: int) -> tuple[Field, ...]:
    """The columns with every constant as a cell in every row: for short lists, where saying that some columns are
    constant takes more than they save."""
    return tuple(
        [
            replace(field, fields=spelled_out(field.fields, rows))
            if isinstance(field, Group)
            else Column(field.path, [field.cell] * rows)
            if isinstance(field, Constant)
            else field
            for field in fields
        ]
    )


def saved_by_constants(fields: Iterable[Field], rows: int, values: Values) -> int:
    """Characters of cells that the constants of a table save."""
    saved = 0
    for field in fields:
        match field:
            case Constant():
                saved += values.length(field.cell) * (rows - 1) + rows
            case Group():
                saved += saved_by_constants(field.fields, rows, values)
            case _:
                pass
    return saved


def flat(fields: Iterable[Field]) -> Iterator[Column]:
    """The columns that have cells, in the order of the row."""
    for field in fields:
        match field:
            case Column():
                yield field
            case Group():
                yield from flat(field.fields)
            case Constant() | Derived():
                pass


def shared_names(shapes: Sequence[Shape]) -> tuple[Shape, frozenset[Shape]]:
    """One order of names that the shapes follow, and which shapes do. The first shape always does."""
    names: list[str] = []
    accepted: set[Shape] = set()
    for shape in shapes[:MAX_SHAPES]:
        merged = _merged(names, shape)
        if merged is not None:
            names = merged
            accepted.add(shape)
    return tuple(names), frozenset(accepted)


def fields_of(rows: Sequence[Row], names: Shape, values: Values, path: Shape = ()) -> tuple[Field, ...]:
    """The columns of `rows`, every one of which has a shape that follows `names`."""
    if all(len(row) == len(names) for row in rows):
        entries: Iterable[Sequence[Entry]] = zip(*[row.values() for row in rows], strict=True)
    else:
        entries = ([row.get(name, Absent.ABSENT) for row in rows] for name in names)
    return tuple([_field((*path, name), column, values) for name, column in zip(names, entries, strict=True)])


def _merged(names: list[str], shape: Shape) -> list[str] | None:
    """`names` with those of `shape` put in where it has them; None where the orders disagree or too many result."""
    if not names:
        return list(shape) if len(shape) <= MAX_COLUMNS else None
    place = {name: index for index, name in enumerate(names)}
    merged: list[str] = []
    taken = 0
    for name in shape:
        index = place.get(name)
        if index is not None:
            if index < taken:
                return None
            merged += names[taken : index + 1]
            taken = index + 1
        else:
            merged.append(name)
    merged += names[taken:]
    return merged if len(merged) <= MAX_COLUMNS else None


def _field(path: Shape, entries: Sequence[Entry], values: Values) -> Field:
    kinds = set(map(type, entries))
    if kinds == {dict}:
        group = _group(path, entries, values)
        if group is not None:
            return group
    cells = _cells(entries, kinds, path[-1], values)
    if len(cells) > 1 and cells[0] and cells.count(cells[0]) == len(cells):
        return Constant(path, cells[0])
    if list in kinds:
        nested = any(map(_holds_objects, entries))
        return (_lists(path, entries, kinds, cells, values) if nested else None) or Column(path, cells, nested)
    return Column(path, cells, strings=entries if kinds == {str} else None)  # type: ignore[arg-type] # all are strings


def _group(path: Shape, entries: Sequence[Entry], values: Values) -> Group | None:
    """Objects under one key as columns; None where they are too unlike each other, or points in time."""
    rows = [entry for entry in entries if isinstance(entry, dict)]
    shapes = list(dict.fromkeys(map(tuple, rows)))
    names, accepted = shared_names(shapes)
    if len(accepted) < len(shapes) or not names or sum(map(len, rows)) < MIN_FILLED * len(names) * len(rows):
        return None
    if names == moments.KEYS and moments.written(rows[0]):
        return None
    return Group(path, fields_of(rows, names, values, path))


def _lists(path: Shape, entries: Sequence[Entry], kinds: set[type], cells: list[str], values: Values) -> Column | None:
    """Lists of objects under columns of their own, where that is shorter than `cells`, the lists as they are."""
    if not kinds <= _LISTS:
        return None
    lists = [entry for entry in entries if isinstance(entry, list)]
    rows = [item for entry in lists for item in entry if isinstance(item, dict)]
    shapes = list(dict.fromkeys(map(tuple, rows)))
    names, accepted = shared_names(shapes)
    if len(rows) < sum(map(len, lists)) or len(accepted) < len(shapes) or not names:
        return None
    fields = fields_of(rows, names, values)
    columns = [column.cells for column in flat(fields)]
    if not columns or (len(columns) == 1 and "" in columns[0]):
        return None
    declared = header(fields)
    items = iter(columns[0] if len(columns) == 1 else [f"[{','.join(row)}]" for row in zip(*columns, strict=True)])
    shorter = [
        values.shared(f"[{','.join([next(items) for _ in entry])}]", declared) if isinstance(entry, list) else ""
        for entry in entries
    ]
    if sum(map(values.length, shorter)) + len(declared) >= sum(map(values.length, cells)):
        return None
    return Column(path, shorter, nested=True, inner=fields)


def _cells(entries: Sequence[Entry], kinds: set[type], name: str, values: Values) -> list[str]:
    if kinds == {Number}:
        return list(map(str, entries))
    if kinds == {str}:
        return values.strings(entries, name)  # type: ignore[arg-type] # all are strings
    if kinds <= _PLAIN:  # none of these compares equal to another kind's, so each distinct value is written once
        written = {entry: _cell(entry, name, values) for entry in set(entries)}
        return [written[entry] for entry in entries]
    return [_cell(entry, name, values) for entry in entries]


def _cell(entry: Entry, name: str, values: Values) -> str:
    return "" if entry is Absent.ABSENT else values.inline(entry, name)


def _holds_objects(entry: Entry) -> bool:
    return isinstance(entry, list) and len(entry) > 1 and isinstance(entry[0], dict)


def _declared(field: Field, separator: str) -> str:
    name = key(field.path[-1])
    match field:
        case Constant():
            return f"{name}={field.cell}"
        case Group():
            return f"{name}{{{header(field.fields, separator)}}}"
        case Derived():
            return f"{name}={field.joined.declared()}"
        case Column():
            if field.joined is not None:
                return f"{name}={field.joined.declared()}"
            return f"{name}[]{{{header(field.inner)}}}" if field.inner else name

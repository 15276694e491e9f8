"""A document in short form: the notation of `notation`, with lists of objects as tables.

    [3 rows{id,status=open,owner{name,mail}}
    17,Ada Lovelace,ada@example.org
    18,Linus,linus@example.org
    19,Grace,grace@example.org
    ]

Cells are set apart by commas, or by spaces in a table in which nothing else has one (`[2 rows {id mail}`): numbers,
codes and times, which take fewer tokens that way. A list of lists of objects shares one header, its lists set apart by
lines that hold `-`. An object whose members are objects alike is a table too, the key before each row. Whichever is
shorter is taken where a table would keep long lists of objects inside its cells: the table, or the objects with tables
inside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeGuard

from narrows.compressors.bulky_rows import Bulk
from narrows.compressors.json_rows import affixes, omission
from narrows.compressors.json_rows.columns import (
    MIN_FILLED,
    MIN_SAVED_BY_CONSTANTS,
    Column,
    Constant,
    Derived,
    Field,
    Group,
    Row,
    fields_of,
    flat,
    header,
    saved_by_constants,
    shared_names,
    spelled_out,
)
from narrows.compressors.json_rows.notation import key
from narrows.compressors.json_rows.reading import JsonValue
from narrows.compressors.json_rows.values import Values

MAX_CHOICES = 3
"""How many tables inside each other are written both ways; each doubles the work for what lies below it."""

MIN_HELD = 100
"""Characters of a string in which a table may stand."""

MIN_SAVED_BY_MAP = 10
"""In characters; an object as a table takes more to understand."""


@dataclass(slots=True)
class Notes:
    """What the head line has to explain, gathered while writing."""

    constants: int = 0
    joined: int = 0
    joined_cells: int = 0
    listed: int = 0
    absent: int = 0
    whole: int = 0
    repeated: int = 0
    strings_cut: int = 0
    rows_left_out: int = 0
    rows_of_shortened: int = 0

    @property
    def is_lossless(self) -> bool:
        """Whether all is there."""
        return not (self.rows_left_out or self.strings_cut)


def is_rows(value: JsonValue) -> TypeGuard[list[Row]]:
    """Whether a value is a list of at least two objects."""
    return isinstance(value, list) and len(value) > 1 and all(isinstance(item, dict) for item in value)


def is_lists_of_rows(value: JsonValue) -> TypeGuard[list[list[Row]]]:
    """Whether a value is a list of at least two lists that hold nothing but objects, three at least altogether."""
    return (
        isinstance(value, list)
        and len(value) > 1
        and all(isinstance(inner, list) and all(isinstance(item, dict) for item in inner) for inner in value)
        and sum(len(inner) for inner in value if isinstance(inner, list)) > 2
    )


def is_map(value: Row) -> bool:
    """Whether an object holds at least two members, all of them objects."""
    return len(value) > 1 and all(isinstance(member, dict) for member in value.values())


class Writer:
    """Writes one document; `notes` afterwards says what was done. `bulk`: from where on rows are left out, and that
    what nobody can read in a string may be cut."""

    def __init__(self, bulk: Bulk | None) -> None:
        self.notes = Notes()
        self._bulk = bulk
        self._choices = 0
        self._values = Values(cut=bulk is not None)

    def document(self, value: JsonValue) -> str:
        """The whole document."""
        resolved = self._values.resolved(self._value(value))
        self.notes.repeated, self.notes.strings_cut = resolved.named, resolved.strings_cut
        return resolved.text

    def _value(self, value: JsonValue, name: str = "") -> str:
        """A value outside of any cell."""
        if isinstance(value, dict):
            return (self._map(value) if is_map(value) else None) or self._object(value)
        if isinstance(value, list):
            return self._table(value) or self._list(value)
        if type(value) is str and len(value) >= MIN_HELD:
            return self._held(value) or self._values.inline(value, name)
        return self._values.inline(value, name)

    def _held(self, text: str) -> str | None:
        """A string that holds JSON with a table in it, which has its lines here as anywhere; None for any other."""
        found = self._values.held(text)
        if found is None:
            return None
        before = replace(self.notes)
        with self._values.inside():
            written = self._value(found.value)
        if "\n" in written:
            return found.around(written)
        self.notes = before
        return None

    def _object(self, members: Row) -> str:
        if "__class__" in members:
            return self._values.inline(members)
        written = [f"{key(name)}:{self._value(member, name)}" for name, member in members.items()]
        return self._one_line("{" + ",".join(written) + "}")

    def _map(self, members: Row) -> str | None:
        """An object as a table, its keys before the rows, where that is one and shorter."""
        before = replace(self.notes)
        table = _Table.of([member for member in members.values() if isinstance(member, dict)], self._values)
        if table is None or table.whole or not any(True for _ in flat(table.fields)):
            return None
        rows = [f"{key(name)}:{line}" for name, line in zip(members, table.lines(), strict=True)]
        self._note(table)
        text = "\n".join([f"{{{table.count} rows{table.header()}", *rows, "}"])
        if self._choices < MAX_CHOICES:
            after, self.notes = self.notes, before
            self._choices += 1
            other = self._object(members)
            self._choices -= 1
            if self._length(other) <= self._length(text) + MIN_SAVED_BY_MAP:
                return other
            self.notes = after
        return text

    def _length(self, text: str) -> int:
        return len(self._values.resolved(text).text)

    def _list(self, items: Iterable[JsonValue]) -> str:
        return self._one_line("[" + ",".join([self._value(item) for item in items]) + "]")

    def _one_line(self, text: str) -> str:
        """What may be named. Tables may not: two that lost rows can look alike."""
        return text if "\n" in text else self._values.shared(text)

    def _table(self, items: list[JsonValue]) -> str | None:
        """A list as a table, where it is one and that is shorter."""
        if is_rows(items):
            return self._shorter(items)
        return self._lists(items) if is_lists_of_rows(items) else None

    def _shorter(self, rows: list[Row]) -> str | None:
        """The table, or None where there is none or the objects with tables inside are shorter."""
        before = replace(self.notes)
        table = _Table.of(rows, self._values)
        if table is None:
            return None
        text = self._written(table)
        if self._choices < MAX_CHOICES and any(column.nested for column in flat(table.fields)):
            after, self.notes = self.notes, replace(before)
            self._choices += 1
            other = self._list(rows)
            self._choices -= 1
            if self._length(other) < self._length(text):
                return other
            self.notes = after
        return text

    def _written(self, table: _Table) -> str:
        lines = table.lines()
        if self._bulk is not None and self._bulk.is_reached(lines):
            columns = list(flat(table.fields))
            kept = omission.survivors(lines, columns, table.whole, self._bulk)
            if kept is not None:
                self.notes.rows_left_out += kept.count(False)
                self.notes.rows_of_shortened += table.count
                lines = omission.shortened(lines, columns, table.whole, kept)
        self._note(table)
        return "\n".join([f"[{table.count} rows{table.header()}", *lines, "]"])

    def _lists(self, lists: list[list[Row]]) -> str | None:
        table = _Table.of([row for inner in lists for row in inner], self._values)
        if table is None or not any(True for _ in flat(table.fields)):
            return None
        lines = iter(table.lines())
        written: list[str] = []
        for inner in lists:
            written += ["-", *(next(lines) for _ in inner)]
        self._note(table)
        return "\n".join([f"[{len(lists)} lists{table.header()}", *written[1:], "]"])

    def _note(self, table: _Table) -> None:
        self._note_fields(table.fields)
        self.notes.absent += any("" in column.cells for column in flat(table.fields))
        self.notes.whole += bool(table.whole)

    def _note_fields(self, fields: Iterable[Field]) -> None:
        for field in fields:
            match field:
                case Group():
                    self._note_fields(field.fields)
                case Constant():
                    self.notes.constants += 1
                case Derived():
                    self.notes.joined += 1
                case Column():
                    self.notes.joined_cells += field.joined is not None
                    self.notes.listed += bool(field.inner)
                    self.notes.absent += any("" in column.cells for column in flat(field.inner))
                    self._note_fields(field.inner)


@dataclass(frozen=True, slots=True)
class _Table:
    """`count` rows by columns. `whole` holds the rows of an odd shape by index, written as objects."""

    fields: tuple[Field, ...]
    whole: dict[int, str]
    count: int
    separator: str

    @classmethod
    def of(cls, rows: list[Row], values: Values) -> _Table | None:
        """The table; None where the rows are too unlike each other to be read as one."""
        shapes = [tuple(row) for row in rows]
        names, accepted = shared_names(list(dict.fromkeys(shapes)))
        if not names:
            return None
        regular = [row for row, shape in zip(rows, shapes, strict=True) if shape in accepted]
        if sum(map(len, regular)) < MIN_FILLED * len(names) * len(rows):
            return None
        whole = {index: values.container(rows[index]) for index, shape in enumerate(shapes) if shape not in accepted}
        fields = affixes.joined(fields_of(regular, names, values), len(regular))
        if saved_by_constants(fields, len(regular), values) < MIN_SAVED_BY_CONSTANTS and any(
            True for _ in flat(fields)
        ):
            fields = spelled_out(fields, len(regular))
        columns = list(flat(fields))
        if whole and len(columns) < 2:
            return None  # one cell alone could be an object too
        spaced = len(columns) > 1 and not any(map(_has_space, (header(fields), *whole.values())))
        spaced = spaced and not any("" in column.cells or _has_space("\n".join(column.cells)) for column in columns)
        return cls(fields, whole, len(rows), " " if spaced else ",")

    def header(self) -> str:
        """The declaration of the columns, a space before it where spaces divide the cells."""
        declared = header(self.fields, self.separator)
        return f" {{{declared}}}" if self.separator == " " else f"{{{declared}}}"

    def lines(self) -> list[str]:
        """One line a row; none at all where every column is constant."""
        lines = map(self.separator.join, zip(*[column.cells for column in flat(self.fields)], strict=True))
        if not self.whole:
            return list(lines)
        return [self.whole.get(index) or next(lines) for index in range(self.count)]


def _has_space(text: str) -> bool:
    """Whether a space stands in a cell, or may once its long values are put in."""
    return " " in text or "\x00" in text

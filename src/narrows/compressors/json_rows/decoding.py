"""The short form read back, into compact JSON text.

A recursive descent over docs/forms.md, strict: anything that the writer could not have written is `NotOurs`. Keys,
numbers and strings come back as they stand, so that decoding is the inverse of writing without any conversion. A small
text can declare a very large table; beyond `MAX_CHARACTERS` it is not ours either, since no source was that long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from narrows.compressors.json_rows.notation import BARE, BARE_KEY, NUMBER, quoted
from narrows.compressors.json_rows.reading import MAX_DEPTH

MAX_CHARACTERS = 128 << 20


class NotOurs(ValueError):
    """The text is not in short form."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The document as compact JSON; `items` are those of an outermost array. `rows_left_out`: with any, the text is
    not the source."""

    text: str
    items: tuple[str, ...]
    rows_left_out: int


@dataclass(frozen=True, slots=True)
class _Field:
    """A declared column: `constant` JSON text, or `fields` of a group, or one cell a row (neither)."""

    key: str
    constant: str | None = None
    fields: tuple[_Field, ...] | None = None


_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_PLAIN = re.compile(r'[^,{}\[\]"\n]*')
_NAME = re.compile(r'[^,{}\[\]"\n:=]*')
_LITERAL = re.compile(rf"(?:true|false|null|{NUMBER})\Z")
_TABLE = re.compile(r"\[(0|[1-9][0-9]{0,8}) (rows|lists)\{")
_GAP = re.compile(r"\[narrows: rows ([1-9][0-9]{0,8})-([1-9][0-9]{0,8}) left out\]\n")
_SUMMARY = re.compile(r"\[narrows: ([1-9][0-9]{0,8}) rows left out(?:; [^\n]*)?\]\n")


def decode(body: str) -> Decoded:
    """The document that `body`, an output without its head line, holds.

    Raises:
        NotOurs: not in short form.
    """
    reader = _Reader(body)
    if body.startswith("["):
        items = tuple(reader.array(0))
        text = f"[{','.join(items)}]"
    else:
        items = ()
        text = reader.value(0)
    if reader.position != len(body):
        raise NotOurs("text after the document")
    return Decoded(text, items, reader.rows_left_out)


class _Reader:
    """A cursor over the body."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.position = 0
        self.rows_left_out = 0
        self._characters = 0
        self._one_line = False

    def value(self, depth: int) -> str:
        """One value, as compact JSON."""
        match self.body[self.position : self.position + 1]:
            case "[":
                return f"[{','.join(self.array(depth))}]"
            case "{":
                return self._object(depth)
            case '"':
                return self._found(_STRING)
        plain = self._found(_PLAIN)
        if _LITERAL.match(plain):
            return plain
        if not BARE.match(plain):
            raise NotOurs(f"not a value at {self.position}")
        return quoted(plain)

    def array(self, depth: int) -> Iterator[str]:
        """The items of an array or a table, each as compact JSON."""
        if depth > MAX_DEPTH:
            raise NotOurs("nested too deep")
        table = None if self._one_line else _TABLE.match(self.body, self.position)
        if table is not None:
            self.position = table.end()
            self._one_line = True
            fields = self._fields(depth)
            self._expect("}\n")
            count = int(table[1])
            yield from self._rows(fields, count, depth) if table[2] == "rows" else self._lists(fields, count, depth)
            self._one_line = False
            return
        self._expect("[")
        if self._skip("]"):
            return
        yield self.value(depth + 1)
        while not self._skip("]"):
            self._expect(",")
            yield self.value(depth + 1)

    def _object(self, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise NotOurs("nested too deep")
        self._expect("{")
        members: list[str] = []
        while not self._skip("}"):
            if members:
                self._expect(",")
            name = self._key()
            self._expect(":")
            members.append(f"{name}:{self.value(depth + 1)}")
        return "{" + ",".join(members) + "}"

    def _key(self) -> str:
        if self.body.startswith('"', self.position):
            return self._found(_STRING)
        name = self._found(_NAME)
        if not BARE_KEY.match(name):
            raise NotOurs(f"not a key at {self.position}")
        return quoted(name)

    def _fields(self, depth: int) -> tuple[_Field, ...]:
        if depth > MAX_DEPTH:
            raise NotOurs("nested too deep")
        fields = [self._field(depth)]
        while self._skip(","):
            fields.append(self._field(depth))
        return tuple(fields)

    def _field(self, depth: int) -> _Field:
        name = self._key()
        if self._skip("="):
            return _Field(name, constant=self.value(depth + 1))
        if self._skip("{"):
            fields = self._fields(depth + 1)
            self._expect("}")
            return _Field(name, fields=fields)
        return _Field(name)

    def _rows(self, fields: tuple[_Field, ...], count: int, depth: int) -> Iterator[str]:
        cells = sum(map(_cells, fields))
        if not cells:
            row = self._row(fields, 0, depth)
            self._count_characters(len(row) * count)
            self._expect("]")
            yield from [row] * count
            return
        index = left_out = 0
        while index < count:
            gap = _GAP.match(self.body, self.position)
            if gap is None:
                yield self._row(fields, cells, depth)
                self._expect("\n")
                index += 1
                continue
            first, last = int(gap[1]), int(gap[2])
            if first != index + 1 or not first <= last <= count:
                raise NotOurs(f"rows {first}-{last} cannot be missing here")
            left_out += last - first + 1
            index = last
            self.position = gap.end()
        if left_out:
            summary = _SUMMARY.match(self.body, self.position)
            if summary is None or int(summary[1]) != left_out:
                raise NotOurs("the rows left out are not summed up")
            self.position = summary.end()
            self.rows_left_out += left_out
        self._expect("]")

    def _lists(self, fields: tuple[_Field, ...], count: int, depth: int) -> Iterator[str]:
        cells = sum(map(_cells, fields))
        if not cells or not count:
            raise NotOurs("lists without cells")
        for index in range(count):
            rows: list[str] = []
            while not (self.body.startswith("-\n", self.position) or self.body.startswith("]", self.position)):
                rows.append(self._row(fields, cells, depth))
                self._expect("\n")
            self._expect("-\n" if index < count - 1 else "]")
            yield f"[{','.join(rows)}]"

    def _row(self, fields: tuple[_Field, ...], cells: int, depth: int) -> str:
        if cells > 1 and self.body.startswith("{", self.position):
            start = self.position
            whole = self._object(depth + 1)
            if self.body.startswith("\n", self.position):
                return whole
            self.position = start
        row, _ = self._members(fields, depth, first=True)
        self._count_characters(len(row))
        return row

    def _count_characters(self, count: int) -> None:
        self._characters += count
        if self._characters > MAX_CHARACTERS:
            raise NotOurs("expands beyond any source")

    def _members(self, fields: tuple[_Field, ...], depth: int, *, first: bool) -> tuple[str, bool]:
        """An object of these columns, and whether the row's next cell is still its first."""
        members: list[str] = []
        for field in fields:
            if field.constant is not None:
                members.append(f"{field.key}:{field.constant}")
            elif field.fields is not None:
                inner, first = self._members(field.fields, depth + 1, first=first)
                members.append(f"{field.key}:{inner}")
            else:
                if not first:
                    self._expect(",")
                first = False
                if self.body[self.position : self.position + 1] not in (",", "\n"):
                    members.append(f"{field.key}:{self.value(depth + 2)}")
        return "{" + ",".join(members) + "}", first

    def _found(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.body, self.position)
        if found is None:
            raise NotOurs(f"nothing that fits at {self.position}")
        self.position = found.end()
        return found[0]

    def _skip(self, text: str) -> bool:
        if self.body.startswith(text, self.position):
            self.position += len(text)
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            raise NotOurs(f"{text!r} is missing at {self.position}")


def _cells(field: _Field) -> int:
    if field.constant is not None:
        return 0
    return 1 if field.fields is None else sum(map(_cells, field.fields))

"""The short form read back, into compact JSON text.

A recursive descent over docs/forms.md, strict: anything that the writer could not have written is `NotOurs`. Keys,
numbers and strings come back as they stand, so that decoding is the inverse of writing without any conversion. A small
text can declare a very large table, or repeat a long value many times; beyond `MAX_CHARACTERS` it is not ours either,
since no source was that long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from narrows.compressors.json_rows import embedded, moments
from narrows.compressors.json_rows.cursor import STRING, Cursor, NotOurs
from narrows.compressors.json_rows.declared import Field, Header, assembled
from narrows.compressors.json_rows.notation import BARE, NUMBER, quoted
from narrows.compressors.json_rows.reading import MAX_DEPTH, NotExact, read


@dataclass(frozen=True, slots=True)
class Decoded:
    """The document as compact JSON; `items` are those of an outermost array. `rows_left_out`, `strings_cut`: with any,
    the text is not the source."""

    text: str
    items: tuple[str, ...]
    rows_left_out: int
    strings_cut: int


_LITERAL = re.compile(rf"(?:true|false|null|{NUMBER})\Z")
_PIECE = re.compile(r"[0-9A-Za-z]+\Z")
_TABLE = re.compile(r"\[(0|[1-9][0-9]{0,8}) (rows|lists)( ?)\{")
_MAP = re.compile(r"\{([1-9][0-9]{0,8}) (rows)( ?)\{")
_GAP = re.compile(r"\[narrows: rows ([1-9][0-9]{0,8})-([1-9][0-9]{0,8}) left out\]\n")
_SUMMARY = re.compile(r"\[narrows: ([1-9][0-9]{0,8}) rows left out(?:; [^\n]*)?\]\n")
_NAMED = re.compile(r"&([1-9][0-9]{0,8}) ")
_REPEATED = re.compile(r"\*([1-9][0-9]{0,8})")
_EMBEDDED = re.compile(r"json( |[1-8]?)(?=[{\[])")
_MEMBER = re.compile(r"\.\.\.|[A-Za-z_][A-Za-z0-9_]*")


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
    return Decoded(text, items, reader.rows_left_out, reader.strings_cut)


class _Reader(Cursor):
    """Values, tables and rows; a cursor over the body."""

    def __init__(self, body: str) -> None:
        super().__init__(body)
        self.rows_left_out = 0
        self._one_line = False
        self._levels = 0
        self._names = 0
        self._named: dict[int, str] = {}

    def value(self, depth: int) -> str:
        """One value, as compact JSON."""
        match self.body[self.position : self.position + 1]:
            case "[":
                return f"[{','.join(self.array(depth))}]"
            case "{":
                return self._object(depth)
            case '"':
                return self.string()
            case "`":
                return self.raw()
            case "&" | "*" | "@" as sign:
                special = self._special(sign, depth)
                if special is not None:
                    return special
            case "j" if embedding := _EMBEDDED.match(self.body, self.position):
                return self._embedded(embedding[1])
        plain = self.plain()
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
            header = self._header(table, depth)
            count = int(table[1])
            yield from self._rows(header, count, depth) if table[2] == "rows" else self._lists(header, count, depth)
            self._end_of_table()
            return
        self.expect("[")
        if self.skip("]"):
            return
        yield self.value(depth + 1)
        while not self.skip("]"):
            self.expect(",")
            yield self.value(depth + 1)

    def _special(self, sign: str, depth: int) -> str | None:
        """A value that is named, one that is repeated, or a point in time; None for a string that begins alike."""
        if sign == "@":
            moment = moments.read(self.body, self.position)
            if moment is not None:
                self.position = moment[1]
            return moment and moment[0]
        if sign == "&":
            name = _NAMED.match(self.body, self.position)
            if name is None:
                return None
            number = self._next_name(name)
            self._named[number] = text = self.value(depth)
            return text
        name = _REPEATED.match(self.body, self.position)
        if name is None:
            return None
        self.position = name.end()
        if int(name[1]) > self._names or int(name[1]) not in self._named:
            raise NotOurs(f"*{name[1]} names nothing")
        text = self._named[int(name[1])]
        self.count_characters(len(text))
        return text

    def _embedded(self, style: str) -> str:
        """A string that holds JSON."""
        if self._levels == embedded.MAX_LEVELS:
            raise NotOurs("JSON in strings too deep")
        self.expect("json" + style)
        self._levels += 1
        text = self.value(0)
        self._levels -= 1
        if style or "\\u" in text:
            try:
                text = embedded.plain(read(text).values[0], style)
            except NotExact as fault:
                raise NotOurs(str(fault)) from None
        self.count_characters(len(text))
        if self.body.startswith('+"', self.position):
            self.expect("+")
            text += json.loads(self.found(embedded.TAIL))
        return quoted(text)

    def _object(self, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise NotOurs("nested too deep")
        table = None if self._one_line else _MAP.match(self.body, self.position)
        if table is not None:
            header = self._header(table, depth)
            members = [self._keyed(header, depth) for _ in range(int(table[1]))]
            self.expect("}")
            self._end_of_table()
            return "{" + ",".join(members) + "}"
        self.expect("{")
        members = []
        while not self.skip("}"):
            if members:
                self.expect(",")
            name = self.key()
            self.expect(":")
            members.append(f"{name}:{self.value(depth + 1)}")
        return "{" + ",".join(members) + "}"

    def _keyed(self, header: Header, depth: int) -> str:
        """A row of a table that is an object, its key before it."""
        if not header.cells:
            raise NotOurs("an object without cells")
        name = self._row_key()
        row = self._regular(header, depth, self.separator)
        self.expect("\n")
        return f"{name}:{row}"

    def _row_key(self) -> str:
        separator, self.separator = self.separator, ","
        name = self.key()
        self.separator = separator
        self.expect(":")
        return name

    def _header(self, table: re.Match[str], depth: int) -> Header:
        """The declaration of a table's columns; what follows is written on lines."""
        self.position = table.end()
        self._one_line = True
        self.separator = table[3] or ","
        header = self._columns(depth)
        self.expect("\n")
        return header

    def _end_of_table(self) -> None:
        self._one_line = False
        self.separator = ","

    def _columns(self, depth: int) -> Header:
        header = Header.of(self._fields(depth))
        self.expect("}")
        if header is None or not header.fields:
            raise NotOurs("a column that follows from none")
        return header

    def _fields(self, depth: int) -> tuple[Field, ...]:
        if depth > MAX_DEPTH:
            raise NotOurs("nested too deep")
        fields = [self._field(depth)]
        while self.skip(self.separator):
            fields.append(self._field(depth))
        return tuple(fields)

    def _field(self, depth: int) -> Field:
        name = self.key()
        if self.skip("="):
            value = self.value(depth + 1)
            return self._joined(name, value) if value[0] == '"' and self.skip("+") else Field(name, constant=value)
        if self.skip("{"):
            fields = self._fields(depth + 1)
            self.expect("}")
            return Field(name, fields=fields)
        if self.skip("[]{"):
            separator, self.separator = self.separator, ","
            inner = self._columns(depth + 2)
            self.separator = separator
            return Field(name, inner=inner)
        return Field(name)

    def _joined(self, name: str, prefix: str) -> Field:
        source = self.found(_MEMBER)
        suffix = self.found(STRING) if self.skip("+") else '""'
        return Field(name, affixes=(prefix[1:-1], suffix[1:-1]), source=None if source == "..." else quoted(source))

    def _rows(self, header: Header, count: int, depth: int) -> Iterator[str]:
        if not header.cells:
            row = self._row(header, depth)
            self.count_characters(len(row) * count)
            self.expect("]")
            yield from [row] * count
            return
        index = left_out = 0
        while index < count:
            gap = _GAP.match(self.body, self.position)
            if gap is None:
                yield self._row(header, depth)
                self.expect("\n")
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
        self.expect("]")

    def _lists(self, header: Header, count: int, depth: int) -> Iterator[str]:
        if not header.cells or not count:
            raise NotOurs("lists without cells")
        for index in range(count):
            rows: list[str] = []
            while not (self.body.startswith("-\n", self.position) or self.body.startswith("]", self.position)):
                rows.append(self._row(header, depth))
                self.expect("\n")
            self.expect("-\n" if index < count - 1 else "]")
            yield f"[{','.join(rows)}]"

    def _row(self, header: Header, depth: int) -> str:
        if len(header.cells) > 1 and self.body.startswith("{", self.position):
            before = self.position, self._names, self.strings_cut
            whole = self._object(depth + 1)
            if self.body.startswith("\n", self.position):
                return whole
            self.position, self._names, self.strings_cut = before
        return self._regular(header, depth, self.separator)

    def _regular(self, header: Header, depth: int, separator: str = ",") -> str:
        """A row's cells, put under the names of its columns."""
        cells: list[str | None] = []
        for field in header.cells:
            if cells:
                self.expect(separator)
            cells.append(self._cell(field, depth))
        row = assembled(header, cells)
        if row is None:
            raise NotOurs(f"a column that follows from none at {self.position}")
        self.count_characters(len(row))
        return row

    def _cell(self, field: Field, depth: int) -> str | None:
        if self.body[self.position : self.position + 1] in (",", "\n", "]"):
            return None
        if field.affixes is not None:
            return self._piece()
        return self._listed(field.inner, depth + 2) if field.inner is not None else self.value(depth + 2)

    def _piece(self) -> str:
        """A part of a string."""
        start = self.position
        text = self.plain()
        if _PIECE.match(text):
            return quoted(text)
        self.position = start
        text = self.value(MAX_DEPTH + 1)
        if text[0] != '"':
            raise NotOurs(f"no part of a string at {self.position}")
        return text

    def _listed(self, header: Header, depth: int) -> str:
        """A list of objects in a cell, or a name for one."""
        if self.body.startswith("*", self.position):
            return self.value(depth)
        name = _NAMED.match(self.body, self.position)
        if name is not None:
            number = self._next_name(name)
            self._named[number] = text = self._list_of_objects(header, depth)
            return text
        return self._list_of_objects(header, depth)

    def _list_of_objects(self, header: Header, depth: int) -> str:
        items: list[str] = []
        self.expect("[")
        while not self.skip("]"):
            if items:
                self.expect(",")
            if len(header.cells) == 1:
                items.append(self._regular(header, depth))
            else:
                self.expect("[")
                items.append(self._regular(header, depth))
                self.expect("]")
        return f"[{','.join(items)}]"

    def _next_name(self, name: re.Match[str]) -> int:
        self.position = name.end()
        self._names += 1
        if int(name[1]) != self._names:
            raise NotOurs(f"&{name[1]} is out of order")
        return self._names

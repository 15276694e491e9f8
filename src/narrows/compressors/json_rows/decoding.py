"""The short form read back, into compact JSON text.

A recursive descent over docs/forms.md, strict: anything that the writer could not have written is `NotOurs`. Keys,
numbers and strings come back as they stand, so that decoding is the inverse of writing without any conversion. A small
text can declare a very large table, or repeat a long value many times; beyond `MAX_CHARACTERS` it is not ours either,
since no source was that long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from narrows.compressors.json_rows import embedded, moments
from narrows.compressors.json_rows.declared import Field, Header, assembled
from narrows.compressors.json_rows.notation import BARE, BARE_KEY, NUMBER, RAW, quoted
from narrows.compressors.json_rows.reading import MAX_DEPTH, NotExact, read

MAX_CHARACTERS = 128 << 20


class NotOurs(ValueError):
    """The text is not in short form."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The document as compact JSON; `items` are those of an outermost array. `rows_left_out`, `strings_cut`: with any,
    the text is not the source."""

    text: str
    items: tuple[str, ...]
    rows_left_out: int
    strings_cut: int


_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_PLAIN = re.compile(r'[^,{}\[\]"\n]*')
_NAME = re.compile(r'[^,{}\[\]"\n:=]*')
_UNSPACED_NAME = re.compile(r'[^ ,{}\[\]"\n:=]*')
_LITERAL = re.compile(rf"(?:true|false|null|{NUMBER})\Z")
_PIECE = re.compile(r"[0-9A-Za-z]+\Z")
_UNSPACED = re.compile(r'[^ ,{}\[\]"\n]*')
_TABLE = re.compile(r"\[(0|[1-9][0-9]{0,8}) (rows|lists)( ?)\{")
_MAP = re.compile(r"\{([1-9][0-9]{0,8}) (rows)( ?)\{")
_GAP = re.compile(r"\[narrows: rows ([1-9][0-9]{0,8})-([1-9][0-9]{0,8}) left out\]\n")
_SUMMARY = re.compile(r"\[narrows: ([1-9][0-9]{0,8}) rows left out(?:; [^\n]*)?\]\n")
_CUT = re.compile(r"\+<[1-9][0-9]{0,8} characters left out>")
_NAMED = re.compile(r"&([1-9][0-9]{0,8}) ")
_REPEATED = re.compile(r"\*([1-9][0-9]{0,8})")
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


class _Reader:
    """A cursor over the body."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.position = 0
        self.rows_left_out = 0
        self.strings_cut = 0
        self._characters = 0
        self._one_line = False
        self._separator = ","
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
                return self._string()
            case "`":
                return self._raw()
            case "&" | "*" | "@" as sign:
                special = self._special(sign, depth)
                if special is not None:
                    return special
            case "j" if self.body.startswith(("json{", "json[", "json {", "json ["), self.position):
                return self._embedded()
        plain = self._plain()
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
        self._expect("[")
        if self._skip("]"):
            return
        yield self.value(depth + 1)
        while not self._skip("]"):
            self._expect(",")
            yield self.value(depth + 1)

    def _string(self) -> str:
        """A JSON string, or what is left of one that was cut."""
        text = self._found(_STRING)
        cut = _CUT.match(self.body, self.position)
        if cut is None:
            return text
        while cut is not None:
            self.position = cut.end()
            if self._skip("+"):
                self._found(_STRING)
            cut = _CUT.match(self.body, self.position)
        self.strings_cut += 1
        return text

    def _raw(self) -> str:
        end = self.body.find("`", self.position + 1)
        text = self.body[self.position + 1 : end] if end >= 0 else ""
        if not RAW.match(text):
            raise NotOurs(f"not a string at {self.position}")
        self.position = end + 1
        return quoted(text)

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
        self._count_characters(len(text))
        return text

    def _embedded(self) -> str:
        """A string that holds JSON."""
        if self._levels == embedded.MAX_LEVELS:
            raise NotOurs("JSON in strings too deep")
        self._expect("json")
        spaced = self._skip(" ")
        self._levels += 1
        text = self._one_line_value()
        self._levels -= 1
        if spaced:
            try:
                text = embedded.plain(read(text).values[0], embedded.SPACED)
            except NotExact as fault:
                raise NotOurs(str(fault)) from None
        self._count_characters(len(text))
        return quoted(text)

    def _one_line_value(self) -> str:
        before, self._one_line = self._one_line, True
        text = self.value(0)
        self._one_line = before
        return text

    def _object(self, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise NotOurs("nested too deep")
        table = None if self._one_line else _MAP.match(self.body, self.position)
        if table is not None:
            header = self._header(table, depth)
            members = [self._keyed(header, depth) for _ in range(int(table[1]))]
            self._expect("}")
            self._end_of_table()
            return "{" + ",".join(members) + "}"
        self._expect("{")
        members = []
        while not self._skip("}"):
            if members:
                self._expect(",")
            name = self._key()
            self._expect(":")
            members.append(f"{name}:{self.value(depth + 1)}")
        return "{" + ",".join(members) + "}"

    def _keyed(self, header: Header, depth: int) -> str:
        """A row of a table that is an object, its key before it."""
        if not header.cells:
            raise NotOurs("an object without cells")
        name = self._row_key()
        row = self._regular(header, depth, self._separator)
        self._expect("\n")
        return f"{name}:{row}"

    def _row_key(self) -> str:
        separator, self._separator = self._separator, ","
        name = self._key()
        self._separator = separator
        self._expect(":")
        return name

    def _key(self) -> str:
        if self.body.startswith('"', self.position):
            return self._found(_STRING)
        name = self._found(_UNSPACED_NAME if self._separator == " " else _NAME)
        if not BARE_KEY.match(name):
            raise NotOurs(f"not a key at {self.position}")
        return quoted(name)

    def _header(self, table: re.Match[str], depth: int) -> Header:
        """The declaration of a table's columns; what follows is written on lines."""
        self.position = table.end()
        self._one_line = True
        self._separator = table[3] or ","
        header = self._columns(depth)
        self._expect("\n")
        return header

    def _end_of_table(self) -> None:
        self._one_line = False
        self._separator = ","

    def _columns(self, depth: int) -> Header:
        header = Header.of(self._fields(depth))
        self._expect("}")
        if header is None or not header.fields:
            raise NotOurs("a column that follows from none")
        return header

    def _fields(self, depth: int) -> tuple[Field, ...]:
        if depth > MAX_DEPTH:
            raise NotOurs("nested too deep")
        fields = [self._field(depth)]
        while self._skip(self._separator):
            fields.append(self._field(depth))
        return tuple(fields)

    def _field(self, depth: int) -> Field:
        name = self._key()
        if self._skip("="):
            value = self.value(depth + 1)
            return self._joined(name, value) if value[0] == '"' and self._skip("+") else Field(name, constant=value)
        if self._skip("{"):
            fields = self._fields(depth + 1)
            self._expect("}")
            return Field(name, fields=fields)
        if self._skip("[]{"):
            separator, self._separator = self._separator, ","
            inner = self._columns(depth + 2)
            self._separator = separator
            return Field(name, inner=inner)
        return Field(name)

    def _joined(self, name: str, prefix: str) -> Field:
        source = self._found(_MEMBER)
        suffix = self._found(_STRING) if self._skip("+") else '""'
        return Field(name, affixes=(prefix[1:-1], suffix[1:-1]), source=None if source == "..." else quoted(source))

    def _rows(self, header: Header, count: int, depth: int) -> Iterator[str]:
        if not header.cells:
            row = self._row(header, depth)
            self._count_characters(len(row) * count)
            self._expect("]")
            yield from [row] * count
            return
        index = left_out = 0
        while index < count:
            gap = _GAP.match(self.body, self.position)
            if gap is None:
                yield self._row(header, depth)
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

    def _lists(self, header: Header, count: int, depth: int) -> Iterator[str]:
        if not header.cells or not count:
            raise NotOurs("lists without cells")
        for index in range(count):
            rows: list[str] = []
            while not (self.body.startswith("-\n", self.position) or self.body.startswith("]", self.position)):
                rows.append(self._row(header, depth))
                self._expect("\n")
            self._expect("-\n" if index < count - 1 else "]")
            yield f"[{','.join(rows)}]"

    def _row(self, header: Header, depth: int) -> str:
        if len(header.cells) > 1 and self.body.startswith("{", self.position):
            before = self.position, self._names, self.strings_cut
            whole = self._object(depth + 1)
            if self.body.startswith("\n", self.position):
                return whole
            self.position, self._names, self.strings_cut = before
        return self._regular(header, depth, self._separator)

    def _regular(self, header: Header, depth: int, separator: str = ",") -> str:
        """A row's cells, put under the names of its columns."""
        cells: list[str | None] = []
        for field in header.cells:
            if cells:
                self._expect(separator)
            cells.append(self._cell(field, depth))
        row = assembled(header, cells)
        if row is None:
            raise NotOurs(f"a column that follows from none at {self.position}")
        self._count_characters(len(row))
        return row

    def _cell(self, field: Field, depth: int) -> str | None:
        if self.body[self.position : self.position + 1] in (",", "\n", "]"):
            return None
        if field.affixes is not None:
            return self._piece()
        return self._listed(field.inner, depth + 2) if field.inner is not None else self.value(depth + 2)

    def _plain(self) -> str:
        """The letters up to a sign, and in a table whose cells are set apart by spaces up to a space."""
        return self._found(_UNSPACED if self._separator == " " else _PLAIN)

    def _piece(self) -> str:
        """A part of a string."""
        start = self.position
        text = self._plain()
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
        self._expect("[")
        while not self._skip("]"):
            if items:
                self._expect(",")
            if len(header.cells) == 1:
                items.append(self._regular(header, depth))
            else:
                self._expect("[")
                items.append(self._regular(header, depth))
                self._expect("]")
        return f"[{','.join(items)}]"

    def _next_name(self, name: re.Match[str]) -> int:
        self.position = name.end()
        self._names += 1
        if int(name[1]) != self._names:
            raise NotOurs(f"&{name[1]} is out of order")
        return self._names

    def _count_characters(self, count: int) -> None:
        self._characters += count
        if self._characters > MAX_CHARACTERS:
            raise NotOurs("expands beyond any source")

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

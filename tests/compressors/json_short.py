"""A reader of JSON in short form, by docs/forms.md, that shares nothing with the compressor's.

It gives values that keep what Python's own would lose: the text of numbers, the order of keys; arrays are tuples. `Gap`
stands where rows are left out, `Sum` for the mark that sums them up, `Cut` for a string of which parts are missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Num:
    text: str


@dataclass(frozen=True)
class Obj:
    members: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Gap:
    first: int
    last: int


@dataclass(frozen=True)
class Sum:
    words: str


@dataclass(frozen=True)
class Cut:
    """What is there of a string, and after each part how many characters are not."""

    parts: tuple[str, ...]
    missing: tuple[int, ...]


@dataclass(frozen=True)
class Held:
    """A string that holds JSON in which something is missing: the value, and the string of what is there."""

    value: Any


ABSENT = Sum("no such key")
MOMENT = ("year", "month", "day", "hour", "minute", "second", "microsecond")

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_GAP = re.compile(r"\[narrows: rows (\d+)-(\d+) left out\]")
_LINE_ENDS = re.compile(r'\+("(?:\\n)+")')
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_CUT = re.compile(r"\+<(\d+) characters left out>")
_MOMENT = re.compile(r"@(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{6}))?(?=[,\n\]}]|\Z)")


@dataclass
class Column:
    """A declared column: `sort` is cell, constant, group, lists or joined."""

    sort: str
    name: str
    value: Any = None
    fields: list[Column] = field(default_factory=list)
    prefix: str = ""
    source: str | None = None
    suffix: str = ""

    @property
    def has_cell(self) -> bool:
        return self.sort in ("cell", "lists") or (self.sort == "joined" and self.source is None)


class Short:
    """A cursor over the short form; afterwards, how often each sort of thing was met that the head has to explain."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.at = 0
        self.separator = ","
        self.constants = self.parts = self.lists_in_cells = self.absent = self.whole = self.cuts = 0
        self.names: list[Any] = []

    # --- letters

    def sees(self, text: str) -> bool:
        return self.body.startswith(text, self.at)

    def skip(self, text: str) -> bool:
        found = self.sees(text)
        self.at += len(text) * found
        return found

    def take(self, text: str) -> None:
        assert self.skip(text), f"{text!r} expected at {self.body[self.at : self.at + 30]!r}"

    def matching(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.body, self.at)
        assert found, f"{pattern.pattern} expected at {self.body[self.at : self.at + 30]!r}"
        self.at = found.end()
        return found

    def items(self, end: str, read: Callable[[], Any], separator: str = ",") -> Iterator[Any]:
        if self.skip(end):
            return
        yield read()
        while not self.skip(end):
            self.take(separator)
            yield read()

    # --- values

    def scalar(self, plain: str) -> Any:
        assert plain
        assert not re.match(r"[`\"]|[&*@]\d", plain)
        if plain in ("null", "true", "false"):
            return json.loads(plain)
        return Num(plain) if _NUMBER.fullmatch(plain) else plain

    def value(self) -> Any:
        if self.sees("["):
            return self.array()
        if self.sees("{"):
            return self.object()
        if self.sees('"'):
            return self.quoted()
        if self.sees("`"):
            return self.matching(re.compile("`([^`\n]*)`"))[1]
        if re.match(r"[&*]\d", self.body[self.at : self.at + 2]):
            return self.named(self.value)
        moment = _MOMENT.match(self.body, self.at)
        if moment:
            self.at = moment.end()
            numbers = [Num(str(int(digits or 0))) for digits in moment.groups()]
            return Obj((("__class__", "datetime"), *zip(MOMENT, numbers, strict=True)))
        if re.match(r"json[ 1-8]?[{\[]", self.body[self.at : self.at + 6]):
            return self.held()
        return self.scalar(self.matching(re.compile(rf'[^][{{}}{self.separator},"\n]+'))[0])

    def held(self) -> Any:
        """A string that holds JSON, in its style: `json{...}`, `json {...}`, `json2{...}`."""
        style = self.matching(re.compile("json([ 1-8]?)"))[1]
        value = self.value()
        line_ends = json.loads(self.matching(_LINE_ENDS)[1]) if _LINE_ENDS.match(self.body, self.at) else ""
        if is_short_of_something(value):
            return Held(value)
        if style.isdigit():
            return indented(value, int(style)) + line_ends
        return written(value, "," + style, ":" + style) + line_ends

    def named(self, read: Callable[[], Any]) -> Any:
        """`*1`, or `&1 ` and the value."""
        sign = self.matching(re.compile(r"([&*])(\d+)"))
        number = int(sign[2])
        if sign[1] == "*":
            assert self.names[number - 1] is not None
            return self.names[number - 1]
        self.take(" ")
        assert number == len(self.names) + 1
        self.names.append(None)
        self.names[number - 1] = value = read()
        return value

    def quoted(self) -> Any:
        parts, missing = [json.loads(self.matching(_QUOTED)[0])], []
        while _CUT.match(self.body, self.at):
            missing.append(int(self.matching(_CUT)[1]))
            parts.append(json.loads(self.matching(_QUOTED)[0]) if self.skip("+") else "")
        if not missing:
            return parts[0]
        self.cuts += 1
        return Cut(tuple(parts), tuple(missing))

    def key(self, separator: str = "") -> str:
        if self.sees('"'):
            name = json.loads(self.matching(_QUOTED)[0])
            assert isinstance(name, str)
            return name
        return self.matching(re.compile(rf'[^][{{}}{separator or self.separator},"\n:=]+'))[0]

    def member(self) -> Any:
        name = self.key()
        self.take(":")
        return (name, self.value())

    def object(self) -> Any:
        table = re.compile(r"\{(\d+) rows( ?)\{").match(self.body, self.at)
        if not table:
            self.take("{")
            return Obj(tuple(self.items("}", self.member)))
        self.at = table.end()
        self.separator = table[2] or ","
        columns = self.columns(self.separator)
        self.take("\n")
        members = []
        for _ in range(int(table[1])):
            name = self.key(",")
            self.take(":")
            members.append((name, self.row(columns)))
            self.take("\n")
        self.take("}")
        self.separator = ","
        return Obj(tuple(members))

    def array(self) -> Any:
        table = re.compile(r"\[(\d+) (rows|lists)( ?)\{").match(self.body, self.at)
        if not table:
            self.take("[")
            return tuple(self.items("]", self.value))
        self.at = table.end()
        self.separator = table[3] or ","
        columns = self.columns(self.separator)
        self.take("\n")
        rows = self.rows(columns, int(table[1])) if table[2] == "rows" else self.lists(columns, int(table[1]))
        self.separator = ","
        return rows

    # --- tables

    def columns(self, separator: str) -> list[Column]:
        outer, self.separator = self.separator, separator
        found = list(self.items("}", self.column, separator))
        self.separator = outer
        return found

    def column(self) -> Column:
        name = self.key()
        if self.skip("{"):
            return Column("group", name, fields=self.columns(self.separator))
        if self.skip("[]{"):
            self.lists_in_cells += 1
            return Column("lists", name, fields=self.columns(","))
        if not self.skip("="):
            return Column("cell", name)
        self.constants += 1
        quoted, value = self.sees('"'), self.value()
        if not (quoted and isinstance(value, str) and self.skip("+")):
            return Column("constant", name, value)
        source = self.matching(re.compile(r"\.\.\.|\w+", re.ASCII))[0]
        self.parts += source == "..."
        suffix = json.loads(self.matching(_QUOTED)[0]) if self.skip("+") else ""
        return Column("joined", name, None, [], value, None if source == "..." else source, suffix)

    def rows(self, columns: list[Column], count: int) -> Any:
        rows: list[Any] = []
        seen = 0
        cells = len(leaves(columns))
        while seen < count and cells:
            gap = self.mark_line()
            if gap is None:
                rows.append(self.whole_row(cells) or self.row(columns))
                self.take("\n")
                seen += 1
                continue
            found = _GAP.fullmatch(gap)
            assert found, gap
            rows.append(Gap(int(found[1]), int(found[2])))
            assert rows[-1].first == seen + 1
            seen = rows[-1].last
        assert not cells or seen == count, "rows beyond the declared count"
        if not cells:
            rows = [self.row(columns)] * count
        if any(isinstance(row, Gap) for row in rows):
            rows.append(Sum(self.mark_line() or ""))
        self.take("]")
        return tuple(rows)

    def mark_line(self) -> str | None:
        """The whole line if it is a mark."""
        if not self.sees("[narrows: "):
            return None
        line = self.matching(re.compile("[^\n]*"))[0]
        self.take("\n")
        return line

    def lists(self, columns: list[Column], count: int) -> Any:
        lists: list[list[Any]] = [[]]
        cells = len(leaves(columns))
        while not self.skip("]"):
            if self.skip("-\n"):
                lists.append([])
            else:
                lists[-1].append(self.whole_row(cells) or self.row(columns))
                self.take("\n")
        assert len(lists) == count
        return tuple(map(tuple, lists))

    def whole_row(self, cells: int) -> Any:
        if cells < 2 or not self.sees("{"):
            return None
        start, names, cuts = self.at, list(self.names), self.cuts
        value = self.object()
        if self.sees("\n"):
            self.whole += 1
            return value
        self.at, self.names, self.cuts = start, names, cuts
        return None

    def row(self, columns: list[Column], separator: str = "") -> Any:
        values: dict[int, Any] = {}
        for place, column in enumerate(leaves(columns)):
            if place:
                self.take(separator or self.separator)
            if self.body[self.at : self.at + 1] in (",", "\n", "]"):
                self.absent += 1
                values[id(column)] = ABSENT
            else:
                values[id(column)] = self.cell(column)
        return assembled(columns, values, leaves(columns))

    def cell(self, column: Column) -> Any:
        if column.sort == "lists":
            inner = column.fields
            single = len(leaves(inner)) == 1

            def item() -> Any:
                if single:
                    return self.row(inner, ",")
                self.take("[")
                row = self.row(inner, ",")
                self.take("]")
                return row

            def items() -> Any:
                self.take("[")
                return tuple(self.items("]", item))

            return self.named(items) if re.match(r"[&*]\d", self.body[self.at : self.at + 2]) else items()
        if column.sort == "joined":
            word = re.compile(rf"[0-9A-Za-z]+(?=[{self.separator}\n])").match(self.body, self.at)
            if word:
                self.at = word.end()
            rest = word[0] if word else self.value()
            assert isinstance(rest, str)
            return column.prefix + rest + column.suffix
        return self.value()


def leaves(columns: list[Column]) -> list[Column]:
    """The columns that have a cell in a row."""
    found: list[Column] = []
    for column in columns:
        found += leaves(column.fields) if column.sort == "group" else [column] * column.has_cell
    return found


def assembled(columns: list[Column], values: dict[int, Any], cells: list[Column]) -> Any:
    members = []
    for column in columns:
        if column.sort == "constant":
            value = column.value
        elif column.sort == "group":
            value = assembled(column.fields, values, cells)
        elif column.sort == "joined" and column.source is not None:
            (source,) = [cell for cell in cells if cell.name == column.source]
            assert isinstance(values[id(source)], str)
            value = column.prefix + values[id(source)] + column.suffix
        else:
            value = values[id(column)]
        if value is not ABSENT:
            members.append((column.name, value))
    return Obj(tuple(members))


def written(value: Any, comma: str, colon: str) -> str:
    """JSON text of a value."""
    if isinstance(value, Obj):
        members = [
            json.dumps(name, ensure_ascii=False) + colon + written(one, comma, colon) for name, one in value.members
        ]
        return "{" + comma.join(members) + "}"
    if isinstance(value, tuple):
        return "[" + comma.join(written(item, comma, colon) for item in value) + "]"
    return value.text if isinstance(value, Num) else json.dumps(value, ensure_ascii=False)


def indented(value: Any, width: int, line: str = "\n") -> str:
    """JSON text of a value on lines of their own, as most programs print it."""
    inner = line + " " * width
    if isinstance(value, Obj) and value.members:
        members = [
            inner + json.dumps(name, ensure_ascii=False) + ": " + indented(one, width, inner)
            for name, one in value.members
        ]
        return "{" + ",".join(members) + line + "}"
    if isinstance(value, tuple) and value:
        return "[" + ",".join(inner + indented(item, width, inner) for item in value) + line + "]"
    return written(value, ",", ":")


def is_short_of_something(value: Any) -> bool:
    """Whether rows or parts of strings are missing in a value."""
    if isinstance(value, Obj):
        return any(is_short_of_something(one) for _, one in value.members)
    return any(map(is_short_of_something, value)) if isinstance(value, tuple) else isinstance(value, Gap | Cut | Held)

"""Truth of JSON outputs: a reader of the short form that shares nothing with the compressor's, and texts to hold it to.

The reader gives values that keep what Python's own would lose: the text of numbers, the order of keys; arrays are
tuples, `Gap` stands where rows are left out, `Sum` for the mark that sums them up.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from narrows.compressors.json_rows import COMPRESSOR
from tests.laws.kinds import KindUnderTest


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


ABSENT = Sum("no such key")


# --- the source, read exactly -----------------------------------------------------------------------------------------

_EXACT = json.JSONDecoder(
    object_pairs_hook=lambda pairs: Obj(tuple((key, frozen(value)) for key, value in pairs)),
    parse_int=Num,
    parse_float=Num,
)


def frozen(value: Any) -> Any:
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def documents(text: str) -> list[Any]:
    """Every JSON document in a text, exactly."""
    found, position = [], 0
    text = text.strip(" \t\r\n")
    while position < len(text):
        value, position = _EXACT.raw_decode(text, position)
        found.append(frozen(value))
        while position < len(text) and text[position] in " \t\r\n":
            position += 1
    return found


def same(source: str, expanded: str) -> bool:
    """Equal values: types, numbers as written, order of keys and rows, missing told from null."""
    return documents(source) == documents(expanded)


# --- an output, read by docs/forms.md ---------------------------------------------------------------------------------

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[][{},\n]|[^][{},"\n]+')
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_GAP = re.compile(r"\[narrows: rows (\d+)-(\d+) left out\]")


class Short:
    """A reading of the short form from its tokens."""

    def __init__(self, body: str) -> None:
        self.tokens = _TOKEN.findall(body)
        assert "".join(self.tokens) == body, "something that is no token"
        self.at = 0
        self.constants = self.absent = self.whole = 0

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        assert token, "the text ends too early"
        assert expected is None or token == expected, f"{expected!r} expected, not {token!r}"
        self.at += 1
        return token

    @staticmethod
    def scalar(token: str) -> Any:
        if token[0] == '"':
            return json.loads(token)
        if token in ("null", "true", "false"):
            return json.loads(token)
        return Num(token) if _NUMBER.fullmatch(token) else token

    def value(self) -> Any:
        token = self.take()
        if token == "[":
            declared = re.fullmatch(r"(\d+) (rows|lists)", self.peek())
            if declared and self.peek(1) == "{":
                self.at += 2
                return self.table(int(declared[1]), declared[2])
            return tuple(self.items("]", self.value))
        if token == "{":
            return Obj(tuple(self.items("}", self.member)))
        assert token not in ("]", "}", ",", "\n"), f"{token!r} is no value"
        return self.scalar(token)

    def items(self, end: str, read: Callable[[], Any]) -> Iterator[Any]:
        if self.peek() == end:
            self.take()
            return
        yield read()
        while self.take() == ",":
            yield read()
        assert self.tokens[self.at - 1] == end

    def named(self, separator: str) -> tuple[str, bool]:
        """A key, and whether the separator and a value follow it."""
        token = self.take()
        if token[0] == '"':
            name, rest = json.loads(token), self.take() if self.peek().startswith(separator) else ""
        else:
            name, mark, rest = token.partition(separator)
            rest = mark + rest
        assert isinstance(name, str)
        if rest[len(separator) :]:  # the value began in the same token: give it back
            self.at -= 1
            self.tokens[self.at] = rest[len(separator) :]
        return name, bool(rest)

    def member(self) -> Any:
        name, follows = self.named(":")
        assert follows, f"no value for {name!r}"
        return (name, self.value())

    def field(self) -> Any:
        """("constant", name, value), ("group", name, fields) or ("cell", name)."""
        name, follows = self.named("=")
        if follows:
            self.constants += 1
            return ("constant", name, self.value())
        if self.peek() == "{":
            self.take()
            return ("group", name, list(self.items("}", self.field)))
        return ("cell", name)

    def table(self, count: int, sort: str) -> Any:
        fields = list(self.items("}", self.field))
        self.take("\n")
        cells = sum(1 for _ in leaves(fields))
        if sort == "lists":
            return self.lists(fields, count, cells)
        rows: list[Any] = []
        seen = 0
        while seen < count and cells:
            gap = self.mark_line()
            if gap is None:
                rows.append(self.row(fields, cells))
                seen += 1
                continue
            found = _GAP.fullmatch(gap)
            assert found, gap
            rows.append(Gap(int(found[1]), int(found[2])))
            assert rows[-1].first == seen + 1
            seen = rows[-1].last
        assert not cells or seen == count, "rows beyond the declared count"
        if not cells:
            rows = [self.row(fields, 0, end=False)] * count
        if any(isinstance(row, Gap) for row in rows):
            rows.append(Sum(self.mark_line() or ""))
        self.take("]")
        return tuple(rows)

    def mark_line(self) -> str | None:
        """The whole line if it is a mark."""
        if self.peek() != "[" or not self.peek(1).startswith("narrows: "):
            return None
        line = ""
        while self.peek() != "\n":
            line += self.take()
        self.take("\n")
        return line

    def lists(self, fields: list[Any], count: int, cells: int) -> Any:
        lists: list[list[Any]] = [[]]
        while self.peek() != "]":
            if self.peek() == "-" and self.peek(1) == "\n":
                self.at += 2
                lists.append([])
            else:
                lists[-1].append(self.row(fields, cells))
        self.take("]")
        assert len(lists) == count
        return tuple(map(tuple, lists))

    def row(self, fields: list[Any], cells: int, *, end: bool = True) -> Any:
        values: list[Any] = []
        if cells > 1 and self.peek() == "{":
            values.append(self.value())
            if self.peek() == "\n":
                self.take()
                self.whole += 1
                return values[0]
        for place in range(len(values), cells):
            if place:
                self.take(",")
            if self.peek() in (",", "\n"):
                self.absent += 1
                values.append(ABSENT)
            else:
                values.append(self.value())
        if end:
            self.take("\n")
        return assembled(fields, iter(values))


def leaves(fields: list[Any]) -> Iterator[Any]:
    for field in fields:
        if field[0] == "cell":
            yield field
        elif field[0] == "group":
            yield from leaves(field[2])


def assembled(fields: list[Any], values: Iterator[Any]) -> Any:
    members = []
    for field in fields:
        if field[0] == "constant":
            members.append((field[1], field[2]))
        elif field[0] == "group":
            members.append((field[1], assembled(field[2], values)))
        else:
            value = next(values)
            if value is not ABSENT:
                members.append((field[1], value))
    return Obj(tuple(members))


# --- the two compared -------------------------------------------------------------------------------------------------

_HEAD = re.compile(
    r"\[narrows: (?:(\d+) JSON documents|JSON) in short form, (?:nothing left out|(\d+) of (\d+) rows left out where "
    r"marked)(; name=value holds for every row)?(; empty cell: key absent)?(; a row in braces is written whole)?\]"
)


def check_truth(source: str, output: str) -> None:
    """Every value of the output stands in the source where the output says, and every figure of a mark is right."""
    head, _, body = output.partition("\n")
    said = _HEAD.fullmatch(head)
    assert said, head
    reading = Short(body)
    shown = reading.value()
    assert not reading.peek(), "text after the document"
    found = documents(source)
    assert said[1] is None or int(said[1]) == len(found) > 1
    left_out, total = compared(tuple(found) if said[1] else found[0], shown)
    assert (int(said[2] or 0), int(said[3] or 0)) == (left_out, total)
    assert (said[4] is not None, said[5] is not None, said[6] is not None) == (
        reading.constants > 0,
        reading.absent > 0,
        reading.whole > 0,
    )


def compared(source: Any, shown: Any) -> tuple[int, int]:
    """How many rows are left out, and of how many in those tables."""
    assert type(source) is type(shown), (source, shown)
    if isinstance(source, Obj):
        assert [key for key, _ in source.members] == [key for key, _ in shown.members]
        pairs = [(left, right) for (_, left), (_, right) in zip(source.members, shown.members, strict=True)]
    elif not isinstance(source, tuple):
        assert source == shown
        return 0, 0
    elif any(isinstance(item, Gap) for item in shown):
        return compared_rows(source, shown)
    else:
        pairs = list(zip(source, shown, strict=True))
    figures = [compared(left, right) for left, right in pairs]
    return sum(out for out, _ in figures), sum(total for _, total in figures)


def compared_rows(source: tuple[Any, ...], shown: tuple[Any, ...]) -> tuple[int, int]:
    missing: list[Any] = []
    index = 0
    for item in shown[:-1]:
        if isinstance(item, Gap):
            assert item.first == index + 1
            missing += source[index : item.last]
            index = item.last
        else:
            assert source[index] == item
            index += 1
    assert index == len(source)
    assert 0 < len(missing) < len(source), "no row left"
    assert isinstance(shown[-1], Sum)
    check_sum(missing, shown[-1].words)
    return len(missing), len(source)


_NAME = r'(?:"[^"]*"|[A-Za-z_][A-Za-z0-9_-]*)'
_STATEMENT = re.compile(rf"; ({_NAME}(?:\.{_NAME})*): ")
_RANGE = re.compile(r"(-?[\d.eE+-]+?)\.\.(-?[\d.eE+-]+)", re.ASCII)


def check_sum(missing: list[Any], words: str) -> None:
    """`N rows left out; column: counts by value, or smallest..largest; ...`, recomputed."""
    opening = f"[narrows: {len(missing)} rows left out"
    assert words.startswith(opening), words
    assert words.endswith("]")
    rest = words[len(opening) : -1]
    masked = re.sub(r'"(?:\\.|[^"\\])*"', lambda quoted: '"' + "_" * (len(quoted[0]) - 2) + '"', rest)
    places = [*(found.span() for found in _STATEMENT.finditer(masked)), (len(rest), len(rest))]
    assert places[0][0] == 0
    for (start, stop), (following, _) in pairwise(places):
        path = [json.loads(name) if name[0] == '"' else name for name in names(rest[start + 2 : stop - 2])]
        values = Counter(at_path(row, path) for row in missing)
        said = rest[stop:following]
        span = _RANGE.fullmatch(said)
        if span:
            assert all(isinstance(value, Num) for value in values), "a range of what is no number"
            numbers = [Fraction(value.text) for value in values]
            assert (min(numbers), max(numbers)) == (Fraction(span[1]), Fraction(span[2]))
        else:
            assert counts(said) == values, (said, values)


def names(path: str) -> list[str]:
    return re.findall(r'"(?:\\.|[^"\\])*"|[^."]+', path)


def at_path(row: Any, path: list[str]) -> Any:
    for name in path:
        row = dict(row.members).get(name, ABSENT) if row is not ABSENT else ABSENT
    return row


def counts(said: str) -> Counter[Any]:
    """`3 "x", 2 null, 1 absent`."""
    reading = Short(said)
    found: Counter[Any] = Counter()
    while reading.peek():
        times, _, value = reading.take().lstrip(" ").partition(" ")
        if value:
            found[ABSENT if value == "absent" else Short.scalar(value)] += int(times)
        else:
            found[reading.value()] += int(times)
        if reading.peek():
            reading.take(",")
    return found


# --- texts ------------------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    json.loads(r"""["a", "b c", "", " ", " x", "x ", "-", "narrows: 3", "[narrows: rows 1-2 left out]", "2 rows",
    "true", "null", "1.0", "1e5", "-0", "a,b", "a:b", "c:d}", "k=v", "{", "[", "]", "\"", "\\", "\n", "\r", "\t",
    "\u007f", "\u0085", "\u2028", "\u00e9", "\u65e5", "\ud83d\ude00", "\ufeff", "\u200b", "\\u0041",
    "2024-05-20T07:00:00Z", "arn:aws:iam::1:role/x", "https://e.org/?q=1&r=2"]""")
)
TEXTS = WORDS | st.text(max_size=8)
NUMBERS = st.sampled_from(
    ("0", "-0", "1.0", "1e5", "1E+05", "0.10", str(2**70), "-1.5e-300", "123")
) | st.integers().map(str)
SCALARS = st.one_of(
    TEXTS.map(json.dumps),
    TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)),
    NUMBERS,
    st.sampled_from(("true", "false", "null")),
)
SPACES = st.sampled_from(("", " ", "\n", "\r\n  ", "\t"))


@st.composite
def arrays(draw: st.DrawFn, items: st.SearchStrategy[str], least: int = 0) -> str:
    space = draw(SPACES)
    return "[" + ",".join(space + item for item in draw(st.lists(items, min_size=least, max_size=6))) + space + "]"


@st.composite
def objects(draw: st.DrawFn, values: st.SearchStrategy[str], keys: tuple[str, ...] = ()) -> str:
    space = draw(SPACES)
    chosen = keys or tuple(draw(st.lists(TEXTS, max_size=5, unique=True)))
    return "{" + ",".join(f"{space}{json.dumps(key)}:{space}{draw(values)}" for key in chosen) + "}"


@st.composite
def rows(draw: st.DrawFn, most: int = 12) -> list[str]:
    """Objects that mostly share their keys: columns that repeat, vary, nest, lack a key; and an odd row at times."""
    keys = tuple(draw(st.lists(TEXTS, min_size=1, max_size=6, unique=True)))
    inner = tuple(draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True)))
    column = st.one_of(
        SCALARS.map(st.just),
        st.sampled_from((SCALARS, NUMBERS, objects(SCALARS, inner), arrays(SCALARS))),
        st.just(arrays(objects(SCALARS, inner), least=2)),
        SCALARS.map(lambda constant: objects(st.just(constant), inner)),
    )
    columns = {key: draw(column) for key in keys}
    sparse = draw(st.sampled_from((0, 0, 1, 2)))
    found = []
    for _ in range(draw(st.integers(1, most))):
        odd = sparse and draw(st.integers(0, 5)) < sparse
        present = draw(st.permutations(keys).map(lambda some: some[: len(some) - 1])) if odd else keys
        space = draw(SPACES)
        found.append("{" + ",".join(f"{json.dumps(key)}:{space}{draw(columns[key])}" for key in present) + "}")
    return found


def in_array(items: list[str]) -> str:
    return "[" + ", ".join(items) + "]"


TABLES = st.one_of(
    rows().map(in_array),
    rows().map(lambda some: "\n".join(some) + "\n"),
    rows().map(lambda some: f'{{"count": {len(some)}, "results": {in_array(some)}, "next": null}}'),
    st.lists(rows(most=4), min_size=1, max_size=4).map(lambda some: in_array([in_array(inner) for inner in some])),
)
TREES = st.recursive(SCALARS, lambda inner: arrays(inner) | objects(inner), max_leaves=20)
BROKEN = st.sampled_from(
    (
        '[{"a":1,"a":2},{"a":3}]',
        "[NaN]",
        '["\\ud800"]',
        "[1,2",
        '{"a":01}',
        "[" * 5000,
        "[" * 120 + "]" * 120,
        "{} 1 {}",
        "[]",
    )
)


def orders(count: int, seed: int) -> str:
    """A long list in the manner of an API: ids, times, a few categories, rare errors, numbers with outliers."""
    rng = random.Random(seed)
    made = []
    for i in range(count):
        failed = rng.random() < 0.01
        made.append(
            {
                "id": 5000 + i,
                "ref": f"{rng.getrandbits(64):016x}",
                "status": "failed" if failed else rng.choice(("open", "sent", "done; id: 3")),
                "owner": {"name": rng.choice(("Ada", "Linus")), "team.name": rng.choice(("x", "y"))},
                "amount": round(rng.gauss(50, 10), 2) if i % 500 else 9000 + i,
                "error": "timeout" if failed else None,
                **({"note": "late, very"} if i % 7 == 0 else {}),
            }
        )
    return json.dumps(made)


UNDER_TEST = KindUnderTest(
    compressor=COMPRESSOR,
    sources=st.one_of(TABLES, TABLES, TREES, BROKEN),
    examples=(
        (orders(100, seed=1), "lossless"),
        (json.dumps({"results": json.loads(orders(60, seed=2)), "next": None}, indent=2), "balanced"),
        ("\n".join(map(json.dumps, json.loads(orders(80, seed=3)))), "lossless"),
        (json.dumps({f"key {i}": {"value": f"text {i}", "flag": i % 2 == 0} for i in range(80)}, indent=1), "lossless"),
        (orders(6000, seed=4), "balanced"),
    ),
    check_truth=check_truth,
    same=same,
)

"""Truth of JSON outputs: what they show is compared with the source, value by value, and texts to do it with."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from narrows.compressors.json_rows import COMPRESSOR
from tests.compressors.json_short import ABSENT, MOMENT, Cut, Gap, Held, Num, Obj, Short, Sum
from tests.laws.kinds import KindUnderTest

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


def parted(text: str) -> tuple[str, list[Any], str]:
    """The lines above the documents in a text, the documents, and the lines below; of several such the longest."""
    longest: tuple[int, list[Any], int] = (0, [], 0)
    for opening in re.finditer(r"^[ \t\r\n]*(?=[{\[])", text, re.MULTILINE):
        found, position, after = [], opening.end(), opening.end()
        try:
            while text[after : after + 1] in ("{", "["):
                value, position = _EXACT.raw_decode(text, after)
                found.append(frozen(value))
                after = len(text) - len(text[position:].lstrip(" \t\r\n"))
        except ValueError:
            pass
        longest = max(longest, (opening.end(), found, position), key=lambda one: one[2] - one[0])
    start, found, stop = longest
    return text[:start], found, text[stop:]


def same(source: str, expanded: str) -> bool:
    """Equal values: types, numbers as written, order of keys and rows, missing told from null; and the same lines
    around them."""
    try:
        return documents(source) == documents(expanded)
    except ValueError:
        return parted(source) == parted(expanded)


# --- the two compared -------------------------------------------------------------------------------------------------

_HEAD = re.compile(
    r"\[narrows: (?:(\d+) JSON documents|JSON), (?:lossless|(\d+) of (\d+) rows left out where "
    r"marked(?:, (\d+) strings? cut where marked)?|(\d+) strings? cut where marked)(; name=value in every row)?"
    r"(; \.\.\. is the row's cell)?(; name\[\]\{a,b\}: objects as \[a,b\])?(; empty cell: no key)?"
    r"(; a row in braces is written whole)?(; &1 names a value, \*1 repeats it)?\]"
)


def check_truth(source: str, output: str) -> None:
    """Every value of the output stands in the source where the output says, and every figure of a mark is right."""
    mark = re.search(r"^\[narrows: ", output, re.MULTILINE)
    assert mark, "no head line"
    above = output[: mark.start()]
    head, _, body = output[mark.start() :].partition("\n")
    said = _HEAD.fullmatch(head)
    assert said, head
    reading = Short(body)
    shown = reading.value()
    below = body[reading.at :]
    assert below == "" or below.startswith(("\n", "\r\n")), "text after the document"
    assert source.startswith(above), "other lines above"
    assert source.endswith(below), "other lines below"
    found = documents(source[len(above) : len(source) - len(below)])
    assert said[1] is None or int(said[1]) == len(found) > 1
    left_out, total = compared(tuple(found) if said[1] else found[0], shown)
    assert (int(said[2] or 0), int(said[3] or 0)) == (left_out, total)
    assert int(said[4] or said[5] or 0) == reading.cuts
    used = (
        reading.constants,
        reading.parts,
        reading.lists_in_cells,
        reading.absent,
        reading.whole,
        len(reading.names),
    )
    assert [words is not None for words in said.groups()[5:]] == [times > 0 for times in used], (head, used)


def compared(source: Any, shown: Any) -> tuple[int, int]:
    """How many rows are left out, and of how many in those tables."""
    if isinstance(shown, Cut):
        compare_cut(source, shown)
        return 0, 0
    if isinstance(shown, Held):
        (inner,) = documents(source)
        return compared(inner, shown.value)
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


def compare_cut(source: Any, shown: Cut) -> None:
    """Each part that is there stands where it stood, and the figures between say how far it is to the next; nothing
    but one unbroken run of base64's letters is missing."""
    assert isinstance(source, str)
    position = 0
    for part, missing in zip(shown.parts, (*shown.missing, 0), strict=True):
        assert source.startswith(part, position)
        gap = source[position + len(part) : position + len(part) + missing]
        assert len(gap) == missing
        assert re.fullmatch(r"[A-Za-z0-9+/_=\r\n-]*", gap)
        position += len(part) + missing
    assert position == len(source)


def compared_rows(source: tuple[Any, ...], shown: tuple[Any, ...]) -> tuple[int, int]:
    missing: list[Any] = []
    index = 0
    for item in shown[:-1]:
        if isinstance(item, Gap):
            assert item.first == index + 1
            missing += source[index : item.last]
            index = item.last
        else:
            assert compared(source[index], item) == (0, 0)
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
    while reading.at < len(said):
        times = int(reading.matching(re.compile(r" ?(\d+) "))[1])
        value = reading.value()
        found[ABSENT if value == "absent" and reading.body[reading.at - 1] != '"' else value] += times
        if reading.at < len(said):
            reading.take(",")
    return found


# --- texts ------------------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    json.loads(r"""["a", "b c", "", " ", " x", "x ", "-", "narrows: 3", "[narrows: rows 1-2 left out]", "2 rows",
    "true", "null", "1.0", "1e5", "-0", "a,b", "a:b", "c:d}", "k=v", "{", "[", "]", "\"", "\\", "\n", "\r", "\t",
    "\u007f", "\u0085", "\u2028", "\u00e9", "\u65e5", "\ud83d\ude00", "\ufeff", "\u200b", "\\u0041",
    "2024-05-20T07:00:00Z", "arn:aws:iam::1:role/x", "https://e.org/?q=1&r=2", "`", "`x`", "a`b", "&1 x", "*1", "*",
    "@2024-05-20 07:00:00", "@x", "json{", "json", "json {", "...", "a+b", "say \"hi\", `x`",
    "{\"a\": \"b\", \"n\": [1.0, null]}",
    "{\"Version\":\"2012-10-17\",\"a\":1e5}", "{ \"a\" : 1, \"bbbbbbbbbbbb\": 2}", "{'a': None, 'b': \"it's\"}"]""")
)
LONG = st.sampled_from(
    (
        "https://www.example.org/v1/projects/p/zones/east",
        "https://www.example.org/v1/projects/p/zones/west, and far",
        "A sentence that says the same in every one of its many places.",
        '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::bucket/*"}]}',
        "MIIC" + "aB3+x9yZ" * 40 + "==",
        "before\n" + "AAAAB3NzaC1yc2E" + "kQ7zP0" * 60 + " user@host",
        "/" + "some/long/path/" * 20,
        json.dumps([{"id": number, "name": "a b"} for number in range(12)], indent=2) + "\n",
        json.dumps({"a": [{"id": 1, "b": []}, {"id": 2, "b": {}}], "c": "MIIC" + "aB3+x9yZ" * 40}, indent=4),
    )
)
TEXTS = WORDS | st.text(max_size=8)
VALUES = TEXTS | LONG
NUMBERS = st.sampled_from(
    ("0", "-0", "1.0", "1e5", "1E+05", "0.10", str(2**70), "-1.5e-300", "123")
) | st.integers().map(str)
SCALARS = st.one_of(
    VALUES.map(json.dumps),
    VALUES.map(lambda text: json.dumps(text, ensure_ascii=False)),
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


MOMENT_NUMBERS = st.sampled_from(("2024", "2", "0", "13", "474092", "1e1", "007", "-1", "99999")) | st.integers(
    0, 59
).map(str)
MOMENTS = st.one_of(
    st.tuples(st.integers(1900, 2100), st.integers(1, 12), st.integers(0, 10**6)).map(
        lambda part: (
            f'{{"__class__":"datetime","year":{part[0]},"month":{part[1]},"day":3,"hour":{part[1]},"minute":0,'
            f'"second":59,"microsecond":{part[2] % 3 and part[2]}}}'
        )
    ),
    st.lists(MOMENT_NUMBERS.filter(lambda text: text != "007"), min_size=7, max_size=7).map(
        lambda texts: (
            '{"__class__":"datetime",' + ",".join(f'"{k}":{v}' for k, v in zip(MOMENT, texts, strict=True)) + "}"
        )
    ),
)


def resources(prefix: str) -> st.SearchStrategy[str]:
    """Names behind a prefix, and now and then a hostile one."""
    names = st.sampled_from(
        ("web", "db-1", "17", "true", "", "a,b", "-", "x y", "`", "&1 ", "é", "../..", "q/tail.json")
    )
    return names.map(lambda name: json.dumps(prefix + name))


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
        st.just(MOMENTS),
        st.sampled_from(("arn:aws:iam::644160558196:role/", "https://e.org/v1/zones/")).map(resources),
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


@st.composite
def maps(draw: st.DrawFn) -> str:
    """Objects by name."""
    members = draw(rows())
    names = draw(st.lists(TEXTS, min_size=len(members), max_size=len(members), unique=True))
    return "{" + ",".join(f"{json.dumps(name)}: {row}" for name, row in zip(names, members, strict=True)) + "}"


TREES = st.recursive(SCALARS | MOMENTS, lambda inner: arrays(inner) | objects(inner), max_leaves=20)
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
    sources=st.one_of(TABLES, TABLES, maps(), TREES, BROKEN),
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

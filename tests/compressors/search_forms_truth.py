"""Truth of drawn trees and of `rg --json` in short form, read without the compressor; and texts to hold them to it."""

from __future__ import annotations

import json
import re
from collections import Counter

from hypothesis import strategies as st

_DRAWN = re.compile(r"(?:│\u00a0\u00a0 |│   |\|   |    )*(?:├── |└── |\|-- |`-- )")
_NEXT = re.compile(r"\[narrows: the next ([0-9]+) lines? as in the source\]")


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n")


def check_tree(source: str, output: str) -> None:
    """Every line of the source stands at its place, at its depth: so each hangs on what it hung on."""
    head, *body = _lines(output)
    lines = _lines(source)
    assert re.fullmatch(
        rf"\[narrows: tree of {len(lines)} lines, two blanks for each level instead of (?:drawn lines"
        r"|lines drawn with plain blanks|lines drawn in ASCII); lossless: nothing left out\]",
        head,
    )
    assert len(body) == len(lines)
    for line, shown in zip(lines, body, strict=True):
        drawn = _DRAWN.match(line)
        depth = drawn.end() // 4 if drawn else 0
        assert shown == "  " * depth + line[4 * depth :]


def check_unnumbered(source: str, output: str) -> None:
    """The lines of the output, each with the path above it, are the source's, one after the other; and the head line
    counts them."""
    head, *body = _lines(output)
    source_lines = iter(_lines(source))
    said: Counter[str] = Counter()
    paths: set[str] = set()
    path, i = "", 0
    while i < len(body):
        counted = _NEXT.fullmatch(body[i])
        if counted:
            for line in body[i + 1 : i + 1 + int(counted[1])]:
                assert line == next(source_lines)
            i += int(counted[1])
        elif body[i] == "":
            path, i = body[i + 1], i + 1
            paths.add(path)
        elif body[i] == "--":
            assert next(source_lines) == "--"
        else:
            assert next(source_lines) == path + body[i]
            said[body[i][0]] += 1
        i += 1
    assert next(source_lines, None) is None
    assert set(said) <= {":", "-"}
    context = f", {said['-']} context line{'s' * (said['-'] != 1)}" if said["-"] else ""
    assert head == (
        f"[narrows: search results without line numbers, grouped by file: {said[':']} match line"
        f"{'s' * (said[':'] != 1)}{context} in {len(paths)} file{'s' * (len(paths) != 1)}; lossless: nothing left out]"
    )


@st.composite
def unnumbered(draw: st.DrawFn) -> str:
    """`path:text`, sometimes with context and notices."""
    path = st.sampled_from(["src/a.py", "src/a-b.py", "src/sub/c:d.txt", "top.py", "src/é f.rs", "./x-1-y/z.go"])
    text = st.one_of(
        st.sampled_from(
            ["", "-", "--", ":", "x: 1", "12:x", "    return 1", "def f(a: int) -> None:", "[narrows", "\r"]
        ),
        st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=20),
    )
    lines: list[str] = []
    with_context = draw(st.booleans())
    for _ in range(draw(st.integers(2, 9))):
        one, signs = draw(path), st.sampled_from(":-" if with_context else ":")
        lines += ["--"] * (with_context and bool(lines))
        lines += [f"{one}{draw(signs)}{draw(text)}" for _ in range(draw(st.integers(1, 6)))]
    if draw(st.integers(0, 5)) == 0:
        lines.insert(draw(st.integers(0, len(lines))), "grep: src/x.bin: binary file matches")
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"]))


Row = tuple[str, str, int, int, tuple[tuple[int, int], ...], str]


def check_events(source: str, output: str) -> None:
    """Every row of the output is an event of the source, with its file, number, offset and spans; an event that is not
    shown as one stands as it was, or is a long line that its file's mark counts."""
    rows, ends, others, begun = _told(_lines(source))
    total = Counter(rows)
    head, *body = _lines(output)
    path, i, long = "", 0, 0
    left = Counter(rows)
    while i < len(body):
        line = body[i]
        counted = _NEXT.fullmatch(line)
        lost = re.fullmatch(r"\[narrows: left out here: ([0-9]+) lines? over 1000 characters at ([0-9, ]+)\]", line)
        if counted:
            block = body[i + 1 : i + 1 + int(counted[1])]
            assert len(block) == int(counted[1])
            others, added = others - Counter(block), _told(block)
            left, ends = left - Counter(added[0]), ends - added[1]
            total, begun = total - Counter(added[0]), begun - added[3]
            i += len(block)
        elif line == "":
            path, i = body[i + 1], i + 1
            assert begun[path] > 0
            begun[path] -= 1
        elif line.startswith("end: "):
            end = re.fullmatch(r"end: ([0-9]+) bytes searched in ([0-9]+) ns, ([0-9]+) printed", line)
            assert end
            assert ends[path, int(end[1]), int(end[2]), int(end[3])] > 0
            ends[path, int(end[1]), int(end[2]), int(end[3])] -= 1
        elif lost:
            assert lost[2].count(", ") + 1 == int(lost[1])
            for number in map(int, lost[2].split(", ")):
                gone = [row for row in +left if row[1:3] == (path, number) and len(row[5]) > 1000]
                assert gone, f"no long line {number} of {path!r} is missing"
                left[gone[0]] -= 1
                long += 1
        else:
            row = _row(path, line)
            assert left[row] > 0, f"{line!r} of {path!r} is no event of the source"
            left[row] -= 1
        i += 1
    for what in (left, ends, begun, others):
        assert not +what, f"missing: {+what}"
    _check_head(head, total, long)


def _check_head(head: str, total: Counter[Row], long: int) -> None:
    matches = sum(count for row, count in total.items() if row[0] == "match")
    context = total.total() - matches
    said = f"rg --json results grouped by file: {matches} match line{'s' * (matches != 1)}"
    if context:
        said += f", {context} context line{'s' * (context != 1)}"
    assert said in head
    if long:
        assert head.endswith(f"; left out under each file: {long} line{'s' * (long != 1)} over 1000 characters]")
    else:
        assert head.endswith("; lossless: nothing left out]")


def _row(path: str, line: str) -> Row:
    found = re.fullmatch(r"([0-9]+)@([0-9]+)(?:\[([0-9,-]+)\])?([:-])(.*)", line, re.DOTALL)
    assert found, line
    spans = tuple((int(a), int(b)) for a, b in (span.split("-") for span in (found[3] or "").split(",") if span))
    return ("match" if found[4] == ":" else "context", path, int(found[1]), int(found[2]), spans, found[5] + "\n")


def _told(lines: list[str]) -> tuple[list[Row], Counter[tuple[str, int, int, int]], Counter[str], Counter[str]]:
    """What a text's events say: rows, ends, other lines, and the files begun."""
    rows: list[Row] = []
    ends: Counter[tuple[str, int, int, int]] = Counter()
    others: Counter[str] = Counter()
    begun: Counter[str] = Counter()
    for line in lines:
        try:
            event = json.loads(line)
            data = event["data"]
            path = data["path"]["text"]
            if event["type"] == "begin":
                begun[path] += 1
            elif event["type"] == "end":
                stats = data["stats"]
                nanos = stats["elapsed"]["secs"] * 10**9 + stats["elapsed"]["nanos"]
                ends[path, stats["bytes_searched"], nanos, stats["bytes_printed"]] += 1
            else:
                spans = tuple((found["start"], found["end"]) for found in data["submatches"])
                text = data["lines"]["text"]
                rows.append((event["type"], path, data["line_number"], data["absolute_offset"], spans, text))
        except (ValueError, KeyError, TypeError):
            others[line] += 1
    return rows, ends, others, begun


_styles = st.sampled_from(
    [("│\u00a0\u00a0 ", "├── ", "└── "), ("│   ", "├── ", "└── "), ("|   ", "|-- ", "`-- ")],
)
_names = st.one_of(
    st.sampled_from(["src", "api.py", "README.md", "x v1.2 (*)", "[drwxr-xr-x 4.0K]  lib", "", "├── x", "日本", " y"]),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=8),
)


def draw_tree(depths: list[int], names: list[str], style: tuple[str, str, str]) -> list[str]:
    """A tree of lines at these depths, the first below a root."""
    bar, tee, elbow = style
    lines = []
    for i, depth in enumerate(depths):

        def goes_on(level: int, i: int = i) -> bool:
            later = next((d for d in depths[i + 1 :] if d <= level), 0)
            return later == level

        bars = "".join(bar if goes_on(level) else "    " for level in range(1, depth))
        lines.append(f"{bars}{tee if goes_on(depth) else elbow}{names[i % len(names)]}")
    return lines


@st.composite
def trees(draw: st.DrawFn) -> str:
    """Mostly well drawn; some cut off, or with other lines between."""
    plain = st.sampled_from(["src", "api.py", "README.md", "x v1.2 (*)", "[drwxr-xr-x 4.0K]  lib", "", "日本"])
    names = draw(st.lists(plain if draw(st.integers(0, 2)) else _names, min_size=1, max_size=12))
    depths, depth = [], 0
    for step in draw(st.lists(st.integers(-3, 1), min_size=5, max_size=40)):
        depth = max(1, depth + step)
        depths.append(depth)
    depths *= draw(st.sampled_from((1, 4)))
    lines = ["root", *draw_tree(depths, names, draw(_styles)), "", "3 directories, 9 files"]
    if draw(st.integers(0, 3)) == 0:
        place = draw(st.integers(0, len(lines)))
        lines = lines[:place] if draw(st.booleans()) else [*lines[:place], draw(_names), *lines[place:]]
    return "\n".join(lines) + draw(st.sampled_from(("\n", "")))


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def events_of(path: str, rows: list[tuple[int, str]], *, nanos: int = 54100) -> list[str]:
    """What rg prints for one file; every third line is context."""
    where = {"text": path}
    lines = [_dumped({"type": "begin", "data": {"path": where}})]
    offset = matched = 0
    for number, text in rows:
        is_match = number % 3 != 0
        end = len(text[:4].encode())
        found = [{"match": {"text": text[:4]}, "start": 0, "end": end}] if is_match and end else []
        data = {"path": where, "lines": {"text": f"{text}\n"}, "line_number": number, "absolute_offset": offset}
        lines.append(_dumped({"type": "match" if is_match else "context", "data": {**data, "submatches": found}}))
        offset, matched = offset + 10 * number, matched + is_match
    elapsed = {"secs": 0, "nanos": nanos, "human": f"{nanos / 1e9:.6f}s"}
    stats = {"elapsed": elapsed, "searches": 1, "searches_with_match": int(matched > 0), "bytes_searched": offset}
    stats |= {"bytes_printed": 77, "matched_lines": matched}
    stats["matches"] = sum(line.count('"start":') for line in lines if line.startswith('{"type":"match"'))
    lines.append(_dumped({"type": "end", "data": {"path": where, "binary_offset": None, "stats": stats}}))
    return lines


_texts = st.one_of(
    st.sampled_from(
        ["def f():", "    x = 1", "", 'say "hi" \\n', "\ttab\x07", "ünï 日本", "a\u2028b", "end: 1", "y" * 1200]
    ),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=30),
)


@st.composite
def events(draw: st.DrawFn) -> str:
    """Mostly what rg prints; some lines spoilt, cut off, repeated or of another tool."""
    lines: list[str] = []
    for path in draw(st.lists(st.sampled_from(["a/b.py", "c d.txt", "ü.md", "x:1:y"]), min_size=1, max_size=4)):
        numbers = sorted(draw(st.sets(st.integers(1, 60), min_size=1, max_size=8)))
        rows = [(number, draw(_texts)) for number in numbers]
        lines += events_of(path, rows, nanos=draw(st.integers(0, 10**9 - 1)))
    lines *= draw(st.sampled_from((1, 1, 9)))
    if draw(st.integers(0, 3)) == 0:
        place = draw(st.integers(0, len(lines) - 1))
        spoilt = [lines[place][:-9], lines[place].replace('"', "'"), lines[place].replace(":1", ": 1"), "words", ""]
        lines[place] = draw(st.sampled_from(spoilt))
    return "\n".join(lines) + draw(st.sampled_from(("\n", "")))


TREE = "\n".join(
    [
        "src",
        *draw_tree([1, 2, 3, 3, 2, 1, 1, 2, 2, 3] * 9, [f"module_{i}" for i in range(90)], ("│   ", "├── ", "└── ")),
    ]
)
EVENTS = "\n".join(
    line
    for i in range(8)
    for line in events_of(f"src/module_{i}.py", [(n, f"    value_{n} = f({i})") for n in range(1, 9)])
)

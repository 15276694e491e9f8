"""The judge of tables and listings: reads the short form on its own, and holds it against the source, read apart.

Comma-separated text is read with the standard library's `csv`; frames by the places of their rules; columns set apart
by blanks by the widths that the head line states, which must give every cell of every line, name included, at its
place. Of thinned tables each gap is counted, and every figure of the summary is recomputed from the rows that are
missing.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from decimal import Decimal
from itertools import pairwise

from narrows.compressors.table import COMPRESSOR
from tests.compressors.table_sources import EXAMPLES, TABLES
from tests.laws.kinds import KindUnderTest

Row = list[str]

_HEAD = re.compile(
    r"\[narrows: table of (\d+) rows in short form, (?:nothing left out|(\d+) rows left out where marked)"
    r"(; name=value holds for every row)?(?:; the last (\d+) lines? as in the source)?; source: (.+)\]"
)
_LISTING = re.compile(
    r"\[narrows: listing of (\d+) entries in short form, nothing left out(; name=value holds for every entry)?"
    r"(; a letter for a mode is one that the header names)?; source: [a-zA-Z ]+\]"
)
_COLUMN = re.compile(r'("(?:[^"]|"")*"|[^,"=]*)(?:=("(?:[^"]|"")*"|[^,"]*))?(,|$)')
_NO_LINE_END = "\ufdd0"
"""Stands for a carriage return inside a line, which `csv` would take for the line's end; no text may hold it."""
_GAP = re.compile(r"\[narrows: rows (\d+)-(\d+) left out\]")


def check_truth(source: str, output: str) -> None:
    """Every cell stands in the source's row and column of that name, and every figure is right."""
    assert source.endswith("\n") == output.endswith("\n")
    head, *lines = output.removesuffix("\n").split("\n")
    if head.startswith("[narrows: listing"):
        check_listing(source, head, lines)
        return
    said = _HEAD.fullmatch(head)
    assert said, head
    count, left_out, after, layout = int(said[1]), int(said[2] or 0), int(said[4] or 0), said[5]
    found = source.removesuffix("\n").split("\n")
    if after:
        assert found[-after:] == lines[-after:]
        found, lines = found[:-after], lines[:-after]
    names, *rows = read_source(found, layout)
    assert len(rows) == count
    header, constants = declared(lines[0])
    assert header == names
    assert bool(constants) == (said[3] is not None)
    assert all(row[column] == value for row in rows for column, value in constants.items())
    body = lines[1:]
    if layout.startswith("markdown") and not left_out:
        assert body.pop(0) == found[1]
    varying = [column for column in range(len(names)) if column not in constants]
    missing = shown_rows(body, [[row[column] for column in varying] for row in rows])
    assert len(missing) == left_out
    if left_out:
        check_sum(body[-1], missing, [names[column] for column in varying])


def shown_rows(body: list[str], rows: list[Row]) -> list[Row]:
    """The rows that the marks count; each other line is the row at its place."""
    missing: list[Row] = []
    place = 0
    for line in body:
        gap = _GAP.fullmatch(line)
        if gap:
            assert int(gap[1]) == place + 1 <= int(gap[2])
            missing += rows[place : int(gap[2])]
            place = int(gap[2])
        elif place < len(rows) or not missing:
            assert cells(line) == rows[place], line
            place += 1
    assert place == len(rows)
    return missing


def cells(line: str) -> Row:
    """The cells of a line, by RFC 4180."""
    if line == "":
        return [""]
    [row] = csv.reader([line.replace("\r", _NO_LINE_END)], strict=True)
    return [cell.replace(_NO_LINE_END, "\r") for cell in row]


def declared(line: str) -> tuple[Row, dict[int, str]]:
    """The names, and the columns that have one value."""
    names: Row = []
    constants: dict[int, str] = {}
    place = 0
    while True:
        found = _COLUMN.match(line, place)
        assert found, line[place:]
        if found[2] is not None:
            constants[len(names)] = cells(found[2])[0]
        names.append(cells(found[1])[0])
        place = found.end()
        if not found[3]:
            assert place == len(line)
            return names, constants


# --- sources ----------------------------------------------------------------------------------------------------------


def read_source(lines: list[str], layout: str) -> list[Row]:
    """The names and the rows of a source with this layout."""
    style = layout.partition(" padded")[0]
    if style == "box":
        assert lines[0] == lines[2] == lines[-1]
        return [cut(line, lines[0]) for line in (lines[1], *lines[3:-1])]
    if style == "psql":
        frame = f"+{lines[1]}+"
        return [cut(f"|{line.ljust(len(lines[1]))}|", frame) for line in (lines[0], *lines[2:])]
    if style == "markdown":
        return [[bare(cell) for cell in bars(line)] for line in (lines[0], *lines[2:])]
    if "columns of" in style:
        return spaced([lines[0], *lines[1 + style.startswith("ruled") :]], style)
    if style.endswith("CRLF line ends"):
        assert all(line.endswith("\r") for line in lines)
        lines = [line[:-1] for line in lines]
    separator = {"comma": ",", "tab": "\t", "semicolon": ";", "bar": "|"}[style.partition("-")[0]]
    return [cells(line) if separator == "," else line.split(separator) for line in lines]


def cut(line: str, frame: str) -> Row:
    """The cells between the places where the rule has a plus."""
    places = [place for place, sign in enumerate(frame) if sign == "+"]
    assert all(line[place] == "|" for place in places)
    return [bare(line[start + 2 : stop - 1]) for start, stop in pairwise(places)]


def bars(line: str) -> Row:
    """The cells between bars that no backslash precedes."""
    return re.split(r"(?<!\\)\|", line)[1:-1]


def spaced(lines: list[str], layout: str) -> list[Row]:
    """The cells at the places that the stated widths give."""
    said = re.findall(r"\d\S*", layout.partition(",")[0])
    pads = [re.fullmatch(r"(\d+)[<>][<>^]?(?:\+(\d+))?", word) for word in said]
    found = []
    for line in lines:
        row, place = [], 0
        for pad in pads:
            assert pad
            row.append(bare(line[place : place + int(pad[1])]))
            gap = line[place + int(pad[1]) : place + int(pad[1]) + int(pad[2] or 0)]
            assert gap.strip(" ") == ""
            place += int(pad[1]) + int(pad[2] or 0)
        assert line[place:].strip(" ") == ""
        found.append(row)
    return found


class Padded(str):
    """A cell, equal to any other that differs by the blanks around it: which of them pad it, its column says."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.strip(" ") == other.strip(" ")

    __hash__ = str.__hash__


def bare(cell: str) -> str:
    """A cell without its padding."""
    return Padded(cell.strip(" "))


# --- what is left out -------------------------------------------------------------------------------------------------


def check_sum(line: str, missing: list[Row], names: Row) -> None:
    """`N rows left out; column: counts by value, or smallest..largest; ...`, recomputed."""
    opening = f"[narrows: {len(missing)} rows left out"
    assert line.startswith(opening), line
    rest = line[len(opening) : -1]
    columns = {json.dumps(name): [row[i] for row in missing] for i, name in enumerate(names)}
    columns |= {name: [row[i] for row in missing] for i, name in enumerate(names)}
    while rest:
        label = re.match(r'; ("(?:\\.|[^"\\])*"|[A-Za-z_][A-Za-z0-9_-]*): ', rest)
        assert label, rest
        rest = rest[label.end() :]
        span = re.match(r"(-?[\d.eE+-]+?)\.\.(-?[\d.eE+-]+)(?=;|$)", rest)
        if span:
            numbers = [Decimal(cell) for cell in columns[label[1]]]
            assert (min(numbers), max(numbers)) == (Decimal(span[1]), Decimal(span[2]))
            rest = rest[span.end() :]
            continue
        counted: Counter[str] = Counter()
        while value := re.match(r'(\d+) ("(?:\\.|[^"\\])*"|[^,;" ]+)(?:, )?', rest):
            told = value[2]
            counted["" if told == "empty" else json.loads(told) if told[0] == '"' else told] += int(value[1])
            rest = rest[value.end() :]
        padded = any(isinstance(cell, Padded) for cell in columns[label[1]])
        told_bare: Counter[str] = Counter()
        for shown, times in counted.items():
            told_bare[bare(shown) if padded else shown] += times
        assert told_bare == Counter(columns[label[1]]), label[1]


# --- listings ---------------------------------------------------------------------------------------------------------


def check_listing(source: str, head: str, lines: list[str]) -> None:
    """Every entry says what the source's line at its place says, every other line is the source's."""
    said = _LISTING.fullmatch(head)
    assert said, head
    found = source.removesuffix("\n").split("\n")
    header, *body = lines
    fields = re.findall(r'([a-z]+)(?:="([^"]*)"|=(\S+)|\{(\S*)\})?(?: |$)', header)
    constants = {name: quoted or plain for name, quoted, plain, _ in fields if quoted or plain}
    modes = dict(
        pair.split("=", 1) for name, _, _, pairs in fields if name == "mode" and pairs for pair in pairs.split(",")
    )
    assert (bool(constants), bool(modes)) == (said[2] is not None, said[3] is not None)
    assert len(found) == len(body)
    entries = 0
    for line, shown in zip(found, body, strict=True):
        if line == shown and not re.match(r"[ 0-9]*[-a-zA-Z][-rwxsStTlL]{9}", line):
            assert re.fullmatch(r"|total \S+|.*:|(?:ls|find): .*", line)
            continue
        entries += 1
        assert entry(shown, [name for name, *_ in fields], constants, modes) == words(line)
    assert entries == int(said[1])


def entry(line: str, names: Row, constants: dict[str, str], modes: dict[str, str]) -> Row:
    """What a line of the form says, word by word, the name last."""
    told: Row = []
    rest = line
    for name in names:
        if name in constants:
            told += constants[name].split(" ")
            continue
        if name == "name":
            told.append(rest)
            break
        size = 1 if name != "date" else 2 if rest[0].isdigit() else 3
        *some, rest = rest.split(" ", size)
        told += [modes.get(word, word) if name == "mode" else word for word in some]
    return told


def words(line: str) -> Row:
    """The source's words, the name last."""
    found = _ENTRY.match(line)
    assert found, line
    return [*found[1].split(), found[2]]


_ENTRY = re.compile(
    r"((?: *\d+ +\d+ +)?[-a-zA-Z][-rwxsStTlL]{9}[.+@]? +\d+ +\S+ +\S+ +\S+ "
    r"(?:[A-Z][a-z]{2} +\d{1,2} +(?:\d\d:\d\d|\d{4})"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: [-+]\d{4})?)) (.+)$"
)


UNDER_TEST = KindUnderTest(
    compressor=COMPRESSOR,
    sources=TABLES,
    examples=EXAMPLES,
    check_truth=check_truth,
    same=lambda source, expanded: source == expanded,
)

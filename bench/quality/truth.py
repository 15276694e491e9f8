"""False associations: something a text says together that its source does not hold together.

Two measures. `conservative` reads any text as a reader would, whoever wrote it, and counts only what is certainly
false: a path, line number and text that do not stand together in the source; an object whose keys and values are no
row of the source. It sees whole lines and whole objects only, so it undercounts. `strict` holds our own outputs to the
tests' readers of the grammar: every line and every figure is recomputed from the source.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Iterator
from itertools import chain, islice, pairwise
from typing import Any

from tests.compressors import (
    blob_truth,
    diff_truth,
    html_truth,
    json_truth,
    log_truth,
    repeats_truth,
    screen_truth,
    search_truth,
    table_truth,
    view_truth,
)

_NUMBER = re.compile(r"([:-])(\d+)(?=\1)")
"""A number that may be a line's; the separator after it may stand before the next, where a path ends in a number."""
_UNDER = re.compile(r"\s*(?P<lines>\d+(?:,\s?\d+)*)(?P<sep>[:-]) ?(?P<text>.*)")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ELLIPSIS = re.compile(r"(?:\.\.\.|\u2026|\[\.\.\.).*$")

STRICT = {
    "json": json_truth.check_truth,
    "log": log_truth.check_truth,
    "search": search_truth.check_truth,
    "diff": diff_truth.check_truth,
    "table": table_truth.check_truth,
    "blob": blob_truth.check_truth,
    "html": html_truth.check_truth,
    "view": view_truth.check_truth,
    "screen": screen_truth.check_truth,
}

Place = tuple[str, str, str]
MOST_READINGS = 20


def strict(kind: str, source: str, output: str) -> str | None:
    """What is false about an output of ours; None where nothing is."""
    try:
        STRICT[kind](source, output)
    except (AssertionError, IndexError, KeyError, ValueError) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error) or where.line}"[:300]
    return None


def repeat(source: str, output: str, earlier: dict[tuple[int, int], str], own: int) -> str | None:
    """What is false about an output of ours that names lines of earlier ones, as they were forwarded; None where
    nothing is, or where it names none. What names a short form as a whole is not looked at here."""
    if not repeats_truth.names_lines(output):
        return None
    try:
        repeats_truth.check_truth(source, output, earlier, own)
    except (AssertionError, IndexError, KeyError, ValueError, StopIteration) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error) or where.line}"[:300]
    return None


def conservative(source: str, output: str) -> list[str]:
    """What any output says that its source certainly does not; colours aside, which say nothing."""
    if source == output:
        return []
    source, output = _COLOURS.sub("", source), _COLOURS.sub("", output)
    if source.lstrip()[:1] in "{[":
        return [f"row {row}"[:200] for row in false_rows(source, output)]
    return [":".join(place)[:200] for place in false_places(source, output)]


# --- path, line number, text ------------------------------------------------------------------------------------------


class _Reader:
    """Reads line by line as a person would: a path alone on a line is a heading of what is numbered below it, and a
    folder alone on a line stands before the paths below it. A mark (a line in brackets) and a separator leave the
    heading in force, an empty or other line ends it."""

    def __init__(self, paths: frozenset[str]) -> None:
        self.paths = paths
        self.folder = ""
        self.heading: str | None = None

    def path(self, name: str) -> str | None:
        """The known path that `name` stands for here."""
        return next((one for one in (name, self.folder + name) if one in self.paths), None)

    def read(self, line: str) -> list[list[Place]]:
        """What stands together on a line: of each association every way to read it, since paths may hold numbers."""
        if heading := self.path(line) or self.path(line.removesuffix(":")):
            self.heading = heading
            return []
        if line.endswith("/") and any(path.startswith(line) for path in self.paths):
            self.folder, self.heading = line, None
            return []
        readings = [
            (path, number[2], line[number.end() + 1 :].strip())
            for number in islice(_NUMBER.finditer(line), MOST_READINGS)
            if (path := self.path(line[: number.start()]))
        ]
        if readings:
            return [readings]
        under = _UNDER.fullmatch(line)
        if under and self.heading is not None:
            return [[(self.heading, number.strip(), under["text"].strip())] for number in under["lines"].split(",")]
        if not line.startswith("[") and line not in ("--", "..."):
            self.heading = None
        return []


def associations(text: str, paths: frozenset[str]) -> Iterator[list[Place]]:
    """Every path, line number and text that stand together: on one line, or under the path as a heading. Only `paths`
    count as paths."""
    reader = _Reader(paths)
    for line in text.split("\n"):
        yield from reader.read(line.removesuffix("\r"))


def places(text: str, paths: frozenset[str]) -> Iterator[Place]:
    """All readings of all associations."""
    return chain.from_iterable(associations(text, paths))


def paths_of(source: str) -> frozenset[str]:
    """Whatever the source may mean as a path: what stands before a line number, or above numbered lines."""
    lines = [line.removesuffix("\r") for line in source.split("\n")]
    found = {
        line[: number.start()]
        for line in lines
        for number in islice(_NUMBER.finditer(line), MOST_READINGS)
        if number.start() and not line[0].isspace()
    }
    for before, line in pairwise(lines):
        if before not in ("", "--", "...") and not _UNDER.fullmatch(before) and _UNDER.fullmatch(line):
            found.add(before)
    return frozenset(found)


def false_places(source: str, output: str) -> list[Place]:
    """Places of the output that the source does not have; a text cut at its end, with an ellipsis, is not false."""
    paths = paths_of(source)
    starts: dict[tuple[str, str], list[str]] = {}
    for path, line, text in places(source, paths):
        starts.setdefault((path, line), []).append(text)

    def true(place: Place) -> bool:
        path, line, text = place
        beginning = _ELLIPSIS.sub("", text).rstrip()
        return any(one == text or one.startswith(beginning) for one in starts.get((path, line), ()))

    return [readings[0] for readings in associations(output, paths) if not any(map(true, readings))]


# --- rows of keys and values ------------------------------------------------------------------------------------------


def false_rows(source: str, output: str) -> list[dict[str, Any]]:
    """Whole objects in the output that join scalar members which the source has, but in no object together. A value
    that the source does not have at all is a mark of the tool and not counted, nor is a key without its value."""
    try:
        known = [dict(_scalars(row)) for row in _objects(_documents(source))]
    except ValueError:
        return []
    holders: dict[tuple[str, str], set[int]] = {}
    for number, row in enumerate(known):
        for member in row.items():
            holders.setdefault(member, set()).add(number)
    false = []
    for row in _objects(_embedded(output)):
        together = [holders[member] for member in _scalars(row) if member in holders]
        if len(together) > 1 and not set.intersection(*together):
            false.append(row)
    return false


def _documents(text: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def _embedded(text: str) -> list[Any]:
    """Every whole JSON value that opens at a brace or a bracket."""
    decoder = json.JSONDecoder()
    found, position = [], 0
    while (opens := re.compile(r"[{\[]").search(text, position)) is not None:
        try:
            value, position = decoder.raw_decode(text, opens.start())
            found.append(value)
        except (ValueError, RecursionError):
            position = opens.end()
        if position - opens.start() > 1 and len(found) > 100_000:
            break
    return found


def _objects(values: list[Any]) -> Iterator[dict[str, Any]]:
    stack = list(values)
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _scalars(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in row.items():
        if not isinstance(value, dict | list):
            yield key, json.dumps(value)

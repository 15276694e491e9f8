"""`ls -l` and its like (`ls -la`, `ls -lR`, `find -ls`): entries without a header, whose fields everybody knows.

    [narrows: listing of 4 entries in short form, nothing left out; ...; source: ls]
    mode{d=drwxr-xr-x,-=-rw-r--r--} links owner=root group=root size date name
    total 448
    d 6 4096 Nov 21 10:06 conf
    - 1 13864 May 20 2025 __init__.py
    -rwxr-xr-x 1 165 Nov 21 10:06 run me.sh
    - 1 5545 Nov 21 10:06 _compat.py

A mode is long, and most entries share a few: the letter it begins with stands for the most common of its sort, named in
the header. `ls` pads each column to the widest entry of its folder, so the padding need not be said. What else it
writes (`total 448`, `src/app:`, empty lines, its complaints) stays where it is, one line each.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

LEAST_ENTRIES = 3
_LOOKED_AT = 6
_PATTERNS = {
    "inode": r"\d+",
    "blocks": r"\d+",
    "mode": r"[-dlcbpsDCMn][-rwxsStTlL]{9}[.+@]?",
    "links": r"\d+",
    "owner": r"\S+",
    "group": r"\S+",
    "size": r"\d[\d.,]*[KMGTP]?(?<!,)",
    "date": r"[A-Z][a-z]{2} +\d{1,2} +(?:\d\d:\d\d|\d{4})|\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d(?:\.\d+)?)?",
    "zone": r"[-+]\d{4}",
    "name": r".+",
}
_FIELDS = tuple(_PATTERNS)
_GROUP = {name: f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()}
_ENTRY = re.compile(
    "(?: *{inode} +{blocks} +)?{mode} +{links} +{owner} +{group} +{size} {date}(?: {zone})? {name}\\Z".format(**_GROUP)
)
_OTHER = re.compile(r"\Z|total \S+\Z|.*:\Z|(?:ls|find): [^\n]*\Z")
_BLANKS = re.compile(" +")
_CONSTANTS = "; name=value holds for every entry"
_MODES = "; a letter for a mode is one that the header names"
STYLES = ("ls", "ls of BSD", "find", "fields set apart by one blank")
_HEAD = re.compile(
    r"\[narrows: listing of (?P<count>[1-9][0-9]{0,8}) entries in short form, nothing left out"
    rf"(?P<constants>{_CONSTANTS})?(?P<modes>{_MODES})?; source: (?P<style>{'|'.join(STYLES)})\]"
)
_DECLARED = re.compile(r"([a-z]+)(?:=(?:\"([^\"]+)\"|(\S+))|\{(\S*)\})?(?: |\Z)")


@dataclass(frozen=True, slots=True)
class Listing:
    """`lines` are entries, as cells under `names`, and other lines."""

    names: tuple[str, ...]
    lines: list[tuple[str, ...] | str]
    style: str

    @property
    def entries(self) -> list[tuple[str, ...]]:
        return [line for line in self.lines if not isinstance(line, str)]

    def source_lines(self) -> list[str]:
        """The lines as the source had them."""
        found: list[str] = []
        for are_entries, run in groupby(self.lines, lambda line: not isinstance(line, str)):
            if are_entries:
                found += _padded(self.names, [line for line in run if not isinstance(line, str)], self.style)
            else:
                found += [line for line in run if isinstance(line, str)]
        return found


def read(text: str) -> Listing | None:
    """The listing that `text` is, apart from its last line end; None where it is none."""
    if not any(_ENTRY.match(line) for line in text[:2000].split("\n", _LOOKED_AT)[:_LOOKED_AT]):
        return None
    lines: list[tuple[str, ...] | str] = []
    names: tuple[str, ...] = ()
    source = text.removesuffix("\n").split("\n")
    for line in source:
        entry = _ENTRY.match(line)
        if entry is None:
            if not _OTHER.match(line):
                return None
            lines.append(line)
            continue
        cells = {name: cell for name, cell in entry.groupdict().items() if cell is not None}
        names = names or tuple(cells)
        if tuple(cells) != names:
            return None
        cells["date"] = _BLANKS.sub(" ", cells["date"])
        lines.append(tuple(cells.values()))
    if sum(not isinstance(line, str) for line in lines) < LEAST_ENTRIES:
        return None
    found = (Listing(names, lines, style) for style in STYLES)
    return next((one for one in found if one.source_lines() == source), None)


def write(listing: Listing) -> tuple[str, list[str]]:
    """The head line's words, and the lines below it."""
    entries = listing.entries
    columns = dict(zip(listing.names, zip(*entries, strict=True), strict=True))
    constants = {name: column[0] for name, column in columns.items() if name != "name" and len(set(column)) == 1}
    modes = {} if "mode" in constants else _named_modes(columns["mode"])
    letters = {mode: letter for letter, mode in modes.items()}
    varying = [index for index, name in enumerate(listing.names) if name not in constants]
    body = [" ".join([_declared(name, constants, modes) for name in listing.names])]
    for line in listing.lines:
        if isinstance(line, str):
            body.append(line)
        else:
            body.append(" ".join([letters.get(line[index], line[index]) for index in varying[:-1]] + [line[-1]]))
    words = f"listing of {len(entries)} entries in short form, nothing left out"
    words += _CONSTANTS * bool(constants) + _MODES * bool(modes)
    return f"{words}; source: {listing.style}", body


def expand(text: str) -> list[str] | None:
    """The source's lines of a text that `write` wrote; None for any other."""
    head, _, body = text.removesuffix("\n").partition("\n")
    said = _HEAD.fullmatch(head)
    if said is None:
        return None
    header, *lines = body.split("\n")
    fields = _read_header(header)
    if fields is None:
        return None
    constants, modes = fields
    if bool(modes) != (said["modes"] is not None) or (not any(constants.values())) != (said["constants"] is None):
        return None
    entry = re.compile(" ".join(_varying(name, modes) for name in constants if not constants[name]) + r"\Z")
    mode = list(constants).index("mode")
    varying = [index for index, constant in enumerate(constants.values()) if not constant]
    whole = list(constants.values())
    found: list[tuple[str, ...] | str] = []
    for line in lines:
        cells = None if _OTHER.match(line) else entry.match(line)
        if cells is None:
            found.append(line)
            continue
        for index, cell in zip(varying, cells.groups(), strict=True):
            whole[index] = cell
        whole[mode] = modes.get(whole[mode], whole[mode])
        found.append(tuple(whole))
    listing = Listing(tuple(constants), found, said["style"])
    return listing.source_lines() if len(listing.entries) == int(said["count"]) else None


def _named_modes(column: Sequence[str]) -> dict[str, str]:
    """For each first letter the mode that most entries of its sort have, if several have it."""
    modes: dict[str, str] = {}
    for mode, times in Counter(column).most_common():
        if times > 1:
            modes.setdefault(mode[0], mode)
    return modes


def _declared(name: str, constants: dict[str, str], modes: dict[str, str]) -> str:
    if name in constants:
        return f'{name}="{constants[name]}"' if name == "date" else f"{name}={constants[name]}"
    if name == "mode" and modes:
        return "mode{" + ",".join([f"{letter}={mode}" for letter, mode in modes.items()]) + "}"
    return name


def _read_header(line: str) -> tuple[dict[str, str], dict[str, str]] | None:
    """The fields with their constants (empty: none), and the modes that letters stand for."""
    constants: dict[str, str] = {}
    modes: dict[str, str] = {}
    position = 0
    while position < len(line):
        found = _DECLARED.match(line, position)
        if found is None or found[1] not in _PATTERNS:
            return None
        position = found.end()
        constants[found[1]] = found[2] or found[3] or ""
        if found[4] is not None:
            modes = {letter: mode for letter, _, mode in (pair.partition("=") for pair in found[4].split(","))}
    places = [_FIELDS.index(name) for name in constants]
    if places != sorted(places) or not {"mode", "date", "name"} <= constants.keys() or constants["name"]:
        return None
    return constants, modes


def _varying(name: str, modes: dict[str, str]) -> str:
    if name == "mode" and modes:
        return "(?P<mode>" + "|".join([_PATTERNS["mode"], *map(re.escape, modes)]) + ")"
    return _GROUP[name]


def _padded(names: Sequence[str], entries: Sequence[Sequence[str]], style: str) -> list[str]:
    """The entries of one folder as lines."""
    if style == STYLES[-1]:
        return [" ".join(cells) for cells in entries]
    columns = [_column(name, cells, style) for name, cells in zip(names, zip(*entries, strict=True), strict=True)]
    return [" ".join(cells) for cells in zip(*columns, strict=True)]


def _column(name: str, cells: Sequence[str], style: str) -> Iterable[str]:
    widest = max(map(len, cells))
    if name == "date":
        return map(_padded_date, cells)
    if style == "find":
        width = {"inode": 9, "blocks": 6, "links": 3, "owner": 8, "group": 8, "size": 8}.get(name, 0)
    elif style == "ls of BSD":
        width = {"mode": 11, "owner": widest + 1, "group": widest + 1}.get(name, widest)
    else:
        width = widest
    match name:
        case "inode" | "blocks" | "links" | "size":
            return [cell.rjust(width) for cell in cells]
        case "mode" | "owner" | "group":
            return [cell.ljust(width) for cell in cells]
        case _:
            return cells


def _padded_date(date: str) -> str:
    if date[0].isdigit():
        return date
    month, day, time_or_year = date.split(" ")
    return f"{month} {day:>2} {time_or_year:>5}"

"""Lists of paths: `rg -l`, `rg --files`, `find`, `git ls-files`, and counts (`rg -c`), grouped by folder.

    [narrows: 3 paths grouped by folder, each folder once above its names; lossless: nothing left out]

    src/narrows/core/
    edits.py
    tokens.py

    tests/
    conftest.py

A blank line opens a folder, its names follow in the source's order, and a folder returns where the source returns to
it. So the form decodes to the source byte for byte; nothing is ever left out of it. Paths without a folder stand first,
or follow a mark with their count, as do lines that are no path.

Grouping saves about half of the tokens and costs something: a path is what the next call will name, letter by letter,
and here it stands in two pieces, one above the other. A list short enough to act on (`MIN_CHARACTERS`) is therefore
kept, and the folder is always written from the root, so that a path is two lines put together and never three. To write
once what all folders share would save 5% more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from narrows.compressors import marks
from narrows.compressors.search.grouped import as_they_were, counted, read_as_they_were
from narrows.compressors.search.results import AsTheyWere, split_lines

MIN_CHARACTERS = 16_000
"""About 5,000 tokens, or 350 paths."""

_MIN_PATHS = 5
_MAX_OTHER_LINES = 6
_NOT_A_PATH = re.compile(
    r"[\x00-\x1f\x7f]|://|^[\s\"'`#<>|*+$-]|[\s:;,.!?>]$|:\s|\s\s|:\d+:|^\d+\s|^\d{4}-\d\d-\d\d|^\d\d?:\d\d"
)
_PLAIN_PATH = re.compile(r"(?:\./|/)?[A-Za-z_@.][\w@.=()\[\]-]*(?:/[\w@.+=~%()\[\]-]+)*/?(?::[0-9]+)?(?<![.])")
"""Most paths, told apart at a fraction of the cost of `_NOT_A_PATH`."""

_FILE_OR_COUNT = re.compile(r"\.[A-Za-z]\w{0,9}(?::\d+)?$")
_COUNT = re.compile(r":\d+$")
_HEAD = re.compile(
    r"\[narrows: (?P<paths>\d+) (?P<noun>paths?|paths? with counts) grouped by folder, each folder once above its names"
    r"; lossless: nothing left out\]"
)


@dataclass(frozen=True, slots=True)
class Folder:
    """Names that stood one after the other in the same folder; `path` ends with `/` or is empty."""

    path: str
    names: list[str]


@dataclass(frozen=True, slots=True)
class PathList:
    """A whole list, in the source's order."""

    blocks: list[Folder | AsTheyWere]
    ends_with_newline: bool

    @property
    def folders(self) -> list[Folder]:
        return [block for block in self.blocks if isinstance(block, Folder)]

    @property
    def names(self) -> list[str]:
        """The last part of every path, counts included."""
        return [name for folder in self.folders for name in folder.names]


def parse(text: str) -> PathList | None:
    """The paths in `text`, and as they were the few lines that are none; None, as soon as that is known, where they are
    more than a list of paths has."""
    lines, ends_with_newline = split_lines(text)
    blocks: list[Folder | AsTheyWere] = []
    last = Folder("", [])
    others = 0
    for line in lines:
        if _PLAIN_PATH.fullmatch(line) is None and (line == "" or _NOT_A_PATH.search(line)):
            others += 1
            if others > _MAX_OTHER_LINES:
                return None
            last = Folder("", [])
            blocks.append(AsTheyWere([line]))
            continue
        cut = line.rfind("/", 0, len(line) - 1) + 1
        if last.path != line[:cut] or not last.names:
            last = Folder(line[:cut], [])
            blocks.append(last)
        last.names.append(line[cut:])
    return PathList(blocks, ends_with_newline)


def read(text: str, *, called_for_search: bool) -> PathList | None:
    """The paths in a text that is a list of paths and of nothing else; a tool call that lists files may bring some
    notices."""
    paths = parse(text)
    return paths if paths is not None and _is_list(paths, called_for_search=called_for_search) else None


def _is_list(paths: PathList, *, called_for_search: bool) -> bool:
    found = len(paths.names)
    others = sum(len(block.lines) for block in paths.blocks if isinstance(block, AsTheyWere))
    in_folders = sum(len(folder.names) for folder in paths.folders if folder.path)
    if found < _MIN_PATHS or in_folders < 0.8 * found:
        return False
    if called_for_search:
        return True
    if others or any(" " in folder.path or any(" " in name for name in folder.names) for folder in paths.folders):
        return False
    return sum(1 for name in paths.names if _FILE_OR_COUNT.search(name)) >= 0.5 * found


def encode(paths: PathList) -> tuple[str, str]:
    """The form and, in a few words, what it holds."""
    body: list[str] = []
    others: list[str] = []
    for i, block in enumerate(paths.blocks):
        if isinstance(block, Folder) and block.path:
            body += [*_flush(others), "", block.path, *block.names]
        elif isinstance(block, Folder):
            if i == 0:
                body += block.names
            else:
                others += block.names
        else:
            others += block.lines
    body += _flush(others)
    tally = _tally(paths)
    words = f"{tally} grouped by folder, each folder once above its names"
    head = marks.mark(f"{words}; lossless: nothing left out")
    return "\n".join([head, *body]) + ("\n" if paths.ends_with_newline else ""), f"{tally} grouped by folder, lossless"


def _flush(lines: list[str]) -> list[str]:
    """The collected lines below their mark; the collection is empty afterwards."""
    written = as_they_were(AsTheyWere(lines)) if lines else []
    taken = list(written)
    lines.clear()
    return taken


def _tally(paths: PathList) -> str:
    names = paths.names
    noun = counted(len(names), "path")
    return f"{noun} with counts" if all(_COUNT.search(name) for name in names) else noun


def decode(text: str) -> str | None:
    """The source of a form that `encode` wrote; None for anything else."""
    lines, ends_with_newline = split_lines(text)
    head = _HEAD.fullmatch(lines[0])
    if head is None:
        return None
    blocks = _read(lines)
    if blocks is None:
        return None
    source = [line for block in blocks for line in _source_lines(block)]
    reparsed = parse("\n".join(source) + ("\n" if ends_with_newline else ""))
    if reparsed is None or not reparsed.names or f"[narrows: {_tally(reparsed)} grouped" not in lines[0]:
        return None
    return "\n".join(source) + ("\n" if ends_with_newline else "")


def _source_lines(block: Folder | AsTheyWere) -> list[str]:
    return block.lines if isinstance(block, AsTheyWere) else [block.path + name for name in block.names]


def _read(lines: list[str]) -> list[Folder | AsTheyWere] | None:
    blocks: list[Folder | AsTheyWere] = []
    i = 1
    while i < len(lines):
        others = read_as_they_were(lines, i)
        if others is not None:
            blocks.append(others)
            i += 1 + len(others.lines)
            continue
        path = ""
        if lines[i] == "":
            if i + 2 >= len(lines) or not lines[i + 1].endswith("/"):
                return None
            path = lines[i + 1]
            i += 2
        elif i != 1:
            return None
        stop = i
        while stop < len(lines) and lines[stop] != "" and not marks.is_mark(lines[stop]):
            stop += 1
        if stop == i:
            return None
        blocks.append(Folder(path, lines[i:stop]))
        i = stop
    return blocks

"""Results without line numbers, `path:text`: what rg and `grep -r` print where nobody asks for numbers.

    [narrows: search results without line numbers, grouped by file: 2 match lines, 1 context line in 2 files; lossless:
    nothing left out]

    src/a.py
    :def where():
    -    return here

    src/b.py
    :from a import where

Each line keeps the separator that followed its path, `:` of a match and `-` of context. As nothing but a path stands
before it, only a tool call that searches makes such lines results, and all of them must be. Of a match alone the path
ends at the first colon; between `--` lines all lines are one file's, and its path is what they all begin with. The form
decodes to the source byte for byte; what would not is kept.
"""

from __future__ import annotations

import re

from narrows.compressors import marks
from narrows.compressors.search.grouped import as_they_were, counted, read_as_they_were
from narrows.compressors.search.paths import has_file_name, is_path
from narrows.compressors.search.results import SEPARATOR, AsTheyWere, Block, Group, join_blocks, split_lines

_MIN_LINES = 5
_MAX_OTHER_LINES = 6
_MAX_CANDIDATES = 12
_NOTICE = re.compile(
    r"(?:Binary file .+ matches|.*: binary file matches(?: \(found .+\))?"
    r"|(?:grep|egrep|fgrep|rg|git|warning|fatal|error): .+|)$"
)
_NUMBERED = re.compile(r"([:-])\s*[0-9]+\1")
_VALUE = re.compile(r": \S")
_SEPARATORS = re.compile(r"[:-]")
_TALLY = r"(?P<tally>[0-9]+ match lines?(?:, [0-9]+ context lines?)? in [0-9]+ files?)"
_HEAD = re.compile(
    rf"\[narrows: search results without line numbers, grouped by file: {_TALLY}; lossless: nothing left out\]"
)


def parse(text: str) -> list[Block] | None:
    """The results in `text`; None where it holds other lines than notices, but for a few."""
    lines, _ = split_lines(text)
    read = _block if SEPARATOR in lines else _lines
    blocks: list[Block] = []
    others = start = 0
    for i, line in enumerate([*lines, SEPARATOR]):
        if line != SEPARATOR:
            continue
        found = read(lines[start:i])
        unread = (line for block in found if isinstance(block, AsTheyWere) for line in block.lines)
        others += sum(1 for line in unread if not _NOTICE.match(line))
        if others > _MAX_OTHER_LINES:
            return None
        blocks += found
        if i < len(lines):
            if not blocks or not isinstance(blocks[-1], Group):
                return None
            blocks[-1].entries.append(SEPARATOR)
        start = i + 1
    return join_blocks(blocks) if _are_results([block for block in blocks if isinstance(block, Group)]) else None


def _are_results(groups: list[Group]) -> bool:
    """Whether most paths name a folder, and what follows them is seldom a number (then it may be a line's, in a path
    that ends elsewhere) or a value after one blank (then the path may be a key)."""
    entries = [entry for group in groups for entry in group.entries if entry != SEPARATOR]
    in_folders = sum(len(group.entries) for group in groups if "/" in group.path or "\\" in group.path)
    numbered = sum(1 for entry in entries if _NUMBERED.match(entry))
    values = sum(1 for entry in entries if _VALUE.match(entry))
    return len(entries) >= _MIN_LINES and 2 * in_folders >= len(entries) >= max(10 * numbered, 2 * values)


def _lines(lines: list[str]) -> list[Block]:
    """Matches alone: every line has its path before its first colon."""
    blocks: list[Block] = []
    others = 0
    paths: dict[str, bool] = {}
    for line in lines:
        path, colon, _ = line.partition(":")
        if path not in paths:
            paths[path] = is_path(path)
        notice = _NOTICE.match(line) is not None
        if not colon or not paths[path] or notice:
            others += not notice
            blocks.append(AsTheyWere([line]))
            if others > _MAX_OTHER_LINES:
                break
        elif blocks and isinstance(blocks[-1], Group) and blocks[-1].path == path:
            blocks[-1].entries.append(line[len(path) :])
        else:
            blocks.append(Group(path, [line[len(path) :]]))
    return blocks


def _block(lines: list[str]) -> list[Block]:
    """The lines between two separators: one file's, notices aside."""
    results = [line for line in lines if not _NOTICE.match(line)]
    path = _path_of(results)
    if path == "":
        return [AsTheyWere(lines)]
    blocks: list[Block] = []
    for line in lines:
        if _NOTICE.match(line):
            blocks.append(AsTheyWere([line]))
        elif blocks and isinstance(blocks[-1], Group):
            blocks[-1].entries.append(line[len(path) :])
        else:
            blocks.append(Group(path, [line[len(path) :]]))
    return blocks


def _path_of(lines: list[str]) -> str:
    """What all the lines begin with before a separator, once a colon; nothing where no path is that, or two are."""
    found: list[str] = []
    for number, place in enumerate(_SEPARATORS.finditer(lines[0] if lines else "")):
        path = lines[0][: place.start()]
        stop = len(path)
        if number == _MAX_CANDIDATES or not all(line.startswith(path) for line in lines):
            break
        signs = {line[stop : stop + 1] for line in lines}
        if ":" in signs and signs <= {":", "-"} and is_path(path):
            found.append(path)
    named = [path for path in found if has_file_name(path)] or found
    return named[0] if len(named) == 1 else ""


def encode(text: str, blocks: list[Block]) -> tuple[str, str] | None:
    """The form of `text`, in which `blocks` were read, and in a few words what it holds; None where it would not give
    the text back."""
    body: list[str] = []
    for block in blocks:
        body += as_they_were(block) if isinstance(block, AsTheyWere) else ["", block.path, *block.entries]
    tally = _tally(blocks)
    head = marks.mark(f"search results without line numbers, grouped by file: {tally}; lossless: nothing left out")
    form = "\n".join([head, *body]) + ("\n" if text.endswith("\n") else "")
    return (form, f"{tally}, without line numbers, lossless") if decode(form) == text else None


def _tally(blocks: list[Block]) -> str:
    groups = [block for block in blocks if isinstance(block, Group)]
    entries = [entry for group in groups for entry in group.entries if entry != SEPARATOR]
    matches = sum(1 for entry in entries if entry[0] == ":")
    context = f", {counted(len(entries) - matches, 'context line')}" if matches < len(entries) else ""
    return f"{counted(matches, 'match line')}{context} in {counted(len({group.path for group in groups}), 'file')}"


def decode(text: str) -> str | None:
    """The source of a form that `encode` wrote; None for anything else."""
    lines, ends_with_newline = split_lines(text)
    head = _HEAD.fullmatch(lines[0])
    blocks = _read(lines) if head is not None else None
    if head is None or blocks is None or _tally(blocks) != head["tally"]:
        return None
    source: list[str] = []
    for block in blocks:
        if isinstance(block, AsTheyWere):
            source += block.lines
        else:
            source += [entry if entry == SEPARATOR else block.path + entry for entry in block.entries]
    return "\n".join(source) + ("\n" if ends_with_newline else "")


def _read(lines: list[str]) -> list[Block] | None:
    blocks: list[Block] = []
    i = 1
    while i < len(lines):
        others = read_as_they_were(lines, i)
        if others is not None:
            blocks.append(others)
            i += 1 + len(others.lines)
        elif lines[i] == "" and i + 1 < len(lines):
            start = stop = i + 2
            while stop < len(lines) and lines[stop][:1] in (":", "-"):
                stop += 1
            if stop == start:
                return None
            blocks.append(Group(lines[i + 1], lines[start:stop]))
            i = stop
        else:
            return None
    return blocks

"""Reading the output of rg, grep and their family exactly, or not at all.

Three layouts. Plain: each line `path:number:text`. With context: blocks between `--` lines, in which every line is
`path:number:text` or `path-number-text`, of one file, numbered one after the other. Headings: a path, then
`number:text` or `number-text`, a blank line between files.

Where a path ends is not written down: `a:1:b.txt:2:x` is line 1 of `a` or line 2 of `a:1:b.txt`. The leftmost reading
is taken when the rest could not be a path, or when the file's numbers rise over several lines, which the other reading
would need several such paths for. Otherwise the lines are kept as they were. In context blocks consecutive numbers
decide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from narrows.compressors.search.paths import has_file_name, is_path
from narrows.compressors.search.results import (
    ENTRY,
    SEPARATOR,
    AsTheyWere,
    Block,
    Group,
    Results,
    join_blocks,
    numbers,
    split_lines,
)

_PLAIN = re.compile(r"([^\x00-\x1f\x7f]+?):([0-9]+):")
_COLON_NUMBER = re.compile(r":(?=[0-9]{1,10}:)")
_ONLY_NUMBERS = re.compile(r"[0-9:]*")
_CODE = re.compile(r"""[\s"'()\[\]{}=<>,;#|*?]""")
_MATCH_ENTRY = re.compile(r"[1-9][0-9]{0,9}:")
_SAMPLE_LINES = 200
_CANDIDATE = re.compile(r"([:-])([1-9][0-9]{0,9})(?=\1)")
_MAX_CANDIDATES = 12
_MAX_AMBIGUITY_CHARACTERS = 512


def parse(text: str) -> Results:
    """The results in `text`; what is not understood is in blocks of lines as they were."""
    lines, ends_with_newline = split_lines(text)
    if _reads_as_headings(lines[:_SAMPLE_LINES]):
        return Results(join_blocks(_with_headings(lines)), headings=True, ends_with_newline=ends_with_newline)
    if SEPARATOR in lines:
        return Results(join_blocks(_with_context(lines)), headings=False, ends_with_newline=ends_with_newline)
    if not _any_number(lines[:_SAMPLE_LINES]):
        return Results([AsTheyWere(lines)], headings=False, ends_with_newline=ends_with_newline)
    plain = _Plain()
    plain.read(lines)
    if any("-" in line for line in plain.leftover()):
        blocks = join_blocks(_with_context(lines))
        if sum(len(block.lines) for block in blocks if isinstance(block, AsTheyWere)) < len(plain.leftover()):
            return Results(blocks, headings=False, ends_with_newline=ends_with_newline)
    blocks = join_blocks(plain.blocks)
    return Results(blocks, headings=False, ends_with_newline=ends_with_newline, doubtful=plain.doubtful_lines)


def _reads_as_headings(sample: list[str]) -> bool:
    numbered = sum(1 for line in sample if ENTRY.match(line))
    if numbered * 5 < len(sample):
        return False
    return numbered > sum(1 for line in sample if _PLAIN.match(line) and not ENTRY.match(line))


def _any_number(sample: list[str]) -> bool:
    """Whether a fair share of the lines has a number between separators; without one there are no results."""
    return sum(1 for line in sample if _CANDIDATE.search(line)) * 10 >= len(sample)


@dataclass(slots=True)
class _Plain:
    """The plain layout, line by line."""

    blocks: list[Block] = field(default_factory=list)
    doubtful_lines: int = 0
    _path: str = ""
    _entries: list[str] = field(default_factory=list)
    _doubtful: bool = False
    _judged: dict[str, bool] = field(default_factory=dict)

    def read(self, lines: list[str]) -> None:
        """Take every line; the blocks are complete afterwards."""
        prefix = ""
        for line in lines:
            if prefix and line.startswith(prefix):
                number = _MATCH_ENTRY.match(line, len(prefix))
                if number is not None:
                    self._entries.append(line[len(prefix) :])
                    if not self._doubtful and line.find(":", number.end()) > 0:
                        self._doubtful = _could_end_later(self._path, line[number.end() :])
                    continue
            self._finish()
            prefix = self._begin(line)
        self._finish()

    def leftover(self) -> list[str]:
        """The lines in no group so far."""
        return [line for block in self.blocks if isinstance(block, AsTheyWere) for line in block.lines]

    def _begin(self, line: str) -> str:
        found = _PLAIN.match(line)
        if found is None or found[2][0] == "0" or len(found[2]) > 10 or not self._is_path(found[1]):
            self.blocks.append(AsTheyWere([line]))
            return ""
        self._path = found[1]
        self._entries = [line[found.end(1) + 1 :]]
        self._doubtful = _could_end_later(self._path, line[found.end() :])
        return self._path + ":"

    def _is_path(self, path: str) -> bool:
        if path not in self._judged:
            self._judged[path] = is_path(path)
        return self._judged[path]

    def _finish(self) -> None:
        """Close the current group; a doubtful one must prove itself by rising numbers."""
        if not self._entries:
            return
        group = Group(self._path, self._entries)
        if self._doubtful and not _rises(numbers(group)):
            self.doubtful_lines += len(group.entries)
            self.blocks.append(AsTheyWere([f"{group.path}:{entry}" for entry in group.entries]))
        else:
            self.blocks.append(group)
        self._entries = []
        self._doubtful = False


def _could_end_later(path: str, text: str) -> bool:
    """Whether `path:N:` and the beginning of `text` could together be a longer path."""
    for later in _COLON_NUMBER.finditer(text, 0, _MAX_AMBIGUITY_CHARACTERS):
        between = text[: later.start()]
        if _ONLY_NUMBERS.fullmatch(between) is None:
            return not has_file_name(path) or _CODE.search(between) is None
    return False


def _rises(found: list[int]) -> bool:
    return len(found) > 1 and all(first < second for first, second in pairwise(found))


def _with_headings(lines: list[str]) -> list[Block]:
    blocks: list[Block] = []
    i = 0
    while i < len(lines):
        after_blank = i > 0 and lines[i] == ""
        start = i + after_blank
        if (
            (i == 0 or after_blank)
            and start + 1 < len(lines)
            and ENTRY.match(lines[start + 1])
            and is_path(lines[start])
        ):
            stop = start + 1
            while stop < len(lines) and (lines[stop] == SEPARATOR or ENTRY.match(lines[stop])):
                stop += 1
            blocks.append(Group(lines[start], lines[start + 1 : stop]))
            i = stop
        else:
            blocks.append(AsTheyWere([lines[i]]))
            i += 1
    return blocks


def _is_heading(lines: list[str], at: int) -> bool:
    return at + 1 < len(lines) and ENTRY.match(lines[at + 1]) is not None and is_path(lines[at])


def _with_context(lines: list[str]) -> list[Block]:
    """Blocks between separators. The separator goes with the group before it."""
    blocks: list[Block] = []
    start = 0
    for i, line in enumerate([*lines, SEPARATOR]):
        if line != SEPARATOR:
            continue
        found = join_blocks(_one_context_block(lines[start:i]))
        if blocks and found and isinstance(blocks[-1], Group) and isinstance(found[0], Group):
            last = blocks[-1]
            if last.path == found[0].path:
                last.entries.extend(found[0].entries)
                found = found[1:]
        blocks += found
        if i < len(lines):
            if blocks and isinstance(blocks[-1], Group):
                blocks[-1].entries.append(SEPARATOR)
            else:
                blocks.append(AsTheyWere([SEPARATOR]))
        start = i + 1
    return blocks


def _one_context_block(lines: list[str]) -> list[Block]:
    blocks: list[Block] = []
    i = 0
    while i < len(lines):
        path, stop = _run_of_one_file(lines, i)
        if path:
            blocks.append(Group(path, [line[len(path) + 1 :] for line in lines[i:stop]]))
        else:
            blocks += [AsTheyWere([line]) for line in lines[i:stop]]
        i = stop
    singles = [i for i, line in enumerate(lines) if _begins_with_match(line)]
    if len(singles) == 1 and len(blocks) == len(lines):
        plain = _Plain()
        plain.read([lines[singles[0]]])
        blocks[singles[0]] = plain.blocks[0]
    return blocks


def _begins_with_match(line: str) -> bool:
    """Whether the first number between separators is one between colons, so that no context line reads so."""
    found = _CANDIDATE.search(line)
    return found is not None and found[1] == ":"


def _run_of_one_file(lines: list[str], start: int) -> tuple[str, int]:
    """The path for which the lines from `start` on are one file's, numbered one after the other, and where the run
    ends. It holds at least two lines, one of them a match; else there is no path, and nothing is proven of the lines
    up to the returned end."""
    first = lines[start]
    unproven = start + 1
    for count, found in enumerate(_CANDIDATE.finditer(first)):
        if count == _MAX_CANDIDATES:
            break
        path = first[: found.start()]
        if not is_path(path):
            continue
        number = int(found[2])
        matches = found[1] == ":"
        stop = start + 1
        while stop < len(lines):
            separator = _separator_of(lines[stop], path, number + stop - start)
            if separator == "":
                break
            matches = matches or separator == ":"
            stop += 1
        if stop > start + 1 and matches:
            return path, stop
        unproven = max(unproven, stop)
    return "", unproven


def _separator_of(line: str, path: str, number: int) -> str:
    """`:` or `-` where `line` is line `number` of `path`, else nothing."""
    separator = line[len(path) : len(path) + 1]
    if separator in (":", "-") and line.startswith(f"{path}{separator}{number}{separator}"):
        return separator
    return ""

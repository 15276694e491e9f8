"""Reading the output of rg, grep and their family exactly, or not at all.

Four layouts. Plain: each line `path:number:text` (`plain`). With context: blocks between `--` lines, in which every
line is `path:number:text` or `path-number-text`, of one file, numbered one after the other, and consecutive numbers
decide where the path ends. Headings: a path, then `number:text` or `number-text`, a blank line between files. Unnamed:
`number:text` alone, which is what a search of one file prints.

Colour codes are removed first where the text begins with one: the tools colour the path, which comes first.
"""

from __future__ import annotations

import re
from dataclasses import replace

from narrows.compressors.search import plain
from narrows.compressors.search.paths import is_path
from narrows.compressors.search.results import (
    ENTRY,
    SEPARATOR,
    AsTheyWere,
    Block,
    Group,
    Layout,
    Results,
    join_blocks,
    split_lines,
)

_COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]")
_PLAIN = re.compile(r"([^\x00-\x1f\x7f]+?):([0-9]+):")
_SAMPLE_LINES = 200
_CANDIDATE = re.compile(r"([:-])([1-9][0-9]{0,9})(?=\1)")
_MAX_CANDIDATES = 12


def parse(text: str) -> Results:
    """The results in `text`; what is not understood is in blocks of lines as they were."""
    plain_text = without_colours(text)
    return _parse(text) if plain_text is text else replace(_parse(plain_text), coloured=True)


def without_colours(text: str) -> str:
    """The text itself, unless it begins with a colour code; then without any."""
    return _COLOUR.sub("", text) if text.startswith("\x1b[") else text


def _parse(text: str) -> Results:
    if plain.begins(text) and "\n--\n" not in text and not text.endswith("\n--"):
        return _plain(text)
    lines, ends_with_newline = split_lines(text)
    sample = lines[:_SAMPLE_LINES]
    if all(map(ENTRY.match, (line for line in sample if line != SEPARATOR))) and _all_entries(lines):
        return Results([Group("", lines)], Layout.UNNAMED, ends_with_newline)
    if _reads_as_headings(sample):
        return Results(join_blocks(_with_headings(lines)), Layout.HEADINGS, ends_with_newline)
    if not _any_number(sample):
        return Results([AsTheyWere(lines)], Layout.PLAIN, ends_with_newline)
    if SEPARATOR in lines:
        return Results(join_blocks(_with_context(lines)), Layout.PLAIN, ends_with_newline)
    return _plain(text)


def _plain(text: str) -> Results:
    """Read as plain, or, where lines are left over and that explains more of them, as blocks of context."""
    lines, ends_with_newline = split_lines(text)
    found = plain.read(text.removesuffix("\n") if ends_with_newline else text)
    if any("-" in line for line in found.leftover()):
        blocks = join_blocks(_with_context(lines))
        if sum(len(block.lines) for block in blocks if isinstance(block, AsTheyWere)) < len(found.leftover()):
            return Results(blocks, Layout.PLAIN, ends_with_newline)
    return Results(join_blocks(found.blocks), Layout.PLAIN, ends_with_newline, doubtful=found.doubtful_lines)


def _all_entries(lines: list[str]) -> bool:
    return any(line != SEPARATOR for line in lines) and all(line == SEPARATOR or ENTRY.match(line) for line in lines)


def _reads_as_headings(sample: list[str]) -> bool:
    numbered = sum(1 for line in sample if ENTRY.match(line))
    if numbered * 5 < len(sample):
        return False
    return numbered > sum(1 for line in sample if _PLAIN.match(line) and not ENTRY.match(line))


def _any_number(sample: list[str]) -> bool:
    """Whether a fair share of the lines has a number between separators; without one there are no results."""
    return sum(1 for line in sample if _CANDIDATE.search(line)) * 10 >= len(sample)


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


def _with_context(lines: list[str]) -> list[Block]:
    """Blocks between separators. The separator goes with the group before it."""
    blocks: list[Block] = []
    start = 0
    for i, line in enumerate([*lines, SEPARATOR]):
        if line != SEPARATOR:
            continue
        found = join_blocks(_one_context_block(lines[start:i])) if start < i else []
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
        blocks[singles[0]] = plain.read_alone(lines[singles[0]])
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

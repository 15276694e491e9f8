"""The lossless form of search results: each file's path once, above its lines.

    [narrows: search results grouped by file: 3 match lines in 2 files; lossless: nothing left out]

    src/a.py
    3:import os
    17:    os.getcwd()

    src/b.py
    1:import os

A blank line opens a group, the next line is its path, then come entries with the tool's own separators. Groups stand in
the source's order and repeat where the source interleaves files, so the form decodes to the source byte for byte. A
match text that a file has more than once may be written once, `3,17,40:text`, where sorting by number gives the order
back. Lines that belong to no file follow a mark with their count. A folder that all paths share may be written once, on
the line after the head line.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from narrows.compressors import marks
from narrows.compressors.search.results import (
    ENTRY,
    SEPARATOR,
    AsTheyWere,
    Block,
    Group,
    Results,
    split_lines,
)

MIN_FOLDED_CHARACTERS = 8
MIN_FOLDER_SHARE = 0.08
"""A shared folder is factored out when that saves this share of the characters: full paths are worth something."""

FOLDER_WORDS = "; paths are relative to the folder on the next line"
FOLDED_WORDS = "; a text that a file has at several lines stands once, after all its line numbers"

_ALONE = "\n"

_FOLDED = re.compile(r"([1-9][0-9]{0,9}(?:,[1-9][0-9]{0,9})+):")
_AS_THEY_WERE = re.compile(r"\[narrows: the next ([0-9]{1,9}) lines? as in the source\]")
_HEAD = re.compile(
    r"\[narrows: search results (?P<style>grouped by file|under their file headings): "
    r"(?P<matches>[0-9]+) match lines?(?:, (?P<context>\d+) context lines?)? in (?P<files>\d+) files?"
    rf"(?P<folder>{FOLDER_WORDS})?(?P<folded>{FOLDED_WORDS})?"
    r"; lossless: nothing left out\]"
)


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def tally(groups: list[Group]) -> str:
    """How many match lines, context lines and files, in the words of a head line."""
    entries = [entry for group in groups for entry in group.entries if entry != SEPARATOR]
    found = sum(1 for entry in entries if is_match(entry))
    context = f", {counted(len(entries) - found, 'context line')}" if len(entries) > found else ""
    files = counted(len({group.path for group in groups}), "file")
    return f"{counted(found, 'match line')}{context} in {files}"


def encode(results: Results) -> tuple[str, str]:
    """The form and, in a few words, what it holds."""
    groups = results.groups
    folder = shared_folder(groups)
    body = [folder] if folder else []
    folded = False
    for block in results.blocks:
        if isinstance(block, AsTheyWere):
            body += as_they_were(block)
            continue
        entries = fold(block.entries)
        folded = folded or len(entries) < len(block.entries)
        body += ["", block.path[len(folder) :], *entries]
    style = "under their file headings" if results.headings else "grouped by file"
    held = tally(groups)
    head = (
        f"search results {style}: {held}"
        + (FOLDER_WORDS if folder else "")
        + (FOLDED_WORDS if folded else "")
        + "; lossless: nothing left out"
    )
    end = "\n" if results.ends_with_newline else ""
    return "\n".join([marks.mark(head), *body]) + end, f"{held}, grouped, lossless"


def as_they_were(block: AsTheyWere) -> list[str]:
    """The block's lines below a mark that counts them."""
    return [marks.mark(f"the next {counted(len(block.lines), 'line')} as in the source"), *block.lines]


def shared_folder(groups: list[Group]) -> str:
    """The longest folder that all paths share, where naming it once is worth it; else nothing."""
    if len(groups) < 2:
        return ""
    first = min(group.path for group in groups)
    last = max(group.path for group in groups)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    folder = first[: first.rfind("/", 0, length) + 1]
    if any(len(group.path) == len(folder) for group in groups):
        return ""
    size = sum(len(group.path) + sum(map(len, group.entries)) for group in groups)
    return folder if len(folder) * len(groups) >= MIN_FOLDER_SHARE * size else ""


def fold(entries: list[str]) -> list[str]:
    """The entries with repeated match texts written once, after all their numbers, at the first one's place; the same
    entries where that would not decode or would save nothing."""
    if len({entry.partition(":")[2] for entry in entries}) == len(entries):
        return entries
    places: dict[str, list[str]] = {}
    for entry in entries:
        number, separator, text = entry.partition(":")
        if not separator or not number.isdecimal():
            return entries
        places.setdefault(text if len(text) >= MIN_FOLDED_CHARACTERS else _ALONE + entry, []).append(number)
    if len(places) == len(entries):
        return entries
    folded = [key[1:] if key.startswith(_ALONE) else f"{','.join(found)}:{key}" for key, found in places.items()]
    return folded if unfold(folded) == entries else entries


def unfold(entries: list[str]) -> list[str]:
    """What `fold` was given."""
    if not any(map(_FOLDED.match, entries)):
        return entries
    single: list[tuple[int, str]] = []
    for entry in entries:
        numbers, _, text = entry.partition(":")
        single += [(int(number), f"{number}:{text}") for number in numbers.split(",")]
    single.sort(key=lambda pair: pair[0])
    return [entry for _, entry in single]


def decode(text: str) -> str | None:
    """The source of a form that `encode` wrote; None for anything else, also where the head line's figures are not
    those of the lines below it."""
    lines, ends_with_newline = split_lines(text)
    head = _HEAD.fullmatch(lines[0])
    if head is None:
        return None
    folder = ""
    start = 1
    if head["folder"]:
        if len(lines) < 2 or not lines[1].endswith("/"):
            return None
        folder, start = lines[1], 2
    blocks = read_body(lines, start, folder)
    if blocks is None:
        return None
    groups = [block for block in blocks if isinstance(block, Group)]
    folded = any(_FOLDED.match(entry) for group in groups for entry in group.entries)
    blocks = [Group(block.path, unfold(block.entries)) if isinstance(block, Group) else block for block in blocks]
    groups = [block for block in blocks if isinstance(block, Group)]
    if f": {tally(groups)};" not in lines[0] or folded != bool(head["folded"]):
        return None
    write = _write_headings if head["style"] == "under their file headings" else _write_plain
    return "\n".join(write(blocks)) + ("\n" if ends_with_newline else "")


def read_body(
    lines: list[str], start: int, folder: str, is_own: Callable[[str], bool] = lambda _: False
) -> list[Block] | None:
    """The blocks from line `start` on, their entries as written; None where a line fits no rule. Lines in a group for
    which `is_own` holds are taken as entries."""
    blocks: list[Block] = []
    i = start
    while i < len(lines):
        others = read_as_they_were(lines, i)
        if others is not None:
            blocks.append(others)
            stop = i + 1 + len(others.lines)
        elif lines[i] == "" and i + 1 < len(lines):
            stop = i + 2
            while stop < len(lines) and (_is_entry(lines[stop]) or is_own(lines[stop])):
                stop += 1
            if stop == i + 2:
                return None
            blocks.append(Group(folder + lines[i + 1], lines[i + 2 : stop]))
        else:
            return None
        i = stop
    return blocks


def read_as_they_were(lines: list[str], at: int) -> AsTheyWere | None:
    """The block whose mark stands at `at`; None where none does or its lines are not there."""
    found = _AS_THEY_WERE.fullmatch(lines[at])
    if found is None:
        return None
    stop = at + 1 + int(found[1])
    return AsTheyWere(lines[at + 1 : stop]) if at + 1 < stop <= len(lines) else None


def _is_entry(line: str) -> bool:
    return line == SEPARATOR or ENTRY.match(line) is not None or _FOLDED.match(line) is not None


def is_match(entry: str) -> bool:
    """Whether an entry is a match line, and not context or a separator."""
    return entry.lstrip("0123456789").startswith(":")


def _write_plain(blocks: list[Block]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, AsTheyWere):
            lines += block.lines
            continue
        for entry in block.entries:
            found = ENTRY.match(entry)
            lines.append(f"{block.path}{found[2]}{entry}" if found else entry)
    return lines


def _write_headings(blocks: list[Block]) -> list[str]:
    lines: list[str] = []
    for i, block in enumerate(blocks):
        if isinstance(block, AsTheyWere):
            lines += block.lines
        else:
            lines += ([] if i == 0 else [""]) + [block.path, *block.entries]
    return lines

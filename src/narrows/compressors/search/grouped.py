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
back. Lines that belong to no file follow a mark with their count.

Paths stay whole. A folder that all of them share could be written once; over recorded outputs that saves less than one
token in a hundred beyond grouping, and it hides from the model, and from whoever looks for it later, the very string
that the next tool call needs.
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
    Layout,
    Results,
    split_lines,
)

MIN_FOLDED_CHARACTERS = 8
FOLDED_WORDS = "; a text that a file has at several lines stands once, after all its line numbers"

_MATCH = re.compile(r"[0-9]*:")
_CONTEXT = re.compile(r"[0-9]+-")
_ALONE = "\n"

_FOLDED = re.compile(r"([1-9][0-9]{0,9}(?:,[1-9][0-9]{0,9})+):")
_AS_THEY_WERE = re.compile(r"\[narrows: the next ([0-9]{1,9}) lines? as in the source\]")
_HEAD = re.compile(
    r"\[narrows: search results (?P<style>grouped by file|under their file headings): "
    r"(?P<matches>[0-9]+) match lines?(?:, (?P<context>\d+) context lines?)? in (?P<files>\d+) files?"
    rf"(?P<folded>{FOLDED_WORDS})?"
    r"; lossless: nothing left out\]"
)


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def tally(groups: list[Group]) -> str:
    """How many match lines, context lines and files, in the words of a head line."""
    total = context = 0
    for group in groups:
        total += len(group.entries) - group.entries.count(SEPARATOR)
        context += sum(1 for found in map(_CONTEXT.match, group.entries) if found)
    said = f", {counted(context, 'context line')}" if context else ""
    files = counted(len({group.path for group in groups}), "file")
    return f"{counted(total - context, 'match line')}{said} in {files}"


def encode(results: Results) -> tuple[str, str]:
    """The form and, in a few words, what it holds."""
    groups = results.groups
    body: list[str] = []
    folded = False
    for block in results.blocks:
        if isinstance(block, AsTheyWere):
            body += as_they_were(block)
            continue
        entries = fold(block.entries)
        folded = folded or len(entries) < len(block.entries)
        body += ["", block.path, *entries]
    style = "under their file headings" if results.layout is Layout.HEADINGS else "grouped by file"
    held = tally(groups)
    head = f"search results {style}: {held}" + (FOLDED_WORDS if folded else "") + "; lossless: nothing left out"
    end = "\n" if results.ends_with_newline else ""
    return "\n".join([marks.mark(head), *body]) + end, f"{held}, grouped, lossless"


def as_they_were(block: AsTheyWere) -> list[str]:
    """The block's lines below a mark that counts them."""
    return [marks.mark(f"the next {counted(len(block.lines), 'line')} as in the source"), *block.lines]


def fold(entries: list[str]) -> list[str]:
    """The entries with repeated match texts written once, after all their numbers, at the first one's place; the same
    entries where that would not decode or would save nothing."""
    pairs = [entry.partition(":") for entry in entries]
    if len({text for _, _, text in pairs}) == len(entries):
        return entries
    places: dict[str, list[str]] = {}
    rising, last = True, 0
    for number, _, text in pairs:
        if not number.isdecimal():
            return entries
        value = int(number)
        rising, last = rising and value > last, value
        places.setdefault(text if len(text) >= MIN_FOLDED_CHARACTERS else f"{_ALONE}{number}:{text}", []).append(number)
    if len(places) == len(entries):
        return entries
    folded = [key[1:] if key.startswith(_ALONE) else f"{','.join(found)}:{key}" for key, found in places.items()]
    return folded if rising or unfold(folded) == entries else entries


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
    blocks = read_body(lines)
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


def read_body(lines: list[str], is_own: Callable[[str], bool] = lambda _: False) -> list[Block] | None:
    """The blocks below the head line, their entries as written; None where a line fits no rule. Lines in a group for
    which `is_own` holds are taken as entries."""
    blocks: list[Block] = []
    i = 1
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
            blocks.append(Group(lines[i + 1], lines[i + 2 : stop]))
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
    return _MATCH.match(entry) is not None


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

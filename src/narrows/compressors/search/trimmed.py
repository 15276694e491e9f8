"""What may be left out of search results that stay large when grouped, and how it is counted.

In this order, until the text is small enough: lines too long to read; context lines; match lines of the files that
have most. The bounds are high on purpose: a match left out may be the one that was looked for. Every file stays named.
Of a file's matches the first and the last stay, then definitions, then each text
once, then the others, and they stand in the source's order. A mark below each file says what it lost; nothing is cut
inside a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from narrows.compressors import marks
from narrows.compressors.search.grouped import (
    FOLDED_WORDS,
    as_they_were,
    counted,
    fold,
    is_match,
    read_body,
    tally,
)
from narrows.compressors.search.results import (
    SEPARATOR,
    AsTheyWere,
    Block,
    Group,
    Layout,
    Results,
    join_blocks,
    split_lines,
)

ENOUGH_CHARACTERS = 160_000
"""About 40,000 tokens: below it no match and no context is left out."""

ENOUGH_WITH_LONG_LINES = 16_000
"""Below it not even a long line is left out."""

LONG_CHARACTERS = 1000
_CAPS = (400, 200, 150, 100, 75, 50, 35, 25, 18, 12, 9, 6)
_LISTED_NUMBERS = 12

_DEFINITION = re.compile(
    r"[0-9]+:(?:[0-9]+:)?\s*(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|inline|"
    r"pub(?:\(\w+\))?|virtual|const|unsafe|extern)\s+)*"
    r"(?:def|class|func|fn|function|interface|struct|enum|trait|impl|type|module|namespace|macro_rules!|#define)\b"
)
_GATHERED_WORDS = "; the lines of each file brought together in their order, the order between files is lost"
_COLOUR_WORDS = "; colour codes removed"
_UNNAMED = "without a file name"
_LOST = (
    r"(?:\d+ match lines?{0})?(?:; )?(?:\d+ lines? over 1000 characters{0})?(?:; )?"
    r"(?:\d+ context lines?(?: and \d+ separators?)?)?"
)
_LEFT_OUT = re.compile(rf"\[narrows: left out here: {_LOST.format('(?: at [0-9, ]+| from line [0-9]+ to [0-9]+)')}\]")
_HEAD = re.compile(
    rf"\[narrows: search results (?:grouped by file|(?P<unnamed>{_UNNAMED})): "
    r"\d+ match lines?(?:, \d+ context lines?)? in (?P<files>\d+) files?"
    rf"(?:{FOLDED_WORDS})?(?:{_GATHERED_WORDS})?(?:{_COLOUR_WORDS})?"
    rf"; (?:every line kept|left out and counted under each file: {_LOST.format('')})\]"
)


@dataclass(frozen=True, slots=True)
class _Trimmed:
    """One file's group: the entries it keeps, and those it lost."""

    path: str
    kept: list[str]
    matches: list[str] = field(default_factory=list)
    long: list[str] = field(default_factory=list)
    context: list[str] = field(default_factory=list)
    """Context lines and the separators between their blocks."""

    @property
    def size(self) -> int:
        """Characters of what is kept."""
        return len(self.path) + sum(map(len, self.kept)) + len(self.kept)

    def lost(self) -> str:
        """The words of the mark; nothing where nothing was lost."""
        return _lost((len(self.matches), _places(self.matches)), (len(self.long), _places(self.long)), self.context)


_Blocks = list[_Trimmed | AsTheyWere]


def shorten(results: Results, form_characters: int) -> tuple[str, str] | None:
    """The shortened text and, in a few words, what was left out; None where the lossless form, `form_characters`
    long, is good enough."""
    groups = results.groups
    scattered = len(groups) * 10 > len({group.path for group in groups}) * 13
    if form_characters <= ENOUGH_WITH_LONG_LINES and not scattered and not results.coloured:
        return None
    source = _gathered(results.blocks) if scattered else results.blocks
    blocks: _Blocks = [_Trimmed(block.path, block.entries) if isinstance(block, Group) else block for block in source]
    if form_characters > ENOUGH_WITH_LONG_LINES:
        blocks = _each(blocks, _without_long)
    if form_characters > ENOUGH_CHARACTERS:
        blocks = _within_bounds(blocks)
    if (
        not scattered
        and not results.coloured
        and not any(block.lost() for block in blocks if isinstance(block, _Trimmed))
    ):
        return None
    return _write(results, blocks, gathered=scattered)


def _gathered(blocks: list[Block]) -> list[Block]:
    """The blocks with every file's lines in one group, at the place of its first."""
    groups: dict[str, Group] = {}
    found: list[Block] = []
    for block in blocks:
        if isinstance(block, AsTheyWere):
            found.append(block)
        elif block.path in groups:
            groups[block.path].entries.extend(block.entries)
        else:
            groups[block.path] = Group(block.path, list(block.entries))
            found.append(groups[block.path])
    return join_blocks(found)


def _within_bounds(blocks: _Blocks) -> _Blocks:
    if _size(blocks) > ENOUGH_CHARACTERS:
        blocks = _each(blocks, _without_context)
    size = _size(blocks)
    if size <= ENOUGH_CHARACTERS:
        return blocks
    others = size - sum(block.size for block in blocks if isinstance(block, _Trimmed))
    # Sizes at a cap are estimated, as if a group's entries were of one length: one look at the groups instead of many.
    sizes = [(block.size, len(block.kept)) for block in blocks if isinstance(block, _Trimmed)]
    for cap in _CAPS:
        if others + sum(one if count <= cap else one * cap // count for one, count in sizes) <= ENOUGH_CHARACTERS:
            break
    return _each(blocks, partial(_capped, cap=cap))


def is_output(text: str) -> bool:
    """Whether `text` parses in full as what `shorten` writes."""
    lines, _ = split_lines(text)
    head = _HEAD.fullmatch(lines[0])
    if head is None:
        return False
    if head["unnamed"]:
        lines[1:1] = ["", ""]
    blocks = read_body(lines, lambda line: _LEFT_OUT.fullmatch(line) is not None)
    return blocks is not None and int(head["files"]) == len({b.path for b in blocks if isinstance(b, Group)})


def _each(blocks: _Blocks, change: Callable[[_Trimmed], _Trimmed]) -> _Blocks:
    return [change(block) if isinstance(block, _Trimmed) else block for block in blocks]


def _size(blocks: _Blocks) -> int:
    return sum(block.size if isinstance(block, _Trimmed) else sum(map(len, block.lines)) for block in blocks)


def _without_long(group: _Trimmed) -> _Trimmed:
    long = [entry for entry in group.kept if len(entry) > LONG_CHARACTERS]
    if not long:
        return group
    return _Trimmed(group.path, [entry for entry in group.kept if len(entry) <= LONG_CHARACTERS], [], long, [])


def _without_context(group: _Trimmed) -> _Trimmed:
    context = [entry for entry in group.kept if not is_match(entry)]
    if not context:
        return group
    return _Trimmed(group.path, [entry for entry in group.kept if is_match(entry)], [], group.long, context)


def _capped(group: _Trimmed, cap: int) -> _Trimmed:
    """Of a group that has match lines only, the `cap` best."""
    entries = group.kept
    if len(entries) <= cap:
        return group
    seen: set[str] = set()
    ranked: list[tuple[int, int]] = []
    for i, entry in enumerate(entries):
        text = entry.partition(":")[2]
        ranked.append((_rank(entry, text in seen, i in (0, len(entries) - 1)), i))
        seen.add(text)
    chosen = {i for _, i in sorted(ranked)[:cap]}
    kept = [entry for i, entry in enumerate(entries) if i in chosen]
    left_out = [entry for i, entry in enumerate(entries) if i not in chosen]
    matches = sorted([*group.matches, *left_out], key=lambda entry: int(entry.partition(":")[0]))
    return _Trimmed(group.path, kept, matches, group.long, group.context)


def _rank(entry: str, repeated: bool, at_an_end: bool) -> int:
    if at_an_end:
        return 0
    if repeated:
        return 3
    return 1 if _DEFINITION.match(entry) else 2


def _places(entries: list[str]) -> str:
    """Where the entries stood: every number while that is short, else the first and the last."""
    found = [re.split("[:-]", entry, maxsplit=1)[0] for entry in entries]
    if len(found) <= _LISTED_NUMBERS:
        return f" at {', '.join(found)}"
    by_value = sorted(found, key=int)
    return f" from line {by_value[0]} to {by_value[-1]}"


def _lost(matches: tuple[int, str], long: tuple[int, str], context: list[str]) -> str:
    separators = context.count(SEPARATOR)
    parts = (
        counted(matches[0], "match line") + matches[1] if matches[0] else "",
        counted(long[0], "line") + f" over {LONG_CHARACTERS} characters" + long[1] if long[0] else "",
        counted(len(context) - separators, "context line")
        + (f" and {counted(separators, 'separator')}" if separators else "")
        if context
        else "",
    )
    return "; ".join(part for part in parts if part)


def _write(results: Results, blocks: _Blocks, *, gathered: bool) -> tuple[str, str]:
    groups = [block for block in blocks if isinstance(block, _Trimmed)]
    unnamed = results.layout is Layout.UNNAMED
    body: list[str] = []
    folded = False
    for block in blocks:
        if isinstance(block, AsTheyWere):
            body += as_they_were(block)
            continue
        entries = block.kept if unnamed else fold(block.kept)
        folded = folded or len(entries) < len(block.kept)
        lost = block.lost()
        heading = [] if unnamed else ["", block.path]
        body += [*heading, *entries, *([marks.mark(f"left out here: {lost}")] if lost else [])]
    held = tally(results.groups)
    matches = sum(len(group.matches) for group in groups)
    long = sum(len(group.long) for group in groups)
    lost = _lost((matches, ""), (long, ""), [entry for group in groups for entry in group.context])
    words = f"search results {_UNNAMED if unnamed else 'grouped by file'}: {held}"
    words += (FOLDED_WORDS if folded else "") + (_GATHERED_WORDS if gathered else "")
    words += _COLOUR_WORDS if results.coloured else ""
    words += f"; left out and counted under each file: {lost}" if lost else "; every line kept"
    end = "\n" if results.ends_with_newline or body[-1] == "" else ""  # an empty last line needs its end to be seen
    summary = f"{held}; left out: {lost or 'nothing'}"
    return "\n".join([marks.mark(words), *body]) + end, summary

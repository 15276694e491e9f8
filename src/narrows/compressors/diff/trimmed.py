"""A hunk with less context that still applies.

Of the unchanged lines one stays on each side of a change, and none in a diff so large that nobody reads it line by line
(`shortened`); where more lie between two changes than a new header costs,
the hunk is split. Headers are recomputed, so that the result is a patch like any other: the same changes at the same
line numbers. A hunk that is split keeps its function heading on its first part only; the others' would be a guess.
"""

from __future__ import annotations

import re

from narrows.compressors.diff.patch import Hunk

MIN_GAP_CHARACTERS = 60
"""Context between two changes goes only where it is longer than the header that its going costs."""

_CHANGES = re.compile(r"[+\-\\]+")
_NOTE = "\\"
"""Begins a line which says that the line before it has no end. It stays, with the lines up to it: a hunk needs a
change, and the note needs its line."""


def trim(hunk: Hunk, around: int) -> tuple[list[str], int]:
    """The lines of the hunk or hunks that `hunk` becomes, headers included, and how many context lines went.
    `around` of them stay on each side of a change."""
    body = hunk.body
    firsts = hunk.firsts
    spans = _spans(body, firsts, around)
    kept = sum(stop - start for start, stop in spans)
    if not spans or kept == len(body):
        return [hunk.header, *body], 0
    lines: list[str] = []
    old, new, at = hunk.old_start, hunk.new_start, 0
    heading = hunk.heading
    for start, stop in spans:
        old += start - at  # only context lies between spans, and it counts on both sides
        new += start - at
        added, removed = firsts.count("+", start, stop), firsts.count("-", start, stop)
        context = stop - start - added - removed - firsts.count(_NOTE, start, stop)
        old_count, new_count = context + removed, context + added
        lines.append(f"@@ -{_range(old, old_count)} +{_range(new, new_count)} @@{heading}{hunk.end}")
        lines += body[start:stop]
        old, new, at, heading = old + old_count, new + new_count, stop, ""
    return lines, len(body) - kept


def _range(start: int, count: int) -> str:
    """A side of a hunk header in git's short way; a side without lines is named by the line before."""
    if count == 0:
        return f"{start - 1},0"
    return str(start) if count == 1 else f"{start},{count}"


def _spans(body: list[str], firsts: str, around: int) -> list[tuple[int, int]]:
    """The half-open spans of `body` that stay: every change with its context, too small gaps filled."""
    changes = [found.span() for found in _CHANGES.finditer(firsts)]
    if not changes or firsts[changes[0][0]] == _NOTE:
        return []
    spans: list[tuple[int, int]] = []
    start, stop = max(0, changes[0][0] - around), changes[0][1]
    for first, after in changes[1:]:
        gap = first - stop - 2 * around
        if gap > 0 and firsts[first] != _NOTE and _is_long(body[stop + around : first - around]):
            spans.append((start, stop + around))
            start = first - around
        stop = after
    return [*spans, (start, min(len(body), stop + around))]


def _is_long(gap: list[str]) -> bool:
    return sum(map(len, gap)) >= MIN_GAP_CHARACTERS

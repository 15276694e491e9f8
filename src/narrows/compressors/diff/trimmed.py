"""A hunk with less context that still applies.

Of the unchanged lines one stays on each side of a change; where more lie between two changes than a new header costs,
the hunk is split. Headers are recomputed, so that the result is a patch like any other: the same changes at the same
line numbers. A hunk that is split keeps its function heading on its first part only; the others' would be a guess.
"""

from __future__ import annotations

import re

from narrows.compressors.diff.patch import Hunk

CONTEXT_LINES = 1
MIN_GAP_CHARACTERS = 60
"""Context between two changes goes only where it is longer than the header that its going costs."""

_CHANGE = re.compile(r"[+\-\\]")
_NOTE = "\\"
"""Begins a line which says that the line before it has no end. It stays, with the lines up to it: a hunk needs a
change, and the note needs its line."""


def trim(hunk: Hunk) -> tuple[list[str], int]:
    """The lines of the hunk or hunks that `hunk` becomes, headers included, and how many context lines went."""
    body = hunk.body
    firsts = "".join([line[:1] or " " for line in body])
    spans = _spans(body, firsts)
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


def _spans(body: list[str], firsts: str) -> list[tuple[int, int]]:
    """The half-open spans of `body` that stay: every change with its context, too small gaps filled."""
    changes = [found.start() for found in _CHANGE.finditer(firsts)]
    if not changes or firsts[changes[0]] == _NOTE:
        return []
    spans: list[tuple[int, int]] = []
    start, stop = max(0, changes[0] - CONTEXT_LINES), changes[0] + 1
    for i in changes:
        gap = i - stop - 2 * CONTEXT_LINES
        if gap > 0 and firsts[i] != _NOTE and _is_long(body[stop + CONTEXT_LINES : i - CONTEXT_LINES]):
            spans.append((start, stop + CONTEXT_LINES))
            start = i - CONTEXT_LINES
        stop = i + 1
    return [*spans, (start, min(len(body), stop + CONTEXT_LINES))]


def _is_long(gap: list[str]) -> bool:
    return sum(map(len, gap)) >= MIN_GAP_CHARACTERS

"""The one shape of a line that is ours (law 6).

Every output opens with a mark, the head line: what the text is, what was kept, what was left out. Marks inside say what
was left out where they stand. A mark carries counts and places, and short values where a kind's grammar says so, quoted
as JSON strings; it never carries instructions or lines of the source. A source in which any line starts like a mark is
kept whole, so a reader can always tell the two apart; the same rule makes compressing idempotent, because every output
starts with a mark (law 3).
"""

from __future__ import annotations

import re

from narrows.compressors.types import Source

PREFIX = "[narrows: "
_MARK_LINE = re.compile(r"^[ \t]*\[narrows:", re.MULTILINE)


def mark(words: str) -> str:
    """The line, without its line end, that says `words`.

    Raises:
        ValueError: `words` holds a line break, which would make the rest of the mark look like the source's.
    """
    if "\n" in words or "\r" in words:
        raise ValueError("a mark is one line")
    return f"{PREFIX}{words}]"


def is_mark(line: str) -> bool:
    """Whether a line (without its end) is one of ours."""
    return line.startswith(PREFIX) and line.endswith("]")


def has_mark(text: str) -> bool:
    """Whether any line of `text` starts like a mark."""
    return "[narrows:" in text and _MARK_LINE.search(text) is not None


def stand_in(source: Source) -> bool:
    """Whether any line of the source starts like a mark."""
    return has_mark(source.text)

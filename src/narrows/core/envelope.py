"""A tool's output as one string of a JSON object: `{"output": "...", "metadata": {"exit_code": 0}}`.

Harnesses and servers of tools wrap what a command printed so (Codex's older shell tool, mini-swe-agent, many MCP
servers). The text is then one long string, in which no grammar of lines finds any. So the string is taken out, decided
as the output that it is, and put back into the same object, where nothing else changes.

What is taken for one holds few strings, one of which is most of the text and has several lines. A string in which a
line begins like a mark of ours is taken out whatever its size: so is every output that was put back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from json import JSONDecoder

from narrows.core import jsonscan, jsonstr

MOST_STRINGS = 24
"""Names of members included."""
MOST_AROUND = 32_768
"""Characters of all but the one string."""
LEAST_SHARE = 0.6
LEAST_LINE_ENDS = 3

_DECODER = JSONDecoder()
_IS_NAME = re.compile(r"\s*:")
_JSON_INSIDE = ("{", "[")


@dataclass(frozen=True, slots=True)
class Envelope:
    """The object around a string: `before` and `after` its `literal`, which says `inside`."""

    before: str
    literal: str
    after: str
    inside: str

    def around(self, text: str) -> str:
        """The same object with another text, escaped in the same manner."""
        return self.before + jsonstr.encode_like(self.literal.encode(), text).decode() + self.after


def opened(text: str) -> Envelope | None:
    """The object that `text` is, and the output in it; None where it is no such object."""
    if not _may_be(text):
        return None
    values = _values(text)
    ours = next((one for one in values if _has_mark(one[2])), None)
    start, stop, inside = ours or max(values, key=lambda one: one[1] - one[0], default=(0, 0, ""))
    if len(text) - (stop - start) > MOST_AROUND:
        return None
    if not ours and (stop - start < LEAST_SHARE * len(text) or not _is_output(inside)):
        return None
    before, after = text[:start], text[stop:]
    return (
        Envelope(before, text[start:stop], after, inside) if jsonscan.is_value(f'{before}""{after}'.encode()) else None
    )


def bare(text: str) -> str:
    """The output in the object that `text` is, or else `text`."""
    envelope = opened(text)
    return text if envelope is None else envelope.inside


def _may_be(text: str) -> bool:
    """Whether `text` begins and ends as an object with few strings, cheaply."""
    if not text.lstrip().startswith("{") or not text.rstrip().endswith("}"):
        return False
    if "\\n" not in text and "[narrows:" not in text:
        return False
    return text.count('"') - text.count('\\"') <= 2 * MOST_STRINGS


def _values(text: str) -> list[tuple[int, int, str]]:
    """The strings that are no names, in order: where they stand, and what they say. None where there are too many, or
    one that cannot be said in UTF-8."""
    found: list[tuple[int, int, str]] = []
    start = text.find('"')
    for _ in range(MOST_STRINGS):
        if start < 0:
            return found
        try:
            said, stop = _DECODER.raw_decode(text, start)
            said.encode()
        except ValueError:
            return []
        if _IS_NAME.match(text, stop) is None:
            found.append((start, stop, said))
        start = text.find('"', stop)
    return []


def _is_output(inside: str) -> bool:
    return inside.count("\n") >= LEAST_LINE_ENDS and not inside.lstrip().startswith(_JSON_INSIDE)


def _has_mark(inside: str) -> bool:
    return inside.startswith("[narrows: ") or "\n[narrows: " in inside

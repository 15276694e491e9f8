"""Whether colours say something that the words do not.

A line in reverse video is where a menu's cursor stands, what is struck through was taken back, and where whole lines
are red and others green, red may be all that says which of them failed. Of a text with any of these all codes stay.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_LOOK = re.compile(r"\x1b\[([0-9;:]*)m")
_WHOLE_LINE = re.compile(
    r"^[ \t]*((?:\x1b\[[0-9;:]*m)+)([^\x1b\n]+)(?:\x1b\[[0-9;:]*m|\x1b\[K)+[ \t\r]*$", re.MULTILINE
)
_OF_PALETTE = re.compile(r"(?<![0-9])[345]8;(?:5;[0-9]*|2;[0-9]*;[0-9]*;[0-9]*)")
_REVERSE, _STRUCK = "7", "9"
_RED, _GREEN = frozenset(("31", "91")), frozenset(("32", "92"))


def say_something(text: str) -> bool:
    """Whether who sees the text on a screen learns something from its colours alone, as far as it is known."""
    looks = {found: _attributes(found) for found in set(_LOOK.findall(text))}
    if any(_STRUCK in attributes for attributes in looks.values()):
        return True
    red = green = False
    for line in _WHOLE_LINE.finditer(text):
        if not any(map(str.isalnum, line[2])):
            continue
        attributes = {one for look in _LOOK.findall(line[1]) for one in looks[look]}
        red, green = red or not _RED.isdisjoint(attributes), green or not _GREEN.isdisjoint(attributes)
        if _REVERSE in attributes or (red and green):
            return True
    return False


def _attributes(look: str) -> Collection[str]:
    """The numbers of a code (ECMA-48's SGR), those aside that choose a colour from a palette."""
    return {one.lstrip("0") for one in _OF_PALETTE.sub("", look).split(";")}

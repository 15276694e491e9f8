"""Finds a character of a text in the bytes of the JSON string that writes it."""

from __future__ import annotations

import re

from narrows.wire.items import Place

_CHARACTER = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\."
    rb"|[^\\\x80-\xff]|[\xc0-\xff][\x80-\xbf]*"
)


def offset_of(body: bytes, literal: Place, characters: int) -> int:
    """The byte of the body before which so many characters of a string stand.

    Raises:
        ValueError: the string has fewer.
    """
    position, stop = literal[0] + 1, literal[1] - 1
    for _ in range(characters):
        found = _CHARACTER.match(body, position, stop)
        if found is None:
            raise ValueError(f"a string with fewer than {characters} characters")
        position = found.end()
    return position

"""Points in time that a recorder of API answers wrote as objects of eight members.

`{"__class__": "datetime", "year": 2024, "month": 2, ...}` stands as `@2024-02-15 11:02:52.474092`, in the way of ISO
8601, the fraction left away where it is zero. Only objects with exactly these keys in this order and whole numbers of
ordinary size have the form, so that it gives them back exactly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

KEYS: Final = ("__class__", "year", "month", "day", "hour", "minute", "second", "microsecond")
_WRITTEN = re.compile(r"@([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{6}))?")
_YEAR = re.compile(r"[1-9][0-9]{3}\Z")
_TWO_DIGITS = re.compile(r"(?:0|[1-9][0-9]?)\Z")
_MICROSECOND = re.compile(r"(?:0|[1-9][0-9]{0,5})\Z")


def written(members: Mapping[str, object]) -> str | None:
    """The short form of such an object; None for every other."""
    if tuple(members) != KEYS or members["__class__"] != "datetime":
        return None
    numbers = [text for text in members.values() if isinstance(text, str)][1:]
    if len(numbers) != len(KEYS) - 1 or any(type(text) is str for text in list(members.values())[1:]):
        return None
    year, *parts, microsecond = numbers
    if not (_YEAR.match(year) and all(map(_TWO_DIGITS.match, parts)) and _MICROSECOND.match(microsecond)):
        return None
    month, day, hour, minute, second = [part.zfill(2) for part in parts]
    fraction = "" if microsecond == "0" else f".{microsecond.zfill(6)}"
    return f"@{year}-{month}-{day} {hour}:{minute}:{second}{fraction}"


def read(text: str, position: int) -> tuple[str, int] | None:
    """The object, as compact JSON, that stands at `position`, and where it ends."""
    found = _WRITTEN.match(text, position)
    if found is None or found[7] == "000000":
        return None
    numbers = [str(int(part or "0")) for part in found.groups()]
    members = ",".join([f'"{name}":{number}' for name, number in zip(KEYS[1:], numbers, strict=True)])
    return f'{{"__class__":"datetime",{members}}}', found.end()

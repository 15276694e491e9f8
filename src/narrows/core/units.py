"""Sizes and durations as people write them.

Sizes are whole bytes: `KB`, `MB`, `GB` count in thousands, `KiB`, `MiB`, `GiB` in 1024s (IEC 80000-13), a plain number
is bytes, and the most is 2**53. Durations are seconds, to the microsecond and up to a thousand million: `ms`, `s`, `m`,
`h`, a plain number is seconds. Case does not matter. What `show_*` prints, `parse_*` reads back to the same value.
"""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d{1,18}) ?([kmg]i?b|b)?", re.IGNORECASE | re.ASCII)
_DURATION = re.compile(r"(\d{1,10}(?:\.\d{1,9})?) ?(ms|s|m|h)?", re.IGNORECASE | re.ASCII)
_BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_size_bytes(text: str) -> int:
    """The bytes that `text` names, such as `64MiB`, `512KB` or `1024`.

    Raises:
        ValueError: it is not a whole number with one of the units.
    """
    found = _SIZE.fullmatch(text.strip())
    size_bytes = int(found[1]) * _BYTES[(found[2] or "b").lower()] if found else -1
    if not 0 <= size_bytes <= 2**53:
        raise ValueError("a size is a whole number of bytes, or one with a unit, such as 64MiB or 512KB")
    return size_bytes


def parse_duration_s(text: str) -> float:
    """The seconds that `text` names, such as `10s`, `2m`, `250ms` or `10`.

    Raises:
        ValueError: it is not a number with one of the units.
    """
    found = _DURATION.fullmatch(text.strip())
    duration_s = round(float(found[1]) * _SECONDS[(found[2] or "s").lower()], 6) if found else -1
    if not 0 <= duration_s <= 10**9:
        raise ValueError("a duration is a number of seconds, or one with a unit, such as 10s, 2m or 250ms")
    return duration_s


def show_size(size_bytes: int) -> str:
    """`size_bytes` in the largest IEC unit that divides it."""
    for unit in ("GiB", "MiB", "KiB"):
        count, rest = divmod(size_bytes, _BYTES[unit.lower()])
        if count and not rest:
            return f"{count}{unit}"
    return str(size_bytes)


def show_duration(duration_s: float) -> str:
    """`duration_s` in seconds, without needless digits."""
    return f"{int(duration_s)}s" if duration_s == int(duration_s) else f"{duration_s:.6f}".rstrip("0") + "s"

"""Addresses of links, each written out once: one that stands again is named where it stands first (`&1 address`) and
repeated by its name (`*1`); what many begin with is said in the head line, and a `~` stands for it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

LEAST_NAMED = 20
"""Characters of an address that is named rather than repeated."""
LEAST_SHARED = 100
"""Characters that a shared beginning must save."""
_LEVELS = 8
_MUST_BE_BRACED = re.compile(r"[\s()<>]")
_NAMELIKE = re.compile(r"[&*]\d")
_INSIDE_BRACES = {"<": "%3C", ">": "%3E"}


@dataclass(frozen=True, slots=True)
class Written:
    """What stands for each address, in order; what `~` means, if anything; and whether any is named."""

    each: tuple[str, ...]
    beginning: str
    named: bool


def write(addresses: list[str]) -> Written:
    """Each address as it stands in the text."""
    said = [_braced(one) for one in addresses]
    counts = Counter(said)
    beginning = _beginning(list(counts))
    numbers: dict[str, int] = {}
    each = []
    for one in said:
        if counts[one] < 2 or len(one) < LEAST_NAMED:
            each.append(_shorter(one, beginning))
        elif one in numbers:
            each.append(f"*{numbers[one]}")
        else:
            numbers[one] = len(numbers) + 1
            each.append(f"&{numbers[one]} {_shorter(one, beginning)}")
    return Written(tuple(each), beginning, bool(numbers))


def _shorter(address: str, beginning: str) -> str:
    return "~" + address.removeprefix(beginning) if beginning and address.startswith(beginning) else address


def _braced(address: str) -> str:
    """As in Markdown: between angle brackets where its own characters would end it, or look like a name."""
    if _MUST_BE_BRACED.search(address) is None and not _NAMELIKE.match(address):
        return address
    return "<" + "".join(_INSIDE_BRACES.get(one, "%20" if one.isspace() else one) for one in address) + ">"


def _beginning(distinct: list[str]) -> str:
    """The beginning, up to a slash, that saves the most; empty where it saves too little."""
    saved: Counter[str] = Counter()
    for address in distinct:
        if address.startswith("~"):
            return ""
        place = address.find("/", address.find("//") + 2 if "//" in address[:10] else 1)
        for _ in range(_LEVELS):
            if place < 0:
                break
            saved[address[: place + 1]] += place
            place = address.find("/", place + 1)
    best = max(saved, key=lambda one: (saved[one], one), default="")
    return best if best and saved[best] - 2 * len(best) >= LEAST_SHARED and '"' not in best else ""

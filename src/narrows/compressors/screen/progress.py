"""Lines by which a program showed on a screen how far it was: curl's meter, wget's dots, bars with a percentage.

On a screen each of them takes the place of the one before; in a text they all stand there, and what they say is over
when the text is read. Only whole forms are known. A meter that did not come to its end says how far it came, and stays;
so does all of curl's where curl says that it failed. Of a bar the last state stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CURL, WGET, BAR = "curl's progress", "wget's progress", "earlier states of a progress bar"
SORTS = (CURL, WGET, BAR)
"""What lines are called that are left out."""

_CURL_HEAD = (
    re.compile(r" +% Total +% Received +% Xferd +Average Speed +Time +Time +Time +Current\r?\Z"),
    re.compile(r" +Dload +Upload +Total +Spent +Left +Speed\r?\Z"),
)
_AMOUNT = r"[\d.]+[kMGTP]?"
_TIME = r"(?:--:--:--|\d+:\d\d:\d\d|\d+[dhm] \d\d[hms]|\d+d)"
_CURL_STATE = re.compile(
    rf" *(\d+) +{_AMOUNT} +\d+ +{_AMOUNT} +\d+ +{_AMOUNT}(?: +{_AMOUNT}){{2}}(?: +{_TIME}){{3}} +{_AMOUNT} *\Z"
)
_CURL_FAILED = re.compile(r"^curl: \(\d+\)", re.MULTILINE)
_DOTS = re.compile(r" *\d+K(?: [.,]{1,10}){1,5}(?: +\d+%)? +[\d.,]+[KMG]?[ =][\d.hms]*\Z")
_SAVED = re.compile(r".* saved \[\d+")
_BAR = re.compile(
    r"((?:[^|\r]{0,80}: )?) *(\d{1,3})%\|[^|\ra-zA-Z]*\| *[\d.,]+[a-zA-Z]*/([\d.,]+[a-zA-Z]*)"
    r" \[[\d:]+<[\d:?]+(?:, [^\]\r]*)?\]\s*\Z"
)
_SIGNS = ("% Xferd", "K ....", "%|")


@dataclass(frozen=True, slots=True)
class Left:
    """The lines `start <= i < stop`, which are left out, and what they are."""

    start: int
    stop: int
    sort: str


def progress(text: str) -> list[Left]:
    """The lines of a text that need not be shown, in order."""
    if not any(sign in text for sign in _SIGNS):
        return []
    lines = text.split("\n")
    found: list[Left] = []
    if _CURL_FAILED.search(text) is None:
        found += _meters(lines)
    found += _runs_of_dots(lines)
    found += _bars(lines)
    return sorted(found, key=lambda one: one.start)


def _meters(lines: Sequence[str]) -> Iterator[Left]:
    """Curl's heading and the states below it, up to the last one, which says that all is there."""
    number = 0
    while number + 2 < len(lines):
        if not all(head.match(lines[number + below]) is not None for below, head in enumerate(_CURL_HEAD)):
            number += 1
            continue
        after = number + 2
        stop, share = after, ""
        while after < len(lines) and (states := _states(lines[after])) is not None:
            after += 1
            if states:
                stop, share = after, states[-1]
        if share == "100":
            yield Left(number, stop, CURL)
        number = after


def _states(line: str) -> list[str] | None:
    """How much of the whole was there, in percent, by each state in a line; None where there is anything else."""
    matches = [_CURL_STATE.match(state) for state in line.split("\r") if state.strip()]
    found = [match[1] for match in matches if match is not None]
    return found if len(found) == len(matches) else None


def _runs_of_dots(lines: Sequence[str]) -> Iterator[Left]:
    """Dots in a row, where the next line but for blank ones says that the file was saved."""
    start = 0
    while start < len(lines):
        stop = start
        while stop < len(lines) and _DOTS.match(lines[stop]) is not None:
            stop += 1
        if stop > start:
            after = next((at for at in range(stop, len(lines)) if lines[at].strip()), -1)
            if _SAVED.match(lines[after]) is not None:
                yield Left(start, stop, WGET)
        start = stop + 1


def _bars(lines: Sequence[str]) -> Iterator[Left]:
    """The states of one bar, which stand in a row but for blank lines, up to the last. A bar that came to its end, or
    one with a smaller share below a larger, is over: the next one is another, as of another epoch."""
    begun: int | None = None
    last, share, of = 0, 0, ("", "")
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        bar = _BAR.match(line) if "%|" in line else None
        if bar is not None and begun is not None and (bar[1], bar[3]) == of and share <= int(bar[2]) and share < 100:
            last, share = number, int(bar[2])
            continue
        if begun is not None and last > begun:
            yield Left(begun, last, BAR)
        begun = number if bar is not None else None
        last, share, of = (number, int(bar[2]), (bar[1], bar[3])) if bar is not None else (number, 0, ("", ""))
    if begun is not None and last > begun:
        yield Left(begun, last, BAR)

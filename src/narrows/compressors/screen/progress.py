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
_DOTS = re.compile(r" *\d+K(?: [.,]{1,10}){1,5} *(?:\d+%)? +[\d.,]+[KMG]?[ =][\d.hms]*\Z")
_SAVED = re.compile(r".* saved \[\d+")
_BAR = re.compile(r"((?:[^|\r]{0,80}: )?) *\d{1,3}%\|[^|\r]*\| *[\d.,]+\w*/([\d.,]+\w*) \[[^\]\r]*\][^\r]*\Z")
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
    if any(_SAVED.match(line) is not None for line in lines):
        found += _runs_of_dots(lines)
    found += _bars(lines)
    return sorted(found, key=lambda one: one.start)


def _meters(lines: Sequence[str]) -> Iterator[Left]:
    """Curl's heading and the states below it, up to the last one, which says that all is there."""
    number = 0
    while number + 2 < len(lines):
        if not all(head.match(line) is not None for head, line in zip(_CURL_HEAD, lines[number:], strict=False)):
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
    start = 0
    while start < len(lines):
        stop = start
        while stop < len(lines) and _DOTS.match(lines[stop]) is not None:
            stop += 1
        if stop > start:
            yield Left(start, stop, WGET)
        start = stop + 1


def _bars(lines: Sequence[str]) -> Iterator[Left]:
    """The states of one bar, which stand in a row but for blank lines, up to the last."""
    begun: int | None = None
    last, of = 0, ("", "")
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        bar = _BAR.match(line) if "%|" in line else None
        if bar is not None and begun is not None and (bar[1], bar[2]) == of:
            last = number
            continue
        if begun is not None and last > begun:
            yield Left(begun, last, BAR)
        begun = number if bar is not None else None
        last, of = number, (bar[1], bar[2]) if bar is not None else ("", "")
    if begun is not None and last > begun:
        yield Left(begun, last, BAR)

"""Which lines of a log are shown.

Shown are: the first and last lines; every line marked as an error or a warning, except exact repeats (times aside) of
lines that are shown; failure reports and tracebacks whole; lines around errors; lines that mention trouble, while lines
alike are few; lines that are like no other. Of lines alike (see `templates`) the first and the last are shown. Passed
tests are only counted. Everything not shown is counted by class where it stood.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from narrows.compressors.log import sections
from narrows.compressors.log.classes import TROUBLE, Tone, level, tone
from narrows.compressors.log.templates import shapes

FIRST_LINES = 2
LAST_LINES = 3
BEFORE_ERROR = 1
AFTER_ERROR = 2
FEW_ALIKE = 3
"""Up to so many lines alike are all shown."""
MENTIONS_ALIKE = 40
"""Up to so many lines alike that mention trouble are all shown."""
WARNINGS_IN_FULL = 3
"""The source lines and carets below so many warnings alike are shown; below further ones they are left out."""
REPEATS_SHOWN = 2
LONGEST_TAIL = 60
"""So many lines at most belong to the error above them."""
SMALLEST_GAP = 100
"""A gap of fewer characters is not worth a mark; its lines are shown."""

_DIGITS = b"0123456789"
_STATUS = re.compile(r'" [45]\d\d ')
_STAMP = re.compile(r"^[^A-Za-z\n]{0,12}\d\d:\d\d|^[A-Z][a-z]{2} +\d+ \d\d:\d\d|^[^A-Za-z\n]{0,4}\d{4}[-/]\d\d[-/]\d\d")
_TIME = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d|\d\d:\d\d:\d\d(?:[.,]\d+)?|[A-Z][a-z]{2} +\d+ (?=\d\d:)"
    r"|(?<=[a-z])\[\d+\](?=:)|^\[? *\d+\.\d{3,}\]?"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """`show[i]` is 1 where line i is shown. `labels` names the class of each text without digits (see `label`);
    `repeated` holds the numbers of the left-out lines that repeat a shown one, times aside."""

    show: bytearray
    keys: list[str]
    labels: dict[str, str]
    repeated: frozenset[int]

    def label(self, number: int) -> str:
        """The class under which a left-out line is counted."""
        if number in self.repeated:
            return "repeated"
        return self.labels[self.keys[number]]


def without_digits(lines: Sequence[str]) -> list[str]:
    """The lines with their digits removed."""
    text = "\n".join(lines).encode(errors="surrogatepass").translate(None, _DIGITS)
    return text.decode(errors="surrogatepass").split("\n")


def decide(lines: Sequence[str]) -> Shown:
    """The lines to show, before repeats of shown blocks are looked for."""
    keys = without_digits(lines)
    counts = Counter(keys)
    tones = {key: tone(key) for key in counts}
    shape_of = shapes(counts)
    log = _Log(lines, keys, [tones[key] for key in keys], [shape_of[key] for key in keys], bytearray(len(lines)), set())
    _judge_statuses(log)
    _show_ends(log)
    _show_reports(log)
    _show_alarms(log)
    _show_mentions(log)
    _show_examples(log)
    _close_small_gaps(log)
    return Shown(log.shown, keys, {key: _label(key, found) for key, found in tones.items()}, frozenset(log.repeated))


def mentions_trouble(line: str) -> bool:
    """Whether a line holds one of the stems of an error, a failure or a warning."""
    lower = line.lower()
    return any(stem in lower for stem in TROUBLE)


def _label(key: str, found: Tone) -> str:
    match found:
        case Tone.BLANK:
            return "blank"
        case Tone.PASSED:
            return "passed"
        case Tone.SKIPPED:
            return "skipped"
        case _:
            return level(key) or "other"


@dataclass(frozen=True, slots=True)
class _Log:
    """A log while it is being decided: `tones` and `shapes` by line, and what the rules have found so far."""

    lines: Sequence[str]
    keys: Sequence[str]
    tones: list[Tone]
    shapes: Sequence[str]
    shown: bytearray
    repeated: set[int]

    def show(self, start: int, stop: int) -> None:
        start, stop = max(start, 0), min(stop, len(self.lines))
        if start < stop:
            self.shown[start:stop] = b"\x01" * (stop - start)


def _judge_statuses(log: _Log) -> None:
    """An access log's line with a status of 400 or more speaks of trouble."""
    for number, line in enumerate(log.lines):
        if ('" 4' in line or '" 5' in line) and _STATUS.search(line) is not None:
            log.tones[number] = max(log.tones[number], Tone.MENTION)


def _show_ends(log: _Log) -> None:
    log.show(0, FIRST_LINES)
    left = LAST_LINES
    for number in range(len(log.lines) - 1, -1, -1):
        log.show(number, number + 1)
        left -= log.tones[number] is not Tone.BLANK
        if not left:
            break


def _show_reports(log: _Log) -> None:
    opening = {key for key in set(log.keys) if sections.opens_report(key)}
    if opening:
        openers = [number for number, key in enumerate(log.keys) if key in opening]
        sections.show_reports(log.keys, openers, log.show)
    for number, line in enumerate(log.lines):
        if "Traceback (" in line:
            sections.show_traceback(log.lines, number, log.show)
    sections.show_failed_runs(log.keys, [i for i, found in enumerate(log.tones) if found is Tone.ERROR], log.show)


def _show_alarms(log: _Log) -> None:
    """Errors and warnings with what belongs to them, but only a few of those that are equal, times aside."""
    stamped = _is_stamped(log)
    alarms = [number for number, found in enumerate(log.tones) if found >= Tone.WARNING]
    alike = Counter(log.shapes[number] for number in alarms)
    equal: defaultdict[str, list[int]] = defaultdict(list)
    seen: Counter[str] = Counter()
    for number in alarms:
        if log.shown[number]:
            continue
        shape = log.shapes[number]
        if alike[shape] > FEW_ALIKE:
            equal[_TIME.sub("", log.lines[number])].append(number)
        log.show(number, number + 1)
        seen[shape] += 1
        if log.tones[number] is Tone.ERROR:
            log.show(number - BEFORE_ERROR, number + 1 + AFTER_ERROR)
            log.show(number, _tail(log, number, stamped))
        elif seen[shape] <= WARNINGS_IN_FULL:
            log.show(number, _tail(log, number, stamped))
    for numbers in equal.values():
        for number in numbers[REPEATS_SHOWN:-1]:
            log.shown[number] = 0
            log.repeated.add(number)


def _is_stamped(log: _Log) -> bool:
    """Whether most lines begin with a time, so that a line without one continues the line above it."""
    sample = log.lines[:400]
    return 2 * sum(_STAMP.match(line) is not None for line in sample) > len(sample)


def _tail(log: _Log, number: int, stamped: bool) -> int:
    """The line after the last one that belongs to the error at `number`: deeper ones, or ones without a time."""
    depth = _depth(log.lines[number])
    last = min(len(log.lines), number + 1 + LONGEST_TAIL)
    for following in range(number + 1, last):
        line = log.lines[following]
        if stamped and _STAMP.match(line) is None:
            continue
        if not line or line.isspace() or _depth(line) <= depth:
            return following
    return last


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _show_mentions(log: _Log) -> None:
    by_shape: defaultdict[str, list[int]] = defaultdict(list)
    for number, found in enumerate(log.tones):
        if found is Tone.MENTION:
            by_shape[log.shapes[number]].append(number)
    for numbers in by_shape.values():
        chosen = numbers if len(numbers) <= MENTIONS_ALIKE else (numbers[0], numbers[-1])
        for number in chosen:
            log.show(number, number + 1)


def _show_examples(log: _Log) -> None:
    """Lines alike: all of a few, else the first and the last. Passed tests and nested shell traces need no example."""
    traced = any(key.startswith("+ ") for key in log.keys)
    by_shape: defaultdict[str, list[int]] = defaultdict(list)
    for number, (shape, found) in enumerate(zip(log.shapes, log.tones, strict=True)):
        if found in (Tone.PLAIN, Tone.SKIPPED) and not (traced and log.keys[number].startswith(("++ ", "+++ "))):
            by_shape[shape].append(number)
    for numbers in by_shape.values():
        chosen = numbers if len(numbers) <= FEW_ALIKE else (numbers[0], numbers[-1])
        for number in chosen:
            log.shown[number] = 1


def _close_small_gaps(log: _Log) -> None:
    """Show what a mark would not be worth. Blank lines after a shown line's gap are no reason for a mark either."""
    position = 0
    while (start := log.shown.find(0, position)) >= 0:
        position = log.shown.find(1, start)
        if position < 0:
            position = len(log.shown)
        if sum(map(len, log.lines[start:position])) + position - start < SMALLEST_GAP:
            log.show(start, position)
            log.repeated.difference_update(range(start, position))

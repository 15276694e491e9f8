"""Which lines of a log are shown.

Shown are: the first and last lines; every line marked as an error or a warning, except exact repeats (times aside) of
lines that are shown; failure reports, tracebacks and patches, of which long quotations and what a harness traced are
cut short; lines around errors, and the headings under which errors and warnings stand; lines that mention trouble,
while lines alike are few; lines that are like no other, but for those of a session's commands that held no error. Of
lines alike (see `templates`) the first and the last are shown. Passed tests are only counted. Everything not shown is
counted by class where it stood.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from narrows.compressors.log import attached, figures, framing, packages, sections, stamps
from narrows.compressors.log.alike import Listing, below, excerpt, listings, pointed, show_whole, with_notes
from narrows.compressors.log.classes import ASSERTED, TROUBLE, Judgement, Tone, holds_any, judged
from narrows.compressors.log.repeats import LeftOut, Stampless
from narrows.compressors.log.session import session
from narrows.compressors.log.templates import shapes

FIRST_LINES = 2
LAST_LINES = 3
BEFORE_ERROR = 1
AFTER_ERROR = 2
FEW_ALIKE = 3
"""Up to so many lines alike are all shown."""
ERRORS_APART = 16
ERRORS_APART_IN_SERVICES = 32
"""Where errors stand closer than this on average, the lines around them are not shown for their sake."""
LONG_LOG = 400
RARE_SHARE = 20
RARE_ALIKE = 60
"""In a log of so many lines with times the rarest sorts of lines are all shown, together up to one line in
`RARE_SHARE`, of each sort up to one in `RARE_ALIKE`."""
MENTIONS_ALIKE = 40
"""Up to so many lines alike that mention trouble are all shown."""
MENTIONS_RARE = 30
"""In a long log they are so many of which one line in this many is one."""
MENTIONS_SHARE = 5
"""Lines without a level that mention trouble are all shown while they are at most one line in so many."""
WARNINGS_IN_FULL = 3
"""The source lines and carets below so many warnings alike are shown; below further ones they are left out."""
REPEATS_SHOWN = 2
SMALLEST_GAP = 100
"""A gap of fewer characters is not worth a mark; its lines are shown."""

_PLAIN, _PASSED, _SKIPPED = Tone.PLAIN, Tone.PASSED, Tone.SKIPPED
_MENTION, _WARNING, _ERROR = Tone.MENTION, Tone.WARNING, Tone.ERROR
_CLASSES = ("", "blank", "passed", "skipped", "", "", "")
"""By tone; what has none here is of its level's class."""
_PLACE = re.compile(r"\s*(?:-->|╭─\[|at) ?\S+:\d+")
"""Where a warning points, on the line below it."""
_TEST_NAME = re.compile(r"\w+ \([\w.]+\)$|(?:\[INFO\] )?Running [\w.$]+$|Test Case .* started\.$")


@dataclass(frozen=True, slots=True)
class Shown:
    """`show[i]` is 1 where line i is shown; `repeated` holds the left-out lines that repeat a shown one, times aside.
    `labels` has the class of each line; `suspects[i]` is 1 where line i can count as mentioning trouble. The `listings`
    name the lines `listed` by their places, each above the line (from 0) of its pair. `stampless`: the lines
    without the time that a machine put before every one."""

    lines: Sequence[str]
    show: bytearray
    repeated: set[int]
    labels: Sequence[str]
    suspects: bytes
    listings: Sequence[tuple[int, Listing]] = ()
    listed: frozenset[int] = frozenset()
    stampless: Stampless | None = None

    def count(self, start: int, stop: int) -> LeftOut:
        """What is left out where the lines `start <= i < stop` are."""
        labels = self.labels[start:stop]
        classes = {label: labels.count(label) for label in dict.fromkeys(labels)}
        aside: set[int] = set()
        for name, told in (("repeated", self.repeated), ("listed", self.listed)):
            here = told.intersection(range(start, stop)) if told else ()
            for number in here:
                classes[self.labels[number]] -= 1
                classes[name] = classes.get(name, 0) + 1
            aside.update(here)
        trouble, number = 0, self.suspects.find(1, start, stop)
        while number >= 0:
            trouble += number not in aside and _holds_stem(self.lines[number])
            number = self.suspects.find(1, number + 1, stop)
        if aside:
            classes = {label: count for label, count in classes.items() if count}
        return LeftOut(classes, trouble)


def _holds_stem(line: str) -> bool:
    return holds_any(line.lower(), TROUBLE)


def decide(source: Sequence[str]) -> Shown:
    """The lines to show, before repeats of shown blocks are looked for."""
    inside = framing.unframed(source)
    lines = inside.lines
    keys = figures.without_digits(lines, source)
    figures.settle(lines, keys)
    counts = Counter(keys)
    stamped = stamps.are_stamped(lines)
    judgements = judged(counts)
    shape_of = shapes(counts)
    log = _Log(
        source,
        lines,
        keys,
        counts,
        judgements,
        tones=[*map({key: found.tone for key, found in judgements.items()}.__getitem__, keys)],
        shapes=[*map(shape_of.__getitem__, keys)],
        stamped=stamped,
        service=(stamped or inside.timed) and len(source) >= LONG_LOG,
        shown=bytearray(len(lines)),
        repeated=set(),
    )
    _judge_numbers(log)
    _show_ends(log)
    _show_reports(log)
    may_be_listed, quoted = _show_alarms(log)
    _show_mentions(log, quoted)
    found = session(log.lines, log.keys, log.tones, log.counts)
    _show_examples(log, {*found.calm, *quoted, *_show_asked(log)})
    _show_attached(log)
    for start, stop in (*_quotations(log), *found.hidden):
        log.shown[start:stop] = bytes(stop - start)
    _show_ends(log)
    headed = show_whole(lines, log.shown, log.show, may_be_listed)
    _close_small_gaps(log)
    listed = [rest for one in headed if (rest := one.without(log.shown)).others]
    labels = {key: _label(found, inside.level) for key, found in judgements.items()}
    suspects = {key for key, label in labels.items() if label != "passed" and (inside.worded or _holds_stem(key))}
    return Shown(
        source,
        log.shown,
        log.repeated,
        [*map(labels.__getitem__, keys)],
        bytes(map(suspects.__contains__, keys)),
        sorted(((below(lines, one.first.number), one) for one in listed), key=itemgetter(0)),
        frozenset(other.number for one in listed for other in one.others),
        framing.stampless(source, inside, log.shown),
    )


def _label(found: Judgement, level: str) -> str:
    """The class of a line; `level`: the one that a frame gives all lines."""
    return _CLASSES[found.tone] or found.level or level or "other"


@dataclass(frozen=True, slots=True)
class _Log:
    """A log while it is being decided: `lines` are the source's inside their frames, `counts` holds each key once,
    `tones` and `shapes` are by line, the last two are what the rules have found so far. `stamped`: most lines begin
    with a time. `service`: so they do, or their frames hold one, and the log is long."""

    source: Sequence[str]
    lines: Sequence[str]
    keys: Sequence[str]
    counts: Collection[str]
    judged: dict[str, Judgement]
    tones: list[Tone]
    shapes: list[str]
    stamped: bool
    service: bool
    shown: bytearray
    repeated: set[int]

    def headings(self) -> Sequence[int]:
        """The numbers of the lines that say where the tool was."""
        found = {key for key in self.counts if attached.is_heading(key)}
        return [number for number, key in enumerate(self.keys) if key in found] if found else ()

    def show(self, start: int, stop: int) -> None:
        start, stop = max(start, 0), min(stop, len(self.lines))
        if start < stop:
            self.shown[start:stop] = b"\x01" * (stop - start)


def _judge_numbers(log: _Log) -> None:
    """What only digits or the line below say, of lines that do not report a test."""
    for number in pointed(log.lines, log.keys, log.counts):
        log.tones[number] = max(log.tones[number], _WARNING)
    for number, found, sort in figures.judge(log.keys, log.lines, log.counts):
        if found is not _MENTION:
            log.tones[number] = found
        elif log.tones[number] is _PLAIN or log.tones[number] is _MENTION:
            log.tones[number] = _MENTION
            log.shapes[number] += f" {sort}"


def _show_ends(log: _Log) -> None:
    log.show(0, FIRST_LINES)
    left = LAST_LINES
    for number in range(len(log.lines) - 1, -1, -1):
        log.show(number, number + 1)
        left -= log.tones[number] is not Tone.BLANK
        if not left:
            break


def _show_reports(log: _Log) -> None:
    opening = {key for key in log.counts if sections.opens_report(key)}
    if opening:
        openers = [number for number, key in enumerate(log.keys) if key in opening]
        sections.show_reports(log.keys, openers, log.show)
    if any(key.startswith(ASSERTED) for key in log.counts):
        sections.show_assertions(log.keys, log.show)
    if any("Traceback (" in key for key in log.counts):
        for number, line in enumerate(log.lines):
            if "Traceback (" in line:
                sections.show_traceback(log.lines, number, log.show)
    if any('", line , in ' in key for key in log.counts):
        sections.show_cut_tracebacks(log.lines, log.show)
    if any("stack backtrace:" in key for key in log.counts):
        for number, line in enumerate(log.lines):
            if sections.opens_backtrace(line):
                sections.show_backtrace(log.lines, number, log.show)
    sections.show_failed_runs(log.keys, [i for i, found in enumerate(log.tones) if found is _ERROR], log.show)


def _show_alarms(log: _Log) -> tuple[Sequence[Listing], Collection[int]]:
    """Show errors and warnings with what belongs to them, but only a few of those that are equal, times aside, and only
    the first of those that may be listed. Given back are these, and the lines of all but the first."""
    every = [number for number, found in enumerate(log.tones) if found is _ERROR or found is _WARNING]
    alarms = [number for number in every if not log.shown[number]]
    listed = _listed(log, every, alarms)
    others = [other.number for one in listed for other in one.others]
    quoted = {number for other in others for number in (other, *excerpt(log.lines, other))}
    for one in listed:
        log.show(one.first.number, with_notes(log.lines, one.first.number).stop)
    apart = ERRORS_APART_IN_SERVICES if log.service else ERRORS_APART
    sparse = apart * log.tones.count(_ERROR) <= len(log.lines)
    seen: Counter[str] = Counter()
    for number in alarms:
        if number in log.repeated or number in quoted:
            continue
        log.show(number, number + 1)
        seen[log.shapes[number]] += 1
        if log.tones[number] is _ERROR:
            if sparse:
                _show_around(log, number, quoted)
            for belonging in range(number, attached.tail(log.lines, number, stamped=log.stamped)):
                log.shown[belonging] |= log.tones[belonging] is not _PASSED
        elif seen[log.shapes[number]] <= WARNINGS_IN_FULL:
            log.show(number, attached.tail(log.lines, number, stamped=log.stamped))
        elif number + 1 < len(log.lines) and _PLACE.match(log.lines[number + 1]) is not None:
            log.show(number, number + 2)
    return listed, quoted


def _listed(log: _Log, every: Sequence[int], alarms: Sequence[int]) -> list[Listing]:
    """What may be listed of errors and warnings, apart from those that repeat a shown one. One that repeats what is
    listed is no repeat, and listed too."""
    repeats = _repeats(log, alarms)
    unshown: list[tuple[int, ...]] = []
    while True:
        for examples in unshown:
            repeats.pop(examples, None)
        log.repeated.clear()
        log.repeated.update(*repeats.values())
        listed = [*listings(log.source, log.lines, log.tones, [one for one in every if one not in log.repeated])]
        others = {other.number for one in listed for other in one.others}
        unshown = [examples for examples in repeats if not others.isdisjoint(examples)]
        if not unshown:
            return listed


def _repeats(log: _Log, alarms: Sequence[int]) -> dict[tuple[int, ...], list[int]]:
    """The alarms that equal others, times aside, and are neither among the first of them nor the last, by these. Equal
    are also the place below and what they stand under: the same words about another file are another fact."""
    alike = Counter(log.keys[number] for number in alarms)
    many = [number for number in alarms if alike[log.keys[number]] > REPEATS_SHOWN + 1]
    outer = {number: above[-1][1] for number, above in attached.outer_lines(log.lines, many) if above}
    equal: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number, heading in zip(many, attached.headings_above(log.headings(), many), strict=True):
        below = log.lines[number + 1] if number + 1 < len(log.lines) else ""
        under = outer.get(number, heading if log.tones[number] is _ERROR else None)
        statement = (
            stamps.timeless(log.source[number]),
            below if _PLACE.match(below) is not None else "",
            "" if under is None else stamps.timeless(log.source[under]),
        )
        equal[statement].append(number)
    return {
        (*numbers[:REPEATS_SHOWN], numbers[-1]): numbers[REPEATS_SHOWN:-1]
        for numbers in equal.values()
        if len(numbers) > REPEATS_SHOWN + 1
    }


def _show_around(log: _Log, number: int, quoted: Collection[int]) -> None:
    """Show the neighbours of an error, unless they say that something else went well or belong to what is listed."""
    for near in range(max(0, number - BEFORE_ERROR), min(len(log.lines), number + 1 + AFTER_ERROR)):
        if log.tones[near] is not _PASSED and near not in quoted:
            log.shown[near] = 1


def _show_mentions(log: _Log, quoted: Collection[int]) -> None:
    """Lines that mention trouble: all of a few alike, and all that have no level while they are a small part; but no
    source `quoted` for what is listed."""
    by_shape: defaultdict[str, list[int]] = defaultdict(list)
    for number, found in enumerate(log.tones):
        if found is _MENTION and number not in quoted:
            by_shape[log.shapes[number]].append(number)
    plain = {shape for shape, numbers in by_shape.items() if not log.judged[log.keys[numbers[0]]].level}
    few = MENTIONS_SHARE * sum(len(by_shape[shape]) for shape in plain) <= len(log.lines)
    rare = max(MENTIONS_ALIKE, len(log.lines) // MENTIONS_RARE)
    for shape, numbers in by_shape.items():
        shown = len(numbers) <= rare or (few and shape in plain)
        for number in numbers if shown else (numbers[0], numbers[-1]):
            log.show(number, number + 1)


def _show_asked(log: _Log) -> Collection[int]:
    """Show what package managers were asked for and had already. Given back are the steps that need no example."""
    found = packages.steps(log.lines, log.keys, log.tones, log.counts)
    for number in found.asked:
        log.show(number, number + 1)
    return found.needless


def _show_examples(log: _Log, calm: Collection[int]) -> None:
    """Lines alike: all of a few, else the first and the last. Passed tests and `calm` lines need no example."""
    by_shape: defaultdict[str, list[int]] = defaultdict(list)
    shape_of_line = log.shapes
    progress = {key for key in log.counts if sections.is_progress(key)}
    for number, found in enumerate(log.tones):
        if (found is _PLAIN or found is _SKIPPED) and log.keys[number] not in progress:
            by_shape[shape_of_line[number]].append(number)
    silent = {*calm, *_names_of_passed(log)}
    if any(sections.opens_passes(key) for key in log.counts):
        silent.update(sections.passes(log.keys))
    few = _few(log, sorted(map(len, by_shape.values())))
    for numbers in by_shape.values():
        chosen = numbers if len(numbers) <= few else (numbers[0], numbers[-1])
        for number in chosen:
            if number not in silent:
                log.shown[number] = 1


def _few(log: _Log, sizes: Sequence[int]) -> int:
    """Up to how many lines alike are all shown; `sizes`: how many lines there are of each sort, in order. The log of a
    service or machine says the same for hours, and what it says seldom may be what matters; so there more are shown, as
    long as all of them together are a small part."""
    few = FEW_ALIKE
    if not log.service:
        return few
    left = len(log.lines) // RARE_SHARE
    for size in sizes:
        left -= size
        if left < 0 or RARE_ALIKE * size > len(log.lines):
            break
        few = max(few, size)
    return few


def _names_of_passed(log: _Log) -> list[int]:
    """The name of a passed test on the line above its verdict."""
    passed = [number for number, found in enumerate(log.tones) if found is _PASSED]
    above = [number - 1 for number in passed if number and log.tones[number - 1] is _PLAIN]
    return [number for number in above if _TEST_NAME.match(log.lines[number]) is not None]


def _show_attached(log: _Log) -> None:
    """What shown trouble stands under, and patches whole."""
    if any(key.startswith("@@ -") for key in log.counts):
        attached.show_patches(log.lines, log.show)
    troubles = [number for number, found in enumerate(log.tones) if log.shown[number] and found >= _MENTION]
    if not troubles:
        return
    attached.show_headings(log.headings(), troubles, log.show)
    attached.show_outer_lines(log.lines, troubles, log.show)


def _quotations(log: _Log) -> Iterable[tuple[int, int]]:
    """What pytest quotes of long functions, up to shortly above the statement that failed."""
    return sections.long_quotations(log.lines) if any(key.startswith(">   ") for key in log.counts) else ()


def _close_small_gaps(log: _Log) -> None:
    """Show what a mark would not be worth. Blank lines after a shown line's gap are no reason for a mark either."""
    position = 0
    while (start := log.shown.find(0, position)) >= 0:
        position = log.shown.find(1, start)
        if position < 0:
            position = len(log.shown)
        if sum(map(len, log.lines[start:position])) + position - start < SMALLEST_GAP:
            log.show(start, position)

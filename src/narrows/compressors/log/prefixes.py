"""What a harness puts before every line of the output that it passes on, in whatever form it likes.

A frame of a known form needs no proof (`framing` has those). Other ones are known by what they do: the same tag, or a
clock, stands before (nearly) every line, and the lines are a tool's output once it is gone. What a logger writes itself
is none: its own levels follow the time, so its lines are taken as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import ceil

from narrows.compressors.log import evidence

SAMPLE = 60
"""So many lines, evenly spread, show what stands before them."""
FEWEST = 8
"""In a text of fewer lines nothing is a frame."""
MOST = 0.9
"""With this share of the sample below tags they are a frame."""
UNTIMED = 0.03
"""At most this share of the lines below a clock has none: of a line redrawn in place the last state is read."""
EXPLAINED = 0.1
BEHIND_CLOCKS = 0.15
"""At least this share of the sample is a tool's output, by its own form, once the frame is gone; behind a clock, which
loggers write, too, the latter."""
LEVELED = 0.5
"""With this share of levels behind the time the lines are a logger's."""
FEW_TAGS = 6
LONGEST_PREFIX = 80

_TIME_OF_DAY = r"\d\d?:\d\d:\d\d(?:[.,]\d{1,9})?(?: [AP]M)?"
_DAY = r"\d{4}[-/]\d\d[-/]\d\d"
_CLOCK = re.compile(
    rf"(?:[\[(]?(?:(?:[A-Z][a-z]{{2}} )?{_DAY}[T _])?{_TIME_OF_DAY}(?: UTC|[+-]\d{{4}})?[\])]?"
    r"(?:[A-Za-z]?:|[,|]| [|:-])?"
    rf"|(?:<\d{{1,3}}>)?(?:[A-Z][a-z]{{2}} )?[A-Z][a-z]{{2}} [ \d]\d (?:\d{{4}} )?{_TIME_OF_DAY}"
    rf"|<\d{{1,3}}>1 {_DAY}T{_TIME_OF_DAY}(?:Z|[+-]\d\d:\d\d)"
    r"|\[ *\d+(?:\.\d+s?|s)\]| *\d{10}(?:\d{3}|\.\d+)?| *\d+\.\d+s?(?: +\||:)?|@[0-9a-f]{24})(?:[ \t]|$)"
)
"""A time of day, seconds since a start or since 1970, TAI64N: before every line, and then the line. A syslog server's
facility and severity may stand before it."""
_PRIORITY = re.compile(r"<(\d{1,3})>")
_CALM_PRIORITY = 5
"""From this severity on (RFC 5424's notice) a priority says nothing of its line; another one is the line's own."""
_SENDERS = (
    re.compile(r"([\w.-]+ [\w./@-]+)(?:\[\d+\])?: ?"),  # syslog, journald: host and process
    re.compile(
        r"([\w.-]+ [\w./@-]+) [\w-]+ [\w-]+ (?:-|\[[^\]\n]{0,200}\])(?: \ufeff?|$)"
    ),  # RFC 5424, behind its time
    re.compile(r"(std(?:out|err)) [FP](?: |$)"),  # CRI: the container's stream
)
"""Who wrote the line, as a log's collector says between the time and the line."""
_TAGS = (
    re.compile(r"\[[^\]\s][^\]\n]{0,60}\](?: |$)"),  # concurrently, a harness's streams
    re.compile(r"[\w@/.-]{1,60}+(?:[:# ][\w@/.-]{1,60}+){0,2}:(?: |$)"),  # turbo, lerna, pnpm, foreman without its time
)
_TAG_LIKE = re.compile(r".*[:|>\])=-] +|[ \t]+")
"""The end of a harness's own words, or mere indentation."""
_TROUBLE = re.compile(r"err|warn|fatal|fail|panic|crit|severe|alert|emerg", re.IGNORECASE)
_CALM = re.compile(r"\b(TRACE|DEBUG|VERBOSE|INFO|NOTICE)\b", re.IGNORECASE)
_LEVELED = re.compile(
    r"[^\w\n]{0,4}(?:[\w.\[\]/-]{1,40} ){0,3}[\[(<]?"
    r"(?:TRACE|DEBUG|VERBOSE|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE|[VDIWEF])[\])>]?(?:[:\s|/]|$)"
)


@dataclass(frozen=True, slots=True)
class Inside:
    """The lines behind what stands before them. `timed`: that is a time; `level`: it holds this one, for all lines."""

    lines: Sequence[str]
    timed: bool = False
    level: str = ""


def without_prefix(
    lines: Sequence[str], *, timed: bool = False, known: Callable[[Sequence[str]], bool] = lambda _: False
) -> Inside | None:
    """The lines of a tool's output without what a harness put before them; None where it put nothing there. `timed`: a
    time stood before these lines. `known`: whether some lines show that they are what stands in frames, a tool's or
    not."""
    if len(lines) < FEWEST:
        return None
    sample = _sample(lines)
    clock = Inside(lines) if timed else _without_clock(lines, sample)
    if clock is not None:
        found = _behind_clock(clock, known)
        if found is not None or not timed:
            return found
    for found in (_without_constant(lines, sample), _without_tags(lines, sample)):
        if found is None:
            continue
        rest = _sample(found.lines)
        if known(rest) or _explained(rest) > max(_explained(sample, own=True), EXPLAINED * len(sample)):
            return found
    return None


def _behind_clock(clock: Inside, known: Callable[[Sequence[str]], bool]) -> Inside | None:
    """Without the sender behind a time, or whatever stands before every line there; None where that shows no tool's
    output, or no more of it than stood there. Where both times are followed by a logger's levels they are its own."""
    found, rest = clock, _sample(clock.lines)
    for without in (_without_senders, _without_constant):
        within = without(found.lines, rest)
        if within is not None:
            found, rest = replace(found, lines=within.lines, level=within.level), _sample(within.lines)
            break
    if found is clock and not clock.timed:
        return None
    if known(rest) or begin_so(_CLOCK, rest, MOST):
        return found
    leveled = sum(_LEVELED.match(line) is not None for line in rest)
    return found if leveled < LEVELED * len(rest) and _explained(rest) >= BEHIND_CLOCKS * len(rest) else None


def begin_so(pattern: re.Pattern[str], lines: Sequence[str], share: float) -> bool:
    """Whether at least this share of the lines begins so; no more lines are looked at than it takes to say no."""
    others = (line for line in lines if pattern.match(line) is None)
    return next(islice(others, len(lines) - ceil(share * len(lines)), None), None) is None


def _sample(lines: Sequence[str]) -> list[str]:
    return [line for line in lines[:: len(lines) // SAMPLE + 1] if line and not line.isspace()]


def _explained(sample: Sequence[str], *, own: bool = False) -> int:
    """How many of the lines only a program's log holds; `own`: by what they begin with."""
    possible = evidence.patterns("" if own else "\n".join(sample))
    return sum(evidence.explains(possible, line) for line in sample)


def _without_clock(lines: Sequence[str], sample: Sequence[str]) -> Inside | None:
    if not sample or not begin_so(_CLOCK, sample, MOST):
        return None
    ends = [match.end() if match is not None else 0 for match in map(_CLOCK.match, lines)]
    if any(line.startswith("<") for line in sample):
        ends = [end if _is_calm(line) else 0 for line, end in zip(lines, ends, strict=True)]
    untimed = sum(not end and bool(line) and not line.isspace() for line, end in zip(lines, ends, strict=True))
    if untimed > UNTIMED * len(lines):
        return None
    return Inside([line[end:] for line, end in zip(lines, ends, strict=True)], timed=True)


def _is_calm(line: str) -> bool:
    priority = _PRIORITY.match(line)
    return priority is None or int(priority[1]) % 8 >= _CALM_PRIORITY


def _without_senders(lines: Sequence[str], sample: Sequence[str]) -> Inside | None:
    """Without a log's collector's words about who wrote each line, where (nearly) all are one's. Others' stay whole."""
    for sender in _SENDERS:
        if not sample or not begin_so(sender, sample, MOST):
            continue
        found = [sender.match(line) for line in lines]
        named = Counter(match[1] for match in found if match is not None)
        known = {"stdout", "stderr"} if named.keys() <= {"stdout", "stderr"} else {named.most_common(1)[0][0]}
        if sum(named[name] for name in known) >= MOST * sum(named.values()):
            ends = [match.end() if match is not None and match[1] in known else 0 for match in found]
            return Inside([line[end:] for line, end in zip(lines, ends, strict=True)])
    return None


def _without_tags(lines: Sequence[str], sample: Sequence[str]) -> Inside | None:
    """Without one of few tags. What a few other lines begin with in a tag's form (`[ERROR] `, `make: `) is theirs."""
    for tag in _TAGS:
        if not sample or not begin_so(tag, sample, MOST):
            continue
        found = [match[0] for match in map(tag.match, sample) if match is not None]
        known = {one.split(" ")[0] for one in found}
        if len(known) <= FEW_TAGS and not any(map(_TROUBLE.search, found)):
            ends = [
                match.end() if match is not None and match[0].split(" ")[0] in known else 0
                for match in map(tag.match, lines)
            ]
            return Inside([line[end:] for line, end in zip(lines, ends, strict=True)])
    return None


def _without_constant(lines: Sequence[str], sample: Sequence[str]) -> Inside | None:
    """Without the same words (or blanks) before every line; a line may end with them."""
    ordered = sorted(line for line in sample if line[-1:] != " " or line.strip())
    few = len(ordered) // 10
    if len(ordered) < FEWEST:
        return None
    first, last = ordered[few], ordered[-1 - few]
    length = next((i for i, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    tag = _TAG_LIKE.match(first[:length])
    prefix = tag[0] if tag is not None else ""
    if not prefix or len(prefix) > LONGEST_PREFIX or _TROUBLE.search(prefix) is not None:
        return None
    bare = prefix.rstrip()
    if bare:  # deeper indentation behind it is the tool's
        below = [line for line in sample if line.startswith(bare) and line.rstrip() != bare]
        blanks = min((len(line) - len(line[len(bare) :].lstrip()) - len(bare) for line in below), default=0)
        prefix = prefix[: len(bare) + max(blanks, 1)]
    if bare.endswith("|") and all(line.rstrip().endswith("|") for line in sample):  # a table's first bar
        return None
    other = sum(not line.startswith(prefix) and line.rstrip() != bare and bool(line.strip()) for line in lines)
    if other > (1 - MOST) * len(lines):
        return None
    level = _CALM.search(prefix)
    inside = ["" if line.rstrip() == bare else line.removeprefix(prefix) for line in lines]
    return Inside(inside, level=level[1].upper() if level else "")

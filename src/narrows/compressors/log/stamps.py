"""The times before lines.

A time says nothing about what a line is, but where one is put says much: a line without a time continues the line above
it where most lines have one. (What puts a time before every line, whatever the line says, is a frame: see `framing`.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

SAMPLE = 200
"""So many lines at the beginning show whether most lines begin with a time."""

_STAMP = re.compile(
    r"[^A-Za-z\n]{0,12}\d\d:\d\d|[A-Z][a-z]{2} +\d+ \d\d:\d\d|[^A-Za-z\n]{0,4}\d{4}[-/]\d\d[-/]\d\d"
    r"|<\d{1,3}>(?:1 )?[A-Z\d]"
    r"|[*.]?(?:[A-Z][a-z]{2},? )?(?:[^\W\d_]{3,5}\.?|\d\d?\u6708) +\d+ (?:\d{4} )?\d\d:\d\d:\d\d"
    r"|\[?(?:\d+:[A-Z] )?\d\d[/ -][A-Z][a-z]{2}[/ -]\d{4}[ :]\d\d:\d\d|[DIWEFA], \[\d{4}-|\d{8}[ T]\d{6}"
    r"|\d{6} \d{6} \d|(?:\S+ )?\d{10} \d{4}\.\d\d\.\d\d |\[ *\d+\.\d{4,6}\] "
)
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d+)?(?![\w:])"
_TIME = (
    rf"(?:\d{{4}}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?)?(?!\w)|{_CLOCK}"
    rf"|(?:[A-Z][a-z]{{2}} )?[A-Z][a-z]{{2}} +\d+ {_CLOCK}(?: \d{{4}}(?!\w))?|(?<=[IWEF])\d{{4}} {_CLOCK})"
)
_BEFORE_TIME = (
    r"(?:\[pod/[\w./-]{1,200}\] |[^\w\n]{1,32}+|[A-Z]{1,16}+(?=[\])>: ])|[IWEF](?=\d{4} )|[\w.-]{1,80} {1,40}\| "
    r"|(?:level|lvl|severity)=\w+ |(?:time|ts|t|timestamp|date)[=:])"
)
_LEADING = re.compile(rf"({_BEFORE_TIME}{{0,6}}+){_TIME}")
_SINCE_START = re.compile(r"\[? *\d+\.\d{3,}\]?")
_PROCESS = re.compile(r"( {0,4}(?:[\w.-]{1,80} )?[\w./-]{0,80}[a-z])\[\d+\](?=:)")
"""The number of the process that a logger names behind the time, after a host's name or none."""
_MOST_TIMES = 4
_IN_RECORD = re.compile(
    r'(\\?"(?:ts|time|timestamp|@timestamp|@t|asctime|datetime|eventTime|\$date|pid|_PID|SYSLOG_PID'
    r'|__(?:REALTIME|MONOTONIC)_TIMESTAMP|_SOURCE_REALTIME_TIMESTAMP)\\?": ?)'
    r'(?:\\?"\d[^"\\\n]{0,40}\\?"|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=[,}\s])'
)
_SAID_IN_RECORD = re.compile(
    rf'(\\?"(?:log|msg|message|MESSAGE|Output|textPayload|short_message)\\?": ?\\?"[^\w\n]{{0,3}}){_TIME}'
)


_TIMES = re.compile(
    r"(?<![\w./-])(?:[\dTZ:.,+-]*\d(?::\d\d|(?<=\d{4})[-/]\d\d[-/]\d\d)[\dTZ:.,+-]*|\d+\.\d+|\d{8,})(?![\w./-])"
)
"""Whole words only: numbers in an address or in a container's name say where a line is from."""


def without_times(frame: str) -> str:
    """What stands before a line without the times in it, and without the blanks that align them."""
    return " ".join(_TIMES.sub("", frame).split())


def is_stamped(line: str) -> bool:
    """Whether a line begins with a time."""
    return _STAMP.match(line) is not None


def are_stamped(lines: Sequence[str]) -> bool:
    """Whether most lines begin with a time."""
    sample = lines[:SAMPLE]
    stamped = (line for line in sample if is_stamped(line))
    return next(islice(stamped, len(sample) // 2, None), None) is not None


def timeless(line: str) -> str:
    """The line without the times before it, the process behind them and the seconds since a start, those of JSON
    records included. A time or a number that the message speaks of stays: it may be what the message is about."""
    pieces: list[str] = []
    position = 0
    since = _SINCE_START.match(line)
    if since is not None:
        position = since.end()
    for _ in range(_MOST_TIMES):
        found = _LEADING.match(line, position)
        if found is None:
            break
        pieces.append(found[1])
        position = found.end()
    process = _PROCESS.match(line, position) if pieces else None
    if process is not None:
        pieces.append(process[1])
        position = process.end()
    bare = "".join((*pieces, line[position:]))
    return _SAID_IN_RECORD.sub(r"\1", _IN_RECORD.sub(r"\1", bare)) if '":' in bare else bare

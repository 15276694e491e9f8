"""The times before lines.

A time says nothing about what a line is, but where one is put says much: a line without a time continues the line above
it where most lines have one. (What puts a time before every line, whatever the line says, is a frame: see `framing`.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SAMPLE = 200
"""So many lines at the beginning show whether most lines begin with a time."""

_STAMP = re.compile(
    r"[^A-Za-z\n]{0,12}\d\d:\d\d|[A-Z][a-z]{2} +\d+ \d\d:\d\d|[^A-Za-z\n]{0,4}\d{4}[-/]\d\d[-/]\d\d"
    r"|\d{6} \d{6} \d|\S+ \d{10} \d{4}\.\d\d\.\d\d |\[ *\d+\.\d{4,6}\] "
)
_TIME = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d|\d\d:\d\d:\d\d(?:[.,]\d+)?|[A-Z][a-z]{2} +\d+ (?=\d\d:)"
    r"|(?<=[a-z])\[\d+\](?=:)|^\[? *\d+\.\d{3,}\]?"
)
_TIME_OF_RECORD = re.compile(
    r'"(?:ts|time|timestamp|pid|_PID|SYSLOG_PID|__(?:REALTIME|MONOTONIC)_TIMESTAMP|_SOURCE_REALTIME_TIMESTAMP)"'
    r': ?"?\d+(?:\.\d+)?(?:[eE]\d+)?(?=[",}\s])'
)


def is_stamped(line: str) -> bool:
    """Whether a line begins with a time."""
    return _STAMP.match(line) is not None


def are_stamped(lines: Sequence[str]) -> bool:
    """Whether most lines begin with a time."""
    sample = lines[:SAMPLE]
    return 2 * sum(map(is_stamped, sample)) > len(sample)


def timeless(line: str) -> str:
    """The line without times, process numbers and the seconds since a start, those of JSON records included."""
    bare = _TIME.sub("", line)
    return _TIME_OF_RECORD.sub('"', bare) if '":' in bare else bare

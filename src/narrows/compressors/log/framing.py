"""What machines put around the lines of a log, and the lines inside.

A CI system writes the time before every line, a container runtime the container's name, a log driver makes each line a
JSON record. None of that says what the line is; the tool below says it. So lines are judged as they are inside such
frames, and shown as they stand in the source. Frames stand in one another: a service's JSON records below the names
of containers below the times of a CI system.

A frame is known by its own form and by standing before (nearly) every line: a time that only most lines begin with is
the tool's, and what has none continues the line above. A JSON object is a record where it has a log's members: a
message, with a time and a level (pino, zap, structlog, GELF, Cloud Logging, ECS, CLEF), or the exact schema of Docker's
`json-file` driver, of `journalctl -o json`, or of `go test -json`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from narrows.compressors.log import prefixes, stamps
from narrows.compressors.log.classes import ASSERTED
from narrows.compressors.log.repeats import Stampless

SAMPLE = 60
"""So many lines, evenly spread, show whether a frame is there."""
MOST = 0.9
"""With this share of them framed it is."""
RECORDS = 0.8
"""The same for JSON records, between which a program's own crash may stand."""
DEEPEST = 3
"""So many frames in one another are taken off."""
MOST_BRACKETS = 200
"""A line with more opening brackets is no record: how deep JSON may nest must not hang on the caller's stack."""

_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)"
_STAMP = re.compile(
    rf"(?:{_TIME}(?: \d\d[OE])?|\[{_TIME}\]|[^\t\n]{{1,80}}\t[^\t\n]{{1,80}}\t\ufeff?{_TIME})(?:[ +]|$)"
)
"""A time before the line (RFC 3339), as CI systems, containers and orchestrators write it: bare, in brackets, below the
names of job and step (`gh run view --log`), or with GitLab's stream mark."""
_NAMES = (
    re.compile(r"[\w.@-]+ +\|(?: |$)"),  # docker compose, swarm
    re.compile(r"\[pod/[\w./-]+\](?: |$)"),  # kubectl logs --prefix
    re.compile(r"#\d+ (?:\d+\.\d{1,3}(?: |$))?"),  # BuildKit
    re.compile(r"(?:@[\w.-]+/)?[A-Za-z][\w.-]*:[a-z][\w:-]*:(?: |$)"),  # turbo
    re.compile(r"\d+\|[\w.-]+ +\|(?: |$)"),  # pm2
    re.compile(r"\d\d:\d\d:\d\d [\w.-]+ +\|(?: |$)"),  # foreman
    re.compile(r"\[\d+\](?: |$)(?![A-Z]+\d?:  )"),  # concurrently; PostgreSQL's process stands before its own level
)

_OPENS_RECORD = re.compile(r"\{")

_MESSAGES = ("message", "msg", "event", "short_message", "textPayload", "@m", "@mt", "@message", "body", "log", "text")
_LEVELS = (
    "level",
    "severity",
    "lvl",
    "levelname",
    "log.level",
    "loglevel",
    "log_level",
    "@l",
    "@level",
    "SeverityText",
)
_TIMES = ("time", "ts", "timestamp", "@timestamp", "@t", "datetime", "asctime", "t", "eventTime", "date")
_NAMED = {
    "trace": "TRACE", "trc": "TRACE", "verbose": "VERBOSE", "debug": "DEBUG", "dbg": "DEBUG", "info": "INFO",
    "inf": "INFO", "information": "INFO", "informational": "INFO", "default": "INFO", "notice": "NOTICE",
    "warn": "WARNING", "warning": "WARNING", "wrn": "WARNING", "error": "ERROR", "err": "ERROR", "eror": "ERROR",
    "fatal": "FATAL", "ftl": "FATAL", "critical": "CRITICAL", "crit": "CRITICAL", "alert": "ALERT", "panic": "PANIC",
    "dpanic": "PANIC", "emergency": "EMERG", "emerg": "EMERG", "severe": "SEVERE",
}  # fmt: skip
_TENS = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARNING", 50: "ERROR", 60: "FATAL"}
"""Levels as pino and bunyan number them."""
_SYSLOG = ("EMERG", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")
"""Levels as syslog numbers them (RFC 5424), from 0."""
_ACTIONS = {"pass": "--- PASS: ", "fail": "--- FAIL: ", "skip": "--- SKIP: ", "run": "=== RUN ", "pause": "=== PAUSE ",
            "cont": "=== CONT ", "start": "=== RUN ", "bench": "=== RUN "}  # fmt: skip
_OWN_LEVEL = re.compile(
    r"(?:[^A-Za-z]*|.{0,60}?[\s\[<(|])(?:ERROR|ERR|WARN|WARNING|FATAL|CRITICAL|SEVERE|PANIC|ALERT|EMERG)\b"
)
"""A message that brings a level of trouble itself."""


@dataclass(frozen=True, slots=True)
class Unframed:
    """The lines inside the frames. `timed`: a frame holds a time; `worded`: frames hold words; `records`: the lines are
    JSON records; `passed_on`: a harness put something of its own before a tool's output; `level`: so it put a level."""

    lines: Sequence[str]
    timed: bool = False
    worded: bool = False
    records: bool = False
    passed_on: bool = False
    level: str = ""


def unframed(lines: Sequence[str]) -> Unframed:
    """The lines without what stands around every one of them; the very same lines where nothing does."""
    found = Unframed(lines)
    for depth in range(DEEPEST + 1):
        sample = _sample(found.lines)
        if _are_records(sample):
            return replace(found, lines=[*map(inside, found.lines)], timed=True, worded=True, records=True)
        within = _within(found, sample) if depth < DEEPEST else None
        if within is None:
            break
        found = within
    return found


def stampless(source: Sequence[str], found: Unframed, shown: bytes | bytearray) -> Stampless | None:
    """What is left of the shown lines without the times in their frames; None where frames hold none."""
    if not found.timed or found.records:
        return None
    texts = [""] * len(source)
    indented = bytearray(len(source))
    number = shown.find(1)
    while number >= 0:
        line, inside_it = source[number], found.lines[number]
        texts[number] = stamps.without_times(line.removesuffix(inside_it)) + inside_it
        indented[number] = inside_it.startswith((" ", "\t", ASSERTED))
        number = shown.find(1, number + 1)
    return Stampless(texts, bytes(indented))


def _within(found: Unframed, sample: list[str]) -> Unframed | None:
    """Without the next frame; None where there is none."""
    stampless = None if found.timed else _without_stamps(found.lines, sample)
    if stampless is not None:
        worded = found.worded or "\t" in next(iter(sample), "")
        return replace(found, lines=stampless, timed=True, worded=worded)
    nameless = _without_names(found.lines, sample)
    if nameless is not None:
        return replace(found, lines=nameless, worded=True)
    within = None if found.passed_on else prefixes.without_prefix(found.lines, timed=found.timed, known=_are_framed)
    if within is None:
        return None
    timed = found.timed or within.timed
    return replace(found, lines=within.lines, timed=timed, worded=True, passed_on=True, level=within.level)


def _are_framed(sample: Sequence[str]) -> bool:
    """Whether lines are records, or stand below a time or name of a known form."""
    names = any(prefixes.begin_so(name, sample, MOST) for name in _NAMES)
    return bool(sample) and (names or all(map(_STAMP.match, sample)) or _are_records(sample))


def _are_records(sample: Sequence[str]) -> bool:
    may = bool(sample) and prefixes.begin_so(_OPENS_RECORD, sample, RECORDS)
    return may and sum(_record(line) is not None for line in sample) >= RECORDS * len(sample)


def inside(line: str) -> str:
    """What a record says, as a logger would write it on one line; any other line as it is."""
    record = _record(line)
    return line if record is None else record.replace("\n", " ")


def _sample(lines: Sequence[str]) -> list[str]:
    some = lines[:: len(lines) // SAMPLE + 1]
    return [line for line in some if line and not line.isspace()]


def _without_stamps(lines: Sequence[str], sample: list[str]) -> list[str] | None:
    if not sample or not all(map(_STAMP.match, sample)):
        return None
    century = sample[0][:2]
    if century.isdecimal() and any(line and not line.startswith(century) for line in lines):
        return None
    ends = [match.end() if match is not None else 0 for match in map(_STAMP.match, lines)]
    if 0 in ends and any(line and not end for line, end in zip(lines, ends, strict=True)):
        return None
    return [line[end:] for line, end in zip(lines, ends, strict=True)]


def _without_names(lines: Sequence[str], sample: list[str]) -> list[str] | None:
    for name in _NAMES:
        if sample and prefixes.begin_so(name, sample, MOST):
            return [name.sub("", line, count=1) if name.match(line) else line for line in lines]
    return None


def _record(line: str) -> str | None:
    """What the line says, if it is a record."""
    if line[:1] != "{" or line.rstrip()[-1] != "}" or line.count("{") + line.count("[") > MOST_BRACKETS:
        return None
    try:
        value = msgspec.json.decode(line)
    except (ValueError, msgspec.DecodeError):
        return None
    if not isinstance(value, dict):
        return None
    return _by_schema(value) or _logged(value)


def _by_schema(value: Mapping[str, object]) -> str | None:
    """What a record of one tool's own schema says; "0" where it says nothing."""
    text = value.get("log")
    if isinstance(text, str) and value.keys() <= {"log", "stream", "time", "attrs"} and "stream" in value:
        text = text.rstrip("\r\n")
        return _record(text) or text or "0"
    text = value.get("MESSAGE")
    if text is not None and ("PRIORITY" in value or "__REALTIME_TIMESTAMP" in value):
        level = _number(value.get("PRIORITY"))
        name = _SYSLOG[level] if level is not None and 0 <= level < len(_SYSLOG) else ""
        message = text if isinstance(text, str) else ""
        return _spoken(name, _record(message) or message, {"unit": value.get("SYSLOG_IDENTIFIER")})
    action = value.get("Action")
    if isinstance(action, str) and "Package" in value and (action == "output" or action in _ACTIONS):
        if action == "output":
            return str(value.get("Output")).rstrip("\n") or "0"
        return f"{_ACTIONS[action]}{value.get('Test') or value['Package']}"
    return None


def _logged(value: Mapping[str, object]) -> str | None:
    """What the record of a structured logger says."""
    when = next((value[key] for key in _TIMES if key in value), None)
    if not isinstance(when, int | float) and not (isinstance(when, str) and any(map(str.isdigit, when[:16]))):
        return None
    payload = value.get("jsonPayload")
    inner: Mapping[str, object] = payload if isinstance(payload, dict) else value
    said = next((key for key in _MESSAGES if isinstance(inner.get(key), str)), None)
    level = _level(value)
    if said is None or (level is None and not ("@t" in value and said in ("@m", "@mt"))):
        return None
    rest = {key: one for key, one in inner.items() if key != said and key not in _TIMES and key not in _LEVELS}
    return _spoken(level or "", str(inner[said]), rest)


def _level(value: Mapping[str, object]) -> str | None:
    """The record's level in capitals; None where it has none."""
    ecs = value.get("log")
    found = next((value[key] for key in _LEVELS if key in value), ecs.get("level") if isinstance(ecs, dict) else None)
    if isinstance(found, str) and not found.isdigit():
        return _NAMED.get(found.lower())
    number = _number(found)
    if number is None:
        return None
    if "short_message" in value:
        return _SYSLOG[number] if 0 <= number < len(_SYSLOG) else None
    return _TENS.get(number // 10 * 10)


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 4 else None


def _spoken(level: str, message: str, rest: Mapping[str, object]) -> str:
    """Level, message and the members that hold something. The message's own level counts where it is the worse."""
    if level in ("INFO", "NOTICE", "DEBUG", "TRACE", "VERBOSE") and _OWN_LEVEL.match(message):
        level = ""
    members = [f"{key}={one if isinstance(one, str) else _written(one)}" for key, one in rest.items() if one]
    return " ".join(part for part in (level, message, *members) if part) or "0"


def _written(value: object) -> str:
    return msgspec.json.encode(value).decode()

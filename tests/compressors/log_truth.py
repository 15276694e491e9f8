"""What the laws need to know of logs: texts to try, and a checker that reads an output without the compressor's help.

Places, equalities and counts of lines are recomputed exactly. Classes are recomputed within bounds: a class may count
no more lines than could possibly belong to it, and no fewer than belong to it beyond doubt; for the lines that the
strategies make the two bounds are one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from hypothesis import strategies as st

from narrows.compressors import marks
from narrows.compressors.log import COMPRESSOR
from tests.laws.kinds import KindUnderTest

STEMS = ("error", "fail", "warn", "fatal", "panic", "exception", "traceback", "critical")
ANSI = re.compile(
    r"\x1b(?:\[[0-9;:<=>?]*[ !-/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()*+][0-9A-Za-z]|[=>78cDEHMNOZ])"
)
HEAD = re.compile(
    r"\[narrows: log of (?P<total>\d+) lines(?:, (?P<shown>\d+) shown here; (?P<left>\d+) left out in (?P<places>\d+)"
    r" places?, each marked; (?P<trouble>none|\d+) of those, passed(?P<listed>, repeated and listed| and repeated)"
    r" ones aside, mentions? an error,"
    r" failure or warning|; nothing left out)(?P<repeats>; lines that repeat earlier ones are named by line number"
    r"(?P<but_times>, but for their times)?)?"
    r"(?P<colours>; terminal control codes removed)?(?P<redrawn>; lines redrawn in place shown in their last state)?"
    r"(?P<crlf>; CRLF line ends written as LF)?\]"
)
LEFT_OUT = re.compile(r"\[narrows: lines? (\d+)(?:-(\d+))? left out(?:: (.*))?\]")
BUT_TIMES = "( but for the times before them)?"
SAME = re.compile(rf"\[narrows: lines? (\d+)(?:-(\d+))? (?:is|are) the same as lines? (\d+)(?:-(\d+))?{BUT_TIMES}\]")
EACH = re.compile(rf"\[narrows: lines (\d+)-(\d+) are each the same as line (\d+){BUT_TIMES}\]")
TIME_BEFORE = re.compile(r"[@\[(<]*(?:1 )?[\dT:.,+Z-]*\d[:.,-]\d[\dT:.,+Zs-]*[\])|>]*:?|\d{8,}|[\[(]?")
"""A word that differs between lines which are the same but for their times; of one the blanks may align it."""

JSON_STRING = r'"(?:[^"\\]|\\.)*"'
LISTED = re.compile(
    rf"\[narrows: (\d+) more like line (\d+)(?: but for ({JSON_STRING}(?:, {JSON_STRING})*))?: "
    r"(.+?)(?:, and (\d+) more)?\]"
)
ENTRY = re.compile(
    r"((?:[A-Za-z]:[\\/])?[^\s\"',()\[\]:]*)((?::\d+){1,2}|\(\d+(?:,\d+)?\)|:\[\d+,\d+\])"
    rf"((?: {JSON_STRING})*)(?:, |$)"
)
SAID = re.compile("\u2018[^\u2019]*\u2019|\u201c[^\u201d]*\u201d|\"[^\"]*\"|`[^`]*`|(?<!\\w)'[^']*'(?!\\w)|\\S+")

PLACED = re.compile(
    r"((?:[A-Za-z]:[\\/])?[^\s\"',()\[\]:]+)(?:(?::\d+){1,2}(?=:| -|$)|\(\d+(?:,\d+)?\)(?=:| :)|:\[\d+,\d+\])"
)
OF_TIME = re.compile(r"[\dTZ.,-]+")

LEVELS = ("TRACE", "DEBUG", "VERBOSE", "INFO", "NOTICE", "WARNING", "ERROR")
ALIASES = {
    "DEBUG": "DEBUG|FINE|D|DBG",
    "TRACE": "TRACE|FINER|FINEST|TRC",
    "VERBOSE": "VERBOSE|V",
    "INFO": "INFO|INFORMATION|INFORMATIONAL|CONFIG|LOG|HTTP|I|INF|DEFAULT",
    "WARNING": "WARN|WARNING|W|WRN",
    "ERROR": "ERROR|ERR|FATAL|CRITICAL|CRIT|SEVERE|PANIC|DPANIC|ALERT|EMERG|EMERGENCY|FAILURE|E|F|EROR|FTL",
    "NOTICE": "NOTICE",
}
CAN_BE_LEVEL = {
    name: re.compile(rf"(?<![A-Za-z])(?:{words})(?![A-Za-z])", re.IGNORECASE) for name, words in ALIASES.items()
}
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ "
IS_LEVEL = re.compile(rf"(?:{STAMP})?(TRACE|DEBUG|INFO|NOTICE) \w")
CAN_BE_PASSED = re.compile(r"ok|OK|[Pp]ass|PASS|[✓✔√]|Failures: 0, Errors: 0, | s = \.$|\[info\] +[-+] ")
IS_PASSED = re.compile(r"\S+::\w+ PASSED$|ok \d+ - \w+$|test_\w+ \([\w.]+\) \.\.\. ok$")
CAN_BE_SKIPPED = re.compile(r"skip|SKIP|xfail|XFAIL|ignored|expected failure|todo|TODO|[↓﹣]")
ALARM = re.compile(
    rf"(?:{STAMP})?(?:ERROR|FATAL|CRITICAL|WARN|WARNING) |Traceback \(most|E   |FAILED \w|\S+::\w+ FAILED$"
)
TIME = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d|\d\d:\d\d:\d\d(?:[.,]\d+)?|[A-Z][a-z]{2} +\d+ (?=\d\d:)|(?<=[a-z])\[\d+\](?=:)"
    r'|(?<=")(?:ts|time|timestamp|pid|_PID|SYSLOG_PID|__REALTIME_TIMESTAMP|__MONOTONIC_TIMESTAMP'
    r'|_SOURCE_REALTIME_TIMESTAMP)": ?"?\d+(?:\.\d+)?(?:[eE]\d+)?(?=[",}\s])'
)
SYSLOG = ("ERROR", "ERROR", "ERROR", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")
TENS = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARNING", 50: "ERROR", 60: "ERROR"}
NAMED = {"trace": "TRACE", "debug": "DEBUG", "info": "INFO", "warn": "WARNING", "error": "ERROR", "fatal": "ERROR"}
NO_WORD = re.compile(r"^[\w.-]+ +\| |\b[A-Z][a-z]{2}(?= )|\b(?:time|ts|timestamp|date)[=:]|\blevel=\w+")
"""What stands before a line's time: a container's name, the month, a key."""
PROCESS = re.compile(r"^((?:[A-Z][a-z]{2} +\d+ [\d:]+|\d{4}-\S+(?: [\d:.,]+)?) (?:[\w.-]+ )?[\w./-]+)\[\d+\](?=:)")
UPTIME = re.compile(r"^\[? *\d+\.\d{3,}\]?")


def record(text: str) -> dict[str, Any]:
    """The JSON object that a line holds, a name or a time before it or not; empty where it holds none."""
    try:
        value = json.loads(text[text.index("{") :])
    except (ValueError, RecursionError):
        return {}
    if isinstance(value, dict) and isinstance(value.get("log"), str) and "stream" in value:
        return record(value["log"]) or value
    return value if isinstance(value, dict) else {}


def by_number(text: str) -> str:
    """The level that a record gives as a number: journald's PRIORITY, GELF's and pino's level."""
    found = record(text)
    priority = str(found.get("PRIORITY", ""))
    level = found.get("level", found.get("severity"))
    if priority.isdigit() and int(priority) < len(SYSLOG):
        return SYSLOG[int(priority)]
    if isinstance(level, int) and not isinstance(level, bool):
        return (
            SYSLOG[level] if "short_message" in found and 0 <= level < len(SYSLOG) else TENS.get(level // 10 * 10, "")
        )
    return ""


def recorded(text: str) -> str:
    """The level of a structured logger's record that has one beyond doubt: a name or pino's number."""
    found = record(text) if text.startswith("{") else {}
    if not isinstance(found.get("msg"), str) or not isinstance(found.get("time"), str | int):
        return ""
    level = found.get("level")
    if isinstance(level, str):
        return NAMED.get(level, "")
    return TENS.get(level, "") if isinstance(level, int) and not isinstance(level, bool) else ""


@dataclass(frozen=True)
class Source:
    """The source as the head line says it was read: for each line what may stand in the output for it. `records`: its
    lines are records of a structured logger, which have levels beyond doubt."""

    choices: list[tuple[str, ...]]
    records: bool = False

    def allows(self, number: int, line: str) -> bool:
        return line in self.choices[number]

    def text(self, number: int) -> str:
        return self.choices[number][-1]

    def said(self, number: int) -> str:
        """What a log driver's record says; any other line as it is."""
        text = self.text(number)
        found = record(text) if text.startswith("{") else {}
        said = next((found[key] for key in ("log", "MESSAGE", "Output") if isinstance(found.get(key), str)), text)
        return said.rstrip("\n")


def read_source(source: str, head: re.Match[str]) -> Source:
    if head["colours"]:
        assert ANSI.search(source), "claims colours that are not there"
        source = ANSI.sub("", source)
    elif head["shown"]:
        assert not ANSI.search(source), "removes colours without saying so"
    if head["crlf"]:
        assert "\r\n" in source
        source = source.replace("\r\n", "\n")
    lines = source.split("\n")
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    choices = [states(line) if head["redrawn"] else (line,) for line in lines]
    return Source(choices, records=all(recorded(choice[-1]) for choice in choices if choice[-1].strip()))


def states(line: str) -> tuple[str, ...]:
    """What may be shown of a line that was perhaps redrawn in place: itself, or the last state that is not blank."""
    if "\r" not in line:
        return (line,)
    last = ([""] + [state for state in line.split("\r") if state.strip()])[-1]
    lost = [state for state in line.split("\r") if state.strip() and state.strip() not in last]
    trouble = any(stem in state.lower() for state in lost for stem in (*STEMS, "abort"))
    return (line,) if trouble and last != line else (line, last)


def timeless(text: str) -> str:
    """The line without its own times: those before all words, and those of a record."""
    text = PROCESS.sub(r"\1", UPTIME.sub("", text))
    if '":' in text:
        return TIME.sub("", text)
    words = NO_WORD.sub(lambda found: " " * len(found[0]), text)
    spoken = re.search(r"[a-z]{2}", words)
    end = spoken.start() if spoken else len(text)
    return TIME.sub("", text[:end]) + text[end:]


def check_truth(source: str, output: str) -> None:
    first, _, rest = output.partition("\n")
    head = HEAD.fullmatch(first)
    assert head is not None, first
    assert output.endswith("\n") == (source.endswith("\n") and source != "\n")
    body = rest.removesuffix("\n").split("\n") if output.endswith("\n") else rest.split("\n")
    lines = read_source(source, head)
    shown: dict[int, str] = {}
    gaps: list[tuple[int, int, str | None]] = []
    lists: list[re.Match[str]] = []
    position, repeats, restamped = 0, 0, 0
    for line in body:
        if not line.startswith("[narrows:"):
            assert lines.allows(position, line), (position + 1, line)
            shown[position] = line
            position += 1
            continue
        assert marks.is_mark(line)
        if (places := LISTED.fullmatch(line)) is not None:
            assert int(places[2]) - 1 in shown, "the first of what is listed is not shown above"
            lists.append(places)
            continue
        if (left := LEFT_OUT.fullmatch(line)) is not None:
            start, stop = int(left[1]) - 1, int(left[2] or left[1])
            gaps.append((start, stop, left[3]))
        else:
            start, stop = check_repeat(lines, shown, line)
            repeats += 1
            restamped += " but for the times " in line
        assert start == position < stop, line
        position = stop
    assert position == len(lines.choices) == int(head["total"]), "lines are unaccounted for"
    assert bool(repeats) == bool(head["repeats"])
    assert bool(restamped) == bool(head["but_times"])
    left_out = [number for start, stop, _ in gaps for number in range(start, stop)]
    listed = {number for found in lists for number in check_list(lines, shown, left_out, found)}
    unnamed = sum(int(found[5] or 0) for found in lists)
    assert len(listed) + unnamed == sum(int(found[1]) for found in lists), "a line is listed twice"
    counted = [re.search(r"(\d+) listed", classes or "") for _, _, classes in gaps]
    assert sum(int(count[1]) for count in counted if count) == len(listed) + unnamed
    assert (head["listed"] == ", repeated and listed") == bool(lists)
    check_gaps(lines, head, shown, gaps, listed if not unnamed else None)


def check_list(lines: Source, shown: dict[int, str], left_out: list[int], found: re.Match[str]) -> Iterator[int]:
    """The lines that a list names: left out, in order below the first, after the same names, and equal to it but for
    the place and the words given."""
    first = int(found[2]) - 1
    path = place_of(lines, first)
    apart = [json.loads(word) for word in re.findall(JSON_STRING, found[3] or "")]
    rest, position, entries = found[4], 0, 0
    named = names_before(lines, first, path)
    candidates = (number for number in left_out if number > first)
    while position < len(rest):
        entry = ENTRY.match(rest, position)
        assert entry is not None, rest[position:]
        position, entries = entry.end(), entries + 1
        path = entry[1] or path
        words = [json.loads(word) for word in re.findall(JSON_STRING, entry[3])]
        assert len(words) == len(apart)
        place = path + entry[2]
        meant = (number for number in candidates if alike(said(lines, first), said(lines, number, place), apart, words))
        number = next((one for one in meant if names_before(lines, one, path) == named), None)
        assert number is not None, f"nothing of the kind, below the same name, at {place}"
        yield number
    assert entries + int(found[5] or 0) == int(found[1])


def names_before(lines: Source, number: int, path: str) -> list[str]:
    """What stands before the place, times and numbers aside, but for numbers that are names."""
    before, found, _ = lines.text(number).partition(path)
    named = re.compile(r"\[\d+\]|#\d+|\D*")
    return [word for word in before.split() if found and named.fullmatch(word) is not None]


def place_of(lines: Source, number: int) -> str:
    """The path at the first line of a list: on it, or below it where it has none."""
    text = f"{lines.said(number)} {lines.said(number + 1) if number + 1 < len(lines.choices) else ''}"
    return next(found[1] for found in PLACED.finditer(text) if not OF_TIME.fullmatch(found[1]))


def said(lines: Source, number: int, place: str | None = None) -> list[str]:
    """The words behind the place; none where the place is not there."""
    text = lines.said(number)
    below = lines.said(number + 1) if number + 1 < len(lines.choices) else ""
    if place is None:
        placed = [found for found in PLACED.finditer(text) if not OF_TIME.fullmatch(found[1])]
        text = text[placed[0].end() :] if placed else pointed(text)
    elif place in text:
        text = text.partition(place)[2]
    elif below.endswith(f"--> {place}"):
        text = pointed(text)
    else:
        return []
    return SAID.findall(text)


def pointed(text: str) -> str:
    """What a diagnostic says whose place is below: it opens with a warning's name or with a linter's code."""
    opens = re.search(r"warning(?:\[\S+\])?: |\b[A-Z]+\d+ ", text)
    return text[opens.start() :] if opens else ""


def alike(first: list[str], other: list[str], apart: list[str], words: list[str]) -> bool:
    """Whether two say the same but for these words, which stand in their order, with or without quotes."""
    if len(first) != len(other) or not first:
        return False
    pairs = [(one, two) for one, two in zip(first, other, strict=True) if one != two]
    left = iter(zip(apart, words, strict=True))
    return all(any(a in one and w in two for a, w in left) for one, two in pairs)


def check_repeat(lines: Source, shown: dict[int, str], line: str) -> tuple[int, int]:
    """A repeat names earlier lines that the output shows, or that repeat such lines, and equals them."""
    if (each := EACH.fullmatch(line)) is not None:
        start, stop, named = int(each[1]) - 1, int(each[2]), int(each[3]) - 1
        assert named == start - 1
        pairs = [(number, named) for number in range(start, stop)]
    else:
        same = SAME.fullmatch(line)
        assert same is not None, line
        start, stop = int(same[1]) - 1, int(same[2] or same[1])
        named, until = int(same[3]) - 1, int(same[4] or same[3])
        assert until - named == stop - start
        assert until <= start
        pairs = [(start + offset, named + offset) for offset in range(stop - start)]
    but_times = line.endswith(" but for the times before them]")
    for number, earlier in pairs:
        if but_times:
            assert earlier in shown
            assert differ_in_times(lines.text(number), lines.text(earlier)), (line, number + 1)
            shown[number] = lines.text(number)
        else:
            assert lines.allows(number, shown[earlier]), (line, number + 1)
            shown[number] = shown[earlier]
    assert not but_times or any(lines.text(number) != lines.text(earlier) for number, earlier in pairs)
    return start, stop


def differ_in_times(one: str, other: str) -> bool:
    """Whether two lines are equal but for words at their beginning that are times; blanks may align these."""
    words, others = re.split("[ \t]", one), re.split("[ \t]", other)
    while words and others and words[-1] == others[-1]:
        del words[-1], others[-1]
    words, others = [word for word in words if word], [word for word in others if word]
    pairs = [*zip_longest(words, others, fillvalue="")]
    return len(pairs) <= 6 and all(
        a == b or (TIME_BEFORE.fullmatch(a) is not None and TIME_BEFORE.fullmatch(b) is not None) for a, b in pairs
    )


def check_gaps(
    lines: Source,
    head: re.Match[str],
    shown: dict[int, str],
    gaps: list[tuple[int, int, str | None]],
    listed: set[int] | None,
) -> None:
    """`listed`: the lines that are listed; None where some of them are only counted."""
    left_out = [number for start, stop, _ in gaps for number in range(start, stop)]
    if not gaps:
        assert head["shown"] is None
        return
    assert int(head["left"]) == len(left_out)
    assert int(head["shown"]) == len(lines.choices) - len(left_out)
    assert int(head["places"]) == len(gaps)
    twins = {timeless(line) for line in shown.values()}
    for start, stop, counted in gaps:
        check_classes([lines.text(number) for number in range(start, stop)], counted, twins, records=lines.records)
        if listed is not None:
            claimed_here = re.search(r"(\d+) listed", counted or "")
            assert len(listed & {*range(start, stop)}) == int(claimed_here[1] if claimed_here else 0), counted
    texts = [lines.text(number) for number in left_out if listed is None or number not in listed]
    holding = [text for text in texts if any(stem in text.lower() for stem in STEMS)]
    certain = [text for text in holding if not CAN_BE_PASSED.search(text) and timeless(text) not in twins]
    claimed = 0 if head["trouble"] == "none" else int(head["trouble"])
    assert len(certain) <= claimed or listed is None
    assert claimed <= len(holding)
    lost = [text for text in texts if is_alarm(text, records=lines.records) and timeless(text) not in twins]
    assert not lost, f"alarms left out: {lost[:3]}"


def is_alarm(text: str, *, records: bool) -> bool:
    """Whether a line is an error or a warning beyond doubt."""
    return bool(ALARM.match(text)) or (records and recorded(text) in ("ERROR", "WARNING"))


def check_classes(texts: list[str], counted: str | None, twins: set[str], *, records: bool) -> None:
    """Where nothing is counted by class, all lines are blank or of no class."""
    blank = sum(not text.strip() for text in texts)
    claims = {"other": len(texts) - blank, "blank": blank}
    if counted is not None:
        claims = {name: int(count) for count, name in (item.split(" ") for item in counted.split(", "))}
        assert sum(claims.values()) == len(texts), counted
        assert all(claims.values())
        assert not claims.keys() <= {"other", "blank"}, "what tells nothing is not said"
    for name, count in claims.items():
        certain, possible = bounds(name, texts, twins, records=records)
        assert certain <= count <= possible, (name, count, certain, possible)
    for name in {"blank", "passed", *LEVELS} - claims.keys():
        assert bounds(name, texts, twins, records=records)[0] == 0, f"{name} is not counted"


def bounds(name: str, texts: list[str], twins: set[str], *, records: bool) -> tuple[int, int]:
    """How many of the lines belong to a class beyond doubt, and how many could."""
    if name == "blank":
        blank = sum(not text.strip() for text in texts)
        return blank, blank
    if name == "listed":
        return 0, len(texts)
    if name == "repeated":
        return 0, sum(timeless(text) in twins for text in texts)
    if name == "passed":
        return sum(bool(IS_PASSED.match(text)) for text in texts), sum(
            bool(CAN_BE_PASSED.search(text)) for text in texts
        )
    if name == "skipped":
        return 0, sum(bool(CAN_BE_SKIPPED.search(text)) for text in texts)
    certain = sum(leveled(text, records=records) == name for text in texts if timeless(text) not in twins)
    if name == "other":
        return 0, sum(bool(text.strip()) and leveled(text, records=records) is None for text in texts)
    assert name in LEVELS, name
    return certain, sum(bool(CAN_BE_LEVEL[name].search(text)) or by_number(text) == name for text in texts)


def leveled(text: str, *, records: bool) -> str | None:
    """The level of a line that has one beyond doubt and reports no test."""
    if CAN_BE_PASSED.search(text) or CAN_BE_SKIPPED.search(text):
        return None
    if records and not any(CAN_BE_LEVEL[name].search(str(record(text).get("msg"))) for name in ("WARNING", "ERROR")):
        return recorded(text) or None
    found = IS_LEVEL.match(text)
    return found[1] if found else None


def stamp(number: int) -> str:
    return f"2024-05-01T12:{number // 60 % 60:02d}:{number % 60:02d}Z "


NAMES = ("alpha", "beta", "gamma", "delta", "épsilon", "zeta")
Family = Callable[[int, str], str]
FAMILIES: tuple[Family, ...] = (
    lambda i, n: f"{stamp(i)}INFO worker-{i % 7} processed job id={i * 37} for {n}",
    lambda i, n: f"{stamp(i)}DEBUG cache hit ratio 0.{i} for {n}",
    lambda i, n: f"{stamp(i)}ERROR job {i // 2} of {n} failed with code E{i // 3}",
    lambda i, n: f"{stamp(i)}WARN queue {n} is slow: {i % 3} ms",
    lambda i, n: f"{stamp(i)}INFO {n}: retry after a failure, attempt {i}",
    lambda i, n: f"INFO step {i} of {n} in {i % 90} ms",
    lambda i, n: f"tests/test_{n}.py::test_error_{i} PASSED",
    lambda i, n: f"tests/test_{n}.py::test_{i} FAILED",
    lambda i, n: f"ok {i + 1} - parses",
    lambda i, n: f"test_{n} (tests.{n}.Case{i}.test_it) ... ok",
    lambda i, n: f"[ {i % 100:2d}%] Building CXX object {n}.dir/src/file_{i}.cc.o",
    lambda i, n: f"Requirement already satisfied: {n}{i}>=1.{i} in /opt/lib ({i}.0)",
    lambda i, n: (
        f"{n}.c:{i}:7: warning: unused variable 'v{i}' [-Wunused-variable]\n    {i} |   int v{i};\n      |       ^"
    ),
    lambda i, n: f'127.0.0.1 - - [01/May/2024 12:00:{i % 60:02d}] "GET /{n}/{i} HTTP/1.1" {(200, 200, 404)[i % 3]} {i}',
    lambda i, n: f"\x1b[3{i % 8}m{stamp(i)}INFO coloured {n} {i}\x1b[0m",
    lambda i, n: "\r".join(f"Downloading {n} {k}%" for k in range(i % 4 + 1)),
    lambda i, n: f"{stamp(i)}INFO started\r",
    lambda i, n: "",
    lambda i, n: f"    at com.example.{n}.run({n}.java:{i % 5})",
    lambda i, n: f"unstructured words about {n} and nothing else",
    lambda i, n: f"src/{n}{i // 3}.ts({i},7): error TS2339: Property 'p{i % 5}' does not exist on type '{n}'.",
    lambda i, n: f"{n}.py:{i}:1: F401 '{n}{i % 2}' imported but unused",
    lambda i, n: f'{n}{i}.py:{i}: error: Name "x{i % 9}" is not defined  [name-defined]',
    lambda i, n: (
        f"warning: unused variable: `{n}_{i}`\n  --> src/{n}.rs:{i}:9\n   |\n{i:2d} | let {n}_{i} = 1;\n   |     ^\n"
    ),
    lambda i, n: (
        f"F401 [*] `{n}_{i % 7}` imported but unused\n --> src/{n}.py:{i}:8\n  |\n{i} | import {n}_{i % 7}\n  |  ^^\n"
        f"help: Remove it\n  |\n  - import {n}_{i % 7}\n{i} + import re\n"
    ),
    lambda i, n: f"src/{n}.ts:{i}:7 - error TS2322: Type '{n}' is not assignable.\n\n{i} const x = 1;\n        ~\n",
    lambda i, n: f"[WARNING] /src/{n}.java:[{i},5] {n} in Old has been deprecated",
    lambda i, n: (
        f"[INFO] Running x.T{i}\n[INFO] Tests run: {i}, Failures: {i % 9 // 8}, Errors: 0, Skipped: 0, Time: {i} s"
    ),
    lambda i, n: f"{stamp(i)}ERROR connection to {n} lost, reconnecting ... ok",
    lambda i, n: f"{stamp(i)}ERROR device 52:54:00:12:34:{i:02d} of {n}: slot of 2024-05-{i % 30 + 1:02d} missed",
)
TRACEBACK = """Traceback (most recent call last):
  File "/app/main.py", line {i}, in run
    step({i})
    ~~~~^^^
{n}.errors.StepError: step {i} of {n} went wrong
"""


@st.composite
def families(draw: st.DrawFn) -> str:
    """A run of lines of one family, numbered from anywhere, sometimes all the same."""
    family = draw(st.sampled_from(FAMILIES))
    name = draw(st.sampled_from(NAMES))
    begin = draw(st.integers(0, 50))
    step = draw(st.sampled_from((0, 1, 1, 1)))
    count = draw(st.integers(1, 60))
    return "\n".join(family(begin + step * offset, name) for offset in range(count))


VERBOSE = st.builds(
    lambda failed, summed, form: "\n".join(
        [form.format(i=i, v="FAILED" if i in failed else "PASSED") for i in range(20)]
        + ["=== short test summary info ==="]
        + [f"FAILED t.py::test_{i} - assert {i}" for i in summed]
    ),
    st.sets(st.integers(0, 19), max_size=9),
    st.sets(st.integers(0, 19), max_size=9),
    st.sampled_from(("t.py::test_{i} {v} [ {i}%]", "[gw1] [ 7%] {v} t.py::test_{i} ", "t.py::test_{i} {v}")),
)
TRACES = st.builds(lambda i, n: TRACEBACK.format(i=i, n=n), st.integers(0, 3), st.sampled_from(NAMES))
PYTEST = st.builds(
    lambda i: (
        f"=== FAILURES ===\n___ test_{i} ___\n\n    def test_{i}():\n>       assert {i} == 0\nE       assert {i} == 0"
        f"\n\nt.py:{i}: AssertionError\n=== short test summary info ===\nFAILED t.py::test_{i} - assert {i} == 0"
    ),
    st.integers(0, 9),
)
WORDS = st.text(
    st.one_of(st.sampled_from("abc 019:-[]()|.*/\\\"'\t\r\x0b\x85\u2028\x1b\x00é🚀"), st.characters(codec="utf-8")),
    max_size=60,
)


RECORDS: tuple[Family, ...] = (
    lambda i, n: json.dumps({"time": 1714564800000 + i, "level": 30, "pid": 7, "msg": f"request {i} for {n} done"}),
    lambda i, n: json.dumps({"level": "info", "time": stamp(i)[:-1], "msg": f"cache of {n} holds {i}", "error": None}),
    lambda i, n: json.dumps(
        {"level": "debug", "time": stamp(i)[:-1], "msg": f"tick {n}", "n": i}, separators=(",", ":")
    ),
    lambda i, n: json.dumps({"time": 1714564800000 + i, "level": 50, "msg": f"job {i // 3} of {n} failed", "pid": 7}),
    lambda i, n: json.dumps({"time": stamp(i)[:-1], "level": "warn", "msg": f"queue {n} is slow", "retry": i % 2 > 0}),
)
DRIVERS: tuple[Callable[[int, str], str], ...] = (
    lambda i, text: json.dumps({"log": text + "\n", "stream": "stdout", "time": stamp(i)[:-1]}),
    lambda i, text: json.dumps({"MESSAGE": text, "PRIORITY": str(3 + i % 4), "__REALTIME_TIMESTAMP": f"{10**15 + i}"}),
    lambda i, text: json.dumps({"Time": stamp(i)[:-1], "Action": "output", "Package": "p", "Output": text + "\n"}),
    lambda i, text: f"web-1  | {text}",
    lambda i, text: f"[pod/web-{i % 2}/app] {text}",
    lambda i, text: f"build\tRun tests\t{stamp(i)}{text}",
    lambda i, text: f"[{stamp(i)[:-1]}] {text}",
    lambda i, text: f"[{i % 2}] {text}",
    lambda i, text: f"#{7 + i % 3} {i * 0.013:.3f} {text}",
    lambda i, text: f"{i * 0.013:9.3f} {text}",
    lambda i, text: f"2024-05-01 12:{i // 60 % 60:02d}:{i % 60:02d},123 - INFO - {text}",
    lambda i, text: f"    {text}",
    lambda i, text: f"{stamp(i)}{text}",
    lambda i, text: f"May  1 12:{i // 60 % 60:02d}:{i % 60:02d} build-7 ci[4711]: {text}",
    lambda i, text: f"<14>1 {stamp(i)[:-1]} build-7 ci 4711 - - {text}",
    lambda i, text: f"{stamp(i)[:-2]}.{i:09d}Z stdout F {text}",
    lambda i, text: f"[{i * 0.013:12.6f}] build-7 ci[{4711 + i // 99}]: {text}",
)


@st.composite
def records(draw: st.DrawFn) -> str:
    """Records of structured loggers, mixed."""
    chosen = draw(st.lists(st.sampled_from(RECORDS), min_size=1, max_size=3))
    name, count = draw(st.sampled_from(NAMES)), draw(st.integers(5, 90))
    return "\n".join(chosen[i * i % 5 % len(chosen)](i, name) for i in range(count))


@st.composite
def framed(draw: st.DrawFn) -> str:
    """A log inside what a driver or a CI system writes around each line."""
    driver = draw(st.sampled_from(DRIVERS))
    inside = draw(st.one_of(logs(), records()))
    return "\n".join(driver(i, line.rstrip("\r")) for i, line in enumerate(inside.split("\n")))


@st.composite
def logs(draw: st.DrawFn) -> str:
    chunks = draw(
        st.lists(st.one_of(families(), families(), families(), TRACES, PYTEST, VERBOSE, WORDS), min_size=1, max_size=9)
    )
    if draw(st.booleans()):
        chunks += chunks[: draw(st.integers(1, 3))]
    if draw(st.sampled_from((False, False, False, True))):
        lines = "\n".join(chunks).split("\n")
        chunks = [f"{stamp(number)}{line}" for number, line in enumerate(lines)]
    text = "\n".join(chunks) + draw(st.sampled_from(("", "\n", "\n\n")))
    return text.replace("\n", "\r\n") if draw(st.sampled_from((False, False, False, True))) else text


MIXED = "\n".join(family(i, name) for family in FAMILIES[:6] for i in range(40) for name in NAMES[:2])
WOVEN = "\n".join(FAMILIES[i * i % 7 % 2](i, NAMES[i % 3]) for i in range(300))
TESTS = "\n".join(f"tests/test_{i % 9}.py::test_{i} {'FAILED' if i == 77 else 'PASSED'}" for i in range(300))
SAME_TRACE = "\n".join(f"{stamp(i)}ERROR request {i} failed\n{TRACEBACK.format(i=1, n='app')}" for i in range(20))
COLOURED = "\n".join(FAMILIES[14](i, "x") for i in range(80)) + "\n" + FAMILIES[15](3, "y") + "\nDone in 3s\n"

RECORDED = "\n".join(RECORDS[i * i % 7 % 5](i, NAMES[i % 3]) for i in range(200)) + "\n"

UNDER_TEST = KindUnderTest(
    compressor=COMPRESSOR,
    sources=st.one_of(logs(), logs(), records(), framed()),
    examples=(
        (MIXED, "balanced"),
        (WOVEN, "balanced"),
        (TESTS, "balanced"),
        (COLOURED, "balanced"),
        (RECORDED, "balanced"),
        (SAME_TRACE, "lossless"),
    ),
    check_truth=check_truth,
    same=lambda source, expanded: source == expanded,
)

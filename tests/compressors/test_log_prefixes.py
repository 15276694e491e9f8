"""What a harness puts before every line: known by what is left once it is gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from narrows.compressors.log import COMPRESSOR
from narrows.compressors.log.framing import unframed
from narrows.compressors.log.prefixes import _TAGS, without_prefix
from narrows.compressors.types import Compressed, Source
from narrows.core.tool_call import ToolCall
from narrows.policy import Level
from tests.compressors.harness_logs import session
from tests.compressors.log_truth import check_truth

CALL = ToolCall("bash", '{"command": "./run.sh"}')
MADE = session(7)
LINES = MADE.text.rstrip("\n").split("\n")
Prefix = Callable[[int], str]


def clock(i: int) -> str:
    return f"{10 + i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}"


PREFIXES: dict[str, Prefix] = {
    "time of day": lambda i: f"{clock(i)} ",
    "time in brackets": lambda i: f"[{clock(i)}] ",
    "time and bar": lambda i: f"{clock(i)}.123 | ",
    "date and time": lambda i: f"2025-03-04 {clock(i)} ",
    "logger": lambda i: f"2025-03-04 {clock(i)},123 - INFO - ",
    "logger with name": lambda i: f"2025-03-04 {clock(i)},123 [INFO] harness: ",
    "seconds": lambda i: f"[{i * 0.013:9.3f}] ",
    "seconds since 1970": lambda i: f"{1712345678 + i / 10:.3f} ",
    "syslog": lambda i: f"Mar  4 {clock(i)} build-7 ci[{4711 + i // 200}]: ",
    "journald, full": lambda i: f"Tue 2025-03-04 {clock(i)} UTC build-7 ci.service[4711]: ",
    "journald, iso": lambda i: f"2025-03-04T{clock(i)}+0000 build-7 ci[4711]: ",
    "journald, monotonic": lambda i: f"[{i * 0.013 + 4:12.6f}] build-7 ci[4711]: ",
    "RFC 3164": lambda i: f"<14>Mar 14 {clock(i)} build-7 ci[4711]: ",
    "RFC 5424": lambda i: f"<14>1 2025-03-04T{clock(i)}.003Z build-7 ci 4711 - - ",
    "RFC 5424 without priority": lambda i: f'2025-03-04T{clock(i)}.003Z build-7 ci 4711 ID47 [a@1 b="c"] ',
    "CRI": lambda i: f"2025-03-04T{clock(i)}.123456789Z std{('out', 'err')[i % 9 // 8]} F ",
    "ts": lambda i: f"Mar 04 {clock(i)} ",
    "TeamCity": lambda i: f"[{clock(i)}]{(' ', 'W', 'i')[i % 3]}: ",
    "half days": lambda i: f"{clock(i)} AM: ",
    "milliseconds since 1970": lambda i: f"{1712345678123 + i * 7} ",
    "TAI64N": lambda i: f"@400000006957385a{i * 131:08x} ",
    "task of a name": lambda i: "[web] ",
    "BuildKit": lambda i: f"#{7 + i // 99} {i * 0.013:.3f} ",
    "indentation": lambda _: "    ",
    "bar": lambda _: "| ",
    "quotation": lambda _: "> ",
    "tag": lambda _: "[stdout] ",
    "tag and bar": lambda _: "[CI/build]   | ",
    "task": lambda _: "web:build: ",
    "package and task": lambda _: "packages/web build: ",
    "two processes": lambda i: f"[{i % 7 // 6}] ",
}


@pytest.mark.parametrize("name", PREFIXES)
def test_a_harness_prefix_takes_nothing_away(name: str) -> None:
    before = PREFIXES[name]
    text = "\n".join(f"{before(i)}{line}" for i, line in enumerate(LINES)) + "\n"
    assert unframed(text.split("\n")[:-1]).lines == LINES
    result = COMPRESSOR.compress(Source(text, CALL), Level.BALANCED)
    assert isinstance(result, Compressed), result
    check_truth(text, result.text)
    assert not [gold for gold in MADE.gold if gold not in result.text]
    assert len(result.text) <= 0.25 * len(text)


@pytest.mark.parametrize(
    "line",
    [
        "{time} job {i} of the night done",
        "{time} INFO worker-{i} processed job",
        "{time} [INFO] shop.orders: order {i} accepted",
        "PASS: test_{i}",
        "Requirement already satisfied: name{i} in /opt/lib",
        "ERROR: step {i} failed",
        "npm warn deprecated left-pad@{i}: use pad",
        "src/app.c:{i}:7: warning: unused variable 'v{i}'",
        "-rw-r--r-- 1 u g {i} 2024-05-01 {time}.000000000 +0000 error_{i}.log",
        "> quoted words of a person, line {i}",
        "    return process_{i}(request)",
        "tests/test_x.py::test_{i} PASSED",
        "    name{i}  1.0",
        "Mar  4 {time} build-7 ci[{i}]: took job {i} of the night",
        "Mar  4 {time} build-7 CRON[{i}]: (root) CMD (run-parts /etc/cron.hourly)",
        "2025-03-04T{time}Z worker stdout job {i}",
    ],
)
def test_what_a_tool_or_logger_writes_itself_is_no_frame(line: str) -> None:
    lines = [line.format(i=i, time=clock(i)) for i in range(80)]
    assert without_prefix(lines) is None


def test_lines_without_the_prefix_stay_as_they_are() -> None:
    lines = [f"[stdout] {line}" for line in LINES]
    lines[50] = "Receiving objects: 100% (341/341), done."
    lines[60] = "[stdout]"
    found = without_prefix(lines)
    assert found is not None
    assert found.lines[50] == lines[50]
    assert found.lines[60] == ""
    assert found.lines[61] == LINES[61]


def test_a_level_before_all_lines_is_theirs() -> None:
    lines = [f"{clock(i)} [INFO] run: {line}" for i, line in enumerate(LINES)]
    found = without_prefix(lines)
    assert found is not None
    assert found.timed
    assert found.level == "INFO"
    text = "\n".join(lines)
    result = COMPRESSOR.compress(Source(text, CALL), Level.BALANCED)
    assert isinstance(result, Compressed)
    assert " INFO" in "".join(line for line in result.text.split("\n") if line.startswith("[narrows: lines"))


def test_whom_the_collector_names_else_stays_whole() -> None:
    lines = [f"Mar  4 {clock(i)} build-7 ci[4711]: {line}" for i, line in enumerate(LINES)]
    other = "build-7 kernel: Out of memory: Killed process 4711 (cc1plus)"
    lines[50] = f"Mar  4 {clock(50)} {other}"
    found = without_prefix(lines)
    assert found is not None
    assert found.lines[50] == other
    assert found.lines[51] == LINES[51]


def test_a_priority_of_trouble_is_its_lines_own() -> None:
    lines = [f"<14>Mar  4 {clock(i)} build-7 ci[4711]: {line}" for i, line in enumerate(LINES)]
    lines[50] = f"<11>Mar  4 {clock(50)} build-7 ci[4711]: {LINES[50]}"
    found = without_prefix(lines)
    assert found is not None
    assert found.lines[50] == lines[50]
    assert found.lines[51] == LINES[51]
    assert without_prefix([line.replace("<14>", "<11>") for line in lines]) is None


def test_a_path_before_a_colon_is_looked_for_in_a_short_beginning_only() -> None:
    for tag in _TAGS:
        assert tag.match("a/" * 600 + ":") is None
        assert tag.match("/" * 100_000) is None


def test_few_lines_have_no_frame() -> None:
    assert without_prefix([f"[stdout] {line}" for line in LINES[:7]]) is None
    assert without_prefix([]) is None


def test_the_first_bar_of_a_table_is_no_prefix() -> None:
    rows = [f"| {5000 + i} | 2024-03-{i + 1:02d} | sent | {i * 3.7:.2f} |" for i in range(30)]
    lines = ["| id | day | status | amount |", "| --- | --- | --- | --- |", *rows]
    assert without_prefix(lines) is None


@pytest.mark.parametrize("tag", ["[build] ", "packages/web build: "])
@pytest.mark.parametrize(
    "line", ["[ERROR] disk {i} is full", "make: *** [Makefile:{i}: all] Error 1", "error: gone {i}"]
)
def test_another_tag_that_few_lines_have_is_their_own(tag: str, line: str) -> None:
    lines = [f"{tag}cc -Wall -O2 -c -o build/part{i}.o src/part{i}.c" for i in range(1200)]
    for i in range(701, 749, 4):
        lines[i] = line.format(i=i)
    found = without_prefix(lines)
    assert found is not None
    assert found.lines[0].startswith("cc ")
    assert found.lines[701:749:4] == lines[701:749:4]

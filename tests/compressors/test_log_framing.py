"""What stands around every line of a log, and what is inside."""

from __future__ import annotations

import json

import pytest

from narrows.compressors.log import COMPRESSOR
from narrows.compressors.log.decide import decide
from narrows.compressors.log.framing import inside, unframed
from narrows.compressors.registry import COMPRESSORS, Registry
from narrows.compressors.types import Compressed, Source, Verdict
from narrows.core.tokens import Encoding
from narrows.policy import Kind, Level, Policy
from tests.compressors.log_truth import check_truth

TIME = "2025-03-04T10:00:00.0123456Z"
PLAIN = [f"compiling module number {i} of the project" for i in range(60)]
REPORT = [
    "=================== FAILURES ===================",
    "____________________ test_x ____________________",
    ">       assert a == b",
    "E       assert 1 == 2",
    "t.py:3: AssertionError",
    "=========== short test summary info ============",
    "FAILED t.py::test_x - assert 1 == 2",
]
LINES = [*PLAIN, *REPORT, *PLAIN]


@pytest.mark.parametrize(
    "before",
    [
        f"{TIME} ",
        f"[{TIME}] ",
        "2025-03-04 10:00:00+01:00 ",
        f"{TIME} 00O ",
        f"build\tRun tests\t{TIME} ",
        f"build\tRun tests\t\ufeff{TIME} ",
        "web-1  | ",
        f"web-1  | {TIME} ",
        f"{TIME} web-1 | ",
        "[pod/web-7d9c/app] ",
        f"[pod/web-7d9c/app] {TIME} ",
        "web:test: ",
        "@shop/web:test:unit: ",
        "#12 3.456 ",
        "0|api      | ",
        "10:00:00 web.1   | ",
        "[0] ",
    ],
)
def test_a_frame_hides_nothing(before: str) -> None:
    lines = [f"{before}{line}" for line in LINES]
    assert unframed(lines).lines == LINES
    shown = decide(lines).show
    assert all(shown[60:67])
    assert sum(shown) < 20


def test_what_stands_before_some_lines_only_is_no_frame() -> None:
    assert unframed(LINES).lines is LINES
    stamped = [f"{TIME} {line}" for line in PLAIN]
    with_trace = [*stamped, "Traceback (most recent call last):", "ValueError: no"]
    assert unframed(with_trace).lines is with_trace
    assert unframed([]).lines == []
    assert unframed(["", " "]).lines == ["", " "]


def test_lines_that_a_container_did_not_write_stay_as_they_are() -> None:
    lines = ["Attaching to web-1", *(f"web-1 | {line}" for line in LINES)]
    assert unframed(lines).lines == ["Attaching to web-1", *LINES]


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"log": "2025 INFO up\n", "stream": "stdout", "time": TIME}, "2025 INFO up"),
        ({"log": "\n", "stream": "stdout", "time": TIME}, "0"),
        ({"MESSAGE": "up", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "cron"}, "INFO up unit=cron"),
        ({"MESSAGE": "no", "PRIORITY": 2, "__REALTIME_TIMESTAMP": "17"}, "CRITICAL no"),
        ({"MESSAGE": [101, 102], "PRIORITY": "4"}, "WARNING"),
        ({"MESSAGE": "ERROR: duplicate key", "PRIORITY": "6"}, "ERROR: duplicate key"),
        ({"level": 30, "time": 1714564800123, "pid": 7, "msg": "up"}, "INFO up pid=7"),
        ({"level": 50, "time": 1714564800123, "msg": "no", "err": {"code": 7}}, 'ERROR no err={"code":7}'),
        ({"level": "warn", "ts": 1.7e9, "caller": "a.go:7", "msg": "slow"}, "WARNING slow caller=a.go:7"),
        ({"event": "up", "level": "info", "timestamp": TIME, "error": None}, "INFO up"),
        ({"severity": "ERROR", "timestamp": TIME, "textPayload": "no"}, "ERROR no"),
        ({"severity": "ERROR", "timestamp": TIME, "jsonPayload": {"message": "no", "n": 1}}, "ERROR no n=1"),
        ({"@timestamp": TIME, "log": {"level": "error"}, "message": "no"}, 'ERROR no log={"level":"error"}'),
        ({"@t": TIME, "@mt": "up {n}", "n": 1}, "up {n} n=1"),
        ({"version": "1.1", "short_message": "no", "timestamp": 1.7e9, "level": 3}, "ERROR no version=1.1"),
        ({"time": TIME, "level": "error", "msg": "a\n  at b"}, "ERROR a   at b"),
        ({"Time": TIME, "Action": "output", "Package": "p", "Output": "    x_test.go:7: no\n"}, "    x_test.go:7: no"),
        ({"Time": TIME, "Action": "fail", "Package": "p", "Test": "TestX"}, "--- FAIL: TestX"),
        ({"Time": TIME, "Action": "pass", "Package": "p"}, "--- PASS: p"),
    ],
)
def test_what_a_record_says(record: dict[str, object], says: str) -> None:
    assert inside(json.dumps(record)) == says
    in_docker = json.dumps({"log": json.dumps(record) + "\n", "stream": "stderr", "time": TIME})
    assert inside(in_docker) == says
    assert unframed([json.dumps(record)] * 9).records


@pytest.mark.parametrize(
    "record",
    [
        {"time": TIME, "message": "a row of data"},
        {"level": 3, "message": "a game's level"},
        {"level": 7, "time": TIME, "message": "no logger numbers so"},
        {"time": TIME, "level": "expert", "message": "a course"},
        {"time": "noon", "level": "info", "message": "no time"},
        {"log": "x", "stream": "stdout", "time": TIME, "id": 1},
        {"level": "error", "time": TIME},
        {"level": True, "time": TIME, "msg": "x"},
        {"Action": "buy", "Package": "p"},
        ["level"],
        {},
    ],
)
def test_data_is_no_record(record: object) -> None:
    line = json.dumps(record)
    assert inside(line) == line
    assert not unframed([line] * 9).records
    assert COMPRESSOR.sniff(Source("\n".join([line] * 9))) is Verdict.NO


@pytest.mark.parametrize("line", ["{", "{}x", "{nope}", '{"a":' * 300 + "1" + "}" * 300, '{"a":1', "", "{\ud800}"])
def test_what_is_no_json_stays_a_line(line: str) -> None:
    assert inside(line) == line


def _records(count: int) -> str:
    return "".join(
        json.dumps({"level": 50 if i == 77 else 30, "time": 1714564800000 + i, "pid": 7, "msg": f"job {i} taken"})
        + "\n"
        for i in range(count)
    )


def test_records_are_shown_as_they_stand_and_counted_by_their_level() -> None:
    text = _records(200)
    assert COMPRESSOR.sniff(Source(text)) is Verdict.EXACT
    result = COMPRESSOR.compress(Source(text), Level.BALANCED)
    assert isinstance(result, Compressed)
    check_truth(text, result.text)
    assert text.split("\n")[77] in result.text
    assert "left out: 74 INFO]" in result.text


def test_a_log_of_records_is_a_log_though_it_is_json() -> None:
    encoding = Encoding("o200k_base", assumed=False)
    balanced = Registry(COMPRESSORS).compress_text(_records(200), None, Policy(), encoding).result
    lossless = Registry(COMPRESSORS).compress_text(_records(200), None, Policy(level=Level.LOSSLESS), encoding).result
    assert isinstance(balanced, Compressed)
    assert isinstance(lossless, Compressed)
    assert (balanced.kind, lossless.kind) == (Kind.LOG, Kind.JSON)


def test_a_time_that_one_line_lacks_is_the_tools_though_the_line_begins_alike() -> None:
    lines = [f"2025-03-04T10:00:{number % 60:02d}Z step {number}" for number in range(300)]
    assert unframed(lines).timed
    lines[151] = "2025 files were changed"
    assert unframed(lines).lines is lines


def test_the_process_before_a_databases_levels_is_no_name_of_a_frame() -> None:
    said = ("LOG:  statement: select 1", "ERROR:  division by zero", "STATEMENT:  select 1/0", "LOG:  disconnection")
    lines = [f"2026-11-22 03:54:{number:02d}.986 UTC [{18394 + number}] {said[number % 4]}" for number in range(60)]
    assert unframed(lines).lines is lines

"""What one line says, digits aside."""

from __future__ import annotations

import re

import pytest

from narrows.compressors.log.classes import Tone, judged, level
from narrows.compressors.log.figures import without_digits
from narrows.compressors.log.sniffing import sniff
from narrows.compressors.types import Source, Verdict
from narrows.core.tool_call import ToolCall


def key(line: str) -> str:
    return re.sub("[0-9]", "", line)


def tone(line: str) -> Tone:
    return judged([line])[line].tone


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("INFO worker done", "INFO"),
        ("2026-11-21 10:01:20,154 INFO worker processed", "INFO"),
        ("2025-03-01T08:00:00.466+00:00 DEBUG [cache] hit", "DEBUG"),
        ("worker-1  | 2026-11-21 10:01:20,154 ERROR worker failed", "ERROR"),
        ("[WARNING] something", "WARNING"),
        ("[Sun Dec 04 04:47:44 2005] [error] mod_jk child", "ERROR"),
        ("081109 203615 148 INFO dfs.DataNode: Receiving", "INFO"),
        ("- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.36 R02-M1 RAS KERNEL FATAL data TLB error", "ERROR"),
        ("2016-09-28 04:30:30, Info                  CBS    Loaded", "INFO"),
        ("E0501 12:00:00.000 1 file.cc:12] broken", "ERROR"),
        ("05-01 12:00:00.000  1234  1234 W Tag: msg", "WARNING"),
        ('time="2024" level=warning msg="x"', "WARNING"),
        ("npm http fetch GET 200 https://x.org", "INFO"),
        ("npm warn deprecated x", "WARNING"),
        ("TRACE enter", "TRACE"),
        ("NOTICE: table", "NOTICE"),
        ("[Tue Mar 04 10:00:00.1 2025] [core:crit] [pid 1:tid 2] x", "ERROR"),
        ("[Tue Mar 04 10:00:00.1 2025] [ssl:warn] [pid 1] x", "WARNING"),
        ("10:00AM WRN slow", "WARNING"),
        ("ERRO[0012] gone", "ERROR"),
        ("E, [2025-03-04T10:00:00.1 #7] ERROR -- : gone", "ERROR"),
        ("fail: Acme.Worker[0]", "ERROR"),
        ("the info desk", ""),
        ("error_handler loaded", ""),
        ("src/error.py:3: fine", ""),
        ("a b c d e f g h i j ERROR", ""),
    ],
)
def test_a_level_counts_only_in_its_place(line: str, expected: str) -> None:
    assert level(key(line)) == expected


ERRORS = (
    "FAILED tests/test_x.py::test_y - assert 1 == 2",
    "tests/test_x.py::test_y FAILED   [ 50%]",
    "test_y (mod.Class.test_y) ... ERROR",
    "test tests::case_9 ... FAILED",
    "--- FAIL: TestX (0.00s)",
    "not ok 42 - parses",
    "✖ parses fixture 41 (1.0ms)",
    "[  FAILED  ] Foo.Bar (0 ms)",
    "FAIL src/x.test.js",
    "t/test_mixed.py .....F....  [100%]",
    "....F.x..   [ 24%]",
    "test_bar F",
    "E       AssertionError: assert 1 == 2",
    "mod07.c:6:7: error: no member",
    "src/m1.ts(2,49): error TS18048: 'u.tags'",
    "src/m1.ts:2:49 - error TS18048: 'u.tags'",
    "error[E0308]: mismatched types",
    "error: could not compile",
    "Error: ECONNREFUSED",
    "jsonschema.exceptions.SchemaError: 0 is less",
    "KeyboardInterrupt",
    "Caused by: java.lang.RuntimeException: batch",
    "thread 'main' panicked at src/main.rs:1:2",
    "Traceback (most recent call last):",
    "make[1]: *** [Makefile:3: all] Error 1",
    "main.c:(.text+0x1f): undefined reference to `missing'",
    "2025-03-01T08:26:04.331+00:00 FATAL [store] WAL segment corrupt",
    "CONFLICT (content): Merge conflict in x",
    "  4:1   error  Duplicate param 'a'   no-dupe-args",
    "fatal: not a git repository",
    "Failed to build badpkg",
    "internal/store/s1.go:31:5: X redeclared in this block",
    "./main.go:9:2: x declared and not used",
    "vet: ./main.go:9:2: HTTP client undefined (type T has no field or method client)",
)
WARNINGS = (
    "mod01.c:5:41: warning: unused variable",
    "warning: unused variable: `x`",
    "  /home/x.py:17: DeprecationWarning: old_api() is deprecated",
    "2025-03-01T08:00:00 WARN [pool] exhausted",
    "npm WARN deprecated har@1.0",
    "./a.py:1:1: F401 'os' imported but unused",
    "src/a.py:4:5: E741 Ambiguous",
    "internal/store/s1.go:31:5: Error return value is not checked (errcheck)",
    "main.go:9:2: JSON should be Json (SA1019)",
)
MENTIONS = (
    "INFO retry after a failure",
    "Connection refused by peer",
    "sshd[2]: Failed password for root from 1.2.3.4 port 5 ssh2",
    "process exited with status 3",
    "file not found",
    "java.lang.IllegalStateException thrown",
    "the server was killed.",
    "api: Verbindung fehlgeschlagen",
    "api: erreur de connexion",
    "api: \u043e\u0448\u0438\u0431\u043a\u0430 \u0447\u0442\u0435\u043d\u0438\u044f",
    "api: \u8fde\u63a5\u5931\u8d25\u4e86",
)
PASSED = (
    "tests/test_errors.py::test_error PASSED   [  8%]",
    "test_error (mod.Class.test_error) ... ok",
    "test tests::fails_well ... ok",
    "✔ rejects errors (0.3ms)",
    "  ✓ does the thing (5 ms)",
    "ok 12 - parses error",
    "--- PASS: TestError (0.00s)",
    "ok  \texample.org/pkg\t0.012s",
    "[       OK ] Foo.Bar (0 ms)",
    "PASS src/error.test.js",
    "  Applying auth.0001_initial... OK",
    " 1/10 Test  #1: foo ....   Passed    0.01 sec",
    "sympy/core/test_x.py[12] ............   [OK]",
    "PASSED tests/x.py::test_y",
)
SKIPPED = (
    "tests/test_cli.py::test_dotenv SKIPPED (dotenv is not installed)",
    "SKIPPED [1] tests/x.py:3: needs redis",
    "ok 3 - wildcards # SKIP",
    "test tests::slow ... ignored",
    "test_x (m.C.test_x) ... skipped 'no network'",
    "--- SKIP: TestX (0.00s)",
)
PLAIN = (
    "copying src/click/exceptions.py -> build",
    "Compiling thiserror v1.0.3",
    "  Found link https://x.org/error/failed-1.0.tar.gz",
    "drwxr-xr-x 2 root root error_pages",
    "Collecting pytest-warnings",
    "processed 100 rows",
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        *((line, Tone.ERROR) for line in ERRORS),
        *((line, Tone.WARNING) for line in WARNINGS),
        *((line, Tone.MENTION) for line in MENTIONS),
        *((line, Tone.PASSED) for line in PASSED),
        *((line, Tone.SKIPPED) for line in SKIPPED),
        *((line, Tone.PLAIN) for line in PLAIN),
        ("", Tone.BLANK),
        (" \t ", Tone.BLANK),
    ],
)
def test_what_a_line_says(line: str, expected: Tone) -> None:
    assert tone(key(line)) is expected


def test_a_long_line_is_judged_by_its_ends() -> None:
    assert tone("x" * 10_000 + ": connection refused") is Tone.MENTION
    assert tone("error: " + "x" * 10_000) is Tone.ERROR
    assert tone("x " * 5_000 + "refused" + " x" * 5_000) is Tone.PLAIN


def test_a_line_says_the_same_in_any_company() -> None:
    keys = [key(line) for line in (*ERRORS, *WARNINGS, *MENTIONS, *PASSED, *SKIPPED, *PLAIN)]
    assert {line: found.tone for line, found in judged(keys).items()} == {line: tone(line) for line in keys}


RUNNERS = (
    ("PASS: tests/cache.test", "FAIL: tests/cache.test"),  # automake
    ("[ok]: cache works (7 ms)", "[err]: cache works in tests/unit/x.tcl"),  # redis
    ("CacheTest#test_works_7 = 0.01 s = .", "CacheTest#test_works_7 = 0.01 s = F"),  # minitest
    ("        PASS [   0.005s] crate tests::cache", "        FAIL [   0.005s] crate tests::cache"),  # nextest
    ("Test Case '-[A.B testC]' passed (0.001 seconds).", "Test Case '-[A.B testC]' failed (0.001 seconds)."),  # XCTest
    ("cache works ... ok (3ms)", "cache works ... FAILED (3ms)"),  # deno
    ("(pass) cache works [1.00ms]", "(fail) cache works [1.00ms]"),  # bun
    ("ok 3 cache works", "not ok 3 cache works"),  # bats
    ("[info] - cache works", "[info] - cache works *** FAILED ***"),  # sbt
    ("✓  example.com/x (0.1s)", "✖  example.com/x (0.1s)"),  # gotestsum
    (" ✔ Cache works", " ✘ Cache works"),  # phpunit
    (" tests/t.py \u2713\u2713\u2713   7% \u2588", " tests/t.py \u2713\u2713\u2a2f\u2713  17% \u2588"),  # pytest-sugar
    ("tests/t.py::T::t SUBPASSED(i=0)", "tests/t.py::T::t SUBFAILED(i=1)"),  # pytest
)


@pytest.mark.parametrize(("passed", "failed"), RUNNERS)
def test_the_verdicts_of_runners(passed: str, failed: str) -> None:
    lines = [passed, failed, "cache works"]
    found = judged(without_digits(lines, lines))
    assert [one.tone for one in found.values()] == [Tone.PASSED, Tone.ERROR, Tone.PLAIN]
    many = [*(passed.replace("works", f"works{i}") for i in range(30)), failed]
    call = ToolCall("bash", '{"command": "./run.sh"}')
    assert sniff(Source("\n".join(many), call)) is Verdict.YES

"""Failure reports and tracebacks are shown whole."""

from __future__ import annotations

import pytest

from narrows.compressors.log.decide import decide
from narrows.compressors.log.figures import without_digits
from narrows.compressors.log.sections import (
    is_progress,
    long_quotations,
    opens_report,
    passes,
    show_assertions,
    show_backtrace,
    show_cut_tracebacks,
    show_failed_runs,
    show_reports,
    show_traceback,
)


def reported(text: str) -> list[str]:
    lines = text.split("\n")
    shown: set[int] = set()
    keys = without_digits(lines, lines)
    openers = [number for number, key in enumerate(keys) if opens_report(key)]
    show_reports(keys, openers, lambda start, stop: shown.update(range(start, stop)))
    return [line for number, line in enumerate(lines) if number in shown]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n=== FAILURES ===\nx\ny\n=== short test summary info ===\nz", 3),
        ("=== ERRORS ===\nx\n=== FAILURES ===\ny\n== 1 failed in 2s ==", 4),
        ("ok\nFAIL: test_x (m.C.test_x)\n---\nx\nRan 3 tests in 0.1s\nFAILED", 3),
        ("=====\nFAIL: m.C.test_x\n---\nx\nRan 3 tests in 0.1s\nFAILED", 3),
        ("PASS: a.test\nFAIL: x.test\nPASS: b.test\nx", 0),
        ("test a ... ok\nfailures:\n\n---- a stdout ----\nx\n\ntest result: FAILED.", 5),
        ("✔ a\n✖ failing tests:\nx\ny", 3),
        ("  ● suite \u203a name\n\n    x\nTests: 1 failed", 3),
        ("  ● Console\n\n    console.log\n      x\nTests: 1 failed", 0),
        ("  3 failing\n  1) x\n     y\nnpm ERR! x", 3),
        ("ok\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\nexit status 2\nx", 4),
        ("Failures:\n  1) x\nFinished in 1s\ny", 2),
        ("There was 1 failure:\n1) x\nFAILURES!\ny", 2),
        ("==1==ERROR: AddressSanitizer: heap\n  #0\nSUMMARY: x", 2),
        ("nothing\nto see", 0),
    ],
)
def test_a_report_lasts_until_what_comes_after_it(text: str, expected: int) -> None:
    assert len(reported(text)) == expected


def traceback(text: str) -> list[str]:
    lines = text.split("\n")
    shown: set[int] = set()
    start = next(number for number, line in enumerate(lines) if "Traceback" in line)
    show_traceback(lines, start, lambda begin, stop: shown.update(range(begin, stop)))
    return [lines[number] for number in sorted(shown)]


def test_a_traceback_ends_with_its_exception() -> None:
    text = 'x\nTraceback (most recent call last):\n  File "a", line 1\n    f()\nValueError: no\nx'
    assert traceback(text) == text.split("\n")[1:5]


def test_a_traceback_behind_a_prefix_of_constant_width() -> None:
    text = 'web | Traceback (most recent call last):\nweb |   File "a", line 1\nweb | ValueError: no\nweb | x'
    assert traceback(text) == text.split("\n")[:3]


def test_an_unended_traceback() -> None:
    assert len(traceback('Traceback (most recent call last):\n  File "a"')) == 2


def test_what_a_failing_test_printed_stands_between_its_start_and_its_verdict() -> None:
    lines = [
        "[ RUN      ] A.b",
        "[       OK ] A.b",
        "[ RUN      ] A.c",
        "x.cc:1: Failure",
        "Value of: y",
        "[  FAILED  ] A.c",
    ]
    shown: set[int] = set()
    show_failed_runs(without_digits(lines, lines), [5], lambda start, stop: shown.update(range(start, stop)))
    assert shown == {2, 3, 4, 5}


@pytest.mark.parametrize("above", ["", "=== FAILURES ===\n", "self = <C object>\n\n"])
@pytest.mark.parametrize("length", [3, 12, 13, 60])
def test_of_a_long_function_its_head_and_the_lines_above_the_failure_are_shown(above: str, length: int) -> None:
    body = [f"        step({number})" for number in range(length)]
    quoted = ["    @decorated", "    def f(", "        a, b", "    ):", *body, ">       g()", "E       ValueError: no"]
    lines = [*above.split("\n")[:-1], *quoted]
    hidden = [lines[number] for start, stop in long_quotations(lines) for number in range(start, stop)]
    assert hidden == (body[:-8] if length >= 13 else [])


@pytest.mark.parametrize("place", ["/v/site-packages/x/y.py:12: ", "../lib/python3.11/json/decoder.py:3: "])
def test_less_of_a_librarys_function_is_shown(place: str) -> None:
    body = [f"        step({number})" for number in range(20)]
    lines = ["    def f():", *body, ">       g()", "        ^^^", "", place]
    assert list(long_quotations(lines)) == [(1, 19)]
    assert list(long_quotations([*lines[:-1], "src/app.py:12: "])) == [(1, 13)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tests/test_a.py ........s.x.                                   [ 12%]", True),
        ("...............sss                                             [100%]", True),
        ("                                                               [ 81%]", True),
        ("...............", True),
        ("tests/test_a.py ..", True),
        ("tests/test_a.py ...F.                                          [ 12%]", False),
        ("tests/test_a.py E", False),
        ("...", False),
        ("Resolving ...", False),
        ("Compiling a.c                                                  [ 12%]", False),
        ("", False),
    ],
)
def test_dots_of_pytest_without_a_failure(line: str, expected: bool) -> None:
    assert is_progress(*without_digits([line], [line])) is expected


@pytest.mark.parametrize(
    "text",
    [
        "> 3 items",
        ">",
        "    a\n" * 30 + "> yarn test",
        "\n" * 50,
        "    a\n" * 50,
        ">    x",
        "    a\n" * 30 + ">    x\n    y",
    ],
)
def test_what_quotes_no_function_is_no_quotation(text: str) -> None:
    assert list(long_quotations(text.split("\n"))) == []


@pytest.mark.parametrize(
    ("below", "quoted"),
    [
        (["E   ValueError: no"], True),
        (["        and_more(),", "    )", "", "E   ValueError: no"], True),
        (["", "a/b.py:12: ValueError"], True),
        (["", "a/b.py:12: "], True),
        (["", "2024-05-01T12:00:00Z INFO x"], False),
        (["12:00:00 INFO x", "E   ValueError: no"], False),
        ([], False),
    ],
)
def test_what_pytest_says_below_a_statement_tells_that_it_quotes(below: list[str], quoted: bool) -> None:
    lines = ["    ERROR: a detail"] * 40 + [">       g()", *below]
    assert bool(list(long_quotations(lines))) == quoted


def test_frames_of_python_are_shown_their_traceback_has_lost_its_first_line() -> None:
    frames = [
        line
        for name in ("run", "call", "test_empty")
        for line in (f'  File "/a/b.py", line 2, in {name}', f"    {name}()")
    ]
    frames += ["           ^^^^", "ValueError: no such thing"]
    before = ["n(*args)", "         ^^^^^", *frames, *(f"ok {number} - works" for number in range(90))]
    shown: set[int] = set()
    show_cut_tracebacks(before, lambda start, stop: shown.update(range(start, stop)))
    assert shown == set(range(2, 2 + len(frames)))
    assert all(decide(before).show[2 : 2 + len(frames)])


FRAMES = [
    line
    for number, name in enumerate(("rust_begin_unwind", "core::panicking::panic_fmt", "demo::tests::case"))
    for line in (f"   {number}: {name}", f"             at ./src/lib{number}.rs:{number}{number}:23")
]


def test_a_backtrace_is_shown_whole_though_other_tests_print_between_its_frames() -> None:
    passed = [f"test tests::case_{number} ... ok" for number in range(60)]
    between = [line for number, frame in enumerate(FRAMES) for line in (*passed[10 * number : 10 * number + 9], frame)]
    lines = [*passed, "thread 'tests::case' (1) panicked at src/lib.rs:2:3:", "stack backtrace:", *between, *passed]
    shown = decide(lines).show
    assert [line for line, show in zip(lines, shown, strict=True) if show and line in FRAMES] == FRAMES
    assert sum(shown) < 20


def test_a_backtrace_ends_where_another_begins() -> None:
    lines = ["stack backtrace:", *FRAMES[:2], "stack backtrace:", *FRAMES[2:], *["words"] * 50, "   9: far::away"]
    shown: set[int] = set()
    show_backtrace(lines, 0, lambda start, stop: shown.update(range(start, stop)))
    assert shown == {0, 1, 2}
    show_backtrace(lines, 3, lambda start, stop: shown.update(range(start, stop)))
    assert shown == set(range(8))


def test_what_passed_tests_printed_is_known_by_its_heading() -> None:
    text = "=== PASSES ===\n___ test_a ___\nx\n=== short test summary info ===\nPASSED t.py::a\n=== PASSES ===\ny"
    assert list(passes(text.split("\n"))) == [1, 2, 6]


def test_an_alarm_of_a_passed_test_stands_under_its_name() -> None:
    printed = [
        f"___ test_{name} ___\n--- Captured stdout call ---\nword {name}\nmore {name} words here {name * 40}"
        for name in "abcdefgh"
    ]
    printed[4] += "\nWARNING  lib:lib.py:7 slow"
    text = "\n".join(
        ["=== PASSES ===", *printed, "=== short test summary info ===", "x", "y", "== 8 passed in 1.0s =="]
    )
    lines = text.split("\n")
    shown = [line for line, show in zip(lines, decide(lines).show, strict=True) if show]
    assert "WARNING  lib:lib.py:7 slow" in shown
    assert "___ test_e ___" in shown
    assert "___ test_g ___" not in shown


def test_an_assertion_is_shown_whole_though_its_report_has_lost_its_heading() -> None:
    asserted = [f"E     ?  {'+' * (n % 3)}" for n in range(30)]
    report = ["    f()", ">   assert a == b", *asserted, "", "t.py:3: AssertionError"]
    lines = [*(f"plain words {n}" for n in range(90)), *report, *(f"plain words {n}" for n in range(90))]
    shown: set[int] = set()
    show_assertions(without_digits(lines, lines), lambda start, stop: shown.update(range(start, stop)))
    assert shown == set(range(90, 90 + len(report)))
    assert all(decide(lines).show[90 : 90 + len(report)])

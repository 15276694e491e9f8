"""Which lines are shown."""

from __future__ import annotations

from collections import Counter

import pytest

from narrows.compressors.log.decide import FEW_ALIKE, MENTIONS_ALIKE, WARNINGS_IN_FULL, Shown, decide
from narrows.compressors.log.repeats import LeftOut


def info(number: int) -> str:
    return f"2024-05-01T12:00:{number % 60:02d}Z INFO worker-{number % 5} processed job id={number}"


def kept(lines: list[str]) -> list[str]:
    shown = decide(lines)
    return [line for line, show in zip(lines, shown.show, strict=True) if show]


def named(lines: list[str]) -> set[str]:
    """What the lists name."""
    return {entry for _, listing in decide(lines).listings for entry in listing.text.partition(": ")[2].split(", ")}


def left_out(shown: Shown) -> LeftOut:
    """Everything left out, counted as if it stood in one place."""
    numbers = [number for number, show in enumerate(shown.show) if not show]
    held = [shown.count(number, number + 1) for number in numbers]
    classes = sum((Counter(one.classes) for one in held), Counter())
    assert classes.total() == len(numbers)
    return LeftOut(classes, sum(one.trouble for one in held))


def test_of_lines_alike_the_first_and_last_are_shown() -> None:
    lines = [info(number) for number in range(100)]
    assert kept(lines) == [*lines[:2], *lines[-3:]]


def test_blank_lines_are_none_of_the_last() -> None:
    lines = [*map(info, range(100)), "", "", info(100), "", info(101), ""]
    assert kept(lines)[2:] == lines[99:]


def test_a_few_lines_alike_are_all_shown() -> None:
    odd = [f"2024-05-01T12:00:00Z INFO rotated key number {number}" for number in range(FEW_ALIKE)]
    lines = [info(number) for number in range(40)]
    for place, line in zip((10, 20, 30), odd, strict=True):
        lines[place] = line
    assert set(odd) <= set(kept(lines))


def test_distinct_errors_are_never_left_out() -> None:
    lines = [info(number) for number in range(400)]
    for number in range(0, 400, 10):
        lines[number] = f"2024-05-01T12:00:00Z ERROR item {number} failed with code E{number}"
    assert {line for line in lines if "ERROR" in line} <= set(kept(lines))


def test_exact_repeats_of_an_error_are_folded_and_counted_as_such() -> None:
    lines = [info(number) for number in range(200)]
    for number in range(5, 200, 10):
        lines[number] = f"2024-05-01T12:00:{number % 60:02d}Z ERROR disk full on /data"
    shown = decide(lines)
    errors = [number for number, line in enumerate(lines) if "ERROR" in line]
    assert [number for number in errors if shown.show[number]] == [errors[0], errors[1], errors[-1]]
    assert left_out(shown).classes.keys() == {"repeated", "INFO"}
    assert left_out(shown).classes["repeated"] == len(errors) - 3
    assert left_out(shown).trouble == 0


def test_errors_that_differ_in_a_time_they_speak_of_are_all_shown() -> None:
    lines = [info(number) for number in range(200)]
    for number in range(5, 200, 10):
        lines[number] = f"2024-05-01T12:00:00Z ERROR device 52:54:00:12:34:{number % 100:02d} is gone"
    assert {line for line in lines if "ERROR" in line} <= set(kept(lines))


@pytest.mark.parametrize("verdict", ["... ok", "... OK", "PASSED", "[OK]", "was SKIPPED", "... skipped"])
@pytest.mark.parametrize("mark", ["ERROR", "[WARN]", "2024-05-01T12:00:00Z ERROR", "2024-05-01 12:00:00,5 WARNING:"])
def test_what_is_marked_as_trouble_is_no_verdict(mark: str, verdict: str) -> None:
    lines = [info(number) for number in range(200)]
    lines[100] = f"{mark} the connection is lost, trying the other one {verdict}"
    assert lines[100] in kept(lines)
    assert decide([*lines[:100], "test_x (tests.T) ... ok", *lines[101:]]).show[100] == 0


def test_the_same_words_about_another_place_are_no_repeat() -> None:
    lines = [
        line
        for number in range(30)
        for line in (
            "warning: unused variable: `a`",
            f"  --> src/x.rs:{number + 1}:9",
            "   |",
            f"{number + 1:2} |   let a = 1;",
            "   |       ^ help: if this is intentional, prefix it with an underscore",
            "",
        )
    ]
    assert named(lines) == {f":{number + 2}:9" for number in range(28)}


def test_the_same_error_under_another_heading_is_no_repeat() -> None:
    listed = [
        line
        for name in "abcdefghijklmnop"
        for line in (f"/srv/x/{name}.js", "  1:1  error  Missing use strict  strict", "")
    ]
    assert {line for line in listed if line} <= set(kept(listed))
    built = [
        line
        for name in "abcdefghijklmnop"
        for line in (
            f"make[1]: Entering directory '/srv/{name}'",
            *(f"gcc -c x{number}.c" for number in range(9)),
            "main.c:3:10: fatal error: config.h: No such file or directory",
            f"make[1]: Leaving directory '/srv/{name}'",
        )
    ]
    shown = decide(built).show
    assert all(shown[number] for number, line in enumerate(built) if "Entering" in line or "fatal" in line)


def test_the_same_error_under_equal_headings_is_a_repeat() -> None:
    lines = [
        line
        for number in range(40)
        for line in (
            f"2024-05-01T12:00:{number:02d}Z INFO request done",
            "    error: disk full on /data and nothing left",
        )
    ]
    shown = decide(lines)
    assert sum(shown.show[1::2]) < 10
    assert shown.repeated


def test_lines_around_an_error_are_shown() -> None:
    lines = [info(number) for number in range(100)]
    lines[50] = "2024-05-01T12:00:00Z ERROR boom"
    assert {*lines[49:53]} <= set(kept(lines))


def test_what_belongs_to_an_error_is_shown() -> None:
    lines = [info(number) for number in range(60)]
    tail = ["    detail 1", "    detail 2", "", "    detail 3", "unstamped words"]
    lines[30:30] = ["2024-05-01T12:00:00Z ERROR boom", *tail]
    assert {"2024-05-01T12:00:00Z ERROR boom", *tail} <= set(kept(lines))


def test_mentions_of_trouble_are_shown_while_few() -> None:
    few = [f"2024-05-01T12:00:00Z INFO retry {number} after a timeout" for number in range(MENTIONS_ALIKE)]
    base = [info(number) for number in range(300)]
    assert set(few) <= set(kept([*base, *few, *base]))
    many = [f"2024-05-01T12:00:00Z INFO retry {number} after a timeout" for number in range(MENTIONS_ALIKE + 1)]
    assert len(set(many) & set(kept([*base, *many, *base]))) == 2


def test_mentions_without_a_level_are_all_shown_while_they_are_a_small_part() -> None:
    def lines_of(others: int) -> list[str]:
        hosts = [f"May  1 12:00:00 host sshd[{i}]: Failed password for root from 10.0.0.{i}" for i in range(60)]
        rest = [f"May  1 12:00:00 host cron[{i}]: session opened for root by uid={i}" for i in range(others)]
        return [*rest, *hosts, *rest]

    assert sum("Failed" in line for line in kept(lines_of(200))) == 60
    assert sum("Failed" in line for line in kept(lines_of(50))) == 2


def test_statuses_of_requests_that_failed_are_shown() -> None:
    lines = [f'127.0.0.1 - - [01/May/2024 12:00:00] "GET /f{number} HTTP/1.1" 200 -' for number in range(100)]
    lines[40] = '127.0.0.1 - - [01/May/2024 12:00:00] "GET /f40 HTTP/1.1" 404 -'
    lines[60] = '127.0.0.1 - - [01/May/2024 12:00:00] "GET /f60 HTTP/1.1" 503 -'
    assert {lines[40], lines[60]} <= set(kept(lines))


def test_of_warnings_alike_the_first_is_shown_with_its_source_and_the_others_by_their_places() -> None:
    lines: list[str] = []
    for number in range(20):
        lines += [
            f"m{number}.c:5:41: warning: unused variable 'v{number}' [-Wunused-variable]",
            f"    5 |     struct rec_{number} r; unsigned u = 3; int shadow = a + {number} + {number};",
            "      |                                         ^~~~~~",
        ]
    assert kept(lines) == [*lines[:3], *lines[-3:]]
    assert named(lines) == {f'm{number}.c:5:41 "v{number}"' for number in range(1, 19)}


def test_a_few_warnings_alike_are_all_shown_with_their_source() -> None:
    lines: list[str] = []
    for number in range(3):
        lines += [f"m{number}.c:5:41: warning: unused variable 'v{number}' [-Wunused-variable]"]
        lines += [f"    5 |     struct rec_{number} r;", "      |        ^~~~~~"]
    lines += [f"cc -c m{number}.c" for number in range(50)]
    assert WARNINGS_IN_FULL == 3
    assert set(lines[:9]) <= set(kept(lines))


def test_where_a_warning_points_stays_with_it() -> None:
    lines: list[str] = []
    for number in range(20):
        lines += [f"warning: unused variable: `v{number}`", f" --> src/lib.rs:{number}:32", "  |"]
        lines += [f"{number} | pub fn f{number}(x: u32) -> u32 {{ let unused_{number} = x; x.wrapping_mul(0) }}", ""]
    assert kept(lines)[:4] == lines[:4]
    assert named(lines) == {f':{number}:32 "v{number}"' for number in range(1, 19)}


def test_passed_tests_are_counted_and_failed_ones_shown() -> None:
    lines = [f"tests/test_x.py::test_error_{number} PASSED" for number in range(100)]
    lines[50] = "tests/test_x.py::test_error_50 FAILED"
    shown = decide(lines)
    assert lines[50] in kept(lines)
    assert left_out(shown).classes.keys() == {"passed"}
    assert left_out(shown).classes["passed"] > 90
    assert left_out(shown).trouble == 0


def test_the_name_of_a_passed_test_goes_with_its_verdict() -> None:
    lines: list[str] = []
    for number in range(40):
        lines += [f"test_n{number}_{'x' * (number % 7)} (m.C{number}.test_n{number})", f"It does thing {number} ... ok"]
    lines += ["test_bad (m.C.test_bad)", "It breaks ... FAIL"]
    shown = kept(lines)
    assert {"test_bad (m.C.test_bad)", "It breaks ... FAIL"} <= set(shown)
    assert len(shown) < 10


def test_a_nested_shell_trace_is_left_out_but_its_first_level_shown() -> None:
    lines = ["+ source activate", *(f"++ _step_{'abcdefghij'[number % 10]} {'x' * number}" for number in range(60))]
    lines += ["+ pytest -q", "Ran 3 tests in 1s", "OK"]
    shown = kept(lines)
    assert {"+ source activate", "+ pytest -q"} <= set(shown)
    assert len(shown) < 10


def test_small_gaps_are_closed() -> None:
    lines = [info(number) for number in range(30)]
    lines[4] = "2024-05-01T12:00:00Z ERROR boom"
    shown = decide(lines)
    assert all(shown.show[:7])


def test_a_line_of_digits_is_not_blank() -> None:
    lines = [line for number in range(100, 160) for line in (info(number), str(number), "")]
    shown = decide(lines)
    counted = left_out(shown).classes
    assert counted["other"] == sum(line.isdigit() and not show for line, show in zip(lines, shown.show, strict=True))


def test_a_lone_mention_is_counted_by_its_line() -> None:
    lines = [f"INFO copied /srv/error_pages/{number}.html to {number}" for number in range(50)]
    shown = decide(lines)
    assert left_out(shown).trouble == sum(left_out(shown).classes.values()) > 0


def test_a_class_of_tests_without_failures_is_passed_and_one_with_failures_shown() -> None:
    rest = "Errors: 0, Skipped: 0, Time elapsed: 0.1 s - in x.T"
    lines = [
        line
        for i in range(40)
        for line in (f"[INFO] Running x.T{i}Test", f"[INFO] Tests run: 3, Failures: {int(i == 7)}, {rest}{i}Test")
    ]
    shown = kept(lines)
    assert lines[15] in shown
    assert len(shown) < 10
    assert decide(lines).count(20, 70).classes == {"INFO": 25, "passed": 25}


def test_passed_tests_below_a_failed_suite_are_counted() -> None:
    lines = ["FAIL src/a.test.js", *(f"  ✓ adds {i} (1 ms)" for i in range(40)), "  ✕ adds more", "  ● adds more", "x"]
    shown = kept(lines)
    assert {"FAIL src/a.test.js", "  ✕ adds more"} <= set(shown)
    assert sum("✓" in line for line in shown) < 5


def test_what_jests_tests_printed_is_no_failure_report() -> None:
    said = ["    console.log", "      adding s", "", "      at add (a.js:5:13)", ""]
    report = ["  ● cart \u203a adds", "", "    expect(5).toBe(6)", "", "Tests: 1 failed"]
    shown = kept(["FAIL src/a.test.js", "  ● Console", "", *(f"{line}" for _ in range(40) for line in said), *report])
    assert shown[-5:] == report
    assert sum("adding" in line for line in shown) < 5


def test_dots_of_files_without_a_failure_are_left_out() -> None:
    words = ["adds", "bytes", "cart", "deck", "edges", "files", "gates", "hooks", "items", "joins", "keys", "lists"]
    calm = [f"tests/test_{word}.py {'.' * len(word)}{' ' * 40}[ {number}%]" for number, word in enumerate(words)]
    lines = [
        "== test session starts ==",
        "collected 9 items",
        "",
        *calm,
        "tests/test_z.py .F.",
        "",
        "== 1 failed in 2s ==",
    ]
    shown = kept(lines)
    assert not set(calm[:-1]) & set(shown)
    assert "tests/test_z.py .F." in shown

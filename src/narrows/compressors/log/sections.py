"""Stretches of a log that belong together and are shown whole: test runners' failure reports, crashes, tracebacks.

A report is known by the line that opens it and lasts until the line that, in the same runner's output, comes after it.
Within it lines that look alike are still different facts (the two sides of a comparison, frames of a stack), so nothing
there is folded by likeness.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_RULE = r"=+ [^=].* =+$"
_REPORTS: tuple[tuple[re.Pattern[str], re.Pattern[str] | None], ...] = tuple(
    (re.compile(opens), re.compile(ends) if ends else None)
    for opens, ends in (
        (r"=+ (?:FAILURES|ERRORS) =+$", _RULE),  # pytest
        (r"(?:FAIL|ERROR): \S.*[)\]]?$", r"Ran \d* ?tests? in"),  # unittest
        (r"failures:$", r"test result: "),  # cargo
        (r"✖ failing tests:$", r"TAP version|\$ \S|\+ \S|> \S+@"),  # node
        (r"\s*● \S", r"(?:PASS|FAIL) \S|Test Suites: |Tests: "),  # jest
        (r"\s+ failing$", r"npm "),  # mocha
        (r"panic: |fatal error: |goroutine +\[", r"exit status|FAIL\s|ok\s"),  # go
        (r"Failures:$", r"Finished in "),  # rspec
        (r"There (?:was|were) +(?:failure|error)s?:", r"FAILURES!|ERRORS!|Tests: "),  # phpunit
        (r"=+ERROR: \w*Sanitizer", r"SUMMARY: |=+ABORTING"),  # sanitizers
        (r"[⎯ ]+Failed Tests ", r"\s*Test Files "),  # vitest
        (r"The following tests FAILED:", r"Errors while "),  # ctest
    )
)
_OPENERS = re.compile("|".join(f"(?:{opens.pattern})" for opens, _ in _REPORTS))
_FIRST_CHARACTERS = frozenset("=-FEf✖● \tpgRT⎯")
_RUN = re.compile(r"\s*\[ RUN +\] |=== RUN ")
_RUN_FAILED = re.compile(r"\s*\[ +FAILED +\] |\s*--- FAIL: ")
_LONGEST_RUN = 200
_LONGEST_TRACEBACK = 2000

Show = Callable[[int, int], None]
"""Marks the lines `start <= i < stop` as shown."""


def opens_report(key: str) -> bool:
    """Whether a line (without digits) may open a report; a cheap test for most lines."""
    return key[:1] in _FIRST_CHARACTERS and _OPENERS.match(key) is not None


def show_reports(keys: Sequence[str], openers: Sequence[int], show: Show) -> None:
    """Show every report; `openers` are the numbers of the lines that may open one."""
    after = 0
    for start in openers:
        if start < after:
            continue
        ends = next(ends for opens, ends in _REPORTS if opens.match(keys[start]))
        after = len(keys)
        if ends is not None:
            following = range(start + 1, len(keys))
            after = next((number for number in following if ends.match(keys[number])), len(keys))
        show(start, after)
        if after < len(keys) and opens_report(keys[after]):
            continue


def show_traceback(lines: Sequence[str], start: int, show: Show) -> None:
    """Show a Python traceback: its indented lines and the exception's line. A prefix of constant width (a container's
    name, a bar) before it is before every line of it."""
    column = lines[start].find("Traceback (")
    stop = min(len(lines), start + _LONGEST_TRACEBACK)
    number = start + 1
    while number < stop and lines[number][column : column + 1] in (" ", "\t", "|"):
        number += 1
    show(start, min(number + 1, len(lines)))


def show_failed_runs(keys: Sequence[str], failures: Sequence[int], show: Show) -> None:
    """Show what a failing test printed, where the runner prints it between the test's start and its verdict."""
    for verdict in failures:
        if _RUN_FAILED.match(keys[verdict]) is None:
            continue
        for number in range(verdict - 1, max(-1, verdict - _LONGEST_RUN), -1):
            if _RUN.match(keys[number]):
                show(number, verdict + 1)
                break

"""Stretches of a log that belong together and are shown whole: test runners' failure reports, crashes, tracebacks.

A report is known by the line that opens it and lasts until the line that, in the same runner's output, comes after it.
Within it lines that look alike are still different facts (the two sides of a comparison, frames of a stack), so nothing
there is folded by likeness.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from narrows.compressors.log.classes import ASSERTED

_RULE = r"=+ [^=].* =+$"
_REPORTS: tuple[tuple[re.Pattern[str], re.Pattern[str] | None], ...] = tuple(
    (re.compile(opens), re.compile(ends) if ends else None)
    for opens, ends in (
        (r"=+ (?:FAILURES|ERRORS) =+$", _RULE),  # pytest
        (r"(?:FAIL|ERROR): \S.*[)\]]?$", r"Ran \d* ?tests? in"),  # unittest
        (r"failures:$", r"test result: "),  # cargo
        (r"✖ failing tests:$", r"TAP version|\$ \S|\+ \S|> \S+@"),  # node
        (r"\s*● (?!Console$)\S", r"(?:PASS|FAIL) \S|Test Suites: |Tests: "),  # jest
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
_HEADED = re.compile(r"(?:FAIL|ERROR): (?!\S+ \()")
"""What opens a report of nose below a rule, and elsewhere is automake's verdict."""
_FIRST_CHARACTERS = frozenset("=-FEf✖● \tpgRT⎯")
_RUN = re.compile(r"\s*\[ RUN +\] |=== RUN ")
_RUN_FAILED = re.compile(r"\s*\[ +FAILED +\] |\s*--- FAIL: ")
_LONGEST_RUN = 200
_ABOVE_ASSERTED, _BELOW_ASSERTED = 2, 2
_ANY_RULE = re.compile(_RULE)
_PROGRESS = re.compile(r"(?:\S+\.py +[.sx]+|[.sx]{6,}|[.sx]+(?= +\[))(?: *\[ *%\])?$|\s+\[ *%\]$")
_PROGRESS_ENDS = frozenset(".sx]")
_PASSES = re.compile(r"=+ PASSES =+$")
_FAILED_STATEMENT = re.compile(r"> {3,}\S")
_STATEMENT_PLACE = re.compile(r"\S+:\d+: ?(?:$|[A-Za-z_])")
_LONGEST_STATEMENT = 60
_QUOTED_ABOVE = 8
"""So many quoted lines above the statement that failed are always shown."""
_QUOTED_IN_LIBRARIES = 2
"""The same in a library, which is not what fails."""
_LIBRARY = re.compile(r"(?:^|/)(?:site|dist)-packages/|/lib(?:64)?/python\d")
_SMALLEST_QUOTATION = 5
_LONGEST_HEAD = 12
_LONGEST_TRACEBACK = 2000
_FRAME = '", line '
_PYTHON_FRAME = re.compile(r"\s+File \"[^\"]+\", line \d+, in \S")
_BACKTRACE = re.compile(r"\s*stack backtrace:$")
_BACKTRACE_FRAME = re.compile(r" +\d+: +\S| {8,}at \S")
_BETWEEN_FRAMES = 40
"""So many lines of other tests may stand between two frames of one backtrace."""

Show = Callable[[int, int], None]
"""Marks the lines `start <= i < stop` as shown."""


def opens_report(key: str) -> bool:
    """Whether a line (without digits) may open a report; a cheap test for most lines."""
    return key[:1] in _FIRST_CHARACTERS and _OPENERS.match(key) is not None


def show_reports(keys: Sequence[str], openers: Sequence[int], show: Show) -> None:
    """Show every report; `openers` are the numbers of the lines that may open one."""
    after = 0
    for start in openers:
        if start < after or (_HEADED.match(keys[start]) is not None and not _has_rule_above(keys, start)):
            continue
        ends = next(ends for opens, ends in _REPORTS if opens.match(keys[start]))
        after = len(keys)
        if ends is not None:
            following = range(start + 1, len(keys))
            after = next((number for number in following if ends.match(keys[number])), len(keys))
        show(start, after)
        if after < len(keys) and opens_report(keys[after]):
            continue


def _has_rule_above(keys: Sequence[str], number: int) -> bool:
    return number == 0 or keys[number - 1].startswith("=====")


def show_traceback(lines: Sequence[str], start: int, show: Show) -> None:
    """Show a Python traceback: its indented lines and the exception's line. A prefix of constant width (a container's
    name, a bar) before it is before every line of it."""
    column = lines[start].find("Traceback (")
    stop = min(len(lines), start + _LONGEST_TRACEBACK)
    number = start + 1
    while number < stop and lines[number][column : column + 1] in (" ", "\t", "|"):
        number += 1
    show(start, min(number + 1, len(lines)))


def show_cut_tracebacks(lines: Sequence[str], show: Show) -> None:
    """Show frames of Python wherever they stand: the line that opened their traceback may be cut out of the log. What
    belongs to them is indented, and the exception's line follows."""
    after = 0
    for number, line in enumerate(lines):
        if number < after or _FRAME not in line or _PYTHON_FRAME.match(line) is None:
            continue
        after = number + 1
        while after < len(lines) and lines[after][:1] in (" ", "\t"):
            after += 1
        show(number, min(after + 1, len(lines)))


def show_backtrace(lines: Sequence[str], start: int, show: Show) -> None:
    """Show the frames below a `stack backtrace:` of Rust. Tests run side by side, so that lines of others may stand
    between them: those are not shown for its sake."""
    show(start, start + 1)
    last = start
    for number in range(start + 1, min(len(lines), start + _LONGEST_TRACEBACK)):
        if _BACKTRACE_FRAME.match(lines[number]) is not None:
            show(number, number + 1)
            last = number
        elif number - last > _BETWEEN_FRAMES or _BACKTRACE.match(lines[number]) is not None:
            break


def opens_backtrace(key: str) -> bool:
    """Whether a Rust program's frames follow."""
    return _BACKTRACE.match(key) is not None


def is_progress(key: str) -> bool:
    """Whether a line (without digits) holds pytest's dots for a file's tests, none of which failed."""
    return key[-1:] in _PROGRESS_ENDS and _PROGRESS.match(key) is not None


def opens_passes(key: str) -> bool:
    """Whether a line opens pytest's report of what passed tests printed."""
    return key[:1] == "=" and _PASSES.match(key) is not None


def passes(keys: Sequence[str]) -> Iterator[int]:
    """The lines in pytest's report of what passed tests printed (`-rA`, `-rP`), its heading aside."""
    inside = False
    for number, key in enumerate(keys):
        if key[:1] == "=" and _ANY_RULE.match(key) is not None:
            inside = opens_passes(key)
        elif inside:
            yield number


def long_quotations(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where pytest quotes more of a function than the statement that failed and the lines right above it: the lines
    between the function's head and those. That it is pytest's is told by what follows the statement."""
    for number, line in enumerate(lines):
        place = _place_below(lines, number) if line[:1] == ">" and _FAILED_STATEMENT.match(line) is not None else None
        if place is None:
            continue
        top = number
        while top and (lines[top - 1].startswith("    ") or not lines[top - 1]) and number - top < _LONGEST_TRACEBACK:
            top -= 1
        while top < number and not lines[top]:
            top += 1
        ends = (below for below in range(top, min(number, top + _LONGEST_HEAD)) if lines[below].endswith(":"))
        start = next(ends, top) + 1
        stop = number - (_QUOTED_IN_LIBRARIES if _LIBRARY.search(place) is not None else _QUOTED_ABOVE)
        if stop - start >= _SMALLEST_QUOTATION:
            yield start, stop


def _place_below(lines: Sequence[str], number: int) -> str | None:
    """The line with the statement's place; "" where pytest only explains the statement, which may have further lines;
    None where neither follows."""
    explained = None
    for line in islice(lines, number + 1, number + 1 + _LONGEST_STATEMENT):
        if _STATEMENT_PLACE.match(line) is not None:
            return line
        if line.startswith(ASSERTED):
            explained = ""
        elif line and not line.startswith("    "):
            break
    return explained


def show_assertions(keys: Sequence[str], show: Show) -> None:
    """Show every assertion's message of pytest whole, also where the heading of the reports is cut off, with the
    statement above it and the place below it."""
    for number, key in enumerate(keys):
        if key.startswith(ASSERTED):
            first = not keys[number - 1].startswith(ASSERTED)
            show(number - _ABOVE_ASSERTED if first else number, number + 1 + _BELOW_ASSERTED)


def show_failed_runs(keys: Sequence[str], failures: Sequence[int], show: Show) -> None:
    """Show what a failing test printed, where the runner prints it between the test's start and its verdict."""
    for verdict in failures:
        if _RUN_FAILED.match(keys[verdict]) is None:
            continue
        for number in range(verdict - 1, max(-1, verdict - _LONGEST_RUN), -1):
            if _RUN.match(keys[number]):
                show(number, verdict + 1)
                break

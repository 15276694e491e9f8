"""What the commands of a session need not show."""

from __future__ import annotations

import pytest

from narrows.compressors.log.classes import Tone
from narrows.compressors.log.decide import decide
from narrows.compressors.log.session import session

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu")
WORDS = [f"{name} {name[::-1]} {name * 3}" for name in NAMES]
"""Lines that are like no other."""
FILES = [
    f"diff --git a/{name}.py b/{name}.py\nindex 1..2 100644\n--- a/{name}.py\n+++ b/{name}.py\n@@ -1,2 +1,2 @@\n"
    f"-{name * 9}\n+{name * 12}\n raise ValueError"
    for name in NAMES
]


def shown(*parts: str) -> list[str]:
    lines = "\n".join(parts).split("\n")
    return [line for line, show in zip(lines, decide(lines).show, strict=True) if show]


@pytest.mark.parametrize("before", ["+ make ", "+ ./run.sh ", "##[group]Run ", "::group::", "$ make "])
def test_of_a_command_without_errors_the_beginning_and_the_end_are_shown(before: str) -> None:
    parts = [f"{before}{number}\n" + "\n".join(WORDS) for number in ("one", "two", "three")]
    parts[1] += "\nERROR no\nend"
    found = shown(*parts)
    assert [line for line in found if line in WORDS] == [WORDS[0], *WORDS[-3:], *WORDS, WORDS[0], *WORDS[-3:]]
    assert sum(line.startswith(before) for line in found) == 3


def test_what_a_command_printed_in_a_few_lines_is_shown() -> None:
    found = shown("+ cd x", "+ python count.py", *WORDS[:11], "+ cd y", *WORDS[::-1], "+ cd z")
    assert found[2:13] == WORDS[:11]
    assert len(found) < 25


@pytest.mark.parametrize("before", ["+ words ", "+word", "- make ", "    + make "])
def test_a_plus_alone_makes_no_session(before: str) -> None:
    lines = "\n".join(f"{before}{n}\n" + "\n".join(WORDS) for n in ("one", "two", "three")).split("\n")
    assert not session(lines, lines, [Tone.PLAIN] * len(lines), lines).calm


def test_warnings_and_mentions_of_trouble_are_shown_in_any_command() -> None:
    alarms = ["WARNING: old pip", "could not find the cache", "DEPRECATION: x is deprecated"]
    found = shown("+ cd x", "+ pip install .", *WORDS, *alarms, *WORDS[::-1], "+ pytest", "OK")
    assert set(alarms) <= set(found)
    assert len(found) < 20


def test_a_trace_below_its_first_level_is_left_out_with_what_it_quotes() -> None:
    nested = [r"++ eval 'PS1='\''(base) '\''", r"export PATH='\''/usr/bin'\''", r"CONDA_EXE='\''/c'\''"]
    lines = ["+ conda activate x", *nested, "+++ export A=b", "plain", "+ cd y"]
    assert set(session(lines, lines, [Tone.PLAIN] * len(lines), lines).calm) == {1, 2, 3, 4}


@pytest.mark.parametrize("command", ["git show", "git diff abc", "git --no-pager log -p"])
def test_a_long_patch_is_named_file_by_file(command: str) -> None:
    found = shown("+ cd x", f"+ {command}", *FILES, "+ pytest -q", *WORDS, "FAILED t.py::x", "1 failed")
    names = [part.split("\n")[0] for part in FILES]
    assert [line for line in found if line.startswith("diff --git")] == names
    assert not [line for line in found if line.startswith(("@@", "---", "-", "+al"))]


def test_where_the_next_command_is_cut_out_of_the_log_a_patch_ends_with_its_own_lines() -> None:
    summary = [f"FAILED tests/test_{name}.py::test_{name} - assert {name}" for name in NAMES]
    cut = ["+ cd x", "+ cd y", "+ git show", *FILES, "... [9000 characters truncated] ...", *summary, "13 failed"]
    found = shown(*cut)
    assert [line for line in found if line.startswith("FAILED")] == summary
    assert not [line for line in found if line.startswith("@@")]


def test_binary_data_belongs_to_its_patch() -> None:
    data = ["GIT binary patch", "literal 9000", *(f"zcmV-{name}{name[::-1] * 3}~$" for name in NAMES), "", "delta 7"]
    found = shown("+ cd x", "+ git show", FILES[0], "diff --git a/b.bin b/b.bin", *data, *data, "+ pytest -q", "OK")
    assert not [line for line in found if line.startswith("zcmV")]


@pytest.mark.parametrize("command", ["git status", "git log --oneline", "git diff abc"])
def test_a_long_output_of_git_without_a_patch_is_any_commands(command: str) -> None:
    found = shown("+ cd x", f"+ {command}", *WORDS, *WORDS[::-1], "+ pytest -q", "1 passed")
    assert [line for line in found if line in WORDS] == [WORDS[0], *WORDS[2::-1]]
    failed = shown("+ cd x", f"+ {command}", *WORDS, *WORDS[::-1], "fatal: not a git repository", "+ pytest -q")
    assert "fatal: not a git repository" in failed


def test_a_short_patch_and_a_patch_of_no_trace_are_shown_whole() -> None:
    patch = FILES[0].split("\n")
    assert set(patch) <= set(shown("+ cd x", "+ git diff", *patch, "+ pytest -q", *WORDS, "OK"))
    found = shown("INFO one", *FILES, "INFO two")
    assert sum(line.startswith("@@") for line in found) == len(FILES)

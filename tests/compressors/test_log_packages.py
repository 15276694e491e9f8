"""What package managers' runs need not show: nothing near a failure goes, and of a run that came to its end the result
stays."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors.log import classes, figures
from narrows.compressors.log.decide import decide
from narrows.compressors.log.packages import MOST_ASKED, NEAR, Steps, steps

NAMES = ("attrs", "click", "flask", "jinja", "rich", "toml", "yarl", "zope")


def each(form: str) -> list[str]:
    """The line for each of the names; `@` stands for the name, `#` for a number."""
    return [form.replace("@", name).replace("#", str(number)) for number, name in enumerate(NAMES, 11)]


SITE = "in /opt/venv/lib/python3.12/site-packages"
RUNS: dict[str, tuple[list[str], list[str]]] = {
    "pip": (
        [
            *each("Requirement already satisfied: @<2 in /opt/site-packages (from demo==1.0) (2.#)"),
            *each("Collecting @ (from demo==1.0)"),
            *each("  Downloading @-1.#-py3-none-any.whl (# kB)"),
            "  Installing build dependencies: started",
            "  Installing build dependencies: finished with status 'done'",
            "  Preparing editable metadata (pyproject.toml) ... -\x08 \x08\\\x08 \x08done",
            "Building wheels for collected packages: demo",
            "  Created wheel for demo: filename=demo-1.0-py3-none-any.whl size=1234 sha256=" + "ab12" * 16,
            "  Stored in directory: /tmp/pip-ephem-wheel-cache-x/wheels/aa/bb",
            "Installing collected packages: demo",
        ],
        ["Successfully installed demo-1.0"],
    ),
    "apt": (
        [
            *each("Get:# http://deb.example.org stable/main amd64 @ amd64 1.# [# kB]"),
            *each("Selecting previously unselected package @."),
            *each("Preparing to unpack .../@_1.#_amd64.deb ..."),
            *each("Unpacking @ (1.#) ..."),
        ],
        each("Setting up @ (1.#) ..."),
    ),
    "npm": (each("npm http fetch GET 200 https://registry.example.org/@ #ms (cache miss)"), ["added 8 packages in 2s"]),
    "pnpm": (each("Progress: resolved #, reused 0, downloaded #, added #"), ["Done in 2.1s"]),
    "cargo": (each("   Compiling @ v1.0.#"), ["    Finished `dev` profile [unoptimized] target(s) in 4.11s"]),
    "uv": (each(" Downloading @ (#.1MiB)"), ["Installed 8 packages in 12ms"]),
    "conda": (each("@-1.#            | 1.# MB    | ########## | 100% "), ["Executing transaction: ...working... done"]),
    "apk": (each("fetch https://dl.example.org/alpine/v3.#/@/x86_64/APKINDEX.tar.gz"), ["OK: 120 MiB in 34 packages"]),
    "dnf": (each("  Verifying        : @-1.0-#.fc40.x86_64                    #/16 "), ["Complete!"]),
    "bundler": (each("Fetching @ 1.#"), ["Bundle complete! 8 Gemfile dependencies, 8 gems now installed."]),
    "composer": (each("  - Downloading vendor/@ (1.#)"), ["Generating autoload files"]),
    "go": (each("go: downloading github.com/x/@ v1.#.0"), []),
    "docker": (each("ab12cd34ef#: Pull complete"), ["Status: Downloaded newer image for alpine:3"]),
}
FAILURES = (
    "ERROR: could not be built",
    "E: Unable to locate package toml",
    "  Building wheel for yarl (pyproject.toml): finished with status 'error'",
    "WARNING: Retrying (Retry(total=4)) after connection failed",
    "npm http fetch GET 404 https://registry.example.org/toml 12ms",
    "dpkg returned exit code 1",
    "main.go:7:2: no required module provides package example.org/toml",
    "go: example.org/toml@v9.9.9: invalid version: unknown revision v9.9.9",
    "read tcp 10.0.0.1:80: connection refused",
    "npm warn network request timed out",
)
WARNINGS = ("WARNING: the script yarl is not on PATH", "warning: a lock file of version 3 is deprecated")
by_manager = pytest.mark.parametrize("name", RUNS)


def found(lines: list[str]) -> Steps:
    keys = figures.without_digits(lines, lines)
    counts = Counter(keys)
    judged = classes.judged(counts)
    tones = [judged[key].tone for key in keys]
    for number, tone, _ in figures.judge(keys, lines, counts):
        tones[number] = tone
    return steps(lines, keys, tones, counts)


def needless(lines: list[str]) -> list[str]:
    return [lines[number] for number in sorted(found(lines).needless)]


def shown(lines: list[str]) -> list[str]:
    return [line for line, show in zip(lines, decide(lines).show, strict=True) if show]


@by_manager
@given(data=st.data())
def test_nothing_near_a_failure_goes(name: str, data: st.DataObject) -> None:
    """Wherever in a run it stands, or so near before or after it that it may belong to it."""
    work, end = RUNS[name]
    around = data.draw(st.integers(0, NEAR - 1))
    lines = [*["something else"] * around, *work, *end, *["something else"] * around]
    place = data.draw(st.integers(0, len(lines)))
    assert needless([*lines[:place], data.draw(st.sampled_from(FAILURES)), *lines[place:]]) == []


@by_manager
@given(data=st.data())
def test_of_a_run_that_came_to_its_end_only_steps_go(name: str, data: st.DataObject) -> None:
    """And the end, warnings, and what is none of its lines are shown."""
    work, end = RUNS[name]
    lines = [*work, *end]
    others = ["Hello from a hook", data.draw(st.sampled_from(WARNINGS))]
    for other in others:
        place = data.draw(st.integers(0, len(lines)))
        lines.insert(place, other)
    assert needless(lines) == work
    assert {*others, *end[:1], *end[-1:]} <= set(shown(lines))


@by_manager
@given(data=st.data())
def test_of_a_run_that_was_cut_off_no_step_goes(name: str, data: st.DataObject) -> None:
    work, end = RUNS[name]
    if end:
        stop = data.draw(st.integers(1, len(work)))
        cut = needless(work[:stop])
        assert cut == [line for line in cut if line.startswith("Requirement already") and not any(work[8:stop])]


@by_manager
def test_without_a_run_s_steps_it_is_short(name: str) -> None:
    work, end = RUNS[name]
    kept = shown(["first", "second", *work, "one more line", *end, "above", "the", "last"])
    assert [line for line in kept if line in work] == []


def test_what_was_asked_for_and_was_there_is_shown() -> None:
    lines = each(f"Requirement already satisfied: @ {SITE} (1.#)")
    needed = each(f"Requirement already satisfied: @-core>=1 {SITE} (from @) (2.#)")
    assert found([*lines, *needed]).asked == [*range(MOST_ASKED)]
    assert needless([*lines, *needed]) == needed
    assert set(lines[:MOST_ASKED]) <= set(shown([*lines, *needed]))


def test_what_a_list_asked_for_and_was_there_is_shown() -> None:
    lines = each(f"Requirement already satisfied: @==1.# {SITE} (from -r requirements.txt (line 1)) (1.#)")
    needed = each(f"Requirement already satisfied: @-core>=1 {SITE} (from @->-r requirements.txt (line 1)) (2.#)")
    assert found([*lines, *needed]).asked == [*range(MOST_ASKED)]
    assert needless([*needed, *lines]) == needed
    assert set(lines[:MOST_ASKED]) <= set(shown([*needed, *lines, *needed]))


@pytest.mark.parametrize("first", ["Obtaining file:///srv/demo", "Processing ./demo"])
def test_what_a_folder_needs_was_not_asked_for(first: str) -> None:
    work = each(f"Requirement already satisfied: @ {SITE} (1.#)")
    assert needless([first, *work, "Successfully installed demo-1.0"]) == work
    assert not found([first, *work, "Successfully installed demo-1.0"]).asked


def test_many_runs_among_many_failures_are_looked_at_once() -> None:
    """Each of the failures asked about each of the runs takes minutes."""
    lines = (
        ["Collecting attrs", "Successfully installed attrs-1", *["noise"] * 5, *["ERROR: bad"] * 8, *["noise"] * 5]
    ) * 10_000
    assert len(needless(lines)) == 10_000


def test_another_version_s_going_is_shown() -> None:
    lines = ["  Attempting uninstall: rich", "      Successfully uninstalled rich-12.0"]
    assert needless([*lines, "Successfully installed rich-13.9"]) == lines[:1]
    assert needless([*lines, "Successfully installed rich-12.0"]) == lines


def test_of_apt_s_lists_what_it_installs_is_shown() -> None:
    lists = ["Suggested packages:", "  a-doc b-doc", "  c-doc", "Recommended packages:", "  d-data"]
    lines = ["Reading package lists...", *lists, "The following NEW packages will be installed:", "  x y z"]
    end = each("Setting up @ (1.#) ...")
    assert needless([*lines, *RUNS["apt"][0], *end]) == [*lists, *RUNS["apt"][0]]


def test_a_name_that_speaks_of_trouble_is_no_failure() -> None:
    work = [f"Collecting {name} (from demo)" for name in ("retry", "exceptiongroup", "errors", "fatal", "abort", "x")]
    assert needless([*work, "Successfully installed demo-1.0"]) == work


def test_runs_apart_are_judged_apart() -> None:
    work, end = RUNS["cargo"]
    between = [f"a line of tests, number {'i' * number}" for number in range(20)]
    assert needless([*work, *end, *between, *work, FAILURES[0]]) == work
    assert needless([*work, *between, *work, *end]) == work

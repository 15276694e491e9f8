"""A shown line brings along what it stands under."""

from __future__ import annotations

from narrows.compressors.log.attached import is_heading, show_headings, show_outer_lines, show_patches
from narrows.compressors.log.decide import decide


class Shown:
    def __init__(self) -> None:
        self.lines: set[int] = set()

    def __call__(self, start: int, stop: int) -> None:
        self.lines |= set(range(start, stop))


def kept(lines: list[str]) -> list[str]:
    return [line for line, show in zip(lines, decide(lines).show, strict=True) if show]


def test_the_last_heading_above_trouble_is_shown() -> None:
    shown = Shown()
    show_headings([0, 4, 9], [2, 3, 8, 20], shown)
    assert shown.lines == {0, 4, 9}
    none = Shown()
    show_headings([5], [1, 2], none)
    assert none.lines == set()


def test_what_says_where_the_tool_was_is_a_heading() -> None:
    for key in (
        "make[]: Entering directory '/x/sub'",
        "     Running unittests src/lib.rs",
        "+ pytest -q",
        "> app@.. test",
        "##[group]Run tests",
        "# [/] RUN make",
        "> Task :app:test",
        "> GET /orders HTTP/.",
    ):
        assert is_heading(key), key
    for key in ("INFO running", "    Running", "+import os", "plain words", ""):
        assert not is_heading(key), key


def test_the_directory_of_an_error_is_shown_with_it() -> None:
    lines: list[str] = []
    for number in range(30):
        lines.append(f"make[1]: Entering directory '/srv/build/component-{number}/with/a/long/path/to/its/sources'")
        lines += [f"cc -O2 -Wall -Wextra -c -o file_{number}_{k}.o file_{number}_{k}.c" for k in range(8)]
        if number == 17:
            lines.append("main.c:3:1: error: expected ';' before '}' token")
        lines.append("make[1]: Leaving directory")
    shown = kept(lines)
    error = shown.index("main.c:3:1: error: expected ';' before '}' token")
    assert [line for line in shown[:error] if "Entering" in line][-1].startswith(
        "make[1]: Entering directory '/srv/build/component-17/"
    )


def test_the_file_under_which_a_linter_lists_an_error_is_shown_with_it() -> None:
    lines: list[str] = []
    for number in range(60):
        lines.append(f"/srv/app/packages/component-{number}/src/{'deeply/nested/' * 6}module_{number}.js")
        lines += [
            f"  {k + 1}:7  error  'value_{number}_{k}' is assigned but never used  no-unused-vars" for k in range(3)
        ]
        lines.append("")
    shown = kept(lines)
    for place, line in enumerate(shown):
        if "value_" in line:
            file = next(above for above in reversed(shown[:place]) if above.startswith("/srv"))
            assert f"component-{line.partition('value_')[2].partition('_')[0]}/" in file


def test_the_less_indented_lines_above_are_found_at_every_depth() -> None:
    lines = ["a", "  b", "    c", "", "      x", "  d", "    y", "z"]
    shown = Shown()
    show_outer_lines(lines, [4, 6, 7], shown)
    assert shown.lines == {0, 1, 2, 5}


def test_a_patch_is_shown_as_long_as_its_headers_say() -> None:
    first = ["diff --git a/x b/x", "index 1..2 100644", "--- a/x", "+++ b/x", "@@ -1,2 +1,3 @@", " a", "-b", "+c", "+d"]
    second = ["--- a/y", "+++ b/y", "@@ -1 +1 @@", "-a", "+b"]
    lines = ["words", *first, "more words", *second, "\\ No newline at end of file", "@@ -1,9 +1,9 @@", " a"]
    shown = Shown()
    show_patches(lines, shown)
    assert shown.lines == {*range(1, 10), *range(11, 16), 17, 18}


def test_each_hunk_in_a_log_stands_below_its_own_file() -> None:
    patch: list[str] = []
    for number in range(12):
        name = f"src/component_{number}/{'deeply/nested/' * 3}module_{number}.py"
        patch += [
            f"diff --git a/{name} b/{name}",
            f"index {number}a..{number}b 100644",
            f"--- a/{name}",
            f"+++ b/{name}",
        ]
        patch += ["@@ -3,3 +3,3 @@", f" x_{number} = {number}", f"-y_{number} = {number}", f"+y_{number} = 7", " z = 1"]
    builds = [f"cc -O2 -Wall -Wextra -c -o file_{number}.o file_{number}.c" for number in range(60)]
    lines = ["+ git diff", *patch, "+ make", *builds]
    assert kept(lines)[: len(patch) + 1] == lines[: len(patch) + 1]

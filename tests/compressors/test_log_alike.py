"""Diagnostics that say the same of several places: the first as it stands, the others by their places."""

from __future__ import annotations

import re

import pytest

from narrows.compressors.log import COMPRESSOR
from narrows.compressors.log.alike import (
    FEWEST,
    MANY_WORDS,
    MOST_DIRECTORIES,
    MOST_PLACES,
    MOST_WORDS,
    below,
    excerpt,
    pointed,
)
from narrows.compressors.log.figures import without_digits
from narrows.compressors.types import Compressed, Source
from narrows.core.tool_call import ToolCall
from narrows.policy import Level
from tests.compressors.log_truth import check_truth

CALL = ToolCall("bash", '{"command": "make"}')
CALM = [f"cc -Wall -O2 -c -o build/part{number}.o src/part{number}.c" for number in range(40)]


def shortened(lines: list[str]) -> str:
    text = "\n".join([*CALM, *lines, *CALM])
    result = COMPRESSOR.compress(Source(text, CALL), Level.BALANCED)
    assert isinstance(result, Compressed), result
    check_truth(text, result.text)
    assert COMPRESSOR.is_output(result.text)
    return result.text


def lists(output: str) -> list[str]:
    return [line for line in output.split("\n") if " more like line " in line]


@pytest.mark.parametrize(
    ("form", "entry"),
    [
        ("src/a{i}.c:{i}:7: warning: unused variable 'v' [-Wunused-variable]", "src/a{i}.c:{i}:7"),
        ("src/a{i}.c:{i}: warning: unused variable 'v{i}'", 'src/a{i}.c:{i} "v{i}"'),
        ("a{i}.c:{i}:7: warning: unused variable \u2018v{i}\u2019 [-Wunused]", 'a{i}.c:{i}:7 "v{i}"'),
        ("C:\\src\\A{i}.cs({i},7): warning CS0168: 'e' is never used [C:\\a.csproj]", "C:\\src\\A{i}.cs({i},7)"),
        ("[WARNING] /src/A{i}.java:[{i},5] old(int) in Old has been deprecated", "/src/A{i}.java:[{i},5]"),
        ("src/a{i}.ts({i},7): error TS2339: Property 'b' does not exist on type 'T{i}'.", 'src/a{i}.ts({i},7) "T{i}"'),
        ("src/a{i}.ts:{i}:7 - error TS2304: Cannot find name 'x'.", "src/a{i}.ts:{i}:7"),
        ('a{i}.py:{i}: error: Name "x{i}" is not defined  [name-defined]', 'a{i}.py:{i} "x{i}"'),
        ('  /src/a{i}.py:{i}:9 - error: "f" is not a known attribute (reportOptionalMember)', "/src/a{i}.py:{i}:9"),
        ("./a{i}.py:{i}:80: E501 line too long (9{i} > 79 characters)", './a{i}.py:{i}:80 "(9{i}"'),
        ("a{i}.py:{i}:1: F401 [*] `os` imported but unused", "a{i}.py:{i}:1"),
        ("docs/a{i}.rst:{i}: WARNING: undefined label: 'x{i}'", 'docs/a{i}.rst:{i} "x{i}"'),
    ],
)  # fmt: skip
def test_of_those_alike_the_first_is_shown_and_the_others_are_named(form: str, entry: str) -> None:
    lines = [form.format(i=number) for number in range(10, 30)]
    output = shortened(lines)
    assert lines[0] in output
    assert lines[1] not in output
    (found,) = lists(output)
    assert found.startswith("[narrows: 19 more like line 41")
    named = ", ".join(entry.format(i=number) for number in range(11, 30))
    assert found.endswith(f": {named}]")


@pytest.mark.parametrize(
    "form",
    [
        "src/a{i}.c:{i}:7: error: unknown type name 'u{i}'",
        "src/a{i}.c:{i}:7: fatal error: config{i}.h: No such file or directory",
        "A{i}.java:{i}: error: cannot find symbol",
        "C:\\src\\A{i}.cs({i},7): error CS0103: The name 'e' does not exist in the current context",
        "error: step {i} failed",
        "2024-05-01 12:00:{i}.000 WARN pool{i} is slow: 12 of 40 connections are in use",
    ],
)
def test_errors_of_compilers_and_what_has_no_place_stay(form: str) -> None:
    lines = [form.format(i=number) for number in range(10, 30)]
    output = shortened(lines)
    assert not lists(output)
    assert set(lines) <= set(output.split("\n"))


def test_source_is_quoted_for_the_first_only() -> None:
    lines: list[str] = []
    for number in range(10, 20):
        lines += [f"src/a{number}.c:{number}:7: warning: unused variable 'v' [-Wunused-variable]"]
        lines += [f"   {number} |   int v = {number};", "      |       ^"]
    output = shortened(lines).split("\n")
    start = output.index(lines[0])
    assert output[start : start + 3] == lines[:3]
    assert output[start + 3] == lists("\n".join(output))[0]
    assert not [line for line in output if line in lines[3:] and "warning" not in line and line not in lines[:3]]


def test_those_that_say_the_very_same_have_a_list_of_their_own() -> None:
    names = ["os"] * 6 + ["sys"] * 6 + ["re", "io", "json", "ast", "abc"]
    output = shortened(
        [f"src/module{i}.py:{i + 1}:1: F401 '{name}' imported but unused" for i, name in enumerate(names)]
    )
    found = lists(output)
    assert [line.partition(":")[2].split(" more")[0].strip() for line in found] == ["5", "5", "4"]
    assert ' but for "re": ' in found[2]


def test_the_path_is_written_once_for_a_file() -> None:
    lines = [f"src/a.c:{number}:7: warning: unused variable 'v' [-Wunused-variable]" for number in range(10, 20)]
    assert lists(shortened(lines))[0].endswith(": :11:7, :12:7, :13:7, :14:7, :15:7, :16:7, :17:7, :18:7, :19:7]")


def test_each_place_of_an_error_has_its_path() -> None:
    lines = [
        f"src/app.ts({number},7): error TS2322: Type 'A' is not assignable to type 'B'." for number in range(10, 15)
    ]
    assert lists(shortened(lines))[0].endswith(
        ": src/app.ts(11,7), src/app.ts(12,7), src/app.ts(13,7), src/app.ts(14,7)]"
    )


RUFF = """F401 [*] `{name}` imported but unused
 --> src/a{i}.py:{i}:8
   |
{i} | import {name}
   |        ^^
{next} | import re
   |
help: Remove unused import: `{name}`
   |
   - import {name}
{i} + import re
   |
"""


def test_a_linters_diagnostics_with_their_place_below_are_listed_with_all_that_they_quote() -> None:
    text = "\n".join(RUFF.format(i=number, next=number + 1, name="os") for number in range(10, 30))
    output = shortened([*text.split("\n")])
    assert lists(output)[0].endswith(
        ", ".join(["", *(f"src/a{number}.py:{number}:8" for number in range(12, 30))]) + "]"
    )
    assert output.count("imported but unused") == 1
    assert output.count("help: ") == 1
    assert " --> src/a10.py:10:8\n" in output


def test_a_linters_diagnostics_that_are_few_of_their_sort_are_shown_with_their_places() -> None:
    rules = ["E401 Multiple imports on one line", "F821 Undefined name `x`", "E722 Do not use bare `except`"]
    more = [f"{rules[number % 3]}{' ' * number}\n --> src/a.py:{number}:1\n" for number in range(9)]
    output = shortened("\n".join(more).split("\n"))
    assert all(f" --> src/a.py:{number}:1" in output for number in range(9))


@pytest.mark.parametrize(
    "line", ["F401 [*] `os` imported but unused", "invalid-syntax: Expected a statement", "DOC12 x y"]
)
def test_a_code_is_a_diagnostic_only_with_its_place_below(line: str) -> None:
    lines = [line, " --> src/a.py:1:2", line, "", line]
    assert pointed(lines, without_digits(lines, lines), {*without_digits(lines, lines)}) == [0]


def test_few_are_not_listed_nor_those_that_differ_in_many_or_long_words() -> None:
    form = "src/a{i}.c:{i}:7: warning: unused variable 'v' [-Wunused-variable]"
    assert not lists(shortened([form.format(i=number) for number in range(10, 10 + FEWEST - 1)]))
    words = " ".join(f"'{{i}}{place}'" for place in range(MOST_WORDS + 1))
    many = [f"src/a{i}.c:{i}:7: warning: conversion of {words.format(i=i)} may change values" for i in range(10, 30)]
    assert not lists(shortened(many))
    long = [f"src/a{i}.c:{i}:7: warning: conversion of '{f'type{i}' * 20}' may change its value" for i in range(10, 30)]
    assert not lists(shortened(long))


def test_what_stands_beside_an_error_is_listed_too_but_no_caret_is_left_alone() -> None:
    lines: list[str] = []
    for number in range(10, 30):
        lines += [f"src/a{number}.c:{number}:7: warning: unused variable 'v' [-Wunused-variable]"]
        lines += [f"   {number} |   int v = {number};", "      |       ^"]
        lines += [f"make: *** [Makefile:7: a{number}.o] Error 1"] if number in (15, 20) else []
    output = shortened(lines).split("\n")
    assert output.count("      |       ^") == 1


def test_many_places_of_warnings_are_counted_and_all_of_errors_named() -> None:
    count = MOST_PLACES + 50
    warnings = [f"src/a.c:{number}:7: warning: unused variable 'v' [-Wunused-variable]" for number in range(count)]
    (found,) = lists(shortened(warnings))
    assert re.search(rf"{count - 1} more like line 41: .*, and {count - 1 - MOST_PLACES} more\]", found)
    errors = [f"src/a.ts({number},7): error TS2304: Cannot find name 'x'." for number in range(count)]
    (found,) = lists(shortened(errors))
    assert f"({count - 1},7)]" in found


def test_inside_a_frame_they_are_alike_as_well() -> None:
    lines = [*CALM, *(f"src/a{i}.c:{i}:7: warning: unused variable 'v' [-Wunused-variable]" for i in range(20)), *CALM]
    text = "\n".join(f"2025-03-04T10:00:{i % 60:02d}.0123456Z {line}" for i, line in enumerate(lines))
    result = COMPRESSOR.compress(Source(text, CALL), Level.BALANCED)
    assert isinstance(result, Compressed)
    check_truth(text, result.text)
    assert lists(result.text)


def test_a_list_that_counts_other_lines_than_are_left_out_is_not_ours() -> None:
    output = shortened([f"src/a{i}.c:{i}:7: warning: unused variable 'v' [-Wunused-variable]" for i in range(20)])
    assert not COMPRESSOR.is_output(output.replace("19 more like", "18 more like"))
    assert not COMPRESSOR.is_output(output.replace("more like line 41", "more like line 99"))


def test_an_excerpt_ends_where_something_else_begins() -> None:
    lines = ["a.c:1:2: warning: x", "   1 | y", "     | ^", "", "a.c:9:2: warning: x", "make: done", "  z"]
    assert excerpt(lines, 0) == range(1, 4)
    assert below(lines, 0) == 3
    assert excerpt(lines, 4) == range(5, 5)
    assert below(lines, 4) == 5
    pretty = ["a.ts:1:2 - error TS1: x", "", "2 const x = 1;", "        ~", "", "b.ts:1:2 - error TS1: x"]
    assert excerpt(pretty, 0) == range(1, 5)
    assert below(pretty, 0) == 4


def test_a_quote_that_nothing_ends_is_a_letter_of_its_word() -> None:
    lines = [f"src/a{i}.x:{i}:7: warning: lifetime 'a{i} is not used by anything in here" for i in range(10, 30)]
    assert """but for "'a10": src/a11.x:11:7 "'a11",""" in lists(shortened(lines))[0]
    lines = [f"src/a{i}.x:{i}:7: warning: 'T{i}'s name should be in lower case letters" for i in range(10, 30)]
    assert """but for "'T10's": src/a11.x:11:7 "'T11's",""" in lists(shortened(lines))[0]
    letters = "abcdefghijklmnop"
    lines = [f"src/a.x:{i}:7: warning: lifetime '{one} is not used by anything" for i, one in enumerate(letters)]
    assert not lists(shortened(lines))


@pytest.mark.parametrize(
    "enter",
    ["make[1]: Entering directory '/src/{where}'", "> {where}@1.0.0 lint", "+ cd {where}", "$ cd {where}"],
)
def test_a_place_in_another_directory_is_not_listed_below_the_first(enter: str) -> None:
    lines: list[str] = []
    for where in ("lib", "app"):
        lines += [enter.format(where=where)]
        lines += [f"a.c:{i}:7: warning: unused variable 'v' [-Wunused-variable]" for i in range(10, 20)]
        lines += [f"make[1]: Leaving directory '/src/{where}'"] if "Entering" in enter else []
    assert [line.split(" like")[0] for line in lists(shortened(lines))] == ["[narrows: 9 more"] * 2
    absolute = [line.replace("a.c", "/src/a.c") for line in lines]
    assert [line.split(" like")[0] for line in lists(shortened(absolute))] == ["[narrows: 19 more"]


def test_whoever_left_a_directory_is_in_the_one_around_it() -> None:
    warnings = [f"a.c:{i}:7: warning: unused variable 'v' [-Wunused-variable]" for i in range(20)]
    lines = ["make: Entering directory '/src'", *warnings[:8], "make[1]: Entering directory '/src/lib'", *warnings[:6]]
    lines += ["make[1]: Leaving directory '/src/lib'", *warnings[8:]]
    assert [line.split(" like")[0] for line in lists(shortened(lines))] == ["[narrows: 19 more", "[narrows: 5 more"]


WARNINGS = [f"a.c:{i}:7: warning: unused variable 'v' [-Wunused-variable]" for i in range(10, 20)]
ENTER, LEAVE = "make[1]: Entering directory '/src/{0}'", "make[1]: Leaving directory '/src/{0}'"


@pytest.mark.parametrize(
    "lines",
    [
        [ENTER.format("a"), ENTER.format("b"), *WARNINGS, LEAVE.format("a"), LEAVE.format("b")],
        [ENTER.format("a"), *WARNINGS, ENTER.format("b"), LEAVE.format("b"), LEAVE.format("a")],
        ["make: Entering directory '/src'", ENTER.format("a"), *WARNINGS, "make: Leaving directory '/src'"],
        ["+ make -j8 all", ENTER.format("a"), *WARNINGS, LEAVE.format("a")],
    ],
    ids=["both open", "one before", "left too early", "told so"],
)
def test_where_make_works_in_several_directories_at_once_no_place_is_in_a_list(lines: list[str]) -> None:
    assert not lists(shortened(lines))
    assert lists(shortened([line.replace("a.c", "/src/a/a.c") for line in lines]))
    outside = [*lines, "make[1]: Leaving directory '/src/b'", *(line.replace("a.c", "b.c") for line in WARNINGS)]
    assert len(lists(shortened(outside))) == ("make: Entering directory '/src'" not in lines)


def test_jobs_side_by_side_in_one_directory_are_in_that_directory() -> None:
    enter, leave = "make[2]: Entering directory '/build'", "make[2]: Leaving directory '/build'"
    assert lists(shortened([enter, enter, *WARNINGS, leave, leave]))


def test_a_place_below_another_name_is_not_listed_below_the_first() -> None:
    errors = [f"src/index.ts({i},7): error TS2304: Cannot find name 'x'." for i in range(10, 20)]
    lines = [f"web:build: {line}" for line in [*CALM, *errors]] + [f"api:build: {line}" for line in [*errors, *CALM]]
    result = COMPRESSOR.compress(Source("\n".join(lines), CALL), Level.BALANCED)
    assert isinstance(result, Compressed)
    check_truth("\n".join(lines), result.text)
    assert [line.split(" like")[0] for line in lists(result.text)] == ["[narrows: 9 more"] * 2


def test_no_note_is_left_without_its_diagnostic() -> None:
    lines: list[str] = []
    for i in range(10, 30):
        lines += [f"src/a{i}.c:{i}:7: warning: 'f' is deprecated [-Wdeprecated]", f"   {i} |   f();", "      |   ^"]
        lines += [f"inc/h{i}.h:3:1: note: declared here, in this place", f"    3 | int f{i}();", "      | ^"]
    output = shortened(lines).split("\n")
    start = output.index(lines[0])
    assert output[start : start + 6] == lines[:6]
    assert " more like " in output[start + 6]
    for number, line in enumerate(lines):
        if ": note: " in line and line in output:
            assert lines[number - 3] in output


def test_more_directories_than_are_known_are_still_told_apart() -> None:
    lines: list[str] = []
    for depth in range(MOST_DIRECTORIES + 4):
        lines += [f"make[{depth}]: Entering directory '/src/{depth}'"]
    for depth in (MOST_DIRECTORIES + 3, MOST_DIRECTORIES + 2):
        lines += [f"a.c:{i}:7: warning: unused variable 'v' [-Wunused-variable]" for i in range(10, 20)]
        lines += [f"make[{depth}]: Leaving directory '/src/{depth}'"]
    assert [line.split(" like")[0] for line in lists(shortened(lines))] == ["[narrows: 9 more"] * 2


def test_what_repeats_a_listed_diagnostic_is_listed_too_and_repeats_nothing_shown() -> None:
    once = [f"src/{name}.ts(3,7): error TS2304: Cannot find name 'user'." for name in ("a", "b", "c", "d", "e", "f")]
    lines = [*once, *[once[2]] * 6, *[once[4]] * 2, "Found 14 errors."]
    output = shortened(lines)
    assert re.search(r"\d repeated", output) is None
    assert ", ".join(["src/c.ts(3,7)"] * 6) in output


def test_a_diagnostic_of_very_many_words_is_like_no_other() -> None:
    def lines(words: int) -> list[str]:
        open_quotes = "\u2018 " * words
        return [f"src/a{i}.x:{i}:7: warning: {open_quotes}v{i}" for i in range(10, 30)]

    assert lists(shortened(lines(MANY_WORDS // 2)))
    assert not lists(shortened(lines(MANY_WORDS + 10)))
    same = [line.replace(f"v{i}", "v") for i, line in enumerate(lines(MANY_WORDS + 10), 10)]
    assert lists(shortened(same)), "what is the very same is told without a look at its words"

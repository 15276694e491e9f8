"""A shell's command line, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors.shell_words import MAX_COMMAND_CHARACTERS, Command, base, operands, pipelines, spoken


def words_of(line: str) -> list[list[tuple[str, ...]]]:
    return [[command.words for command in pipeline] for pipeline in pipelines(line)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("a b", [[("a", "b")]]),
        ("a|b;c&&d||e&f\ng", [[("a",), ("b",)], [("c",)], [("d",)], [("e",)], [("f",)], [("g",)]]),
        ("a |& b", [[("a",), ("b",)]]),
        ("(a; { b; })", [[("a",)], [("b",)], [("}",)]]),
        ('a \'b c\' "d \\" e" f\\ g', [[("a", "b c", 'd \\" e', "f g")]]),
        ("a # b | c", [[("a",)]]),
        ("a#b", [[("a#b",)]]),
        ("a \\\n b", [[("a", "b")]]),
        ("a 2>&1 2>/dev/null", [[("a",)]]),
        ("a < b c", [[("a", "c", "b")]]),
        ("< b a", [[("a", "b")]]),
        ("< b", []),
        ("x=1 a", [[("a",)]]),
        ("if a; then b; fi", [[("a",)], [("b",)], [("fi",)]]),
        ("sudo -u web -n a b", [[("a", "b")]]),
        ("timeout -k 5 60 a 7", [[("a", "7")]]),
        ("env -i X=1 a", [[("a",)]]),
        ("docker exec -u web box a b", [[("a", "b")]]),
        ("docker run box a", [[("docker", "run", "box", "a")]]),
        ("uv run a", [[("a",)]]),
        ("xargs -n 1 a", [[("a", "FILE")]]),
        ("bash -lc 'a | b' | c", [[("a",), ("b",), ("c",)]]),
        ("ssh -p 22 host a b", [[("a", "b")]]),
        ("ssh host", [[("ssh", "host")]]),
        ("eval a b", [[("a", "b")]]),
        ("a <<E | b\nc\nE\nd", [[("a",), ("b",)], [("d",)]]),
        ("a <<A <<B\nc\nA\nd\nB\ne", [[("a",)], [("e",)]]),
        ("a <<-'E'\nc\n\tE\nd", [[("a",)], [("d",)]]),
        ("a <<E\nb", [[("a",)]]),
        ("a <<<b\nc", [[("a",)], [("c",)]]),
    ],
)
def test_the_commands_of_a_line(line: str, expected: list[list[tuple[str, ...]]]) -> None:
    assert words_of(line) == expected


def test_a_command_whose_output_goes_to_a_file_says_so() -> None:
    assert [*pipelines("a > b | c >> d 2> e")] == [(Command(("a",), to_file=True), Command(("c",), to_file=True))]
    assert [*pipelines("a > /dev/null; b 2> c")] == [(Command(("a",)),), (Command(("b",)),)]


def test_names_and_operands() -> None:
    assert base("/usr/bin/Make.exe") == "make"
    assert operands(("git", "-C", "x", "--stat", "show", "-p", "y")) == ["show", "y"]
    assert spoken(("python3", "-m", "pytest")) == ["python3", "pytest"]
    assert spoken(("npx", "--yes", "/x/jest")) == ["npx", "jest"]
    assert spoken(("npm", "--prefix", "x", "test")) == ["npm", "npm test"]


def test_shells_inside_shells_are_read_to_a_bound() -> None:
    line = "a"
    for _ in range(9):
        line = f"eval eval {line}"
    assert words_of(line)


def test_a_line_is_read_up_to_its_bound_without_its_here_documents() -> None:
    assert words_of("x " * MAX_COMMAND_CHARACTERS + "; a") == [[("x",) * (MAX_COMMAND_CHARACTERS // 2)]]
    assert words_of("x <<E\n" + "y\n" * MAX_COMMAND_CHARACTERS + "E\na") == [[("x",)], [("a",)]]


@given(st.text(alphabet="a '\"|;&()<>\\\n$#-E1={}", max_size=80) | st.text(max_size=40))
def test_no_line_makes_it_raise(line: str) -> None:
    for pipeline in pipelines(line):
        assert all(command.words for command in pipeline)

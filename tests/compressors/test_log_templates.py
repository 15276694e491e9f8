"""Lines alike are equal but for numbers, names and paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors.log.templates import SMALLEST_FAMILY, Masks, shape, shapes


def shapes_of(*lines: str) -> list[str]:
    keys = ["".join(character for character in line if not character.isdigit()) for line in lines]
    counts = {key: keys.count(key) for key in keys}
    found = shapes(counts)
    return [found[key] for key in keys]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GET /v1/orders/12 200 3ms", "GET /v1/orders/x/y 200 14ms"),
        ("Building CXX object a.dir/x.o", "Building CXX object b.dir/y/z.o"),
        ("job id=3 done", "job id=abc done"),
        ("[  9%] Linking", "[ 10%] Linking"),
        ("/usr/include/x", "/usr/local/include/y.h"),
    ],
)
def test_lines_that_differ_in_values_are_alike(first: str, second: str) -> None:
    assert len(set(shapes_of(first, second))) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("service started", "service stopped"),
        ("connection opened by remote", "connection closed by remote"),
        ("INFO cache hit", "DEBUG cache hit"),
        ("{", "}"),
        ("  ---", "  ..."),
    ],
)
def test_lines_that_differ_in_words_are_not(first: str, second: str) -> None:
    assert len(set(shapes_of(first, second))) == 2


def test_names_that_are_rare_in_a_frequent_sentence_are_values() -> None:
    names = ["zlib", "curl", "gcc", "make", "bash", "perl"]
    assert len(set(shapes_of(*(f"Unpacking {name} over old" for name in names)))) == 1


def test_what_digits_leave_of_hexadecimal_numbers_is_no_word() -> None:
    mixed = [number * 2654435761 % 2**32 for number in range(1, 400)]
    found = shapes_of(*(f"RAS KERNEL INFO iar {one:08x} dear {one * 40503 % 2**32:08x}" for one in mixed))
    assert sum(one == "~ RAS KERNEL INFO iar * dear *" for one in found) > 0.9 * len(found)


def test_a_family_must_be_large_enough() -> None:
    names = ["zlib", "curl", "gcc", "make", "bash", "perl"][: SMALLEST_FAMILY - 1]
    found = shapes_of(*(f"Unpacking {name} now" for name in names))
    assert len(set(found)) == len(names)


def test_an_unusual_message_never_joins_a_usual_one() -> None:
    usual = ["connection opened by remote"] * 50 + [f"connection opened by {name}" for name in ("ann", "bob", "eve")]
    found = shapes_of(*usual, "connection closed by remote")
    assert found[-1] not in found[:-1]


def test_names_that_are_plain_words_join_those_that_are_not() -> None:
    """But one line alone, with a word where others have a number, is a sort of its own."""
    usual = [f"loaded plugin {number}.so from cache" for number in range(9)]
    names = ["zlib", "curl", "gcc"]
    found = shapes_of(
        *usual, *(f"loaded plugin {name} from cache" for name in names), *(f"other {n} {n}" for n in "abc")
    )
    assert len(set(found[:12])) == 1
    levels = [f"battery level is {number}%" for number in range(9)]
    found = shapes_of(*levels, "battery level is critical", *(f"other {name}" for name in "abcdef"))
    assert found[9] not in found[:9]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "Requirement already satisfied: tox in /usr/lib/x (4.14.2)",
            "Requirement already satisfied: mccabe<0.7.0,>=0.6.0 in /usr/lib/x (from flake8==4.0.1) (0.6.1)",
        ),
        ("Collecting attrs==24.2.0", "Collecting anyio (from httpx==0.28.1)"),
        ("  Downloading a-1.0-py3-none-any.whl (3.8 kB)", "  Downloading b.tar.gz (1 MB)"),
        ("Setting up libc6:amd64 (2.36-9) ...", "Setting up gcc (4:12.2.0-3) ..."),
        ("Get:1 http://deb.debian.org/x y", "Get:17 https://deb.debian.org/z a b c"),
        ("Inst libgl [1.2] (1.3 Debian:12)", "Inst gcc (1.3 Debian:12 [all]) []"),
        ("   Compiling serde v1.0.2", "   Compiling x v0.1.0 (/w/x)"),
        ("Installing rake 13.0.6", "Installing zeitwerk 2.6.12"),
        ("npm http fetch GET 200 https://r.org/a 12ms (cache hit)", "npm http fetch GET 200 https://r.org/b 1ms"),
        (" + attrs==24.2.0", " + rpds-py==0.2"),
        ("  Installing build dependencies: started", "  Preparing metadata (pyproject.toml): started"),
        (
            "  Getting requirements to build wheel: finished with status 'done'",
            "  Building wheel for numpy (setup.py): finished with status 'done'",
        ),
    ],
)
def test_what_package_managers_say_of_each_package_is_one_sort(first: str, second: str) -> None:
    assert len(set(shapes_of(first, second))) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Collecting the results", "Collecting the garbage"),
        ("Setting up the database", "Setting up all routes"),
        ("Using device cuda", "Using device cpu"),
        ("Installing the handlers now", "Installing the hooks now"),
        ("Downloading of all data", "Downloading of all models"),
        ("Compiling with debug", "Compiling with asserts"),
        ("worker: started", "scheduler: started"),
        ("  Preparing metadata (pyproject.toml): started", "  Preparing the database: started"),
        (
            "  Building wheel for a (setup.py): finished with status 'done'",
            "  Building wheel for b (setup.py): finished with status 'error'",
        ),
    ],
)
def test_the_same_words_in_another_sentence_are_not(first: str, second: str) -> None:
    assert len(set(shapes_of(first, second))) == 2


def test_a_very_long_line_costs_no_more_than_its_beginning() -> None:
    assert shape("x" * 100_000, Masks()) == shape("x" * 100_001, Masks())
    assert shape("x" * 100_000, Masks()) != shape("x" * 10, Masks())


@given(st.lists(st.text(max_size=30), max_size=30))
def test_every_line_has_a_shape_and_equal_lines_have_equal_ones(lines: list[str]) -> None:
    assert len(shapes_of(*lines, *lines)) == 2 * len(lines)
    counts = dict.fromkeys(lines, 1)
    assert shapes(counts).keys() == counts.keys()

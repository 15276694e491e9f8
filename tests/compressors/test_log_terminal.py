"""What a terminal shows of a text."""

from __future__ import annotations

import pytest

from narrows.compressors.log.terminal import Screen, raw_lines, resolved


@pytest.mark.parametrize(
    ("text", "lines", "ended"),
    [
        ("", [""], False),
        ("a", ["a"], False),
        ("a\n", ["a"], True),
        ("a\n\n", ["a", ""], True),
        ("\n", [""], True),
        ("a\x0bb\x0cc\x85d\u2028e\x1cf", ["a\x0bb\x0cc\x85d\u2028e\x1cf"], False),
        ("a\r\nb", ["a\r", "b"], False),
        ("\x00\n\x00", ["\x00", "\x00"], False),
    ],
)
def test_raw_lines_are_split_at_line_feeds_only_and_join_to_the_text(text: str, lines: list[str], ended: bool) -> None:
    screen = raw_lines(text)
    assert screen == Screen(lines, ended)
    assert "\n".join(screen.lines) + "\n" * screen.ended == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1m\x1b[92mok\x1b[0m", ["ok"]),
        ("\x1b[38;5;196mred\x1b[m \x1b[2K\x1b[1A", ["red "]),
        ("\x1b]8;;https://x.org\x1b\\link\x1b]8;;\x07", ["link"]),
        ("\x1b_bk;t=1741050123123\x07+ make", ["+ make"]),
        ("\x1b(Bplain\x1b7\x1b8", ["plain"]),
    ],
)
def test_control_sequences_are_removed(text: str, shown: list[str]) -> None:
    assert resolved(text) == Screen(shown, ended=False, colours=True)


def test_an_escape_that_begins_no_sequence_stays() -> None:
    assert resolved("a\x1b b\x1b") == Screen(["a\x1b b\x1b"], ended=False, colours=False)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  0%\r 50%\r100%", "100%"),
        ("\r  0%\r100%\r", "100%"),
        ("working\r       \rdone", "done"),
        ("\r\r", ""),
        ("warning: disk\r100%", "warning: disk\r100%"),
        ("Failed\rFailed again", "Failed again"),
        ("  5%\rConnection refused by mirror\r100%", "  5%\rConnection refused by mirror\r100%"),
        ("  5%\rKilled\r100%", "  5%\rKilled\r100%"),
    ],
)
def test_a_line_redrawn_in_place_shows_its_last_state_unless_that_hides_trouble(line: str, shown: str) -> None:
    assert resolved(f"before\n{line}\nafter").lines == ["before", shown, "after"]
    assert resolved(line).redrawn == (shown != line)


def test_crlf_counts_as_a_line_end() -> None:
    assert resolved("a\r\nb\r\n") == Screen(["a", "b"], ended=True, line_ends=True)
    assert resolved("0%\r100%\r\nb") == Screen(["100%", "b"], ended=False, redrawn=True, line_ends=True)


def test_a_last_line_of_control_sequences_alone_goes_with_the_line_end_before_it() -> None:
    assert resolved("a\nb\n\x1b[0m") == Screen(["a", "b"], ended=False, colours=True)
    assert resolved("a\r\n\x1b[0m") == Screen(["a"], ended=False, colours=True, line_ends=True)
    assert resolved("a\n\x1b[0m\n") == Screen(["a", ""], ended=True, colours=True)

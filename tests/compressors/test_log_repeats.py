"""Pieces cover the log in order, and repeats equal what they name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors.log.repeats import SMALLEST_REPEAT, Each, Gap, Lines, Same, Stampless, pieces

LONG = [f"{letter} line that is long enough to be worth a mark of its own" for letter in "abcdefgh"]


def all_shown(lines: list[str]) -> bytes:
    return b"\x01" * len(lines)


def test_a_block_that_repeats_names_the_first_one() -> None:
    lines = [*LONG[:3], "x", *LONG[:3]]
    assert pieces(lines, all_shown(lines)) == [Lines(0, 4), Same(4, 7, 0)]


def test_a_run_of_one_line_names_the_line_above() -> None:
    lines = [LONG[0]] * 9
    assert pieces(lines, all_shown(lines)) == [Lines(0, 1), Each(1, 9)]


def test_small_repeats_are_not_worth_a_mark() -> None:
    lines = ["a", "b", "c", "x", "a", "b", "c"]
    assert pieces(lines, all_shown(lines)) == [Lines(0, 7)]


def test_a_repeat_never_names_lines_that_are_left_out() -> None:
    lines = [*LONG[:4], "x", *LONG[:4]]
    shown = bytearray(all_shown(lines))
    shown[1] = 0
    assert pieces(lines, shown) == [Lines(0, 1), Gap(1, 2), Lines(2, 9)]


def test_a_repeat_may_name_another() -> None:
    lines = [*LONG[:3], "x", *LONG[:3], "y", "x", *LONG[:3], "y"]
    assert pieces(lines, all_shown(lines)) == [Lines(0, 4), Same(4, 7, 0), Lines(7, 8), Same(8, 13, 3)]


@given(st.data())
def test_pieces_cover_every_line_once_and_repeats_are_equal(data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.sampled_from([*LONG[:4], "", "x"]), min_size=1, max_size=40))
    shown = bytearray(data.draw(st.lists(st.sampled_from((0, 1, 1, 1)), min_size=len(lines), max_size=len(lines))))
    position = 0
    for piece in pieces(lines, shown):
        assert piece.start == position < piece.stop
        position = piece.stop
        match piece:
            case Same(start, stop, source):
                assert lines[start:stop] == lines[source : source + stop - start]
                assert source + stop - start <= start
                assert all(shown[source : source + stop - start])
                assert sum(len(line) + 1 for line in lines[start:stop]) >= SMALLEST_REPEAT
            case Each(start, stop):
                assert set(lines[start:stop]) == {lines[start - 1]}
                assert shown[start - 1]
            case Gap(start, stop):
                assert not any(shown[start:stop])
            case Lines(start, stop):
                assert all(shown[start:stop])
    assert position == len(lines)


def test_a_repeat_never_overlaps_with_what_it_names() -> None:
    lines = [f"step {number} of the same three that go round and round" for number in range(3)] * 20
    found = [piece for piece in pieces(lines, b"\x01" * len(lines)) if isinstance(piece, Same)]
    assert found
    assert all(piece.source + piece.stop - piece.start <= piece.start for piece in found)


def stampless(texts: list[str], indented: list[int]) -> Stampless:
    return Stampless(texts, bytes(number in indented for number in range(len(texts))))


def stamped(texts: list[str]) -> list[str]:
    return [f"10:00:{number:02d} {text}" for number, text in enumerate(texts)]


def test_below_times_a_block_with_an_indented_line_repeats_but_for_them() -> None:
    texts = [*LONG[:3], "x", *LONG[:3]]
    lines = stamped(texts)
    assert pieces(lines, all_shown(lines), stampless(texts, [4])) == [Lines(0, 4), Same(4, 7, 0, True)]
    assert pieces(lines, all_shown(lines), stampless(texts, [])) == [Lines(0, 7)]
    assert pieces(lines, all_shown(lines)) == [Lines(0, 7)]


def test_below_times_an_indented_line_is_said_again_but_for_them() -> None:
    texts = [LONG[0]] * 9
    lines = stamped(texts)
    assert pieces(lines, all_shown(lines), stampless(texts, [1])) == [Lines(0, 1), Each(1, 9, True)]
    assert pieces(lines, all_shown(lines), stampless(texts, [])) == [Lines(0, 9)]


def test_what_has_the_same_times_is_the_same() -> None:
    lines = [*LONG[:3], "x", *LONG[:3]]
    assert pieces(lines, all_shown(lines), stampless(lines, [])) == [Lines(0, 4), Same(4, 7, 0)]


@pytest.mark.parametrize("period", [1, 30_000])
def test_events_that_repeat_but_for_their_times_are_compared_once(period: int) -> None:
    """To follow each of them to the end of what repeats takes minutes."""
    texts = [f"a line of some words {number % period}" for number in range(60_000)]
    lines = [f"2026-01-01T00:00:00.{number:06d}Z {text}" for number, text in enumerate(texts)]
    found = pieces(lines, b"\1" * len(lines), Stampless(texts, bytes(len(lines))))
    assert found == [Lines(0, len(lines))]

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.edits import Edit, Span, apply_edits


@st.composite
def bodies_and_edits(draw: st.DrawFn) -> tuple[bytes, list[Edit]]:
    """A body, and edits of it that do not overlap, in order."""
    pieces = draw(st.lists(st.tuples(st.binary(max_size=5), st.binary(max_size=5), st.binary(max_size=5)), max_size=6))
    tail = draw(st.binary(max_size=5))
    body, edits = b"", []
    for kept, old, new in pieces:
        start = len(body) + len(kept)
        body += kept + old
        edits.append(Edit(Span(start, start + len(old)), new))
    return body + tail, edits


@given(bodies_and_edits())
def test_what_is_between_edits_is_copied_and_the_spans_are_replaced(case: tuple[bytes, list[Edit]]) -> None:
    body, edits = case
    expected, position = b"", 0
    for edit in edits:
        expected += body[position : edit.span.start] + edit.replacement
        position = edit.span.stop
    assert apply_edits(body, edits) == expected + body[position:]


@given(st.permutations([Edit(Span(0, 1), b"A"), Edit(Span(2, 2), b"-"), Edit(Span(2, 4), b"B"), Edit(Span(5, 6), b"")]))
def test_the_order_they_are_given_in_does_not_matter(edits: list[Edit]) -> None:
    assert apply_edits(b"abcdef", edits) == b"Ab-Be"


def test_two_insertions_at_one_place_keep_their_order() -> None:
    assert apply_edits(b"ab", [Edit(Span(1, 1), b"1"), Edit(Span(1, 1), b"2")]) == b"a12b"


def test_no_edits_are_the_same_object() -> None:
    body = b"abc" * 10
    assert apply_edits(body, []) is body


def test_overlap_is_an_error() -> None:
    with pytest.raises(ValueError, match="overlap at byte 1"):
        apply_edits(b"abc", [Edit(Span(0, 2), b""), Edit(Span(1, 3), b"")])


def test_an_edit_beyond_the_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="beyond the body's 3 bytes"):
        apply_edits(b"abc", [Edit(Span(2, 4), b"")])


@pytest.mark.parametrize(("start", "stop"), [(-1, 0), (2, 1)])
def test_what_is_no_span(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="not a span"):
        Span(start, stop)


def test_a_span_names_bytes_and_has_a_length() -> None:
    assert Span(1, 3).of(b"abcd") == b"bc"
    assert len(Span(1, 3)) == 2

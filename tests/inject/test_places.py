"""Edits of JSON text: members and elements are added where others stand, in any style of writing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.edits import apply_edits
from narrows.inject.places import appended, joined, prepended, text_literal, text_of, with_members

GAPS = st.sampled_from(["", " ", "\r\n"])


@given(st.lists(st.integers(), max_size=3), GAPS)
def test_elements_at_either_end(there: list[int], gap: str) -> None:
    body = f"[{gap}{f'{gap},'.join(map(str, there))}{gap}]".encode()
    last = apply_edits(body, [appended(body, (0, len(body)), [b"1", b"2"])])
    first = apply_edits(body, [prepended((0, len(body)), [b"1", b"2"], empty=not there)])
    assert json.loads(last) == [*there, 1, 2]
    assert json.loads(first) == [1, 2, *there]


@given(st.dictionaries(st.text(max_size=3), st.integers(), max_size=3), GAPS)
def test_members_at_the_end(there: dict[str, int], gap: str) -> None:
    text = f"{gap},".join(f"{json.dumps(key)}{gap}:{value}" for key, value in there.items())
    body = f"{gap}{{{gap}{text}{gap}}}".encode()
    edited = apply_edits(body, [with_members(body, (0, len(body)), [("new", b"[1]")])])
    assert json.loads(edited) == {**there, "new": [1]}


@given(st.text(st.characters(), max_size=5))
def test_any_text_has_a_literal(text: str) -> None:
    """Halves of surrogate pairs too: a literal's pair of escapes is one character to whoever reads it."""
    assert text_of(text_literal(joined([text]))) == joined([text])


def test_halves_of_a_character_become_one() -> None:
    assert joined(["a\ud83d", "\ude00"]) == "a\U0001f600"
    assert joined(["\ude00"]) == "\ude00"


@pytest.mark.parametrize("literal", [b"1", b"", b"null", b'"', b"[" * 100_000])
def test_what_is_no_string_has_no_text(literal: bytes) -> None:
    assert text_of(literal) is None

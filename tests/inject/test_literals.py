"""A character's place in the literal that writes it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.inject.literals import offset_of


@given(st.text(), st.booleans(), st.data())
def test_a_literal_is_cut_between_two_characters(text: str, ascii_only: bool, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(text)))
    literal = json.dumps(text, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    body = b"[" + literal + b"]"
    at = offset_of(body, (1, 1 + len(literal)), count)
    assert json.loads((body[1:at] + b'"').decode(errors="surrogatepass")) == text[:count]
    assert json.loads((b'"' + body[at:-1]).decode(errors="surrogatepass")) == text[count:]


def test_a_shorter_string_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer than 2 characters"):
        offset_of(b'"a"', (0, 3), 2)

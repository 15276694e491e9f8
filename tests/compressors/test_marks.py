from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors.marks import has_mark, is_mark, mark


@given(st.text(alphabet=st.characters(exclude_characters="\r\n")), st.text(), st.text())
def test_a_mark_is_found_wherever_it_stands(words: str, before: str, after: str) -> None:
    line = mark(words)
    assert is_mark(line)
    assert has_mark(f"{before}\n{line}\n{after}")


@pytest.mark.parametrize("words", ["a\nb", "a\r", "\n"])
def test_a_mark_is_one_line(words: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        mark(words)


@pytest.mark.parametrize("text", ["  [narrows: indented]", "\t[narrows:", "a\n[narrows:x", "[narrows: 1]\r\n"])
def test_what_could_be_taken_for_a_mark_is_found(text: str) -> None:
    assert has_mark(text)


@pytest.mark.parametrize("text", ["", "narrows: x", "see [narrows: 1] there", "[narrow: x]", "[ narrows: x]"])
def test_what_could_not_is_not(text: str) -> None:
    assert not has_mark(text)


@pytest.mark.parametrize("line", ["[narrows: open", "narrows: x]", " [narrows: x]", ""])
def test_only_a_whole_line_of_the_one_shape_is_a_mark(line: str) -> None:
    assert not is_mark(line)

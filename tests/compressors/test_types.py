"""What a source remembers."""

from __future__ import annotations

import pytest

from narrows.compressors.types import Source
from narrows.core.tool_call import ToolCall


def test_what_was_found_in_a_source_is_not_looked_for_again() -> None:
    asked: list[str] = []

    def length(source: Source) -> int:
        asked.append(source.text)
        return len(source.text)

    def nothing(source: Source) -> None:
        asked.append("nothing")

    source, other = Source("abc"), Source("abcd")
    assert [source.once(length), source.once(length), other.once(length)] == [3, 3, 4]
    assert [source.once(nothing), source.once(nothing)] == [None, None]
    assert asked == ["abc", "abcd", "nothing"]
    assert source == Source("abc") != other


def test_another_call_makes_another_source() -> None:
    call = ToolCall("bash", "{}")
    assert Source("abc", call) != Source("abc")
    assert Source("abc", call).once(lambda source: source.tool_call) is call


def test_what_could_not_be_found_is_looked_for_again() -> None:
    fails = [True, False]

    def sometimes(source: Source) -> str:
        if fails.pop(0):
            raise ValueError(source.text)
        return source.text

    source = Source("abc")
    with pytest.raises(ValueError, match="abc"):
        source.once(sometimes)
    assert source.once(sometimes) == "abc"

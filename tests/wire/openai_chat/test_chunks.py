from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.wire.openai_chat.chunks import Chunk, error_name, parse, read_usage, texts_of
from narrows.wire.types import Usage
from tests.wire.openai_chat.answers import chunks

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["choices", "delta", "error", "x"]), inner)
    ),
    max_leaves=8,
)


@given(st.binary() | values.map(lambda value: json.dumps(value).encode()))
def test_parsing_never_raises(data: bytes) -> None:
    assert isinstance(parse(data), Chunk | None)


@given(chunks)
def test_the_second_reading_agrees_with_the_first(value: dict[str, object]) -> None:
    plain = parse(json.dumps(value).encode())
    second = parse(json.dumps({**value, "logprobs": float("nan")}).encode())
    assert plain == second


def test_depth_beyond_the_decoders_is_unreadable_and_no_fault() -> None:
    assert parse(b'{"x":' + b"[" * 100_000) is None
    assert parse(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}") is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 3}, Usage(3)),
        ({"prompt_tokens": None, "completion_tokens": 0}, Usage(None, 0)),
        ({"prompt_tokens": -1, "completion_tokens": True, "total_tokens": "7"}, Usage()),
        ({"prompt_tokens_details": None, "completion_tokens_details": []}, Usage()),
        ({"prompt_cache_hit_tokens": 4, "reasoning_tokens": 5}, Usage(cached_tokens=4, reasoning_tokens=5)),
        ({"prompt_cache_hit_tokens": 4, "prompt_tokens_details": {"cached_tokens": 0}}, Usage(cached_tokens=0)),
        ({}, Usage()),
    ],
)
def test_what_is_unknown_is_absent_and_not_zero(usage: dict[str, object], expected: Usage) -> None:
    assert read_usage(Chunk(usage=usage)) == expected


def test_no_usage_is_not_an_empty_one() -> None:
    assert read_usage(Chunk()) is None
    assert read_usage(Chunk(usage=[], x_groq={"usage": 3})) is None


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ({"code": 0, "type": "t"}, "0"),
        ({"code": "", "type": "t"}, "t"),
        ({"code": True}, "error"),
        ({"code": {}}, "error"),
    ],
)
def test_names_of_errors(error: dict[str, object], name: str) -> None:
    assert error_name(Chunk(error=error)) == name


def test_texts_of_parts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "t"}, 3]}
    assert texts_of([{"type": "text", "text": "a"}, thinking, {"type": "image_url"}, None]) == ("a", "t")
    assert texts_of({"text": "a"}) == ("", "")

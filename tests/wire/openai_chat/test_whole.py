"""One step says what the observer says, or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.wire.openai_chat import WIRE
from narrows.wire.openai_chat.whole import MAX_BODY_BYTES, read_whole
from narrows.wire.types import ResponseRecord
from tests.scripted_upstream import completion

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", 0, -1, 1.5, True, [], {}, "x" * 300, "text", [{"type": "text", "text": "said"}]]
)


def members(required: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects of these members, any of which may be odd, and seldom another value."""
    wanted = {name: st.one_of(value, value, value, value, ODD) for name, value in required.items()}
    more = {name: st.one_of(value, value, ODD) for name, value in optional.items()}
    objects = st.fixed_dictionaries(wanted, optional=more)
    return st.one_of(objects, objects, objects, objects, objects, ODD)


COUNTS = st.integers(0, 1 << 70)
TEXTS = st.text(max_size=8) | st.sampled_from(["a" * 256, "a" * 257])
DETAILS = members({}, cached_tokens=COUNTS, reasoning_tokens=COUNTS, image_tokens=COUNTS)
USAGE = members(
    {"prompt_tokens": COUNTS, "completion_tokens": COUNTS},
    total_tokens=COUNTS,
    prompt_tokens_details=DETAILS,
    completion_tokens_details=DETAILS,
    prompt_cache_hit_tokens=COUNTS,
    reasoning_tokens=COUNTS,
    cost=st.floats(0, 9),
    cost_details=st.dictionaries(TEXTS, COUNTS, max_size=2),
)
FUNCTION = members({"name": TEXTS, "arguments": TEXTS})
CALL = members({"id": st.sampled_from(["a", "b"]), "function": FUNCTION}, type=TEXTS, index=COUNTS, custom=FUNCTION)
MESSAGE = members(
    {"role": TEXTS, "content": TEXTS},
    refusal=TEXTS,
    tool_calls=st.lists(CALL, max_size=3),
    reasoning=TEXTS,
    reasoning_content=TEXTS,
    function_call=FUNCTION,
    annotations=ODD,
)
CHOICE = members({"index": st.integers(-1, 9), "message": MESSAGE, "finish_reason": TEXTS}, delta=MESSAGE, logprobs=ODD)
ANSWER = members(
    {"id": TEXTS, "model": TEXTS, "choices": st.lists(CHOICE, min_size=1, max_size=2), "usage": USAGE},
    x_groq=members({}, usage=USAGE),
    error=members({}, code=TEXTS, type=TEXTS),
    code=TEXTS,
)


def observed(body: bytes) -> ResponseRecord:
    observer = WIRE.observer("application/json")
    observer.receive_data(body)
    observer.receive_eof()
    return observer.record()


@given(ANSWER, st.booleans())
def test_it_says_what_the_observer_says_or_nothing(answer: Any, spaced: bool) -> None:
    body = json.dumps(answer, separators=(", ", ": ") if spaced else (",", ":")).encode()
    assert read_whole(body) in (None, observed(body))


CALLS = [
    {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": "{}"}} for name in ("a", "b")
]


@pytest.mark.parametrize("message", [{}, {"content": None, "tool_calls": CALLS}, {"content": None, "refusal": "no"}])
def test_what_is_usual_is_known_at_sight(message: dict[str, Any]) -> None:
    body = completion(message)
    assert WIRE.whole(body) == observed(body)
    assert observed(body).done


MORE_COUNTED: list[dict[str, Any]] = [
    {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "cost": 0.00012, "is_byok": False,
     "cost_details": {"upstream_inference_cost": None, "upstream_inference_prompt_cost": 1e-05},
     "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 0, "video_tokens": 0},
     "completion_tokens_details": {"reasoning_tokens": 1, "image_tokens": 0}},
    {"prompt_tokens": 7, "completion_tokens": 2, "prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 2},
    {"prompt_tokens": 7, "completion_tokens": -2, "total_tokens": 9.0, "reasoning_tokens": 1, "queue_time": 0.01},
    {"prompt_tokens_details": [], "completion_tokens_details": {"reasoning_tokens": "1"}},
]  # fmt: skip


@pytest.mark.parametrize("usage", MORE_COUNTED)
def test_what_some_servers_count_beside_is_no_reason_to_ask_the_observer(usage: dict[str, Any]) -> None:
    body = json.dumps(json.loads(completion()) | {"usage": usage}).encode()
    assert read_whole(body) == observed(body)


def test_whatever_servers_of_the_corpus_count_is_known_at_sight(corpus: Path) -> None:
    counted = {
        json.dumps(usage)
        for stream in (corpus / "streams/chat").rglob("*.sse")
        for line in stream.read_bytes().splitlines()
        if line.startswith(b"data: {") and (usage := json.loads(line[6:]).get("usage"))
    }
    assert any("cost_details" in usage for usage in counted)
    for usage in counted:
        body = json.dumps(json.loads(completion()) | {"usage": json.loads(usage)}).encode()
        assert read_whole(body) == observed(body), usage


PLACES = [
    b'{"type":ODD,',
    b'{"code":ODD,',
    b'{"created":ODD,',
    b'"usage": {"ODD": 1,',
    b'"usage": {"cost":ODD,',
    b'"usage": {"prompt_tokens":ODD,',
    b'"usage": {"prompt_tokens_details":{"ODD":0},',
    b'"usage": {"prompt_tokens_details":{"audio_tokens":ODD},',
    b'"usage": {"completion_tokens_details":{"rejected_prediction_tokens":ODD},',
    b'"choices": [{"logprobs":ODD,',
    b'"message": {"annotations":ODD,',
    b'"message": {"tool_calls":[{"id":"c","type":ODD,"function":{"name":"f","arguments":"","strict":ODD}}],',
]
UNREADABLE = [
    b'"\xff"',
    b'"\\ud800"',
    b'"\\uZZZZ"',
    b"1e999",
    b"9" * 5000,
    b"NaN",
    b"01",
    b"[" * 3000 + b"]" * 3000,
    b"\xff",
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.decode()[-40:])
@pytest.mark.parametrize("odd", UNREADABLE, ids=lambda odd: repr(odd[:8]))
def test_a_value_that_cannot_be_read_is_one_to_both_or_to_none(place: bytes, odd: bytes) -> None:
    front = place[: place.index(b"{", 1 if place[:1] == b'"' else 0) + 1]
    body = completion().replace(front, place.replace(b"ODD", odd), 1)
    assert odd in body
    assert read_whole(body) in (None, observed(body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        completion({"reasoning": "so"}),
        completion({"tool_calls": [CALLS[0], CALLS[0]]}),
        completion({"content": "x" * MAX_BODY_BYTES}),
        completion().replace(b"Hello", b"\\ud83d"),
        completion().replace(b"chatcmpl-1", b"x" * 257),
    ],
    ids=lambda body: body[-24:].decode("latin-1"),
)
def test_what_is_not_is_left_to_the_observer(body: bytes) -> None:
    assert read_whole(body) is None

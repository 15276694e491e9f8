"""The observer of Gemini answers; recorded streams are in tests/corpus/test_streams.py."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.wire.gemini.response import MAX_CALLS, MAX_CANDIDATES, GeminiAnswer, observer
from narrows.wire.types import Choice, ObservedToolCall, ResponseRecord, Usage
from tests.core.event_streams import cut, raw_streams, single_bytes
from tests.wire.counting import assert_counted_alike, record_of

STREAM, JSON = "text/event-stream", "application/json"
USAGE = {
    "promptTokenCount": 10,
    "toolUsePromptTokenCount": 5,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 7,
    "thoughtsTokenCount": 3,
    "totalTokenCount": 25,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}],
}


def chunk(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-3-pro", "responseId": "r1", **more}


def stream(*chunks: Any) -> bytes:
    return b"".join(b"data: %b\r\n\r\n" % json.dumps(one).encode() for one in chunks)


def observed(pieces: list[bytes], content_type: str = STREAM) -> ResponseRecord:
    record = record_of(observer(content_type), pieces)
    assert_counted_alike(record, record_of(observer(content_type, texts=False), pieces))
    return record


ANSWER = (
    chunk({"text": "hm", "thought": True}, usageMetadata={"promptTokenCount": 10}),
    chunk({"text": "Hel"}, usageMetadata={"trafficType": "ON_DEMAND"}),
    chunk({"text": "lo"}, {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "Eo8="}),
    chunk({"functionCall": {"name": "f", "args": {"a": 2}}}),
    chunk({"text": "", "thoughtSignature": "x"}, finish="STOP", usageMetadata=USAGE),
)
RECORD = ResponseRecord(
    id="r1",
    model="gemini-3-pro",
    choices=(
        Choice(
            0,
            "model",
            "Hello",
            "hm",
            "",
            (ObservedToolCall("c1", "f", '{"a": 1}'), ObservedToolCall("", "f", '{"a": 2}')),
            "STOP",
        ),
    ),
    usage=Usage(15, 10, 25, 4, 3),
    usage_seen=2,
    chunks=5,
    done=True,
)


def test_an_event_stream_and_an_array_say_the_same() -> None:
    assert observed([stream(*ANSWER)]) == RECORD
    assert observed([b"[" + b",\r\n".join(json.dumps(one).encode() for one in ANSWER) + b"]"], JSON) == RECORD


_chunks = st.lists(
    st.sampled_from((*ANSWER, {"error": {"status": "UNAVAILABLE"}}, {"promptFeedback": {"blockReason": "SAFETY"}}, 7)),
    max_size=6,
)


@given(_chunks, st.booleans(), st.lists(st.integers(0, 900), max_size=8))
def test_cuts_change_nothing(chunks: list[Any], as_array: bool, places: list[int]) -> None:
    answer = json.dumps(chunks).encode() if as_array else stream(*chunks)
    whole = observed([answer], JSON if as_array else STREAM)
    assert observed(list(cut(answer, places)), JSON if as_array else STREAM) == whole
    assert observed(list(single_bytes(answer)), JSON if as_array else STREAM) == whole


@given(raw_streams | st.binary(max_size=100), st.sampled_from([STREAM, JSON, ""]))
def test_it_survives_anything(answer: bytes, content_type: str) -> None:
    assert observed([answer], content_type).choices == ()


def test_a_whole_answer_a_count_and_an_error() -> None:
    whole = observed([json.dumps(chunk({"text": "Hi"}, finish="STOP", usageMetadata=USAGE)).encode()], JSON)
    assert (whole.choices[0].text, whole.done, whole.chunks) == ("Hi", True, 0)
    counted = observed([b'{"totalTokens": 31}'], JSON)
    assert (counted.usage, counted.done) == (Usage(input_tokens=31), True)
    failed = observed([b'{"error": {"code": 429, "message": "secret", "status": "RESOURCE_EXHAUSTED"}}'], JSON)
    assert (failed.errors, failed.done) == (("RESOURCE_EXHAUSTED",), False)
    assert "secret" not in repr(failed)


def test_it_is_done_when_every_candidate_is() -> None:
    assert not observed([stream(chunk({"text": "a"}))]).done
    assert observed([stream({"promptFeedback": {"blockReason": "SAFETY"}})]).done


def test_candidates_keep_apart() -> None:
    two = [{"index": 1, "content": {"parts": [{"text": "b"}]}}, {"index": 0, "content": {"parts": [{"text": "a"}]}}]
    assert [choice.text for choice in observed([stream({"candidates": two})]).choices] == ["a", "b"]


def test_of_arguments_told_value_by_value_nothing_is_held_where_texts_are_only_counted() -> None:
    answer = GeminiAnswer(texts=False)
    told = {"functionCall": {"name": "f", "partialArgs": [{"jsonPath": "$.text", "stringValue": "secret"}]}}
    answer.take_body(json.dumps(chunk(told)).encode())
    (call,) = answer.record().choices[0].tool_calls
    assert call == ObservedToolCall("", "f", "")


def test_arguments_told_value_by_value() -> None:
    piece = {"jsonPath": "$.city", "stringValue": "Bos", "willContinue": True}
    answer = stream(
        chunk({"functionCall": {"name": "f", "willContinue": True}}),
        chunk({"functionCall": {"partialArgs": [piece], "willContinue": True}}),
        chunk({"functionCall": {"partialArgs": [{**piece, "stringValue": "ton"}]}}),
        chunk({"functionCall": {}}),
        chunk({"functionCall": {"name": "g"}}, finish="STOP"),
    )
    calls = observed([answer]).choices[0].tool_calls
    assert calls == (ObservedToolCall("", "f", '{"city": "Boston"}'), ObservedToolCall("", "g", ""))


@pytest.mark.parametrize("finish", ["STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL"])
def test_the_finish_reason_is_the_providers_word(finish: str) -> None:
    assert observed([stream(chunk({"text": "a"}, finish=finish))]).choices[0].finish_reason == finish


def test_candidates_and_calls_are_bounded() -> None:
    many = [{"index": index, "content": {"parts": [{"text": "x"}]}} for index in range(MAX_CANDIDATES + 3)]
    record = observed([stream({"candidates": many})])
    assert (len(record.choices), record.dropped) == (MAX_CANDIDATES, "capped")
    calls = chunk(*[{"functionCall": {"name": "f"}}] * (MAX_CALLS + 3))
    record = observed([stream(calls)])
    assert (len(record.choices[0].tool_calls), record.dropped) == (MAX_CALLS, "capped")


def test_what_cannot_be_read_is_counted() -> None:
    assert observed([stream([1]) + b"data: {\r\n\r\n"]).unparsed == 2

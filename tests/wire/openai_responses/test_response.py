"""The observer of Responses answers; recorded streams are in tests/corpus/test_streams.py."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.wire.openai_responses.response import MAX_ITEMS, observer
from narrows.wire.types import Choice, ObservedToolCall, ResponseRecord, Usage
from tests.core.event_streams import cut, raw_streams, single_bytes
from tests.wire.counting import assert_counted_alike, record_of

STREAM = "text/event-stream"
USAGE = {
    "input_tokens": 30,
    "input_tokens_details": {"cached_tokens": 8},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 50,
}


def stream(*events: dict[str, Any]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), json.dumps(one).encode()) for one in events)


def observed(pieces: list[bytes], content_type: str = STREAM) -> ResponseRecord:
    record = record_of(observer(content_type), pieces)
    assert_counted_alike(record, record_of(observer(content_type, texts=False), pieces))
    return record


def delta(kind: str, place: int, text: str, item_id: str = "") -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": place, "item_id": item_id or f"i{place}", "delta": text}


def added(place: int, **item: object) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": place, "item": {"id": f"i{place}", **item}}


def finished(place: int, **item: object) -> dict[str, Any]:
    return {**added(place, **item), "type": "response.output_item.done"}


CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5", "status": "in_progress"}}
COMPLETED = {
    "type": "response.completed",
    "response": {"id": "resp_1", "model": "gpt-5", "status": "completed", "usage": USAGE},
}
TEXT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
CALL = ObservedToolCall("call_1", "f", '{"a":1}')


def test_a_stream_with_items_out_of_order() -> None:
    answer = stream(
        CREATED,
        added(0, type="reasoning"),
        delta("reasoning_summary_text", 0, "hm"),
        added(2, type="function_call", call_id="call_1", name="f", arguments=""),
        delta("function_call_arguments", 2, '{"a"'),
        added(1, type="message", role="assistant"),
        delta("output_text", 1, "Hel"),
        delta("function_call_arguments", 2, ":1}"),
        delta("output_text", 1, "lo"),
        finished(1, **TEXT),
        finished(2, type="function_call", call_id="call_1", name="f", arguments='{"a":1}'),
        COMPLETED,
    )
    assert observed([answer]) == ResponseRecord(
        id="resp_1",
        model="gpt-5",
        choices=(Choice(0, "assistant", "Hello", "hm", "", (CALL,), "completed"),),
        usage=Usage(30, 20, 50, 8, 5),
        usage_seen=1,
        chunks=12,
        done=True,
    )


_events = st.lists(
    st.one_of(
        st.sampled_from((CREATED, COMPLETED, {"type": "error", "code": "rate_limit"}, finished(1, **TEXT))),
        st.builds(delta, st.sampled_from(("output_text", "refusal")), st.integers(0, 2), st.sampled_from(("é", ""))),
        st.builds(lambda place: added(place, type="function_call", call_id="c", name="f"), st.integers(0, 2)),
    ),
    max_size=8,
).map(lambda events: stream(*events))


@given(_events | raw_streams | st.binary(max_size=100), st.lists(st.integers(0, 900), max_size=8))
def test_cuts_change_nothing(answer: bytes, places: list[int]) -> None:
    whole = observed([answer])
    assert observed(list(cut(answer, places))) == whole
    assert observed(list(single_bytes(answer))) == whole


def test_items_told_only_as_a_whole() -> None:
    answer = stream(
        finished(0, **TEXT), finished(1, type="function_call", call_id="call_1", name="f", arguments='{"a":1}')
    )
    (choice,) = observed([answer]).choices
    assert (choice.text, choice.tool_calls) == ("Hello", (CALL,))


def test_a_stream_taken_up_midway_is_filled_from_its_end() -> None:
    end = {**COMPLETED, "response": {**COMPLETED["response"], "output": [{"id": "x", **TEXT}]}}  # type: ignore[dict-item]
    (choice,) = observed([stream(end)]).choices
    assert choice.text == "Hello"


def test_an_item_is_its_place_where_ids_change() -> None:
    answer = stream(delta("output_text", 0, "a", "one"), delta("output_text", 0, "b", "other"))
    assert observed([answer]).choices[0].text == "ab"


def test_refusals_custom_tools_and_raw_reasoning() -> None:
    answer = stream(
        delta("refusal", 0, "no"),
        added(1, type="custom_tool_call", call_id="c", name="sql"),
        delta("custom_tool_call_input", 1, "SELECT"),
        delta("reasoning_text", 2, "hm"),
    )
    (choice,) = observed([answer]).choices
    assert (choice.refusal, choice.reasoning) == ("no", "hm")
    assert choice.tool_calls == (ObservedToolCall("c", "sql", "SELECT"),)


@pytest.mark.parametrize("status", ["failed", "incomplete"])
def test_other_ends(status: str) -> None:
    response = {"id": "resp_1", "status": status, "error": {"code": "server_error", "message": "sk-secret"}}
    record = observed([stream({"type": f"response.{status}", "response": response})])
    assert (record.done, record.errors) == (True, ("server_error",))
    assert record.choices[0].finish_reason == status
    assert "secret" not in repr(record)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "sk-secret"}, "rate_limit_exceeded"),
        ({"type": "error", "error": {"type": "server_error", "message": "sk-secret"}}, "server_error"),
        ({"type": "error"}, "error"),
    ],
)
def test_an_error_in_a_stream(error: dict[str, Any], name: str) -> None:
    record = observed([stream(CREATED, error)])
    assert (record.errors, record.done) == ((name,), False)
    assert "secret" not in repr(record)


def test_a_whole_response() -> None:
    call = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a":1}'}
    reasoning = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    body = {"id": "resp_1", "object": "response", "status": "completed", "error": None, "usage": USAGE}
    record = observed([json.dumps({**body, "output": [reasoning, TEXT, call]}).encode()], "application/json")
    assert record.choices == (Choice(0, "assistant", "Hello", "hm", "", (CALL,), "completed"),)
    assert (record.done, record.usage) == (True, Usage(30, 20, 50, 8, 5))


def test_an_error_body_and_a_count() -> None:
    error = b'{"error": {"message": "sk-secret", "type": "invalid_request_error", "param": null, "code": null}}'
    record = observed([error], "application/json")
    assert (record.errors, record.done) == (("invalid_request_error",), False)
    counted = observed([b'{"object": "response.input_tokens", "input_tokens": 11}'], "application/json")
    assert (counted.usage, counted.choices, counted.done) == (Usage(input_tokens=11), (), True)


def test_items_are_bounded() -> None:
    record = observed([stream(*[delta("output_text", place, "x") for place in range(MAX_ITEMS + 5)])])
    assert record.dropped == "capped"
    assert len(record.choices[0].text) == MAX_ITEMS


def test_what_cannot_be_read_is_counted() -> None:
    assert observed([b"data: {\n\n" + b"data: [1]\n\n"]).unparsed == 2
    assert observed([b"{"], "application/json").unparsed == 1


def test_nothing_is_read_after_done() -> None:
    assert observed([b"data: [DONE]\n\ndata: {\n\n"]).unparsed == 0

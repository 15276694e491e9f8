"""The observer of Messages answers; recorded streams are in tests/corpus/test_streams.py."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.wire.anthropic.response import MAX_BLOCKS, observer
from narrows.wire.types import PREFIX_MISMATCH, Choice, ObservedToolCall, ResponseRecord, Usage
from tests.core.event_streams import cut, raw_streams, single_bytes
from tests.wire.counting import assert_counted_alike, record_of

STREAM = "text/event-stream"


def stream(*events: dict[str, Any]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), json.dumps(one).encode()) for one in events)


def observed(pieces: list[bytes], content_type: str = STREAM) -> ResponseRecord:
    record = record_of(observer(content_type), pieces)
    assert_counted_alike(record, record_of(observer(content_type, texts=False), pieces))
    return record


def delta(index: int, **fields: object) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def begin(index: int, **fields: object) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": fields}


USAGE = {"input_tokens": 9, "output_tokens": 1}
MESSAGE = {"id": "msg_1", "model": "claude-x", "role": "assistant", "content": [], "usage": USAGE}
START = {"type": "message_start", "message": MESSAGE}
END = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 20}}
STOP = {"type": "message_stop"}
CALL = ObservedToolCall("toolu_1", "f", '{"a":1}')
ANSWER = stream(
    START,
    {"type": "ping"},
    begin(0, type="thinking", thinking=""),
    delta(0, type="thinking_delta", thinking="hm"),
    delta(0, type="signature_delta", signature="Eo8="),
    begin(1, type="text", text=""),
    delta(1, type="text_delta", text="Hel"),
    delta(1, type="citations_delta", citation={"cited_text": "secret"}),
    begin(2, type="tool_use", id="toolu_1", name="f", input={}),
    delta(2, type="input_json_delta", partial_json='{"a"'),
    delta(1, type="text_delta", text="lo"),
    delta(2, type="input_json_delta", partial_json=":1}"),
    END,
    STOP,
)


def test_a_stream() -> None:
    assert observed([ANSWER]) == ResponseRecord(
        id="msg_1",
        model="claude-x",
        choices=(
            Choice(0, "assistant", "Hello", "hm", "", (ObservedToolCall("toolu_1", "f", '{"a":1}'),), "tool_use"),
        ),
        usage=Usage(9, 20, 29),
        usage_seen=2,
        chunks=14,
        done=True,
    )


_events = st.lists(
    st.one_of(
        st.sampled_from((START, END, STOP, {"type": "ping"}, {"type": "error", "error": {"type": "overloaded_error"}})),
        st.builds(lambda index, text: delta(index, text=text), st.integers(0, 2), st.sampled_from(("é", "", "\n"))),
        st.builds(lambda index: begin(index, type="tool_use", id="t", name="f", input={}), st.integers(0, 2)),
    ),
    max_size=8,
).map(lambda events: stream(*events))


@given(_events | raw_streams | st.binary(max_size=100), st.lists(st.integers(0, 900), max_size=8))
def test_cuts_change_nothing(answer: bytes, places: list[int]) -> None:
    whole = observed([answer])
    assert observed(list(cut(answer, places))) == whole
    assert observed(list(single_bytes(answer))) == whole


def test_usage_counts_the_cache_in_and_says_what_was_read() -> None:
    usage = {
        "input_tokens": 5,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 1_000,
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 3},
    }
    body = json.dumps({"type": "message", "id": "m", "role": "assistant", "content": [], "usage": usage}).encode()
    assert observed([body], "application/json").usage == Usage(1_105, 7, 1_112, 1_000, 3)


def test_figures_of_a_later_event_replace_those_before_one_by_one() -> None:
    late = {"type": "message_delta", "delta": {}, "usage": {"input_tokens": 61, "output_tokens": 2}}
    assert observed([stream(START, late)]).usage == Usage(61, 2, 63)


def test_a_whole_message() -> None:
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "x"},
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    ]
    body = json.dumps(
        {"type": "message", "id": "m", "role": "assistant", "content": content, "stop_reason": "end_turn"}
    )
    (choice,) = observed([body.encode()], "application/json").choices
    assert choice == Choice(0, "assistant", "Hi", "hm", "", (ObservedToolCall("t", "f", '{"a": 1}'),), "end_turn")


def test_a_count_of_tokens() -> None:
    record = observed([b'{"input_tokens": 2095}'], "application/json")
    assert (record.usage, record.choices, record.done) == (Usage(input_tokens=2095), (), True)


@pytest.mark.parametrize("content_type", [STREAM, "application/json"])
def test_errors_are_named_and_never_quoted(content_type: str) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "sk-secret"}}
    answer = stream(START, error) if content_type == STREAM else json.dumps(error).encode()
    record = observed([answer], content_type)
    assert record.errors == ("overloaded_error",)
    assert record.done is False
    assert "secret" not in repr(record)


def test_a_stream_that_begins_again_does_not_say_everything_twice() -> None:
    again = stream(START, begin(0, type="text", text=""), delta(0, text="a"), START, begin(0, type="text", text=""))
    (choice,) = observed([again + stream(delta(0, text="ab"), STOP)]).choices
    assert choice.text == "ab"


def test_blocks_are_bounded() -> None:
    record = observed([stream(*[begin(index, type="text", text="x") for index in range(MAX_BLOCKS + 5)])])
    assert record.dropped == "capped"
    assert len(record.choices[0].text) == MAX_BLOCKS


def test_what_cannot_be_read_is_counted() -> None:
    odd = [delta(7, text="no block"), {"type": "message_start", "message": 7}, {"type": "content_block_delta"}]
    assert observed([stream(*odd) + b"data: {\n\n"]).unparsed == 3


def test_a_thinking_block_behind_another_prefix_has_a_name_of_its_own() -> None:
    message = "messages.3.content.0: The block is bound to a different conversation."
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    assert observed([json.dumps(error).encode()], "application/json").errors == (PREFIX_MISMATCH,)

"""The observer, by the rows of the wire contract: the order, the dialects, and streams as clients parse them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.wire import answers
from narrows.wire.openai_chat import response
from narrows.wire.types import Choice, ObservedToolCall, ResponseRecord, Usage
from tests.core.event_streams import raw_streams
from tests.wire.openai_chat.answers import (
    DONE,
    JSON,
    STREAM,
    bodies,
    call,
    chunk,
    frame,
    observed,
    only_choice,
    stream_of,
)
from tests.wire.openai_chat.answers import streams as any_streams

USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
TEXT = [
    chunk({"role": "assistant", "content": "", "refusal": None}),
    chunk({"content": "Hel"}),
    chunk({"content": "lo"}),
]


@given(any_streams | bodies | raw_streams | st.binary(max_size=200), st.sampled_from([STREAM, JSON, "", "text/html"]))
def test_it_survives_anything(answer: bytes, content_type: str) -> None:
    record = observed(answer, content_type)
    assert len(record.choices) <= response.MAX_CHOICES


# The recorded order


def test_a_stream_of_text() -> None:
    assert observed(stream_of(*TEXT, chunk(finish="stop"))) == ResponseRecord(
        id="chatcmpl-1",
        model="gpt-4o",
        choices=(Choice(0, "assistant", "Hello", finish_reason="stop"),),
        chunks=4,
        done=True,
    )


def test_refusals_are_gathered_like_text() -> None:
    choice = only_choice(observed(stream_of(TEXT[0], chunk({"refusal": "I can"}), chunk({"refusal": "not"}))))
    assert (choice.refusal, choice.text) == ("I cannot", "")


def test_arguments_over_three_chunks() -> None:
    answer = stream_of(
        chunk(
            {
                "role": "assistant",
                "content": None,
                **call(index=0, id="call_1", type="function", name="f", arguments=""),
            }
        ),
        chunk(call(index=0, arguments='{"ci')),
        chunk(call(index=0, arguments='ty":')),
        chunk(call(index=0, arguments="1}")),
        chunk(finish="tool_calls"),
    )
    choice = only_choice(observed(answer))
    assert choice.tool_calls == (ObservedToolCall("call_1", "f", '{"city":1}'),)
    assert choice.finish_reason == "tool_calls"


def test_calls_in_parallel_keep_apart_by_index() -> None:
    answer = stream_of(
        chunk(call(index=0, id="call_a", name="f", arguments="")),
        chunk(call(index=1, id="call_b", name="g", arguments="")),
        chunk(call(index=0, arguments="1")),
        chunk(call(index=1, arguments="2")),
        chunk(call(index=0, arguments="3")),
    )
    assert only_choice(observed(answer)).tool_calls == (
        ObservedToolCall("call_a", "f", "13"),
        ObservedToolCall("call_b", "g", "2"),
    )


def test_usage_comes_in_a_chunk_without_choices_and_null_before_it() -> None:
    before = [{**one, "usage": None} for one in TEXT]
    record = observed(stream_of(*before, {"id": "chatcmpl-1", "choices": [], "usage": USAGE}))
    assert record.usage == Usage(input_tokens=12, output_tokens=5, total_tokens=17)
    assert record.usage_seen == 1
    assert only_choice(record).text == "Hello"


def test_usage_in_full() -> None:
    usage = USAGE | {
        "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    assert observed(stream_of({"choices": [], "usage": usage})).usage == Usage(12, 5, 17, 8, 3)


@pytest.mark.parametrize("after", [b"", DONE], ids=["then the end", "then [DONE]"])
@pytest.mark.parametrize("name", [b"", b"event: error\n"], ids=["unnamed", "named"])
def test_an_error_frame(name: bytes, after: bytes) -> None:
    error = {"error": {"message": "a secret: sk-1", "type": "server_error", "param": None, "code": "overloaded"}}
    record = observed(stream_of(*TEXT, done=False) + name + frame(error) + after)
    assert record.errors == ("overloaded",)
    assert record.chunks == 3
    assert record.done is bool(after)
    assert "sk-1" not in repr(record)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ({"code": None, "type": "server_error"}, "server_error"),
        ({"code": 502, "message": "x"}, "502"),
        ({"message": "x"}, "error"),
        ("just text", "error"),
    ],
)
def test_an_errors_name(error: object, name: str) -> None:
    assert observed(stream_of({"error": error})).errors == (name,)


def test_an_error_that_only_its_event_names() -> None:
    assert observed(b"event: error\n" + frame({"message": "x", "type": "rate_limit"})).errors == ("rate_limit",)


def test_an_error_beside_choices_leaves_both() -> None:
    record = observed(stream_of(chunk({"content": "par"}), chunk({"content": "t"}, "error", error={"code": 502})))
    assert record.errors == ("502",)
    assert only_choice(record) == Choice(0, text="part", finish_reason="error")


def test_several_choices_interleaved() -> None:
    answer = stream_of(
        chunk({"content": "b"}, index=1),
        chunk({"content": "a"}, index=0),
        chunk({"content": "B"}, "stop", index=1),
        chunk({"content": "A"}, "length", index=0),
    )
    assert observed(answer).choices == (
        Choice(0, text="aA", finish_reason="length"),
        Choice(1, text="bB", finish_reason="stop"),
    )


# The dialects


def test_openrouter_comments_roles_everywhere_two_finishes() -> None:
    chunks = [
        chunk({"role": "assistant", "content": "a"}, provider="X"),
        chunk({"role": "assistant", "content": "b"}, "stop", usage=USAGE),
        chunk({"role": "assistant", "content": ""}, "length"),
    ]
    record = observed(b": OPENROUTER PROCESSING\n\n".join(map(frame, chunks)) + DONE)
    assert only_choice(record) == Choice(0, "assistant", "ab", finish_reason="length")
    assert record.usage_seen == 1


def test_usage_on_the_finish_chunk_and_again_under_x_groq() -> None:
    record = observed(
        stream_of(chunk(finish="stop", usage=USAGE, x_groq={"id": "req", "usage": USAGE | {"total_tokens": 1}}))
    )
    assert record.usage == Usage(12, 5, 17)
    assert record.usage_seen == 1


def test_usage_under_x_groq_alone() -> None:
    assert observed(stream_of(chunk(finish="stop", x_groq={"usage": USAGE}))).usage == Usage(12, 5, 17)


def test_another_id_in_each_chunk_the_first_stands() -> None:
    assert observed(stream_of(chunk(id=""), chunk(id="first"), chunk(id="second"))).id == "first"


def test_an_empty_id_in_later_deltas_of_a_call() -> None:
    answer = stream_of(
        chunk(call(index=0, id="call_1", name="f")), chunk(call(index=0, id="", name="", arguments="{}"))
    )
    assert only_choice(observed(answer)).tool_calls == (ObservedToolCall("call_1", "f", "{}"),)


def test_id_and_name_sent_twice_stay_single() -> None:
    delta = call(index=0, id="call_1", name="f", arguments="x")
    assert only_choice(observed(stream_of(chunk(delta), chunk(delta)))).tool_calls == (
        ObservedToolCall("call_1", "f", "xx"),
    )


def test_cumulative_usage_the_last_counts() -> None:
    chunks = [chunk({"content": "x"}, usage=USAGE | {"completion_tokens": count}) for count in (1, 2, 3)]
    final = {
        "object": "chat.completion.done",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "xxx"}}],
    }
    record = observed(stream_of(*chunks, final))
    assert record.usage == Usage(12, 3, 17)
    assert record.usage_seen == 3
    assert only_choice(record).text == "xxx"


def test_a_whole_call_without_index_on_the_finish_chunk() -> None:
    answer = stream_of(
        chunk({"role": "assistant", "content": ""}), chunk(call(id="a", name="f", arguments="{}"), "tool_calls")
    )
    assert only_choice(observed(answer)).tool_calls == (ObservedToolCall("a", "f", "{}"),)


def test_calls_without_index_go_by_id_else_to_a_new_one() -> None:
    answer = stream_of(
        chunk(call(id="a", name="f", arguments="1")),
        chunk(call(id="b", name="g", arguments="2")),
        chunk(call(id="a", arguments="3")),
        chunk(call(arguments="4")),
        chunk(call(name="h", arguments="5")),
    )
    assert only_choice(observed(answer)).tool_calls == (
        ObservedToolCall("a", "f", "13"),
        ObservedToolCall("b", "g", "24"),
        ObservedToolCall("", "h", "5"),
    )


def test_an_unknown_index_key_inside_a_delta_is_ignored() -> None:
    assert only_choice(observed(stream_of(chunk({"index": 3, "content": "a"})))).index == 0


def test_index_one_before_index_zero() -> None:
    answer = stream_of(chunk(call(index=1, id="b", name="g")), chunk(call(index=0, id="a", name="f")))
    assert [one.id for one in only_choice(observed(answer)).tool_calls] == ["b", "a"]


def test_nulls_in_every_later_chunk() -> None:
    later = chunk({"role": None, "content": "b", "tool_calls": None, "refusal": None})
    assert only_choice(observed(stream_of(chunk({"role": "assistant", "content": "a"}), later))) == Choice(
        0, "assistant", "ab"
    )


def test_a_first_chunk_without_choices_and_with_an_empty_model() -> None:
    first = {"choices": [], "model": "", "id": "", "prompt_filter_results": [{"prompt_index": 0}]}
    record = observed(stream_of(first, *TEXT))
    assert (record.id, record.model, only_choice(record).text) == ("chatcmpl-1", "gpt-4o", "Hello")


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_by_either_name(key: str) -> None:
    choice = only_choice(observed(stream_of(chunk({key: "think", "content": None}), chunk({key: "", "content": "a"}))))
    assert (choice.reasoning, choice.text) == ("think", "a")


def test_mistral_content_parts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    choice = only_choice(
        observed(stream_of(chunk({"content": [thinking]}), chunk({"content": [{"type": "text", "text": "a"}]})))
    )
    assert (choice.reasoning, choice.text) == ("hm", "a")


def test_a_legacy_function_call_and_a_custom_tool() -> None:
    legacy = stream_of(
        chunk({"function_call": {"name": "f", "arguments": ""}}), chunk({"function_call": {"arguments": "{}"}})
    )
    assert only_choice(observed(legacy)).tool_calls == (ObservedToolCall("", "f", "{}"),)
    custom = {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]}
    assert only_choice(observed(stream_of(chunk(custom)))).tool_calls == (ObservedToolCall("c", "sh", "ls"),)


# Streams as clients parse them


def test_an_event_without_its_blank_line_is_lost() -> None:
    record = observed(stream_of(*TEXT, done=False).removesuffix(b"\n"))
    assert only_choice(record).text == "Hel"
    assert record.unparsed == 1


def test_an_end_without_done_is_not_done() -> None:
    assert not observed(stream_of(*TEXT, done=False)).done


def test_nothing_counts_after_done() -> None:
    whole = stream_of(*TEXT)
    assert observed(
        whole + stream_of(chunk({"content": "!"}), {"choices": [], "usage": USAGE}) + b"data: {\n\n"
    ) == observed(whole)


@pytest.mark.parametrize(
    "nonsense", [b"data:\n\n", b"data: {\n\n", b"data: [1]\n\n", b'data: {"choices":1}\n\n', b"data: \xff\n\n"]
)
def test_what_cannot_be_read_is_counted_and_passed_over(nonsense: bytes) -> None:
    record = observed(nonsense + stream_of(*TEXT))
    assert record.unparsed == 1
    assert only_choice(record).text == "Hello"


def test_id_and_retry_lines_change_nothing() -> None:
    plain = stream_of(*TEXT)
    assert observed(b"id: 1\nretry: 5\n\n" + plain.replace(b"data", b"id: 2\ndata")) == observed(plain)


def test_json_over_several_data_lines() -> None:
    assert only_choice(observed(b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"a"}}]}\n\n')).text == "a"


def test_halves_of_a_surrogate_pair_in_two_chunks() -> None:
    halves = rb'data: {"choices":[{"index":0,"delta":{"content":"\ud83c"}}]}' + b"\n\n"
    choice = only_choice(observed(halves + halves.replace(b"d83c", b"df89")))
    assert choice.text.encode("utf-16-le", "surrogatepass").decode("utf-16-le") == "🎉"


def test_nan_among_log_probabilities() -> None:
    assert only_choice(observed(b'data: {"choices":[{"delta":{"content":"a"},"logprobs":NaN}]}\n\n')).text == "a"


# Whole bodies


def completion(**fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hi", "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": USAGE,
    } | fields


def test_a_whole_completion() -> None:
    assert observed(json.dumps(completion(), indent=2).encode(), JSON) == ResponseRecord(
        id="chatcmpl-1",
        model="gpt-4o",
        choices=(Choice(0, "assistant", "Hi", finish_reason="stop"),),
        usage=Usage(12, 5, 17),
        usage_seen=1,
        done=True,
    )


def test_tool_calls_of_a_whole_completion_have_no_index() -> None:
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "[]"}},
    ]
    choices = [
        {
            "index": 0,
            "message": {"role": "assistant", "content": None, "tool_calls": calls},
            "finish_reason": "tool_calls",
        }
    ]
    record = observed(json.dumps(completion(choices=choices)).encode(), JSON)
    assert only_choice(record).tool_calls == (ObservedToolCall("a", "f", "{}"), ObservedToolCall("b", "g", "[]"))


def test_an_error_body() -> None:
    error = {
        "error": {"message": "sk-1 is wrong", "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}
    }
    record = observed(json.dumps(error).encode(), JSON)
    assert record == ResponseRecord(errors=("invalid_api_key",))


@pytest.mark.parametrize("body", [b"<html>", b"upstream connect error", b'{"id":', b"[1]", b"null"])
def test_a_body_that_is_no_json_object(body: bytes) -> None:
    assert observed(body, JSON) == ResponseRecord(unparsed=1)


@pytest.mark.parametrize("content_type", [JSON, STREAM, ""])
def test_an_empty_body(content_type: str) -> None:
    assert observed(b"", content_type) == observed(b" \n", content_type) == ResponseRecord()


@pytest.mark.parametrize("content_type", [JSON, STREAM, "text/plain", ""])
def test_a_wrong_content_type_is_seen_through(content_type: str) -> None:
    stream, body = stream_of(*TEXT), json.dumps(completion()).encode()
    assert observed(stream, content_type) == observed(stream, STREAM)
    assert observed(b": wait\n\n" + stream, content_type) == observed(stream, STREAM)
    assert observed(b"\n " + body, content_type) == observed(body, JSON)


# Bounds


def test_texts_over_the_bound_are_cut_and_the_rest_is_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_TEXT_BYTES", 1_000)
    record = observed(stream_of(*[chunk({"content": "x" * 100})] * 20, chunk(finish="stop", usage=USAGE)))
    assert record.dropped == answers.CAPPED
    assert 0 < len(only_choice(record).text) < 1_000
    assert only_choice(record).finish_reason == "stop"
    assert record.usage == Usage(12, 5, 17)


def test_a_body_over_the_bound_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_BODY_BYTES", 100)
    assert observed(json.dumps(completion()).encode(), JSON) == ResponseRecord(dropped=answers.BODY_TOO_LARGE)


def test_an_event_over_the_bound_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_EVENT_BYTES", 300)
    record = observed(stream_of(chunk({"content": "x" * 300}), *TEXT))
    assert record.unparsed == 1
    assert only_choice(record).text == "Hello"


def test_choices_calls_errors_and_names_are_bounded() -> None:
    many = stream_of(*(chunk({"content": "x"}, index=index) for index in range(300)))
    assert len(observed(many).choices) == response.MAX_CHOICES
    assert observed(many).dropped == answers.CAPPED
    calls = observed(stream_of(*(chunk(call(index=index, id=str(index))) for index in range(1_000))))
    assert len(only_choice(calls).tool_calls) == 256
    assert len(observed(stream_of(*[{"error": {"code": "x"}}] * 100)).errors) == answers.MAX_ERRORS
    long = "x" * 100_000
    named = observed(stream_of(chunk({"role": long, **call(index=0, id=long, name=long)}, long, id=long, model=long)))
    assert len(repr(named)) < 3_000


def test_one_event_of_200_kilobytes() -> None:
    assert len(only_choice(observed(stream_of(chunk({"content": "é" * 200_000})))).text) == 200_000

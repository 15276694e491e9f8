"""The wire's exact shapes; that official clients read them is shown in tests/e2e."""

from __future__ import annotations

import json
from typing import Any

import pytest

from narrows.agents.calls import PendingCall
from narrows.agents.observation import AgentCall, Finish, Usage
from narrows.agents.render import DONE, KEEP_ALIVE, Rendering, error_frame, usage_object
from narrows.core.sse import EventStreamDecoder
from narrows.errors import AgentTimeout

PLAIN = Rendering("chatcmpl-1", 7, "coder")
COUNTED = Rendering("chatcmpl-1", 7, "coder", include_usage=True)
HEAD = {"id": "chatcmpl-1", "created": 7, "model": "coder"}
USAGE = Usage(10, 4, 2, 1)
USAGE_OBJECT = {
    "prompt_tokens": 10,
    "completion_tokens": 4,
    "total_tokens": 14,
    "prompt_tokens_details": {"cached_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 1},
}


def events(data: bytes) -> list[Any]:
    found = EventStreamDecoder().receive_data(data)
    return [one.data.decode() if one.data == b"[DONE]" else json.loads(one.data) for one in found]


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**HEAD, "object": "chat.completion.chunk", "choices": [choice], **more}


def test_a_stream() -> None:
    data = PLAIN.role() + PLAIN.text("Hi\n") + PLAIN.end(Finish.STOP, USAGE)
    assert events(data) == [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"content": "Hi\n"}),
        chunk({}, "stop"),
        "[DONE]",
    ]
    assert data.endswith(DONE)
    assert all(line == b"" or line.startswith(b"data: ") for line in data.split(b"\n"))


def test_a_stream_with_usage_has_one_more_chunk_and_null_in_the_others() -> None:
    found = events(COUNTED.role() + COUNTED.text("Hi") + COUNTED.end(Finish.LENGTH, USAGE))
    assert [one["usage"] for one in found[:3]] == [None] * 3
    assert found[3] == {**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": USAGE_OBJECT}
    assert found[4:] == ["[DONE]"]


def test_reasoning_stands_beside_the_text_and_only_where_there_is_some() -> None:
    (chunk,) = events(PLAIN.text("Hm.", thought=True))
    assert chunk["choices"][0]["delta"] == {"reasoning_content": "Hm."}
    message = json.loads(PLAIN.whole("Hi", Finish.STOP, None, reasoning="Hm."))["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("Hi", "Hm.")
    assert "reasoning_content" not in json.loads(PLAIN.whole("Hi", Finish.STOP, None))["choices"][0]["message"]


def test_usage_that_nobody_counted_is_left_out() -> None:
    for unknown in (None, Usage(), Usage(input_tokens=3)):
        assert usage_object(unknown) is None
        assert "usage" not in json.loads(COUNTED.whole("Hi", Finish.STOP, unknown))
        assert len(events(COUNTED.end(Finish.STOP, unknown))) == 2
    assert usage_object(Usage(0, 0)) == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def test_a_whole_answer() -> None:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "", "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
    }
    expected = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE_OBJECT}
    assert json.loads(PLAIN.whole("", Finish.STOP, USAGE)) == expected


CALLS = (
    PendingCall("call_a", AgentCall("native", "f", '{"a": 1}', "signed")),
    PendingCall("call_b", AgentCall("", "g", "")),
)


def test_calls_in_a_stream_say_each_name_and_id_once() -> None:
    data = PLAIN.role(calls_alone=True) + PLAIN.calls(CALLS) + PLAIN.end(Finish.TOOL_CALLS, None)
    first = {"index": 0, "id": "call_a", "type": "function", "function": {"name": "f", "arguments": ""}}
    second = {"index": 1, "id": "call_b", "type": "function", "function": {"name": "g", "arguments": ""}}
    assert events(data) == [
        chunk({"role": "assistant", "content": None, "refusal": None}),
        chunk({"tool_calls": [first]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1}'}}]}),
        chunk({"tool_calls": [second]}),
        chunk({}, "tool_calls"),
        "[DONE]",
    ]
    assert b"native" not in data
    assert b"signed" not in data


@pytest.mark.parametrize(("text", "content"), [("", None), ("Hi", "Hi")])
def test_calls_in_a_whole_answer(text: str, content: str | None) -> None:
    (choice,) = json.loads(PLAIN.whole(text, Finish.TOOL_CALLS, None, CALLS))["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {
        "role": "assistant",
        "content": content,
        "refusal": None,
        "tool_calls": [
            {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
            {"id": "call_b", "type": "function", "function": {"name": "g", "arguments": ""}},
        ],
    }


def test_an_error_in_a_stream_has_four_keys_and_nothing_after_it() -> None:
    (found,) = events(error_frame(AgentTimeout("too long")))
    said = {"message": "too long", "type": "timeout_error", "param": None, "code": "agent_timeout"}
    assert found == {"error": said}


def test_a_comment_is_no_event() -> None:
    assert events(KEEP_ALIVE + PLAIN.text("x")) == [chunk({"content": "x"})]


def test_half_of_a_surrogate_pair_can_be_sent() -> None:
    assert events(PLAIN.text("a\ud83d"))[0]["choices"][0]["delta"]["content"] == "a?"
    assert json.loads(PLAIN.whole("\ud83d", Finish.STOP, None))["choices"][0]["message"]["content"] == "?"

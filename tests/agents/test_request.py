from __future__ import annotations

from typing import Any

import msgspec
import pytest

from narrows.agents.request import Call, ChatRequest, Image, Message, model_of, read_request
from narrows.agents.tools import ClientTool
from narrows.errors import GatewayError, MalformedRequest, UnsupportedParameter

HI = {"role": "user", "content": "hi"}


def read(lenient: bool = False, /, **fields: Any) -> ChatRequest:
    return read_request(msgspec.json.encode({"model": "coder", "messages": [HI], **fields}), lenient=lenient)


def refused(**fields: Any) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        read(**fields)
    return caught.value


def test_what_is_read() -> None:
    request = read(stream=True, stream_options={"include_usage": True}, timeout=30, max_tokens=50)
    assert request == ChatRequest("coder", (Message("user", "hi"),), True, True, 30.0, 50)


def test_texts_may_stand_in_parts() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert read(messages=[{"role": "user", "content": parts}]).messages == (Message("user", "one\ntwo"),)


def test_calls_and_their_outputs() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said: list[Any] = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "out"},
        {"role": "assistant", "refusal": "no"},
        {"role": "assistant", "function_call": {"name": "g", "arguments": "1"}},
    ]
    assert read(messages=said).messages == (
        Message("assistant", "", (Call("call_1", "f", "{}"),)),
        Message("tool", "out", (), "call_1"),
        Message("assistant", "no"),
        Message("assistant", "", (Call("", "g", "1"),)),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", 0.2), ("n", 2), ("stop", ["x"]), ("response_format", {"type": "json_object"}), ("seed", 1),
     ("tool_choice", "required"), ("store", True), ("functions", [{"name": "f"}]), ("made_up", 1)],
)  # fmt: skip
def test_what_an_agent_cannot_honour_is_refused_by_name(name: str, value: object) -> None:
    error = refused(**{name: value})
    assert isinstance(error, UnsupportedParameter)
    assert error.param == name
    assert read(True, **{name: value}).ignored == (name,)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tool_choice": "required"}, 'nobody can have an agent call a tool, so `tool_choice` may be "auto" or "none"'),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, 'may be "auto" or "none", where "none"'),
        ({"n": 2}, "cannot honour `n` but as 1; leave it out"),
        ({"seed": 1}, "cannot honour `seed`; leave it out"),
    ],
)
def test_a_refusal_says_what_is_possible(fields: dict[str, Any], words: str) -> None:
    assert words in refused(**fields).message


@pytest.mark.parametrize(
    ("name", "value"),
    [("n", 1), ("temperature", 1), ("tools", []), ("tool_choice", "auto"), ("response_format", {"type": "text"}),
     ("user", "me"), ("metadata", {"a": "b"}), ("seed", None), ("logprobs", False)],
)  # fmt: skip
def test_what_holds_anyway_is_taken(name: str, value: object) -> None:
    assert read(**{name: value}).ignored == ()


def test_a_clients_tools() -> None:
    function = {"name": "f", "strict": True}
    request = read(tools=[{"type": "function", "function": function}], tool_choice="auto")
    assert (request.tools, request.ignored) == ((ClientTool("f"),), ("tools.strict",))


def test_a_client_may_want_one_call_at_a_time() -> None:
    assert [read(parallel_tool_calls=one).parallel_calls for one in (True, None, False)] == [True, True, False]
    assert refused(parallel_tool_calls="no").param == "parallel_tool_calls"


PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K", "detail": "low"}}


def test_an_image_is_told_of_where_it_stands() -> None:
    content = [{"type": "text", "text": "this"}, PNG, {"type": "text", "text": "or that?"}, PNG]
    (message,) = read(messages=[{"role": "user", "content": content}]).messages
    assert message.text == "this\n[Image]\nor that?\n[Image]"
    assert message.images == (Image("image/png", "iVBORw0K"),) * 2


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a.png",
        "data:,",
        "data:image/svg+xml;base64,aaaa",
        "data:image/png;base64,aaa",
        "data:image/png;base64,a=aa",
    ],
)
def test_an_image_from_elsewhere_is_refused_and_named(url: str) -> None:
    image = {"type": "image_url", "image_url": {"url": url}}
    with pytest.raises(UnsupportedParameter, match=r"messages\[0\].content\[0\]"):
        read(messages=[{"role": "user", "content": [image]}])


@pytest.mark.parametrize("part", [{"type": "image_url"}, {"type": "image_url", "image_url": {}}, {"text": "x"}, 7])
def test_a_part_that_is_none_is_malformed(part: object) -> None:
    with pytest.raises(MalformedRequest, match=r"content\[0\]"):
        read(messages=[{"role": "user", "content": [part]}])


def test_a_part_of_another_type_is_refused_and_named() -> None:
    with pytest.raises(UnsupportedParameter, match="input_audio"):
        read(messages=[{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}])


@pytest.mark.parametrize(
    "messages", [None, {}, "hi", ["hi"], [{"role": "king"}], [{"role": "user", "content": 1}],
                 [{"role": "user", "content": ["x"]}], [{"role": "assistant", "tool_calls": [{"id": "x"}]}]]
)  # fmt: skip
def test_messages_that_are_none(messages: object) -> None:
    assert isinstance(refused(messages=messages), MalformedRequest)


@pytest.mark.parametrize(
    "fields", [{"timeout": 0}, {"timeout": "5"}, {"max_tokens": 0}, {"max_completion_tokens": True}]
)
def test_numbers_that_are_none(fields: dict[str, Any]) -> None:
    error = refused(**fields)
    assert isinstance(error, MalformedRequest)
    assert error.param == next(iter(fields))


def test_a_body_that_is_no_json() -> None:
    with pytest.raises(MalformedRequest):
        read_request(b"{")
    assert model_of(b"{") == model_of(b"[]") == model_of(b'{"model": 1}') == ""
    assert model_of(b'{"x": [], "model": "coder"}') == "coder"

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given

import narrows
from narrows.api import compress, compress_body, compress_text, expand
from narrows.compressors.types import Compressed, Kept, Reason
from narrows.core.tokens import TOKENIZER
from narrows.policy import Kind, Level, Policy, Scope
from tests.laws.conversations import SHORTENED, Message, body_of, conversations, rows


class Prose:
    """A classifier that calls every text prose."""

    version = "prose-1"

    def classify(self, text: str) -> Kind | None:
        return Kind.PROSE


def tool(content: object) -> Message:
    return {"role": "tool", "tool_call_id": "c", "content": content}


def text_of(decision_result: Compressed | Kept) -> str:
    assert isinstance(decision_result, Compressed)
    return decision_result.text


@given(conversations)
def test_messages_given_are_never_changed(messages: list[Message]) -> None:
    before = deepcopy(messages)
    result = compress(messages, model="gpt-4o", policy=Policy(json_min_bytes=1))
    assert messages == before
    assert len(result.messages) == len(messages)
    assert all(one is not other for one, other in zip(result.messages, messages, strict=True))


def test_texts_are_shortened_where_they_stand() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,x"}}
    texts = SHORTENED, rows(25, "other")
    messages = [tool(texts[0]), tool([image, {"type": "text", "text": texts[1], "x": 1}]), tool("ok")]
    result = compress(messages, model="gpt-4o")
    shorter = [text_of(compress_text(text, model="gpt-4o").result) for text in texts]
    assert [one["content"] for one in result.messages] == [
        shorter[0],
        [image, {"type": "text", "text": shorter[1], "x": 1}],
        "ok",
    ]
    assert [one.pointer for one in result.decisions] == [
        "/messages/0/content",
        "/messages/1/content/1/text",
        "/messages/2/content",
    ]
    assert json.loads(expand(shorter[0]) or "") == json.loads(SHORTENED)


def test_every_turn_gets_the_same_texts_again() -> None:
    messages = [tool(SHORTENED), {"role": "assistant", "content": "done"}, {"role": "user", "content": "next"}]
    turns = [compress(messages[:count], model="gpt-4o").messages for count in (1, 2, 3)]
    assert turns[2][:2] == turns[1]
    assert turns[1][:1] == turns[0] != messages[:1]


def test_a_text_is_decided_with_the_call_that_made_it() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "read_file", "arguments": '{"path": "a.json"}'}}
    called = compress([{"role": "assistant", "content": None, "tool_calls": [call]}, tool(SHORTENED)], model="gpt-4o")
    assert [one.decision.result for one in called.decisions] == [
        compress_text(SHORTENED, tool="read_file", arguments='{"path": "a.json"}', model="gpt-4o").result
    ]


def test_lone_surrogates_cost_their_own_text_only() -> None:
    broken = "\ud800" + "x" * 2_000
    result = compress([tool(broken), tool(SHORTENED)], model="gpt-4o")
    assert result.messages[0]["content"] == broken
    assert result.messages[1]["content"] != SHORTENED
    kept = result.decisions[0].decision.result
    assert isinstance(kept, Kept)
    assert kept.reason is Reason.UNREADABLE


def test_elements_in_a_tuple_are_elements() -> None:
    elements = ({"type": "text", "text": SHORTENED},)
    result = compress([tool(elements)], model="gpt-4o")
    assert result.messages[0]["content"][0]["text"] != SHORTENED
    assert elements == ({"type": "text", "text": SHORTENED},)


class Model:
    """A message object, as clients return it."""

    role = "tool"


@pytest.mark.parametrize(
    ("messages", "match"),
    [([tool("x"), Model()], r"messages\[1\] is a Model"), (["x"], r"\[0\]"), ([tool(Model())], "Model")],
)
def test_what_is_no_message_is_a_type_error(messages: list[Any], match: str) -> None:
    with pytest.raises(TypeError, match=match):
        compress(messages)


def test_what_json_cannot_say_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"Out of range|not JSON compliant"):
        compress([{"role": "user", "content": "x", "score": float("nan")}])


def test_messages_too_deep_for_json_are_a_value_error() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(ValueError, match="too deeply"):
        compress([{"role": "user", "content": "x", "extra": nested}])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: compress(None), "messages is a NoneType, not a Sequence"),  # type: ignore[arg-type] # the point
        (lambda: compress([], model=5), "model is a int"),  # type: ignore[arg-type] # the point
        (lambda: compress([], policy="lossless"), "policy is a str, not a Policy"),  # type: ignore[arg-type] # the point
        (lambda: compress_body("{}"), "body is a str, not a bytes"),  # type: ignore[arg-type] # the point
        (lambda: compress_body(b"{}", policy="off"), "policy is a str"),  # type: ignore[arg-type] # the point
        (lambda: compress_text(b"x"), "text is a bytes, not a str"),  # type: ignore[arg-type] # the point
        (lambda: compress_text("x", tool=5), "tool is a int"),  # type: ignore[arg-type] # the point
        (lambda: compress_text("x", arguments={}), "arguments is a dict"),  # type: ignore[arg-type] # the point
        (lambda: expand(None), "text is a NoneType"),  # type: ignore[arg-type] # the point
    ],
)
def test_arguments_of_other_types_are_said(call: Callable[[], object], match: str) -> None:
    with pytest.raises(TypeError, match=match):
        call()


def test_bodies_come_back_as_the_same_object_or_shorter() -> None:
    body = body_of([json.dumps(tool(SHORTENED))])
    result = compress_body(body)
    assert len(result.body) < len(body)
    assert result.plan.edits
    assert compress_body(result.body).body is result.body
    assert compress_body(body, policy=Policy(level=Level.OFF)).body is body
    with pytest.raises(ValueError, match="no wire"):
        compress_body(body, wire="smoke")


def test_scope_latest_reads_the_latest_tool_message_only() -> None:
    result = compress([tool(SHORTENED), tool(SHORTENED)], model="gpt-4o", policy=Policy(scope=Scope.LATEST))
    assert [one["content"] == SHORTENED for one in result.messages] == [True, False]


def test_a_text_alone() -> None:
    decision = compress_text(SHORTENED)
    assert decision.encoding_assumed
    assert isinstance(decision.result, Compressed)
    assert decision.result.kind is Kind.JSON
    assert not compress_text(SHORTENED, model="gpt-4o").encoding_assumed
    assert expand("no output of ours") is None


def test_the_classifier_is_asked_and_named_in_the_policy() -> None:
    kept = compress_text("It was the best of times. " * 80, classifier=Prose()).result
    assert kept == Kept(Reason.NEVER_SHORTENED, Kind.PROSE)


def test_what_the_package_offers() -> None:
    assert narrows.compress is compress
    assert all(hasattr(narrows, name) for name in narrows.__all__)
    assert Policy(tokenizer=TOKENIZER).version != Policy().version

"""Anthropic's Messages: declarations, blocks of every kind, and how an exchange goes into an agent's message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from narrows.agents.observation import AgentCall
from narrows.agents.tools import CallOutput, ClientTool
from narrows.core.edits import apply_edits
from narrows.inject.types import Broken, Dropped, Exchange, Inserted, NotInserted, Obstacle, Withheld
from tests.inject.answers import through
from tests.inject.cases import ANTHROPIC, Called, Said, Text, Thought, dumped

INJECTOR = ANTHROPIC.injector
OFFER = INJECTOR.declare([ClientTool("theirs", "d", b' {"properties":{"a":{"maximum":1.0}}}'), ClientTool("bare")])
OUT = {"type": "tool_result", "tool_use_id": "c1", "content": "out"}
USE = {"type": "tool_use", "id": "c1", "name": "theirs", "input": {"n": 1}}


def test_an_input_schema_is_an_objects() -> None:
    typed = INJECTOR.declare([ClientTool("t", "", b'{"type":"object","x":1.0}'), ClientTool("e", "", b"{}")])
    assert [*OFFER.declarations, *typed.declarations] == [
        b'{"name":"theirs","description":"d","input_schema":{"type":"object","properties":{"a":{"maximum":1.0}}}}',
        b'{"name":"bare","input_schema":{"type":"object","properties":{}}}',
        b'{"name":"t","input_schema":{"type":"object","x":1.0}}',
        b'{"name":"e","input_schema":{"type":"object","properties":{}}}',
    ]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"type": "any", "disable_parallel_tool_use": False}, {"type": "any", "disable_parallel_tool_use": False}),
        ({"type": "any"}, {"type": "any", "disable_parallel_tool_use": True}),
        ({"type": "something new"}, {"type": "something new"}),
        (None, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
def test_what_the_agent_chose_stays(choice: Any, wanted: Any) -> None:
    body = dumped(ANTHROPIC.asked([ANTHROPIC.user]) | {"tool_choice": choice})
    found = INJECTOR.insert(body, OFFER)
    assert isinstance(found, Inserted)
    assert json.loads(apply_edits(body, found.edits))["tool_choice"] == wanted


def test_a_choice_that_is_no_object_is_not_understood() -> None:
    body = dumped(ANTHROPIC.asked([ANTHROPIC.user]) | {"tool_choice": "auto"})
    assert INJECTOR.insert(body, OFFER) == NotInserted(Obstacle.NOT_READABLE, "tool_choice")


def events(*said: dict[str, Any]) -> list[bytes]:
    return [b"event: %b\ndata: %b\n\n" % (one["type"].encode(), dumped(one)) for one in said]


START = {"type": "message_start", "message": {"id": "m", "model": "m", "content": [], "role": "assistant"}}
END = ({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"})


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def test_blocks_go_back_as_they_were() -> None:
    """Redacted thinking, what a server's own tool did, and citations too."""
    cited = {"type": "char_location", "cited_text": "x"}
    server = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"title": "t"}]}
    said = {"type": "text_delta", "text": "a"}
    filtering = INJECTOR.filter(OFFER)
    stream = events(
        START,
        *block(0, {"type": "redacted_thinking", "data": "xyz"}),
        *block(1, server, {"type": "input_json_delta", "partial_json": '{"q": 1.0}'}),
        *block(2, found),
        *block(3, {"type": "text", "text": ""}, {"type": "citations_delta", "citation": cited}, said),
        *block(4, {**USE, "input": {}}, {"type": "input_json_delta", "partial_json": '{"n": 1}'}),
        *block(5, {"type": "text", "text": ""}),
        *END,
    )  # fmt: skip
    shown = through(filtering, stream)
    assert b'"index": 4' in shown, "the row has no gap"
    assert b'"index": 5' not in shown
    outcome = filtering.outcome
    assert isinstance(outcome, Withheld)
    assert not outcome.mixed, "a server's tool is nobody's to call"
    assert json.loads(outcome.answer)["content"] == [
        {"type": "redacted_thinking", "data": "xyz"},
        {**server, "input": {"q": 1.0}},
        found,
        {"type": "text", "text": "a", "citations": [cited]},
        USE,
    ]


def test_a_call_is_signed_by_the_thinking_before_it_and_empty_input_is_an_object() -> None:
    filtering = INJECTOR.filter(OFFER)
    through(filtering, [ANTHROPIC.stream([Thought("hm", "sig"), Called("theirs", {}, "c1")], 1, None)])
    assert isinstance(filtering.outcome, Withheld)
    assert filtering.outcome.calls == (AgentCall("c1", "theirs", "{}", "sig"),)


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        ([{"type": "error", "error": {"type": "overloaded_error"}}], Broken("the answer holds an error")),
        ([], Broken("the answer was cut off")),
        ([{"type": "message_delta", "delta": {"stop_reason": "refusal"}}], Dropped("refusal")),
        (list(END), Broken("the input of `theirs` is not JSON")),
    ],
)
def test_calls_that_do_not_count(last: list[dict[str, Any]], outcome: Any) -> None:
    filtering = INJECTOR.filter(OFFER)
    half = block(0, {**USE, "input": {}}, {"type": "input_json_delta", "partial_json": '{"n":'})
    through(filtering, events(START, *half, *last))
    assert filtering.outcome == outcome


def test_a_call_without_an_id_cannot_be_answered() -> None:
    filtering = INJECTOR.filter(OFFER)
    through(filtering, events(START, *block(0, {"type": "tool_use", "name": "theirs", "input": {}}), *END))
    assert filtering.outcome == Broken("a call of `theirs` has no id")


def exchange(said: list[Said]) -> Exchange:
    filtering = INJECTOR.filter(OFFER)
    through(filtering, [ANTHROPIC.stream([*said, Called("theirs", {"n": 1}, "c1")], 1, None)])
    place = INJECTOR.place(dumped({"messages": [ANTHROPIC.user]}))
    assert isinstance(filtering.outcome, Withheld)
    assert place is not None
    return INJECTOR.exchange(place, filtering.outcome, [CallOutput("c1", "theirs", '{"n": 1}', "out")])


def spliced(content: Any, *said: list[Said], role_last: bool = False) -> Any:
    message = {"role": "assistant", "content": content}
    if role_last:
        message = dict(reversed(message.items()))
    body = dumped({"messages": [ANTHROPIC.user, message, ANTHROPIC.user]})
    found = INJECTOR.splice(body, [exchange(one) for one in said])
    return json.loads(apply_edits(body, found.edits))["messages"][1:-1], len(found.missing)


THINKING = {"type": "thinking", "thinking": "hm", "signature": "s"}


@pytest.mark.parametrize("role_last", [True, False])
def test_thinking_stands_once_and_before_what_it_led_to(role_last: bool) -> None:
    content = [THINKING, {"type": "text", "text": "a"}, {**THINKING, "signature": "s2"}, {"type": "text", "text": "b"}]
    messages, missing = spliced(content, [Thought("hm", "s"), Text("a")], [Thought("hm", "s2")], role_last=role_last)
    assert missing == 0
    assert messages == [
        {"role": "assistant", "content": [*content[:2], USE]},
        {"role": "user", "content": [OUT]},
        {"role": "assistant", "content": [content[2], USE]},
        {"role": "user", "content": [OUT]},
        {"role": "assistant", "content": content[3:]},
    ]


def test_an_answer_that_ended_with_the_exchange() -> None:
    text = {"type": "text", "text": "a"}
    messages, missing = spliced([text], [Text("a")])
    assert missing == 0
    assert messages == [{"role": "assistant", "content": [text, USE]}, {"role": "user", "content": [OUT]}]


def test_thinking_that_the_agent_dropped_comes_from_us() -> None:
    messages, missing = spliced([{"type": "text", "text": "b"}], [Thought("hm", "s")])
    assert missing == 0
    assert messages[0] == {"role": "assistant", "content": [THINKING, USE]}


def test_texts_that_the_agent_joined_are_cut() -> None:
    messages, missing = spliced([{"type": "text", "text": "ab\u00e9c", "x": 1}], [Text("a")], [Text("b\u00e9")])
    assert missing == 0
    assert [one["content"][0] for one in messages if one["role"] == "assistant"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b\u00e9"},
        {"type": "text", "text": "c", "x": 1},
    ]
    assert [one["content"][1:] for one in messages if one["role"] == "assistant"] == [[USE], [USE], []]


@pytest.mark.parametrize("content", ["a", [], [{"type": "text", "text": "b"}], [{"type": "image"}]])
def test_where_the_answer_is_not_what_was_said_nothing_is_spliced(content: Any) -> None:
    messages, missing = spliced(content, [Text("a")])
    assert (messages, missing) == ([{"role": "assistant", "content": content}], 1)

"""Places in a conversation: found again however the client writes it, and in no other conversation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from narrows.agents.tools import CallOutput, ClientTool
from narrows.inject.conversing import place_of
from narrows.inject.types import Withheld
from tests.inject.answers import through
from tests.inject.cases import CASES, Called, Case, dumped

OF_EACH_WIRE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.injector.name)


def of(messages: list[Any], **dump: Any) -> Any:
    place = place_of(json.dumps({"messages": messages}, **dump).encode(), "messages")
    assert place is not None
    return place


def test_a_place_is_the_same_however_it_is_written() -> None:
    messages = [
        {"role": "user", "content": "é"},
        {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"b": 1.0}]},
    ]
    marked = json.loads(json.dumps(messages))
    marked[1]["content"][0]["cache_control"] = {"type": "ephemeral"}
    marked[0] = {"content": [{"type": "text", "text": "é", "cache_control": {}}], "role": "user"}
    assert of(messages) == of(marked, indent=1, ensure_ascii=False)


@pytest.mark.parametrize(
    "other",
    [
        [],
        ["a"],
        [{"role": "user", "content": "b"}],
        [{"role": "user", "content": "a"}] * 2,
        [{"role": "system", "content": "a"}],
        [{"role": "user", "content": "a", "name": "x"}],
    ],
)
def test_another_conversation_is_another_place(other: list[Any]) -> None:
    here = of([{"role": "user", "content": "a"}])
    assert place_of(dumped({"messages": other}), "messages") != here


def test_marks_and_sugar_are_looked_through_wherever_they_are() -> None:
    def said(content: Any, arguments: Any, **mark: Any) -> list[Any]:
        result = {"type": "tool_result", "tool_use_id": "c", "content": content, **mark}
        return [{"role": "user", "content": [result, {"type": "x", "input": arguments}]}]

    same = {"content": [{"type": "text", "text": "kept"}]}
    marked = [{"type": "text", "text": "out", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert of(said("out", same)) == of(said(marked, same)) == of(said("out", same, cache_control=None))
    assert of(said("out", same)) != of(said("out", {"content": "kept"})), "arguments are not the client's to write anew"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"messages":{}}', b'{"messages":[]}', b'{"messages":null}'])
def test_a_body_without_messages_has_no_place(body: bytes) -> None:
    assert place_of(body, "messages") is None


def test_deep_messages_have_a_place() -> None:
    deep = b'{"messages":[%b%b]}' % (b"[" * 5000, b"]" * 5000)
    assert place_of(deep, "messages") == place_of(deep, "messages") is not None


def withheld(case: Case, said: list[Any]) -> Withheld:
    answer = case.injector.filter(case.injector.declare([ClientTool("theirs")]))
    through(answer, [case.stream(said, 1, None)])
    assert isinstance(answer.outcome, Withheld)
    return answer.outcome


@OF_EACH_WIRE
def test_every_call_needs_its_output(case: Case) -> None:
    place = case.injector.place(dumped(case.asked([case.user])))
    assert place is not None
    found = withheld(case, [Called("theirs", {}, "a"), Called("theirs", {}, "b")])
    given = [CallOutput(call.id, call.name, call.arguments, "out") for call in found.calls]
    for wrong in ([], given[:1], [*given, given[0]], given[::-1]):
        with pytest.raises(ValueError, match="each needs one, in their order"):
            case.injector.exchange(place, found, wrong)


@OF_EACH_WIRE
def test_a_mixed_answer_and_a_body_without_messages_have_no_follow_up(case: Case) -> None:
    body = dumped(case.asked([case.user]))
    place = case.injector.place(body)
    assert place is not None
    found = withheld(case, [Called("theirs", {}, "a"), Called("own", {}, "b")])
    mixed = case.injector.exchange(place, found, [CallOutput(c.id, c.name, c.arguments, "") for c in found.calls])
    with pytest.raises(ValueError, match="by itself"):
        case.injector.follow_up(body, mixed)
    alone = withheld(case, [Called("theirs", {}, "a")])
    exchange = case.injector.exchange(place, alone, [CallOutput(c.id, c.name, c.arguments, "") for c in alone.calls])
    with pytest.raises(ValueError, match="no follow-up"):
        case.injector.follow_up(b"{}", exchange)

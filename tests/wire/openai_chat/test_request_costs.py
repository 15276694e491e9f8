"""What reading a request costs, counted in steps and bytes: a body of many small things must not hold anybody up, nor
a memory hold more than it says."""

from __future__ import annotations

import json

import pytest

from narrows.core.digest import call_digest, part_digest
from narrows.core.effort import Effort, OutOfEffortError
from narrows.core.tool_call import ToolCall
from narrows.policy import Scope
from narrows.wire import conversation
from narrows.wire.openai_chat.request import locate
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located
from tests.laws.conversations import Message, body_of

CALLS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]


def user(content: object) -> Message:
    return {"role": "user", "content": content}


def tool(content: object) -> Message:
    return {"role": "tool", "tool_call_id": "c", "content": content}


def calls(identity: str, name: str, arguments: str) -> Message:
    call = {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


MANY = (
    "{}",
    " {}",
    "1",
    "[[]]",
    '{"role":"user","content":""}',
    '{"role":"assistant","tool_calls":[{}]}',
    '{"role":"user","content":[{}]}',
    '{"role":"user","a":1,"a":2}',
    '{"role":"tool","content":"\\ud800"}',
    '{"role":"user","content":' + "[" * 1_200 + "]" * 1_200 + "}",
)


@pytest.mark.parametrize("message", MANY, ids=range(len(MANY)))
def test_an_effort_bounds_what_is_read(message: str) -> None:
    """Counted, not timed: without the bound each of these holds an event loop up for a long time."""
    few, many = ([message] * count for count in (2, 20_000 // len(message) + 2_000))
    assert locate(body_of(few), Scope.STABLE, effort=Effort(20_000)) == locate(body_of(few), Scope.STABLE)
    memory = ReadingMemory(1 << 20)
    with pytest.raises(OutOfEffortError):
        locate(body_of(many), Scope.STABLE, memory, Effort(2_000))
    assert memory.size_bytes == 0
    assert locate(body_of(many), Scope.STABLE, memory) == locate(body_of(many), Scope.STABLE)


def test_what_is_inside_one_message_counts() -> None:
    for message in (
        {"role": "user", "content": [{"type": "text", "text": ""}] * 3_000},
        {"role": "assistant", "tool_calls": CALLS * 3_000},
        {"role": "user"} | {f"{number}": 1 for number in range(3_000)},
    ):
        with pytest.raises(OutOfEffortError):
            locate(body_of([json.dumps(message)]), Scope.STABLE, effort=Effort(2_000))


def test_what_the_memory_holds_takes_no_effort() -> None:
    written = [json.dumps(tool(f"{index} " * 200)) for index in range(300)]
    memory = ReadingMemory(1 << 20)
    with pytest.raises(OutOfEffortError):
        locate(body_of(written), Scope.STABLE, memory, Effort(1_000))
    locate(body_of(written), Scope.STABLE, memory)
    longer = body_of([*written, json.dumps(user("next"))])
    assert locate(longer, Scope.STABLE, memory, Effort(20)) == locate(longer, Scope.STABLE)


def test_a_call_is_digested_once_for_all_its_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    digested: list[str] = []

    def counted(tool_call: ToolCall | None) -> bytes:
        digested.append("" if tool_call is None else tool_call.name)
        return call_digest(tool_call)

    monkeypatch.setattr(conversation, "call_digest", counted)
    messages = [calls("c", "f", "x" * 9_000), *[tool("y" * 600)] * 50]
    found = locate(body_of([json.dumps(message) for message in messages]), Scope.STABLE)
    assert isinstance(found, Located)
    expected = part_digest(b'"%b"' % (b"y" * 600), "tool", call_digest(ToolCall("f", "x" * 9_000)))
    assert [part.digest for part in found.parts] == [expected] * 50
    assert digested == ["f"]


@pytest.mark.parametrize("place", ["name", "id", "arguments", "function"])
def test_a_memory_counts_every_text_it_holds(place: str) -> None:
    long = "x" * 100_000
    messages = {
        "name": calls("c", long, ""),
        "id": calls(long, "f", ""),
        "arguments": calls("c", "f", long),
        "function": {"role": "function", "name": long, "content": ""},
    }
    memory = ReadingMemory(1 << 20)
    locate(body_of([json.dumps(messages[place])]), Scope.STABLE, memory)
    assert memory.size_bytes > len(long)

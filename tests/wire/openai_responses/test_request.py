"""Where text stands in a Responses request; the rules for any conversation are in tests/laws/test_every_wire.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from narrows.core.edits import apply_edits
from narrows.core.tool_call import ToolCall
from narrows.plan import plan_body
from narrows.policy import Policy, Scope
from narrows.wire.openai_responses import WIRE
from narrows.wire.types import Located, Role
from tests.laws.conversations import SHORTENED


def located(given: Any, scope: Scope = Scope.STABLE, **more: Any) -> Located:
    found = WIRE.locate(json.dumps({**more, "input": given}).encode(), scope)
    assert isinstance(found, Located)
    return found


def output(text: object, call: str = "c1", kind: str = "function_call_output") -> dict[str, object]:
    return {"type": kind, "call_id": call, "output": text}


def test_a_string_is_a_users_text() -> None:
    (part,) = located("hello").parts
    assert (part.pointer, part.role) == ("/input", Role.USER)


@pytest.mark.parametrize(
    ("item", "call"),
    [
        ({"type": "function_call", "name": "f", "arguments": '{"a":1}'}, ToolCall("f", '{"a":1}')),
        ({"type": "custom_tool_call", "name": "sql", "input": "SELECT 1"}, ToolCall("sql", "SELECT 1")),
        (
            {"type": "local_shell_call", "action": {"type": "exec", "command": ["ls", "-l"]}},
            ToolCall("local_shell", '{"type": "exec", "command": ["ls", "-l"]}'),
        ),
        ({"type": "shell_call", "action": {"commands": ["ls"]}}, ToolCall("shell", '{"commands": ["ls"]}')),
        ({"type": "apply_patch_call", "operation": {"path": "a"}}, ToolCall("apply_patch", '{"path": "a"}')),
    ],
)
def test_an_output_has_the_call_that_made_it(item: dict[str, Any], call: ToolCall) -> None:
    parts = located([{**item, "call_id": "c1"}, output("x")]).parts
    assert [part.tool_call for part in parts] == [call]


def test_the_streams_of_a_shell_in_the_order_of_their_bytes() -> None:
    shell = {"type": "shell_call_output", "call_id": "c1", "output": [{"stderr": "e", "stdout": "o", "outcome": {}}]}
    pointers = [part.pointer for part in located([shell]).parts]
    assert pointers == ["/input/0/output/0/stderr", "/input/0/output/0/stdout"]


def test_the_latest_output_and_the_latest_words() -> None:
    items = [output("old"), {"role": "user", "content": "words"}, output("a"), {"type": "reasoning"}]
    assert [part.pointer for part in located(items, Scope.LATEST).parts] == ["/input/1/content", "/input/2/output"]


@pytest.mark.parametrize(
    ("more", "complete"),
    [
        ({}, True),
        ({"previous_response_id": None, "conversation": None}, True),
        ({"previous_response_id": "resp_1"}, False),
        ({"conversation": {"id": "conv_1"}}, False),
    ],
)
def test_a_stored_conversation_is_not_in_the_body(more: dict[str, Any], complete: bool) -> None:
    assert located([output("x")], **more).history_complete is complete
    assert located("x", **more).history_complete is complete


def forwarded(items: list[Any], **more: Any) -> list[Any]:
    body = json.dumps({"model": "gpt-5", **more, "input": items}).encode()
    sent: list[Any] = json.loads(apply_edits(body, plan_body(body, WIRE, Policy()).edits))["input"]
    return sent


def test_the_same_history_stored_and_sent_again_in_full() -> None:
    """With stored state only the new items are sent, without it all of them: each is shortened the same way, and only
    the full history can say that an output repeats an earlier one."""
    call = {"type": "function_call", "call_id": "c1", "name": "list_items", "arguments": "{}"}
    first, second = output(SHORTENED), output(SHORTENED, call="c2")
    again = {**call, "call_id": "c2"}
    turns = forwarded([call, first])
    full = forwarded([call, first, again, second])
    stored = forwarded([second], previous_response_id="resp_1")
    assert full[:2] == turns
    assert stored[0]["output"] == turns[1]["output"] != SHORTENED


def test_everything_else_stays_to_the_byte() -> None:
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": SHORTENED},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": SHORTENED},
        output(SHORTENED),
        {"type": "mcp_call", "id": "m", "name": "f", "arguments": "{}", "output": SHORTENED},
        {"type": "compaction", "encrypted_content": SHORTENED},
    ]
    body = json.dumps({"model": "gpt-5", "instructions": SHORTENED, "input": items}).encode()
    (edit,) = plan_body(body, WIRE, Policy()).edits
    assert body[: edit.span.start].count(json.dumps(SHORTENED).encode()) == 3

"""Where text stands in a Messages request; the rules for any conversation are in tests/laws/test_every_wire.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from narrows.core.edits import apply_edits
from narrows.core.tool_call import ToolCall
from narrows.plan import plan_body
from narrows.policy import Policy, Scope
from narrows.wire.anthropic import WIRE
from narrows.wire.types import Located, Part
from tests.laws.conversations import SHORTENED


def parts_of(*messages: Any, scope: Scope = Scope.STABLE) -> tuple[Part, ...]:
    found = WIRE.locate(json.dumps({"messages": messages}).encode(), scope)
    assert isinstance(found, Located)
    return found.parts


def result(content: object, call: str = "c1", **more: object) -> dict[str, object]:
    return {"type": "tool_result", "tool_use_id": call, "content": content, **more}


def user(*blocks: object) -> dict[str, object]:
    return {"role": "user", "content": list(blocks)}


TOOL_USE = {"type": "tool_use", "id": "c1", "name": "bash", "input": {"command": "ls"}}
USE = {"role": "assistant", "content": [TOOL_USE]}


def test_a_result_has_the_call_that_made_it() -> None:
    (part,) = parts_of(USE, user(result("x")))
    assert part.tool_call == ToolCall("bash", '{"command": "ls"}')
    assert part.pointer == "/messages/1/content/0/content"


@pytest.mark.parametrize(("is_error", "parts"), [(True, 0), (False, 1), (None, 1)])
def test_errors_are_read_to_the_letter(is_error: bool | None, parts: int) -> None:
    assert len(parts_of(user(result(SHORTENED, is_error=is_error)))) == parts


def test_outputs_are_counted_whether_or_not_they_can_be_shortened() -> None:
    parts = parts_of(
        user(result("x", is_error=True), result(SHORTENED)), user({"type": "tool_result"}, result(SHORTENED, "c2"))
    )
    assert [part.output and part.output.number for part in parts] == [2, 4]


def test_the_latest_results_and_the_latest_words() -> None:
    messages = [user(result("old")), USE, user(result("a"), result("b")), {"role": "user", "content": "words"}]
    pointers = [part.pointer for part in parts_of(*messages, scope=Scope.LATEST)]
    assert pointers == ["/messages/2/content/0/content", "/messages/2/content/1/content", "/messages/3/content"]


def test_blocks_markers_and_thinking_stay_to_the_byte() -> None:
    """Everything but the one string: the number of blocks, their cache_control, the signatures."""
    messages = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "go", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        },
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": SHORTENED, "signature": "Eo8="}, *USE["content"]],
        },
        user(result(SHORTENED, cache_control={"type": "ephemeral"}), {"type": "text", "text": "and?"}),
    ]
    body = json.dumps(
        {"model": "claude", "system": [{"type": "text", "text": SHORTENED}], "messages": messages}
    ).encode()
    plan = plan_body(body, WIRE, Policy())
    (edit,) = plan.edits
    new = apply_edits(body, plan.edits)
    assert edit.span.of(body) == json.dumps(SHORTENED).encode()
    assert new == body[: edit.span.start] + edit.replacement + body[edit.span.stop :]


def test_a_count_of_tokens_is_planned_like_its_request() -> None:
    messages = [USE, user(result(SHORTENED))]
    request = json.dumps({"model": "claude", "max_tokens": 9, "messages": messages}).encode()
    count = json.dumps({"model": "claude", "messages": messages}).encode()
    sent, counted = (apply_edits(body, plan_body(body, WIRE, Policy()).edits) for body in (request, count))
    assert json.loads(sent)["messages"] == json.loads(counted)["messages"] != messages

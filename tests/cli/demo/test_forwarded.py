from __future__ import annotations

import json
from typing import Any

from narrows.cli.demo.forwarded import compare

SENT: list[dict[str, Any]] = [
    {"role": "user", "content": "go"},
    {"role": "tool", "tool_call_id": "a", "content": "x" * 90},
]


def body(messages: list[dict[str, Any]]) -> bytes:
    return json.dumps({"model": "m", "messages": messages}).encode()


def with_content(index: int, content: str) -> list[dict[str, Any]]:
    return [{**message, "content": content} if at == index else message for at, message in enumerate(SENT)]


def test_nothing_edited() -> None:
    found = compare(SENT, body(SENT), None)
    assert (found.extends_previous, found.edit, found.edited_parts) == (None, "", 0)


def test_an_edit_of_the_newest_output_is_described_by_its_own_head_line() -> None:
    found = compare(SENT, body(with_content(1, "[narrows: head]\nrest")), body(SENT[:1]))
    assert found.edit == "90 to 20 bytes: [narrows: head]"
    assert (found.extends_previous, found.edited_parts) == (True, 1)


def test_an_edit_of_an_older_message_that_was_not_there_before_breaks_the_prefix() -> None:
    found = compare(SENT, body(with_content(0, "went")), body(SENT[:1]))
    assert (found.extends_previous, found.edit, found.edited_parts) == (False, "", 1)


def test_bytes_decide_and_not_values() -> None:
    spaced = body(SENT).replace(b'"go"}', b'"go" }')
    assert compare(SENT, spaced, body(SENT[:1])).extends_previous is False

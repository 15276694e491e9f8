from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.cli.body_shape import wire_of

QUESTION = {"role": "user", "content": "Who?"}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]}
CHAT_TOOL = {"type": "function", "function": {"name": "bash", "parameters": {}}}


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode()))
def test_every_body_has_a_wire_and_what_is_no_request_is_chat(body: bytes) -> None:
    assert wire_of(body).name == "openai_chat"


@pytest.mark.parametrize(
    ("name", "request_body"),
    [
        ("openai_chat", {"messages": [QUESTION]}),
        ("openai_chat", {"messages": [QUESTION], "max_tokens": 9, "tools": [CHAT_TOOL]}),
        ("openai_chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": "Who?"}]}]}),
        ("openai_chat", {"messages": "none", "tools": "none"}),
        ("openai_responses", {"input": "Who?"}),
        ("openai_responses", {"input": [QUESTION], "previous_response_id": "r"}),
        ("anthropic", {"messages": [QUESTION], "system": "Be brief."}),
        ("anthropic", {"messages": [QUESTION, RESULT]}),
        ("anthropic", {"messages": [QUESTION], "tools": [{"name": "bash", "input_schema": {}}]}),
        ("gemini", {"contents": [{"parts": [{"text": "Who?"}]}]}),
        ("gemini", {"generateContentRequest": {"contents": []}}),
    ],
)
def test_what_only_one_wire_has_tells_it(name: str, request_body: dict[str, object]) -> None:
    assert wire_of(json.dumps(request_body).encode()).name == name

"""The recorded conversations, said on each wire: what is forwarded for an item stays, and is the text that Chat
Completions would get."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from narrows.core.edits import apply_edits
from narrows.plan import DecisionCache, plan_body
from narrows.policy import Policy
from narrows.wire.registry import wire_named

Message = dict[str, Any]
COUNT = 12
"""Conversations: of every eighth of the airline's, and of the coding agent's whose observations are user text."""


def airline(corpus: Path) -> list[list[Message]]:
    path = corpus / "conversations" / "tau-airline" / "conversations.jsonl"
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [row["messages"] for row in rows[::8]][:COUNT]


def coding(corpus: Path) -> list[list[Message]]:
    found = []
    for path in sorted((corpus / "conversations" / "swe-agent").rglob("*.traj")):
        history = json.loads(path.read_bytes())["history"]
        if all(entry["role"] in ("system", "user", "assistant") for entry in history):
            found.append([{"role": entry["role"], "content": entry["content"]} for entry in history][:20])
    return found[:COUNT]


def to_anthropic(messages: list[Message]) -> dict[str, Any]:
    items = []
    for message in messages:
        match message["role"]:
            case "assistant":
                text = [{"type": "text", "text": message["content"]}] if message.get("content") else []
                items.append({"role": "assistant", "content": text + [_use(call) for call in _calls(message)]})
            case "tool":
                block = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"]}
                items.append({"role": "user", "content": [block]})
            case "user":
                items.append({"role": "user", "content": [{"type": "text", "text": message["content"]}]})
    return {"messages": items}


def _calls(message: Message) -> list[Any]:
    return message.get("tool_calls") or []


def _use(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": _object(function["arguments"])}


def _object(arguments: str) -> Any:
    return json.loads(arguments)


def to_responses(messages: list[Message]) -> dict[str, Any]:
    items: list[Any] = []
    for message in messages:
        match message["role"]:
            case "assistant":
                if message.get("content"):
                    items.append({"role": "assistant", "content": message["content"]})
                for call in _calls(message):
                    function = call["function"]
                    items.append({"type": "function_call", "call_id": call["id"], **function})
            case "tool":
                output = {"call_id": message["tool_call_id"], "output": message["content"]}
                items.append({"type": "function_call_output", **output})
            case "user":
                items.append({"role": "user", "content": [{"type": "input_text", "text": message["content"]}]})
    return {"input": items}


def to_gemini(messages: list[Message]) -> dict[str, Any]:
    items: list[Any] = []
    names: dict[str, str] = {}
    for message in messages:
        match message["role"]:
            case "assistant":
                parts: list[Any] = [{"text": message["content"]}] if message.get("content") else []
                for call in _calls(message):
                    function = call["function"]
                    names[call["id"]] = function["name"]
                    said = {"id": call["id"], "name": function["name"], "args": _object(function["arguments"])}
                    parts.append({"functionCall": said})
                items.append({"role": "model", "parts": parts})
            case "tool":
                name = names[message["tool_call_id"]]
                said = {"id": message["tool_call_id"], "name": name, "response": {"output": message["content"]}}
                items.append({"role": "user", "parts": [{"functionResponse": said}]})
            case "user":
                items.append({"role": "user", "parts": [{"text": message["content"]}]})
    return {"contents": items}


def to_chat(messages: list[Message]) -> dict[str, Any]:
    return {"messages": messages}


WIRES: dict[str, Callable[[list[Message]], dict[str, Any]]] = {
    "openai_chat": to_chat,
    "openai_responses": to_responses,
    "anthropic": to_anthropic,
    "gemini": to_gemini,
}


def texts(value: Any) -> list[str]:
    """Every string in a request that is long enough to matter, in order."""
    if isinstance(value, str):
        return [value] if len(value) > 200 else []
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for child in children for text in texts(child)]


def forwarded(name: str, messages: list[Message], cache: DecisionCache | None = None) -> dict[str, Any]:
    """What goes upstream, parsed. The model's name decides the tokens that are counted, and is the same on each."""
    body = json.dumps({"model": "gpt-4o", **WIRES[name](messages)}).encode()
    sent: dict[str, Any] = json.loads(apply_edits(body, plan_body(body, wire_named(name), Policy(), cache=cache).edits))
    return sent


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("source", [airline, coding])
def test_what_was_forwarded_stays_on_every_wire(
    corpus: Path, name: str, source: Callable[[Path], list[list[Message]]]
) -> None:
    cache, shortened = DecisionCache(8 << 20), 0
    for messages in source(corpus):
        turns = [index for index, message in enumerate(messages) if message["role"] == "assistant" and index]
        before: list[Any] = []
        for turn in turns:
            now = list(forwarded(name, messages[:turn], cache).values())[1]
            assert now[: len(before)] == before
            before = now
        shortened += json.dumps(before).count("[narrows: ")
        assert before == list(forwarded(name, messages[: turns[-1]]).values())[1]
    assert shortened


@pytest.mark.parametrize("name", ["openai_responses", "anthropic"])
@pytest.mark.parametrize("source", [airline, coding])
def test_every_wire_sends_the_same_texts(
    corpus: Path, name: str, source: Callable[[Path], list[list[Message]]]
) -> None:
    """Arguments are objects on some wires, so that white space in them may differ; outputs do not."""
    for messages in source(corpus):
        plain = [message for message in messages if message["role"] != "system"]
        chat = [text for text in texts(forwarded("openai_chat", plain)) if "[narrows: " in text]
        assert [text for text in texts(forwarded(name, plain)) if "[narrows: " in text] == chat

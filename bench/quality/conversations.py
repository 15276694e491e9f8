"""Recorded conversations, in the shape in which a client sends them, and the facts that they use later.

The requests of a conversation are its prefixes: one before each assistant message. SWE-agent's tool outputs were sent
as user messages; `swe-agent as tools` is the same traffic in the shape of today's clients, where each action is a call
of a shell tool and its observation that call's output.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.quality.corpus import CORPUS, rows

Message = dict[str, Any]

_FACT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./:@#-]*[A-Za-z0-9_]")
_TELLING = re.compile(r"[0-9_/.@#-]")


@dataclass(frozen=True, slots=True)
class Fact:
    """A string that the assistant message `used_in` uses and that `tool_message` was the first to show."""

    text: str
    tool_message: int
    used_in: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """`outputs` are the indexes of the messages that hold a tool's output, whatever their role."""

    source: str
    name: str
    messages: list[Message]
    tools: list[dict[str, Any]]
    outputs: frozenset[int]
    facts: tuple[Fact, ...]

    @property
    def turns(self) -> list[int]:
        """Lengths of the requests: all messages before each assistant message."""
        return [index for index, message in enumerate(self.messages) if message["role"] == "assistant" and index]


def text_of(message: Message) -> str:
    """The text of a message's content."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return content or ""


def said(message: Message) -> str:
    """All text of a message, with the calls that it makes."""
    calls = message.get("tool_calls") or []
    return text_of(message) + "".join("\n" + call["function"]["arguments"] for call in calls)


def used_later(messages: list[Message], outputs: frozenset[int], least_characters: int = 5) -> tuple[Fact, ...]:
    """Telling words (with a digit or a sign in them) that an assistant's message uses, that a tool's output was the
    first to show, and that nobody else had said before."""
    first: dict[str, int] = {}
    facts: dict[tuple[str, int], Fact] = {}
    for index, message in enumerate(messages):
        for word in _FACT.findall(said(message)):
            if len(word) < least_characters or not _TELLING.search(word):
                continue
            shown_in = first.setdefault(word, index)
            if message["role"] == "assistant" and shown_in in outputs:
                facts.setdefault((word, index), Fact(word, shown_in, index))
    return tuple(facts.values())


def _conversation(source: str, name: str, messages: list[Message], tools: list[dict[str, Any]]) -> Conversation:
    outputs = frozenset(index for index, message in enumerate(messages) if message["role"] in ("tool", "function"))
    return Conversation(source, name, messages, tools, outputs, used_later(messages, outputs))


def airline(corpus: Path = CORPUS) -> list[Conversation]:
    """Agents with JSON tools, with the corpus's own list of facts."""
    folder = corpus / "conversations" / "tau-airline"
    facts: dict[tuple[int, int], list[Fact]] = {}
    for row in rows(folder / "used_later_facts.jsonl"):
        fact = Fact(row["fact"], row["tool_message"], row["used_in_message"])
        facts.setdefault((row["task_id"], row["trial"]), []).append(fact)
    tools_path = folder / "tools.airline.json"
    tools = json.loads(tools_path.read_bytes()) if tools_path.is_file() else []
    found = []
    for row in rows(folder / "conversations.jsonl"):
        key = (row["task_id"], row["trial"])
        one = _conversation("tau-airline", f"task {key[0]} trial {key[1]}", row["messages"], tools)
        found.append(Conversation(one.source, one.name, one.messages, tools, one.outputs, tuple(facts.get(key, ()))))
    return found


def web_apis(corpus: Path = CORPUS) -> list[Conversation]:
    """Agents with web APIs as tools."""
    found = rows(corpus / "conversations" / "toolbench" / "conversations.jsonl")
    return [_conversation("toolbench", row["id"], row["messages"], row["tools"]) for row in found]


def coding(corpus: Path = CORPUS, *, as_tools: bool) -> list[Conversation]:
    """Coding agents: as recorded, or with actions as calls of tools."""
    folder = corpus / "conversations" / "swe-agent"
    found = []
    for number, path in enumerate(sorted(folder.rglob("*.traj"))):
        history = json.loads(path.read_bytes())["history"]
        name = f"{number} {path.stem}"
        messages = _as_tools(history) if as_tools else _as_recorded(history)
        acted = next((index for index, message in enumerate(messages) if message["role"] == "assistant"), 0)
        spoken = range(acted, len(messages))
        outputs = frozenset(index for index in spoken if messages[index]["role"] in ("user", "tool"))
        source = "swe-agent as tools" if as_tools else "swe-agent"
        tools = [_SHELL] if as_tools else []
        found.append(Conversation(source, name, messages, tools, outputs, used_later(messages, outputs)))
    return found


_SHELL = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Run a command in the shell and get its output.",
        "parameters": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
    },
}


def _as_recorded(history: list[dict[str, Any]]) -> list[Message]:
    messages = []
    for entry in history:
        message: Message = {"role": entry["role"], "content": entry["content"]}
        if entry.get("tool_calls"):
            message["tool_calls"] = entry["tool_calls"]
        if entry.get("tool_call_ids"):
            message["tool_call_id"] = entry["tool_call_ids"][0]
        messages.append(message)
    return messages


def _as_tools(history: list[dict[str, Any]]) -> list[Message]:
    messages: list[Message] = []
    call: str | None = None
    for index, entry in enumerate(history):
        message: Message = {"role": entry["role"], "content": entry["content"]}
        if entry["role"] == "assistant":
            call = f"call_{index}"
            arguments = json.dumps({"command": entry.get("action") or ""})
            function = {"name": "bash", "arguments": arguments}
            message["content"] = entry.get("thought") or ""
            message["tool_calls"] = [{"id": call, "type": "function", "function": function}]
        elif call is not None and entry["role"] in ("user", "tool"):
            message = {"role": "tool", "tool_call_id": call, "content": entry["content"]}
            call = None
        messages.append(message)
    return messages

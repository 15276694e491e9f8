"""The recorded session: an agent's conversation, and where each of its turns ends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of the session: everything said so far. `command` is what the newest tool output came from."""

    command: str
    messages: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation as the client re-sends it, turn by turn, and the tools it declares in every request."""

    tools: tuple[dict[str, Any], ...]
    turns: tuple[Turn, ...]


def recorded_session() -> Session:
    """The session that ships with narrows."""
    text = resources.files("narrows.cli.demo").joinpath("session.json").read_text(encoding="utf-8")
    return session_of(json.loads(text))


def session_of(recording: dict[str, Any]) -> Session:
    """Cut a recording into turns: a request goes out after each tool output."""
    messages: list[dict[str, Any]] = recording["messages"]
    turns: list[Turn] = []
    command = ""
    for position, message in enumerate(messages):
        for call in message.get("tool_calls") or ():
            command = json.loads(call["function"]["arguments"])["command"]
        if message["role"] == "tool":
            turns.append(Turn(command, tuple(messages[: position + 1])))
    return Session(tuple(recording["tools"]), tuple(turns))

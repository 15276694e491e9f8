"""The wires, one line each, and which of them a request speaks."""

from __future__ import annotations

from narrows.wire import anthropic, gemini, openai_chat, openai_responses
from narrows.wire.types import Wire

WIRES: tuple[Wire, ...] = (openai_chat.WIRE, openai_responses.WIRE, anthropic.WIRE, gemini.WIRE)


def wire_for(method: str, path: str) -> Wire | None:
    """The wire of a request; None for a request that is forwarded without being understood. `path` has no query."""
    return next((wire for wire in WIRES if wire.matches(method, path)), None)


def wire_named(name: str) -> Wire:
    """The wire called `name`.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    for wire in WIRES:
        if wire.name == name:
            return wire
    raise ValueError(f"no wire is called {name!r}; there are: {', '.join(wire.name for wire in WIRES)}")

"""Which wire a request's body is of, where only the body is at hand.

The gateway knows a wire by the request's path, and a file has none. What tells the four apart stands in their requests:
Gemini's `contents`, Responses' `input`, and, of the two with `messages`, what Anthropic's alone has (`system` beside
them, `input_schema`, blocks of tools). Where nothing tells, it is Chat Completions, or both would be read alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from narrows.wire.registry import wire_named
from narrows.wire.types import Wire

_ANTHROPIC_KEYS = frozenset({"system", "anthropic_version", "thinking", "stop_sequences", "mcp_servers"})
_ANTHROPIC_BLOCKS = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking"})


def wire_of(body: bytes) -> Wire:
    """The wire whose requests look like `body`; Chat Completions for what looks like none."""
    try:
        request = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        request = None
    return wire_named(_name(request) if isinstance(request, dict) else "openai_chat")


def _name(request: dict[str, object]) -> str:
    if "messages" in request:
        return "anthropic" if _is_anthropic(request) else "openai_chat"
    if request.keys() & {"contents", "generateContentRequest", "generate_content_request"}:
        return "gemini"
    return "openai_responses" if "input" in request else "openai_chat"


def _is_anthropic(request: dict[str, object]) -> bool:
    return (
        not _ANTHROPIC_KEYS.isdisjoint(request)
        or any("input_schema" in tool for tool in _objects(request.get("tools")))
        or any(
            block.get("type") in _ANTHROPIC_BLOCKS
            for message in _objects(request["messages"])
            for block in _objects(message.get("content"))
        )
    )


def _objects(value: object) -> Iterator[dict[str, object]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())

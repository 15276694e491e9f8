"""The tool call that produced a tool's output.

It stands in `core` because the wires find it and the compressors read it, and neither may import the other
(docs/decisions/0001).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`name` and `arguments` exactly as the assistant's message holds them; arguments are usually JSON text,
    not always valid, and never trusted."""

    name: str
    arguments: str = ""

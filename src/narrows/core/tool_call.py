"""The tool call that produced a tool's output, and the output's place among those of its conversation.

They stand in `core` because the wires find them and the compressors read them, and neither may import the other
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


@dataclass(frozen=True, slots=True)
class OutputPlace:
    """Which text of which tool output: outputs are counted from 1 in the order of the conversation, every one of them,
    and the texts of one output (nearly always there is only one) from 1 as well."""

    number: int
    text: int = 1

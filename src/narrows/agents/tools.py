"""A client's tools, and what became of their calls, as every backend is given them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from blake3 import blake3
from msgspec.json import encode

APPROVAL_TOOL: Final = "narrows_approval"
"""The tool by which a client is asked for its word, where an agent waits for a person's: no agent is offered it."""


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A function that the client offers. `parameters`: its JSON Schema as the client wrote it, byte for byte; empty
    where it gave none."""

    name: str
    description: str = ""
    parameters: bytes = b""


class ToolPath(Enum):
    """How an agent is offered a client's tools."""

    PAUSE = auto()
    """Its server offers them, and its run rests while a call waits."""
    TRAFFIC = auto()
    """In its own model calls, which pass here; one of them is kept open while a call waits."""
    MCP = auto()
    """By an MCP server that the gateway runs for the session; the agent's request to it is kept open while a call
    waits."""


@dataclass(frozen=True, slots=True)
class CallOutput:
    """What the client's tool answered. `id`, `name`, `arguments` and `signature` are the call's, as in `AgentCall`."""

    id: str
    name: str
    arguments: str
    output: str
    signature: str = ""


def tools_digest(tools: Sequence[ClientTool]) -> bytes:
    """The digest of tools as they were offered; empty where there are none."""
    if not tools:
        return b""
    return blake3(encode([(tool.name, tool.description, tool.parameters) for tool in tools])).digest()

"""A client's tools, and what became of their calls, as every backend is given them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A function that the client offers. `parameters`: its JSON Schema as the client wrote it, byte for byte; empty
    where it gave none."""

    name: str
    description: str = ""
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class CallOutput:
    """What the client's tool answered. `id`, `name`, `arguments` and `signature` are the call's, as in `AgentCall`."""

    id: str
    name: str
    arguments: str
    output: str
    signature: str = ""

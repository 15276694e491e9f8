"""The model behind every agent here, on the scripted upstream: without a key or a state. It speaks as it is spoken to.

What it says follows from the last message. A user's `CALL a b` has it call these tools; `GATED words` says the first
word, and the others when `gate` is opened; `ENDLESS` says half of something for ever. Any other text, and any output of
a tool, is said again in capitals, word by word. Each answer reports other figures of usage than the one before it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tests.agents_e2e.wires import conversation, declared, half, said, text_of
from tests.scripted_upstream import Answer, Recorded, ScriptedUpstream

ARGUMENTS = '{"city": "Oslo",  "text": "quietly"}'
OWN_ARGUMENTS = {"glob": '{"pattern": "no-such-*"}'}
"""What tools of agents that are not made for this want."""


@dataclass
class Model:
    """The model, and what it has reported: the figures of each answer."""

    upstream: ScriptedUpstream
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    reported: list[dict[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.upstream.otherwise = self.answer

    @property
    def url(self) -> str:
        return self.upstream.url

    @property
    def asked(self) -> list[Recorded]:
        """The requests so far."""
        return self.upstream.requests

    def sessions(self) -> list[str]:
        """What the agents' requests say in x-session-id."""
        return [b", ".join(request.values(b"x-session-id")).decode() for request in self.asked]

    def answer(self, request: Recorded) -> Answer:
        message = conversation(request)[-1]
        text = text_of(message)
        usage = self.report()
        if message["role"] == "user" and text.startswith("CALL "):
            return said(request, usage, [{"text": "Let me see."}, *(call(request, name) for name in text.split()[1:])])
        if message["role"] == "user" and text.startswith("ENDLESS"):
            return half(request)
        words = [f" {word}" if at else word for at, word in enumerate(text.upper().split())]
        pieces: list[Any] = [{"text": word} for word in words]
        if message["role"] == "user" and text.startswith("GATED "):
            pieces.insert(1, self.gate)
        return said(request, usage, pieces)

    def report(self) -> dict[str, int]:
        """Figures that no other answer has."""
        number = len(self.reported) + 1
        usage = {"prompt_tokens": 100 + number, "completion_tokens": 10 + number, "total_tokens": 110 + 2 * number}
        self.reported.append(usage)
        return usage


def call(request: Recorded, name: str) -> dict[str, str]:
    """A call of the tool of this name, or of the one whose name ends with it: agents put a server's before it."""
    listed = declared(request)
    full = name if name in listed else next((one for one in listed if one.endswith(f"_{name}")), name)
    return {"name": full, "arguments": OWN_ARGUMENTS.get(name, ARGUMENTS)}

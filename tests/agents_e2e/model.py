"""The model behind every agent here, on the scripted upstream: it has no key and no state.

What it says follows from the last message. A user's `CALL a b` has it call these tools; `GATED words` says the first
word, and the others when `gate` is opened; `ENDLESS` says half of something for ever. Any other text, and any output of
a tool, is said again in capitals, word by word. Each answer reports other figures of usage than the one before it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tests.scripted_upstream import Answer, Recorded, ScriptedUpstream, Step, events, frame

ARGUMENTS = '{"city": "Oslo",  "text": "quietly"}'


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
        message = request.json["messages"][-1]
        text = text_of(message)
        usage = self.report()
        if message["role"] == "user" and text.startswith("CALL "):
            return said(usage, {"content": "Let me see."}, *map(call, range(9), text.split()[1:]), finish="tool_calls")
        if message["role"] == "user" and text.startswith("ENDLESS"):
            return events(frame({"role": "assistant", "content": "Half"}), asyncio.Event())
        words = [f" {word}" if at else word for at, word in enumerate(text.upper().split())]
        pieces: list[Any] = [{"content": word} for word in words]
        if message["role"] == "user" and text.startswith("GATED "):
            pieces.insert(1, self.gate)
        return said(usage, *pieces)

    def report(self) -> dict[str, int]:
        """Figures that no other answer has."""
        number = len(self.reported) + 1
        usage = {"prompt_tokens": 100 + number, "completion_tokens": 10 + number, "total_tokens": 110 + 2 * number}
        self.reported.append(usage)
        return usage


def text_of(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)


def call(index: int, name: str) -> dict[str, Any]:
    """A delta that calls a tool."""
    function = {"name": name, "arguments": ARGUMENTS}
    return {"tool_calls": [{"index": index, "id": f"native-{index}", "type": "function", "function": function}]}


def said(usage: dict[str, int], *pieces: dict[str, Any] | asyncio.Event, finish: str = "stop") -> Answer:
    """A stream of these deltas; a gate among them is waited for."""
    steps: list[Step] = [frame({"role": "assistant", "content": ""})]
    steps += [piece if isinstance(piece, asyncio.Event) else frame(piece) for piece in pieces]
    return events(*steps, frame({}, finish_reason=finish), frame(None, usage=usage), b"data: [DONE]\n\n")

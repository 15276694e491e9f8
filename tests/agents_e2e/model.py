"""The model behind every agent here, on the scripted upstream: it has no key and no state.

What it says follows from the last message. A user's `CALL a b` has it call these tools; `GATED words` says the first
word, and the others when `gate` is opened; `ENDLESS` says half of something for ever. Any other text, and any output of
a tool, is said again in capitals, word by word. Each answer reports other figures of usage than the one before it.

It speaks Chat Completions, and Responses where it is asked so; `heard` tells what either request says, in Chat's words.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
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
        message = heard(request)[-1]
        text = text_of(message)
        usage = self.report()
        said = responded if "input" in request.json else completed
        if message["role"] == "user" and text.startswith("CALL "):
            return said(usage, {"content": "Let me see."}, *map(call, range(9), text.split()[1:]), finish="tool_calls")
        if message["role"] == "user" and text.startswith("ENDLESS"):
            return said(usage, {"content": "Half"}, asyncio.Event())
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


def heard(request: Recorded) -> list[dict[str, Any]]:
    """The messages of a request."""
    if "input" not in request.json:
        return list(request.json["messages"])
    found: list[dict[str, Any]] = []
    for item in request.json["input"]:
        match item.get("type", "message"):
            case "message":
                found.append({"role": item["role"], "content": text_of(item)})
            case "function_call":
                if not found or found[-1]["role"] != "assistant":
                    found.append({"role": "assistant", "content": None})
                made = {"id": item["call_id"], "function": {"name": item["name"], "arguments": item["arguments"]}}
                found[-1].setdefault("tool_calls", []).append(made)
            case "function_call_output":
                found.append({"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]})
    return found


def declared(request: Recorded) -> list[dict[str, Any]]:
    """The functions that a request declares."""
    return [tool.get("function", tool) for tool in request.json.get("tools", ())]


def call(index: int, name: str) -> dict[str, Any]:
    """A delta that calls a tool."""
    function = {"name": name, "arguments": ARGUMENTS}
    return {"tool_calls": [{"index": index, "id": f"native-{index}", "type": "function", "function": function}]}


def completed(usage: dict[str, int], *pieces: dict[str, Any] | asyncio.Event, finish: str = "stop") -> Answer:
    """A stream of these deltas; a gate among them is waited for."""
    steps: list[Step] = [frame({"role": "assistant", "content": ""})]
    steps += [piece if isinstance(piece, asyncio.Event) else frame(piece) for piece in pieces]
    return events(*steps, frame({}, finish_reason=finish), frame(None, usage=usage), b"data: [DONE]\n\n")


Sent = dict[str, Any]


class _Output:
    """The events of a response, and the items that it has."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.items: list[Sent] = []
        self.count = 0

    def event(self, kind: str, **fields: Any) -> bytes:
        body = {"type": f"response.{kind}", "sequence_number": self.count, **fields}
        self.count += 1
        return b"event: response.%b\ndata: %b\n\n" % (kind.encode(), json.dumps(body).encode())

    def response(self, status: str, usage: Sent | None = None) -> Sent:
        fixed = {"object": "response", "created_at": 1, "model": "scripted", "error": None, "incomplete_details": None}
        asked = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": False, "instructions": None, "metadata": {}}
        given = {"id": f"resp_{self.number}", "status": status, "output": self.items, "usage": usage}
        return {**fixed, **asked, **given}

    def text(self, pieces: Sequence[Sent | asyncio.Event]) -> list[Step]:
        """A message, whose text comes in these pieces."""
        item: Sent = {"id": f"msg_{self.number}", "type": "message", "role": "assistant", "status": "in_progress"}
        at = {"item_id": item["id"], "output_index": len(self.items), "content_index": 0}
        part: Sent = {"type": "output_text", "text": "", "annotations": []}
        added = self.event("output_item.added", output_index=len(self.items), item={**item, "content": []})
        steps: list[Step] = [added, self.event("content_part.added", **at, part=part)]
        for piece in pieces:
            if isinstance(piece, asyncio.Event):
                steps.append(piece)
            else:
                part = {**part, "text": part["text"] + piece["content"]}
                steps.append(self.event("output_text.delta", **at, delta=piece["content"], logprobs=[]))
        done = {**item, "status": "completed", "content": [part]}
        steps.append(self.event("output_text.done", **at, text=part["text"], logprobs=[]))
        steps.append(self.event("content_part.done", **at, part=part))
        steps.append(self.event("output_item.done", output_index=len(self.items), item=done))
        self.items.append(done)
        return steps

    def call(self, made: Sent) -> list[Step]:
        """A call of a tool."""
        index = len(self.items)
        done = {"id": f"fc_{self.number}_{index}", "type": "function_call", "call_id": made["id"], **made["function"]}
        at = {"item_id": done["id"], "output_index": index}
        begun = {**done, "arguments": "", "status": "in_progress"}
        done["status"] = "completed"
        self.items.append(done)
        return [
            self.event("output_item.added", output_index=index, item=begun),
            self.event("function_call_arguments.delta", **at, delta=done["arguments"]),
            self.event("function_call_arguments.done", **at, arguments=done["arguments"]),
            self.event("output_item.done", output_index=index, item=done),
        ]


def responded(usage: dict[str, int], *pieces: dict[str, Any] | asyncio.Event, finish: str = "stop") -> Answer:
    """The same as a stream of Responses; why it ended stands nowhere there."""
    output = _Output(usage["prompt_tokens"])
    texts = [piece for piece in pieces if isinstance(piece, asyncio.Event) or "content" in piece]
    calls = [piece["tool_calls"][0] for piece in pieces if isinstance(piece, dict) and "tool_calls" in piece]
    steps: list[Step] = [
        output.event(kind, response=output.response("in_progress")) for kind in ("created", "in_progress")
    ]
    steps += output.text(texts) if texts else []
    steps += [step for made in calls for step in output.call(made)]
    figures = {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage["total_tokens"],
    }
    return events(*steps, output.event("completed", response=output.response("completed", figures)))

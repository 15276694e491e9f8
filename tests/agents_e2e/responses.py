"""How the scripted model reads a request of Responses and answers it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from tests.scripted_upstream import Answer, Step, events

Sent = dict[str, Any]


def heard_in_responses(items: Sequence[Sent]) -> list[Sent]:
    """The messages of a request's input, in the manner of Chat Completions."""
    found: list[Sent] = []
    for item in items:
        match item.get("type", "message"):
            case "message":
                found.append({"role": item["role"], "content": _text(item.get("content"))})
            case "function_call":
                if not found or found[-1]["role"] != "assistant":
                    found.append({"role": "assistant", "content": None})
                made = {"id": item["call_id"], "function": {"name": item["name"], "arguments": item["arguments"]}}
                found[-1].setdefault("tool_calls", []).append(made)
            case "function_call_output":
                found.append({"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]})
    return found


def _text(content: Any) -> Any:
    """One text, where there is nothing else."""
    parts = content if isinstance(content, list) else []
    if any("image_url" in part for part in parts):
        return [
            {**part, "type": "image_url", "image_url": {"url": part["image_url"]}} if "image_url" in part else part
            for part in parts
        ]
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in parts)


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
                part = {**part, "text": part["text"] + piece["text"]}
                steps.append(self.event("output_text.delta", **at, delta=piece["text"], logprobs=[]))
        done = {**item, "status": "completed", "content": [part]}
        steps.append(self.event("output_text.done", **at, text=part["text"], logprobs=[]))
        steps.append(self.event("content_part.done", **at, part=part))
        steps.append(self.event("output_item.done", output_index=len(self.items), item=done))
        self.items.append(done)
        return steps

    def call(self, name: str, made: Sent) -> list[Step]:
        """A call of a tool."""
        index = len(self.items)
        done = {"id": f"fc_{self.number}_{index}", "type": "function_call", "call_id": name, **made}
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


def said_in_responses(usage: Sent, pieces: Sequence[Sent | asyncio.Event]) -> Answer:
    """A stream of these texts and calls; why it ended stands nowhere there."""
    output = _Output(usage["prompt_tokens"])
    texts = [piece for piece in pieces if isinstance(piece, asyncio.Event) or "text" in piece]
    calls = [piece for piece in pieces if isinstance(piece, dict) and "name" in piece]
    steps: list[Step] = [
        output.event(kind, response=output.response("in_progress")) for kind in ("created", "in_progress")
    ]
    steps += output.text(texts) if texts else []
    steps += [step for at, made in enumerate(calls) for step in output.call(f"native-{at}", made)]
    figures = {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage["total_tokens"],
    }
    return events(*steps, output.event("completed", response=output.response("completed", figures)))

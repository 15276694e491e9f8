"""A run as a chat completion, whole or in chunks: two renderings of one thing.

The shapes are those that OpenAI's service sends and its clients read: the role once, in the first chunk; text deltas;
for each tool call its id and name, and then its arguments; one chunk with the finish reason; with `include_usage` one
with the usage and no choices, and a `usage` of null in all others; then `[DONE]`. Id, time and model are the same in
each of them. Usage that nobody has counted is left out. Frames are `data:` lines and comments, as clients choke on
anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.json import encode

from narrows.agents.calls import PendingCall
from narrows.agents.observation import Finish, Usage
from narrows.errors import GatewayError

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
REASONING = "reasoning_content"
"""Where clients look for reasoning, which the official service does not show."""
_Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Rendering:
    """What is the same in every chunk of an answer. `created`: seconds since the epoch."""

    id: str
    created: int
    model: str
    include_usage: bool = False

    def role(self, *, calls_alone: bool = False) -> bytes:
        """The first chunk; `calls_alone`: there is no text, and will be none."""
        return self._chunk({"role": "assistant", "content": None if calls_alone else "", "refusal": None})

    def text(self, text: str, *, thought: bool = False) -> bytes:
        """A chunk with more text, or reasoning."""
        return self._chunk({REASONING if thought else "content": sayable(text)})

    def calls(self, calls: Sequence[PendingCall]) -> bytes:
        """Chunks with tool calls."""
        chunks: list[bytes] = []
        for index, one in enumerate(calls):
            head: _Json = {"index": index, "id": one.id, "type": "function"}
            chunks.append(self._calls_chunk({**head, "function": {"name": sayable(one.call.name), "arguments": ""}}))
            if one.call.arguments:
                arguments = {"arguments": sayable(one.call.arguments)}
                chunks.append(self._calls_chunk({"index": index, "function": arguments}))
        return b"".join(chunks)

    def end(self, finish: Finish, usage: Usage | None) -> bytes:
        """Everything after the last text."""
        last = self._chunk({}, finish)
        counted = usage_object(usage)
        if self.include_usage and counted is not None:
            last += _frame({**self._head("chat.completion.chunk"), "choices": [], "usage": counted})
        return last + DONE

    def whole(
        self,
        text: str,
        finish: Finish,
        usage: Usage | None,
        calls: Sequence[PendingCall] = (),
        reasoning: str = "",
    ) -> bytes:
        """The answer in one piece."""
        message: _Json = {"role": "assistant", "content": sayable(text), "refusal": None}
        if reasoning:
            message[REASONING] = sayable(reasoning)
        if calls:
            message["content"] = sayable(text) or None
            message["tool_calls"] = [call_object(one) for one in calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish.value}
        answer: _Json = {**self._head("chat.completion"), "choices": [choice]}
        counted = usage_object(usage)
        if counted is not None:
            answer["usage"] = counted
        return encode(answer)

    def _head(self, kind: str) -> _Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _calls_chunk(self, call: _Json) -> bytes:
        return self._chunk({"tool_calls": [call]})

    def _chunk(self, delta: _Json, finish: Finish | None = None) -> bytes:
        choice = {
            "index": 0,
            "delta": delta,
            "logprobs": None,
            "finish_reason": None if finish is None else finish.value,
        }
        chunk: _Json = {**self._head("chat.completion.chunk"), "choices": [choice]}
        if self.include_usage:
            chunk["usage"] = None
        return _frame(chunk)


def error_frame(error: GatewayError) -> bytes:
    """The event that ends a stream which cannot be completed; no finish reason and no `[DONE]` follow it."""
    said = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return _frame({"error": said})


def call_object(one: PendingCall) -> _Json:
    """A call as an assistant's message has it."""
    function = {"name": sayable(one.call.name), "arguments": sayable(one.call.arguments)}
    return {"id": one.id, "type": "function", "function": function}


def usage_object(usage: Usage | None) -> _Json | None:
    """The usage as Chat Completions writes it; None where either sum is not known."""
    if usage is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    found: _Json = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.cached_tokens is not None:
        found["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens is not None:
        found["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return found


def _frame(data: _Json) -> bytes:
    return b"data: " + encode(data) + b"\n\n"


def sayable(text: str) -> str:
    """A text that UTF-8 can hold: half of a surrogate pair becomes a question mark."""
    return text if text.isascii() else text.encode(errors="replace").decode()

"""Observes answers of the Messages format: event streams, whole messages, token counts and error bodies.

A stream names its blocks by index, and each block keeps its own text; blocks of a message may come in any order, and a
block that starts again starts anew, as some servers send `message_start` twice. Figures of usage come piecewise: each
event's figures replace those before, figure by figure, because `message_delta` counts up and some servers repeat the
input there. `message_stop` ends it.

`input_tokens` of this format leaves out what was read from and written to the cache; the record's includes both, so
that it means the same on every wire.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from narrows.core.sse import ServerSentEvent
from narrows.wire.answers import AnswerObserver, CallParts, Tally, Texts, count_of, lengths, name_of
from narrows.wire.types import PREFIX_MISMATCH, Choice, ResponseObserver, ResponseRecord, Usage

MAX_BLOCKS = 1024
MAX_SAID_CHARACTERS = 4096
"""Of an error's message, which is looked at and never kept."""
_BOUND = "bound to a different conversation"
"""How Anthropic refuses a thinking block that is replayed behind another prefix than it was made behind."""


class Block(Struct, frozen=True, gc=False):
    """A content block, or what is added to one."""

    type: Any = None
    text: Any = None
    thinking: Any = None
    partial_json: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = msgspec.Raw()


class Delta(Struct, frozen=True, gc=False):
    """`delta` of a block or of the message."""

    type: Any = None
    text: Any = None
    thinking: Any = None
    partial_json: Any = None
    stop_reason: Any = None


class Event(Struct, frozen=True, gc=False):
    """Any event of a stream, a whole message, a count, or an error."""

    type: Any = None
    id: Any = None
    model: Any = None
    role: Any = None
    content: list[Block] | None = None
    stop_reason: Any = None
    usage: Any = None
    message: Any = None
    index: Any = None
    content_block: Block | None = None
    delta: Delta | None = None
    error: Any = None
    input_tokens: Any = None


_FIGURES = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "thinking_tokens",
)
_DECODER = msgspec.json.Decoder(Event)


def observer(content_type: str, texts: bool = True) -> ResponseObserver:
    """An observer for one answer with this Content-Type (empty: none was sent)."""
    return AnswerObserver(MessageAnswer(texts=texts), content_type)


def parse(data: bytes) -> Event | None:
    """The object in `data`; None where it is no JSON object of this shape."""
    try:
        return _DECODER.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


class _BlockParts:
    """One content block under way."""

    __slots__ = ("call", "text", "thinking")

    def __init__(self) -> None:
        self.text = Texts()
        self.thinking = Texts()
        self.call: CallParts | None = None


class MessageAnswer:
    """Everything known of the answer so far."""

    def __init__(self, *, texts: bool = True) -> None:
        self.tally = Tally(texts=texts)
        self._role = ""
        self._blocks: dict[int, _BlockParts] = {}
        self._stop_reason: str | None = None
        self._usage: dict[str, int] = {}

    def take_event(self, event: ServerSentEvent) -> None:
        """One event."""
        found = parse(event.data)
        if found is None:
            self.tally.unparsed += 1
            return
        match name_of(found.type) or event.event:
            case "message_start":
                self._start(found)
            case "content_block_start" if found.content_block is not None:
                self._open(found.index, found.content_block)
            case "content_block_delta" if found.delta is not None:
                self._add(found.index, found.delta)
            case "message_delta":
                self._take_usage(found.usage)
                if found.delta is not None:
                    self._stop_reason = name_of(found.delta.stop_reason) or self._stop_reason
            case "message_stop":
                self.tally.done = True
            case "error":
                self._fail(found)
                return
        self.tally.chunks += 1

    def take_body(self, body: bytes) -> None:
        """A message, a count of tokens, or an error."""
        found = parse(body)
        if found is None:
            self.tally.unparsed += 1
        elif found.error is not None or found.type == "error":
            self._fail(found)
        else:
            self._take_message(found)
            if count_of(found.input_tokens) is not None:
                self._take_usage({"input_tokens": found.input_tokens})
            self.tally.done = True

    def record(self) -> ResponseRecord:
        """The record of what has come so far."""
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        choice = Choice(
            index=0,
            role=self._role,
            text="".join(text for block in blocks for text in block.text),
            reasoning="".join(text for block in blocks for text in block.thinking),
            tool_calls=tuple(block.call.build() for block in blocks if block.call is not None),
            finish_reason=self._stop_reason,
            counted=lengths([block.text for block in blocks], [block.thinking for block in blocks]),
        )
        return self.tally.record([choice] if self._role or blocks or self._stop_reason else [])

    def _fail(self, found: Event) -> None:
        error = found.error if isinstance(found.error, dict) else {}
        said = error.get("message")
        bound = isinstance(said, str) and _BOUND in said[:MAX_SAID_CHARACTERS]
        self.tally.failed(PREFIX_MISMATCH if bound else error.get("type"))

    def _start(self, found: Event) -> None:
        try:
            message = msgspec.convert(found.message, Event)
        except msgspec.ValidationError:
            self.tally.unparsed += 1
            return
        self._take_message(message)

    def _take_message(self, message: Event) -> None:
        self.tally.named(message.id, message.model)
        self._role = self._role or name_of(message.role)
        self._stop_reason = name_of(message.stop_reason) or self._stop_reason
        for index, block in enumerate(message.content or ()):
            self._open(index, block)
        self._take_usage(message.usage)

    def _open(self, index: object, block: Block) -> None:
        if not isinstance(index, int) or (len(self._blocks) >= MAX_BLOCKS and index not in self._blocks):
            self.tally.budget.spent = True
            return
        parts = self._blocks[index] = _BlockParts()
        budget = self.tally.budget
        budget.keep(parts.text, block.text if block.type == "text" else None)
        budget.keep(parts.thinking, block.thinking)
        if block.type == "tool_use":
            parts.call = CallParts()
            arguments = bytes(block.input).decode()
            parts.call.add(block.id, block.name, "" if arguments == "{}" else arguments, budget)

    def _add(self, index: object, delta: Delta) -> None:
        parts = self._blocks.get(index) if isinstance(index, int) else None
        if parts is None:
            self.tally.unparsed += 1
            return
        budget = self.tally.budget
        budget.keep(parts.text, delta.text)
        budget.keep(parts.thinking, delta.thinking)
        if parts.call is not None:
            parts.call.add(None, None, delta.partial_json, budget)

    def _take_usage(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        thought = usage.get("output_tokens_details")
        said = {**usage, "thinking_tokens": thought.get("thinking_tokens") if isinstance(thought, dict) else None}
        self._usage.update({name: count for name in _FIGURES if (count := count_of(said.get(name))) is not None})
        self.tally.used(_usage(self._usage))


def _usage(counts: dict[str, int]) -> Usage | None:
    """The figures in the record's terms; what was not said is absent."""
    if not counts:
        return None
    read, written = counts.get("cache_read_input_tokens"), counts.get("cache_creation_input_tokens")
    fresh, output = counts.get("input_tokens"), counts.get("output_tokens")
    whole = None if fresh is None else fresh + (read or 0) + (written or 0)
    total = None if whole is None or output is None else whole + output
    return Usage(whole, output, total, read, counts.get("thinking_tokens"))

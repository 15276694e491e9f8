"""Observes answers of the Gemini format: event streams, arrays of chunks, whole answers, token counts, errors.

Chunks carry parts, not deltas of indexed items: texts are joined in order, thoughts apart from them, and every
`functionCall` with a name begins a call. Vertex AI may go on with a call value by value. Usage stands on many chunks
and counts up, so the last with figures wins. There is no end mark: an answer is complete when every candidate has a
finish reason, or when the prompt was blocked.

Output tokens include thoughts, as on the other wires; what the input cost by tool use is part of the input.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from narrows.core.sse import ServerSentEvent
from narrows.wire.answers import AnswerObserver, CallParts, Tally, TextBudget, Texts, count_of, lengths, name_of
from narrows.wire.gemini.arguments import PartialArguments
from narrows.wire.gemini.arrays import ChunksReader
from narrows.wire.types import Choice, ResponseObserver, ResponseRecord, Usage

MAX_CANDIDATES = 128
MAX_CALLS = 256


class FunctionCall(Struct, frozen=True, gc=False, rename="camel"):
    """A call, whole or in part."""

    id: Any = None
    name: Any = None
    args: msgspec.Raw = msgspec.Raw()
    partial_args: list[Any] | None = None


class Part(Struct, frozen=True, gc=False, rename="camel"):
    """A part of a content."""

    text: Any = None
    thought: Any = None
    function_call: FunctionCall | None = None


class Content(Struct, frozen=True, gc=False):
    """A candidate's content."""

    role: Any = None
    parts: list[Part] | None = None


class Candidate(Struct, frozen=True, gc=False, rename="camel"):
    """One candidate of a chunk."""

    index: Any = None
    content: Content | None = None
    finish_reason: Any = None


class Chunk(Struct, frozen=True, gc=False, rename="camel"):
    """The top level of a chunk, an answer, a count of tokens, or an error."""

    response_id: Any = None
    model_version: Any = None
    candidates: list[Candidate] | None = None
    prompt_feedback: Any = None
    usage_metadata: Any = None
    total_tokens: Any = None
    error: Any = None


_DECODER = msgspec.json.Decoder(Chunk)


def observer(content_type: str, texts: bool = True) -> ResponseObserver:
    """An observer for one answer with this Content-Type (empty: none was sent)."""
    return AnswerObserver(GeminiAnswer(texts=texts), content_type, ChunksReader)


def parse(data: bytes) -> Chunk | None:
    """The object in `data`; None where it is no JSON object of this shape."""
    try:
        return _DECODER.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


class _CandidateParts:
    """One candidate under way."""

    def __init__(self, budget: TextBudget) -> None:
        self.role = ""
        self.finish_reason: str | None = None
        self._text = Texts()
        self._thoughts = Texts()
        self._calls: list[tuple[CallParts, PartialArguments | None]] = []
        self._budget = budget

    def add(self, candidate: Candidate) -> None:
        """What a chunk says of this candidate."""
        self.finish_reason = name_of(candidate.finish_reason) or self.finish_reason
        if candidate.content is None:
            return
        self.role = self.role or name_of(candidate.content.role)
        for part in candidate.content.parts or ():
            self._budget.keep(self._thoughts if part.thought is True else self._text, part.text)
            if part.function_call is not None:
                self._add_call(part.function_call)

    def _add_call(self, said: FunctionCall) -> None:
        if name_of(said.name):
            if len(self._calls) >= MAX_CALLS:
                self._budget.spent = True
                return
            call = CallParts()
            whole = bytes(said.args).decode()
            call.add(said.id, said.name, "" if whole == "null" else whole, self._budget)
            self._calls.append((call, None))
        for piece in said.partial_args or ():
            self._add_piece(piece)

    def _add_piece(self, piece: object) -> None:
        if not self._calls or not self._budget.keeps:
            return
        call, arguments = self._calls[-1]
        if arguments is None:
            arguments = PartialArguments()
            self._calls[-1] = call, arguments
        self._budget.left_bytes -= len(str(piece))
        if self._budget.left_bytes < 0:
            self._budget.spent = True
        else:
            arguments.add(piece)

    def build(self, index: int) -> Choice:
        """The candidate as far as it has come."""
        for number, (call, arguments) in enumerate(self._calls):
            if arguments is not None:
                call.arguments = Texts([arguments.text()])
                self._calls[number] = call, None
        return Choice(
            index=index,
            role=self.role,
            text="".join(self._text),
            reasoning="".join(self._thoughts),
            tool_calls=tuple(call.build() for call, _ in self._calls),
            finish_reason=self.finish_reason,
            counted=lengths([self._text], [self._thoughts]),
        )


class GeminiAnswer:
    """Everything known of the answer so far."""

    def __init__(self, *, texts: bool = True) -> None:
        self.tally = Tally(texts=texts)
        self._candidates: dict[int, _CandidateParts] = {}
        self._blocked = False

    def take_event(self, event: ServerSentEvent) -> None:
        """A chunk."""
        self._take(event.data, is_chunk=True)

    def take_body(self, body: bytes) -> None:
        """A whole answer, a count of tokens, or an error."""
        self._take(body, is_chunk=False)

    def record(self) -> ResponseRecord:
        """The record of what has come so far."""
        candidates = self._candidates.values()
        if self._blocked or (candidates and all(candidate.finish_reason for candidate in candidates)):
            self.tally.done = True
        return self.tally.record([self._candidates[index].build(index) for index in sorted(self._candidates)])

    def _take(self, data: bytes, *, is_chunk: bool) -> None:
        chunk, tally = parse(data), self.tally
        if chunk is None:
            tally.unparsed += 1
            return
        if chunk.error is not None:
            error = chunk.error if isinstance(chunk.error, dict) else {}
            tally.failed(error.get("status"))
            return
        tally.chunks += is_chunk
        tally.named(chunk.response_id, chunk.model_version)
        tally.used(_usage(chunk))
        if isinstance(chunk.prompt_feedback, dict) and chunk.prompt_feedback.get("blockReason"):
            self._blocked = True
        for position, candidate in enumerate(chunk.candidates or ()):
            self._candidate(candidate.index if isinstance(candidate.index, int) else position, candidate)
        if not is_chunk and count_of(chunk.total_tokens) is not None:
            tally.done = True

    def _candidate(self, index: int, said: Candidate) -> None:
        if index not in self._candidates:
            if len(self._candidates) >= MAX_CANDIDATES:
                self.tally.budget.spent = True
                return
            self._candidates[index] = _CandidateParts(self.tally.budget)
        self._candidates[index].add(said)


def _usage(chunk: Chunk) -> Usage | None:
    figures = chunk.usage_metadata
    if not isinstance(figures, dict):
        counted = count_of(chunk.total_tokens)
        return None if counted is None else Usage(input_tokens=counted)
    counts = {key: count for key in figures if (count := count_of(figures[key])) is not None}
    if not counts:
        return None
    return Usage(
        input_tokens=_sum(counts, "promptTokenCount", "toolUsePromptTokenCount"),
        output_tokens=_sum(counts, "candidatesTokenCount", "thoughtsTokenCount"),
        total_tokens=counts.get("totalTokenCount"),
        cached_tokens=counts.get("cachedContentTokenCount"),
        reasoning_tokens=counts.get("thoughtsTokenCount"),
    )


def _sum(counts: dict[str, int], *keys: str) -> int | None:
    """The sum of the figures that are there; None where none is."""
    found = [counts[key] for key in keys if key in counts]
    return sum(found) if found else None

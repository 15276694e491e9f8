"""Observes answers of the chat-completions format: event streams, whole completions, and error bodies.

What a body is shows in its first byte better than in its Content-Type, which some servers set wrongly: a JSON object
begins with a brace, and no line of an event stream does.

Every rule of a dialect is one of first-wins or last-wins, so the record does not depend on how the bytes were cut
(law 5). A stream is over at `[DONE]`, after which clients read nothing, and so nothing is read here. What cannot be
read is counted; what is too large is dropped with a reason in the record.
"""

from __future__ import annotations

from narrows.core.sse import EventStreamDecoder, ServerSentEvent
from narrows.wire.openai_chat.assembly import ChoiceParts, TextBudget, name_of
from narrows.wire.openai_chat.chunks import Chunk, error_name, parse, read_usage
from narrows.wire.types import ResponseObserver, ResponseRecord, Usage

MAX_TEXT_BYTES = 16 << 20
MAX_BODY_BYTES = 4 << 20
MAX_EVENT_BYTES = 4 << 20
MAX_BLANK_BYTES = 65_536
MAX_CHOICES = 128
MAX_ERRORS = 16

CAPPED = "capped"
BODY_TOO_LARGE = "body_too_large"

_STREAM_TYPE = "text/event-stream"
_STREAM_STARTS = b"deir:\xef"
"""First bytes of the field names, of a comment and of a BOM."""
_BLANKS = b" \t\r\n"


def observer(content_type: str) -> ResponseObserver:
    """An observer for one answer with this Content-Type (empty: none was sent)."""
    return ChatObserver(is_stream_type=content_type.lstrip().lower().startswith(_STREAM_TYPE))


class ChatObserver:
    """Looks at the first byte, then leaves the bytes to a reader of streams or of whole bodies."""

    def __init__(self, *, is_stream_type: bool) -> None:
        self._is_stream_type = is_stream_type
        self._answer = _Answer()
        self._blank = b""
        self._reader: _StreamReader | _BodyReader | None = None

    def receive_data(self, data: bytes) -> None:
        if self._reader is None:
            data = self._blank + data
            blanks = len(data) - len(data.lstrip(_BLANKS))
            if blanks == len(data) <= MAX_BLANK_BYTES:
                self._blank = data
                return
            start = data[blanks : blanks + 1] if blanks <= MAX_BLANK_BYTES else b""
            self._reader = _StreamReader(self._answer) if self._is_stream(start) else _BodyReader(self._answer)
        self._reader.receive_data(data)

    def _is_stream(self, start: bytes) -> bool:
        if self._is_stream_type:
            return start != b"{"
        return bool(start) and start in _STREAM_STARTS

    def receive_eof(self) -> None:
        if self._reader is not None:
            self._reader.receive_eof()

    def record(self) -> ResponseRecord:
        return self._answer.record()


class _StreamReader:
    def __init__(self, answer: _Answer) -> None:
        self._answer = answer
        self._decoder = EventStreamDecoder(MAX_EVENT_BYTES)

    def receive_data(self, data: bytes) -> None:
        answer = self._answer
        for event in self._decoder.receive_data(data):
            if answer.done:
                continue
            if event.data.startswith(b"[DONE]"):
                answer.done = True
            else:
                self._take(event)
        answer.skipped = self._decoder.skipped

    def _take(self, event: ServerSentEvent) -> None:
        answer = self._answer
        chunk = parse(event.data)
        if chunk is None:
            answer.unparsed += 1
            return
        is_error = chunk.error is not None or event.event == "error"
        if is_error:
            answer.add_error(chunk)
        if chunk.choices or not is_error:
            answer.chunks += 1
            answer.add(chunk)

    def receive_eof(self) -> None:
        self._decoder.receive_eof()
        if self._decoder.unterminated and not self._answer.done:
            self._answer.unparsed += 1


class _BodyReader:
    def __init__(self, answer: _Answer) -> None:
        self._answer = answer
        self._body = bytearray()

    def receive_data(self, data: bytes) -> None:
        if self._answer.dropped is None:
            self._body += data
            if len(self._body) > MAX_BODY_BYTES:
                self._body.clear()
                self._answer.dropped = BODY_TOO_LARGE

    def receive_eof(self) -> None:
        answer = self._answer
        if answer.dropped is not None:
            return
        chunk = parse(bytes(self._body))
        self._body.clear()
        if chunk is None:
            answer.unparsed += 1
        elif chunk.error is not None:
            answer.add_error(chunk)
        else:
            answer.add(chunk)
            answer.done = True


class _Answer:
    """Everything known of the answer so far."""

    def __init__(self) -> None:
        self.chunks = 0
        self.done = False
        self.unparsed = 0
        self.skipped = 0
        self.dropped: str | None = None
        self._id = ""
        self._model = ""
        self._budget = TextBudget(MAX_TEXT_BYTES)
        self._choices: dict[int, ChoiceParts] = {}
        self._usage: Usage | None = None
        self._usage_seen = 0
        self._errors: list[str] = []

    def add_error(self, chunk: Chunk) -> None:
        if len(self._errors) < MAX_ERRORS:
            self._errors.append(name_of(error_name(chunk)))

    def add(self, chunk: Chunk) -> None:
        if not self._id:
            self._id = name_of(chunk.id)
        if not self._model:
            self._model = name_of(chunk.model)
        if chunk.usage is not None or chunk.x_groq is not None:
            usage = read_usage(chunk)
            if usage is not None:
                self._usage = usage
                self._usage_seen += 1
        for position, choice in enumerate(chunk.choices or ()):
            parts = self._choice(choice.index if isinstance(choice.index, int) else position)
            if choice.delta is not None:
                parts.add(choice.delta)
            elif choice.message is not None and parts.is_empty:
                parts.add(choice.message)
            if choice.finish_reason:
                parts.finish_reason = name_of(choice.finish_reason) or parts.finish_reason

    def _choice(self, index: int) -> ChoiceParts:
        parts = self._choices.get(index)
        if parts is None:
            parts = ChoiceParts(index, self._budget)
            if len(self._choices) < MAX_CHOICES:
                self._choices[index] = parts
            else:
                self._budget.spent = True
        return parts

    def record(self) -> ResponseRecord:
        return ResponseRecord(
            id=self._id or None,
            model=self._model or None,
            choices=tuple(self._choices[index].build() for index in sorted(self._choices)),
            usage=self._usage,
            usage_seen=self._usage_seen,
            chunks=self.chunks,
            done=self.done,
            errors=tuple(self._errors),
            unparsed=self.unparsed + self.skipped,
            dropped=self.dropped or (CAPPED if self._budget.spent else None),
        )

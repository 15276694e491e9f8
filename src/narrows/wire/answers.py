"""What every wire's observer needs: telling streams from whole bodies, keeping memory bounded, and what to count.

What a body is shows in its first byte better than in its Content-Type, which some servers set wrongly: a JSON object
begins with a brace, and no line of an event stream does. Bytes go to a reader of one or the other, and that hands whole
events or the whole body to the wire's `Answer`. Nothing here depends on how the bytes were cut (law 5). What cannot be
read is counted; what is too large is dropped with a reason in the record.

All texts of one answer draw on one `TextBudget`. When it is spent, later pieces are dropped, the record says so, and
ids, usage and finish reasons are still read. Who only wants to know how long they are has them counted and not kept:
thousands of streams that go on for hours then hold no more than when they began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from narrows.core.sse import EventStreamDecoder, ServerSentEvent
from narrows.wire.types import Choice, Lengths, ObservedToolCall, ResponseRecord, Usage

MAX_TEXT_BYTES = 16 << 20
MAX_BODY_BYTES = 4 << 20
MAX_EVENT_BYTES = 4 << 20
MAX_BLANK_BYTES = 65_536
MAX_ERRORS = 16
MAX_NAME_CHARS = 256
"""Of an id, a name, a role, a finish reason."""

CAPPED = "capped"
BODY_TOO_LARGE = "body_too_large"

_STREAM_TYPE = "text/event-stream"
_STREAM_STARTS = b"deir:\xef"
"""First bytes of the field names, of a comment and of a BOM."""
_BLANKS = b" \t\r\n"
_PIECE_OVERHEAD_BYTES = 60
_JOINED_CHARACTERS = 256
"""Shorter pieces are joined at once: a stream's are a few characters each, and an object costs sixty bytes."""


def name_of(value: object) -> str:
    """A short text, or nothing where it is none."""
    return value[:MAX_NAME_CHARS] if isinstance(value, str) else ""


def count_of(value: object) -> int | None:
    """A count of tokens, or None where it is none."""
    return value if type(value) is int and value >= 0 else None  # a bool is an int by inheritance


def counts_of(values: Sequence[object]) -> list[int | None]:
    """`count_of` each of them."""
    return [value if type(value) is int and value >= 0 else None for value in values]


class Texts(list[str]):
    """The pieces of a text; `counted` are the characters of those that were not kept. True once anything has come."""

    __slots__ = ("counted",)

    def __init__(self, pieces: Iterable[str] = ()) -> None:
        super().__init__(pieces)
        self.counted = 0

    def __bool__(self) -> bool:
        return len(self) > 0 or self.counted > 0


def lengths(text: Iterable[Texts], reasoning: Iterable[Texts], refusal: Iterable[Texts] = ()) -> Lengths | None:
    """What was counted of these; None where nothing was."""
    found = Lengths(*(sum(one.counted for one in texts) for texts in (text, reasoning, refusal)))
    return found if found.text or found.reasoning or found.refusal else None


class TextBudget:
    """What may still be kept of an answer's texts, in bytes of memory, a little over-counted; or nothing is kept, and
    all of it counted."""

    __slots__ = ("keeps", "left_bytes", "spent")

    def __init__(self, total_bytes: int, *, keeps: bool = True) -> None:
        self.left_bytes = total_bytes
        self.spent = False
        self.keeps = keeps

    def keep(self, pieces: Texts, text: object) -> None:
        """Append `text` to `pieces`, or count it, if it is text, not empty, and there is room."""
        if not text or not isinstance(text, str):
            return
        if not self.keeps:
            pieces.counted += len(text)
            return
        self.left_bytes -= len(text) + _PIECE_OVERHEAD_BYTES
        if self.left_bytes < 0:
            self.spent = True
        elif pieces and len(pieces[-1]) < _JOINED_CHARACTERS:
            pieces[-1] += text
        else:
            pieces.append(text)


class CallParts:
    """One tool call under way. The first id and name that are not empty win; arguments are joined, never parsed."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments = Texts()

    def add(self, call_id: object, name: object, arguments: object, budget: TextBudget) -> None:
        self.id = self.id or name_of(call_id)
        self.name = self.name or name_of(name)
        budget.keep(self.arguments, arguments)

    def build(self) -> ObservedToolCall:
        return ObservedToolCall(self.id, self.name, "".join(self.arguments))


class Tally:
    """What is counted of any answer. `done`: the wire's own end mark was seen, and nothing after it is read."""

    chunks = 0
    done = False
    unparsed = 0
    skipped = 0
    dropped: str | None = None
    id = ""
    model = ""
    usage: Usage | None = None
    usage_seen = 0

    def __init__(self, *, texts: bool = True) -> None:
        self.budget = TextBudget(MAX_TEXT_BYTES, keeps=texts)
        self._errors: list[str] = []

    def named(self, answer_id: object, model: object) -> None:
        """The first id and model that are not empty win."""
        if not self.id:
            self.id = name_of(answer_id)
        if not self.model:
            self.model = name_of(model)

    def used(self, usage: Usage | None) -> None:
        """The last usage wins."""
        if usage is not None:
            self.usage = usage
            self.usage_seen += 1

    def failed(self, name: object) -> None:
        """An error, by its code or type; its message is never kept, it may quote the request."""
        if len(self._errors) < MAX_ERRORS:
            self._errors.append(name_of(name) or "error")

    def record(self, choices: Sequence[Choice]) -> ResponseRecord:
        """The record of what has come so far."""
        return ResponseRecord(
            id=self.id or None,
            model=self.model or None,
            choices=tuple(choices),
            usage=self.usage,
            usage_seen=self.usage_seen,
            chunks=self.chunks,
            done=self.done,
            errors=tuple(self._errors),
            unparsed=self.unparsed + self.skipped,
            dropped=self.dropped or (CAPPED if self.budget.spent else None),
        )


class Answer(Protocol):
    """One wire's understanding of an answer."""

    @property
    def tally(self) -> Tally: ...

    def take_event(self, event: ServerSentEvent) -> None:
        """An event of a stream."""
        ...

    def take_body(self, body: bytes) -> None:
        """A whole JSON body."""
        ...

    def record(self) -> ResponseRecord: ...


class Reader(Protocol):
    """Takes the bytes of an answer whose sort is known."""

    def receive_data(self, data: bytes) -> None: ...

    def receive_eof(self) -> None: ...


class AnswerObserver:
    """Looks at the first byte, then leaves the bytes to a reader of streams or of whole bodies.

    `read_body` makes the reader of what is no event stream.
    """

    def __init__(self, answer: Answer, content_type: str, read_body: Callable[[Answer], Reader] | None = None) -> None:
        self._content_type = content_type
        self._answer = answer
        self._read_body = read_body or BodyReader
        self._blank = b""
        self._reader: Reader | None = None

    def receive_data(self, data: bytes) -> None:
        if self._reader is None:
            data = self._blank + data if self._blank else data
            blanks = 0 if data[:1] == b"{" else len(data) - len(data.lstrip(_BLANKS))
            if blanks == len(data) <= MAX_BLANK_BYTES:
                self._blank = data
                return
            start = data[blanks : blanks + 1] if blanks <= MAX_BLANK_BYTES else b""
            self._reader = StreamReader(self._answer) if self._is_stream(start) else self._read_body(self._answer)
        self._reader.receive_data(data)

    def _is_stream(self, start: bytes) -> bool:
        if start == b"{":
            return False
        is_stream_type = self._content_type.lstrip().lower().startswith(_STREAM_TYPE)
        return is_stream_type or (bool(start) and start in _STREAM_STARTS)

    def receive_eof(self) -> None:
        if self._reader is not None:
            self._reader.receive_eof()

    def record(self) -> ResponseRecord:
        return self._answer.record()


class StreamReader:
    """Events, until the answer is done: clients read nothing after that."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._tally = answer.tally
        self._decoder = EventStreamDecoder(MAX_EVENT_BYTES)

    def receive_data(self, data: bytes) -> None:
        answer, tally = self._answer, self._tally
        for event in self._decoder.receive_data(data):
            if not tally.done:
                answer.take_event(event)
        tally.skipped = self._decoder.skipped

    def receive_eof(self) -> None:
        self._decoder.receive_eof()
        if self._decoder.unterminated and not self._tally.done:
            self._tally.unparsed += 1


class BodyReader:
    """A whole body, of bounded size."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._tally = answer.tally
        self._pieces: list[bytes] = []
        self._size = 0

    def receive_data(self, data: bytes) -> None:
        if self._tally.dropped is None:
            self._pieces.append(data)
            self._size += len(data)
            if self._size > MAX_BODY_BYTES:
                self._pieces.clear()
                self._tally.dropped = BODY_TOO_LARGE

    def receive_eof(self) -> None:
        if self._tally.dropped is None:
            body = b"".join(self._pieces)
            self._pieces.clear()
            self._answer.take_body(body)

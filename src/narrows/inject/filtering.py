"""Passes an answer on without the calls of the client's tools.

Text and reasoning go on at once, event by event, byte for byte. The agent's own calls wait until the answer ends, since
a call of the client's tools may follow them, and then go on byte for byte too: the agent acts on them at the end only.
Once a call of the client's tools has come, all calls and the answer's end are withheld, and what is text still goes on.

A wire tells of each event what the agent may see of it (`Piece`); what is done with that is decided here. An answer
whose calls do not count, because it ended otherwise, goes on without them and with its own end. One that was cut short
gets no end from us: truncation stays truncation.

A stream is known by its first byte, as in `wire.answers`. Other answers are read whole.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol

from msgspec import Struct

from narrows.inject.events import EventCutter, RawEvent
from narrows.inject.types import Broken, Dropped, Outcome, Passed, Withheld

MAX_HELD_BYTES = 32 << 20
"""Of one answer: of a whole body, of an event, or of the calls in a stream. Beyond it the answer is broken off."""
STREAMED_FACTOR = 8
"""So many times as long may a stream be in all: its texts are kept for the model, but not what every event repeats."""

_BLANKS = b" \t\r\n"
_WHOLE = (b"{", b"[")


class Piece(Struct, frozen=True, gc=False):
    """What may become of an event.

    `passed`: what the agent gets where nothing is withheld. Where the client's calls are: `shown`, what it gets at
    once, and `rest`, its own calls and the answer's end, which come later if at all. `own`, `injected`: there are calls
    of the agent's own, or of the client's tools. `ends`: no call follows.
    """

    passed: bytes
    shown: bytes = b""
    rest: bytes = b""
    own: bool = False
    injected: bool = False
    ends: bool = False


class WireAnswer(Protocol):
    """One wire's understanding of an answer."""

    def read_event(self, event: RawEvent) -> Piece:
        """An event of a stream."""
        ...

    def read_body(self, body: bytes) -> Piece:
        """A whole body, as one piece that ends the answer."""
        ...

    def result(self) -> Withheld | Dropped | Broken:
        """What the calls of the client's tools in this answer come to."""
        ...

    def go_on(self) -> None:
        """Another answer follows, as a part of this one."""
        ...


class _State(Enum):
    OPEN = auto()
    HOLDING = auto()
    WITHHOLDING = auto()
    SILENT = auto()
    """Something is too large to be read."""


class Filter:
    """An `AnswerFilter` for one answer of an agent, and its follow-ups."""

    def __init__(self, answer: WireAnswer, max_held_bytes: int = MAX_HELD_BYTES) -> None:
        self._answer = answer
        self._limit = max_held_bytes
        self.outcome: Outcome | None = None
        self._begin()

    def _begin(self) -> None:
        self._state = _State.OPEN
        self._cutter = EventCutter(self._limit)
        self._blank = bytearray()
        self._body: bytearray | None = None
        self._begun = False
        self._held: list[Piece] = []
        self._held_bytes = self._read_bytes = 0
        self._rest: list[bytes] = []
        self._rest_has_calls = False
        self._fault = ""

    @property
    def held_bytes(self) -> int:
        """As `AnswerFilter.held_bytes`."""
        body = 0 if self._body is None else len(self._body)
        return len(self._blank) + body + self._cutter.held_bytes + self._held_bytes

    def go_on(self) -> None:
        """As `AnswerFilter.go_on`."""
        self._answer.go_on()
        self.outcome = None
        self._begin()

    def receive_data(self, data: bytes) -> bytes:
        """As `AnswerFilter.receive_data`."""
        if self._state is _State.SILENT:
            return b""
        if not self._begun:
            text = data.lstrip(_BLANKS)
            start = text[:1]
            self._blank += data[: len(data) - len(text)]
            if len(self._blank) > self._limit:
                return self._give_up("the answer is too large to be read")
            if not start:
                return b""
            data, self._blank = bytes(self._blank) + text, bytearray()
            self._begun = True
            self._body = bytearray() if start in _WHOLE else None
        if self._body is not None:
            self._body += data
            return self._give_up("the answer is too large to be read") if len(self._body) > self._limit else b""
        self._read_bytes += len(data)
        out = b"".join([self._take(self._answer.read_event(event)) for event in self._cutter.receive_data(data)])
        too_long = self._read_bytes > STREAMED_FACTOR * self._limit
        if self._cutter.oversized or self._held_bytes > self._limit or too_long:
            out += self._give_up("an event, the calls of the answer, or all of it, are too large to be read")
        return out

    def receive_eof(self) -> bytes:
        """As `AnswerFilter.receive_eof`."""
        out = bytes(self._blank)
        if self._body is not None:
            body, self._body = bytes(self._body), None
            out += self._take(self._answer.read_body(body))
        left = self._cutter.receive_eof()
        match self._state:
            case _State.SILENT:
                self.outcome = Broken(self._fault)
            case _State.WITHHOLDING:
                self.outcome = self._answer.result()
                if isinstance(self.outcome, Dropped):
                    out += self.release()
            case _State.HOLDING | _State.OPEN:
                out += self._flush() + left
                self.outcome = Passed()
        return out

    def release(self) -> bytes:
        """As `AnswerFilter.release`."""
        rest = b"".join(self._rest)
        self._rest.clear()
        self._held_bytes = 0
        return rest

    def _take(self, piece: Piece) -> bytes:
        if self._state is _State.WITHHOLDING:
            return self._withhold(piece)
        if piece.injected:
            self._state = _State.WITHHOLDING
            held, self._held = self._held, []
            self._held_bytes = 0
            return b"".join([self._withhold(one) for one in (*held, piece)])
        if self._state is _State.OPEN and (not piece.own or piece.ends):
            return piece.passed
        self._state = _State.HOLDING
        self._held.append(piece)
        self._held_bytes += len(piece.passed)
        return self._flush() if piece.ends else b""

    def _flush(self) -> bytes:
        """The agent's own calls, and what came after them."""
        held, self._held = self._held, []
        self._held_bytes = 0
        self._state = _State.OPEN
        return b"".join([piece.passed for piece in held])

    def _withhold(self, piece: Piece) -> bytes:
        """What of it goes on at once. After a call of the agent's own everything waits, to keep its place."""
        if self._rest_has_calls:
            kept, shown = piece.shown + piece.rest, b""
        else:
            kept, shown = piece.rest, piece.shown
        self._rest_has_calls = self._rest_has_calls or piece.own
        self._rest.append(kept)
        self._held_bytes += len(kept)
        return shown

    def _give_up(self, fault: str) -> bytes:
        """Nothing more goes on: what cannot be read might hold a call that is not the agent's."""
        self._fault = fault
        self._state = _State.SILENT
        self._body = None
        self._blank.clear()
        self._held.clear()
        self._rest.clear()
        self._held_bytes = 0
        self._cutter.receive_eof()
        return b""

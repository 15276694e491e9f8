"""Reads the event stream format (WHATWG HTML, 9.2.6 "Interpreting an event stream") at the level of bytes.

Bytes may be cut anywhere: inside a character, between CR and LF, inside the BOM. Every cut gives the same events
(law 5) because all that is kept between two calls is a cut line and the fields of the event that is under way, and
because a CR ends its line at once, while the LF that may follow is remembered to be no line of its own.

What the standard and the clients do is done: comments are ignored, but counted; one blank after the colon is dropped;
`data` lines are joined by LF; an event without data is not dispatched; an event without its blank line at the end of
the stream is lost, and reported. An event over the bound is skipped and counted, and the decoder goes on with the next.
The time taken is linear in the bytes, however they are cut.
"""

from __future__ import annotations

from msgspec import Struct

MAX_EVENT_BYTES = 4 << 20

_BOM = b"\xef\xbb\xbf"
_LF, _CR, _COLON = b"\n\r:"
_MAX_RETRY_DIGITS = 12


class ServerSentEvent(Struct, frozen=True, gc=False):
    """One event. `event` is its type, empty where none is given; `id` the last event id of the stream so far. `data` is
    as the sender encoded it, which by the standard is UTF-8; nothing here decodes it."""

    event: str
    data: bytes
    id: str


class EventStreamDecoder:
    """Bytes in, events out.

    `comments` counts comment lines, `skipped` events over `max_event_bytes` (the bytes of an event's lines but its
    comments, line ends included). `unterminated`, after `receive_eof`: the stream ended inside an event, which is lost.
    `retry_ms` is the last reconnection time that was sent.
    """

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_data",
        "_event",
        "_id",
        "_limit",
        "_line",
        "_line_bytes",
        "_size",
        "comments",
        "retry_ms",
        "skipped",
        "unterminated",
    )

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._line = bytearray()
        self._line_bytes = 0
        self._at_start = True
        self._after_cr = False
        self._data: list[bytes] = []
        self._event = b""
        self._id = ""
        self._size = 0
        self.comments = 0
        self.skipped = 0
        self.unterminated = False
        self.retry_ms: int | None = None

    def receive_data(self, data: bytes) -> list[ServerSentEvent]:
        """The events that these bytes complete."""
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == _LF:
                data = data[1:]
        if b"\r" in data:
            self._after_cr = data[-1] == _CR
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        events: list[ServerSentEvent] = []
        position = 0
        if self._size or self._line_bytes or self._at_start:
            position = self._take_lines(data, 0, events, to_event_start=True)
        position = self._take_whole_events(data, position, events)
        self._take_lines(data, position, events, to_event_start=False)
        return events

    def receive_eof(self) -> None:
        """The stream is over; nothing is dispatched by that."""
        line = bytes(self._line)
        if self._at_start:
            line = line.removeprefix(_BOM)
        self.unterminated = self._size > 0 or (bool(line) and line[0] != _COLON)

    def _take_whole_events(self, data: bytes, position: int, events: list[ServerSentEvent]) -> int:
        """Take what ends in a blank line, from the start of an event on; most senders' events are one `data` line."""
        identity = self._id
        while (line_end := data.find(b"\n", position)) >= 0:
            alone = data.startswith(b"\n", line_end + 1) and line_end - position < self._limit
            if alone and data.startswith(b"data: ", position, line_end):
                events.append(ServerSentEvent("", data[position + 6 : line_end], identity))
                position = line_end + 2
                continue
            end = data.find(b"\n\n", position)
            if end < 0:
                break
            for line in data[position:end].split(b"\n"):
                self._take_line(line, len(line), events)
            self._dispatch(events)
            identity = self._id
            position = end + 2
        return position

    def _take_lines(self, data: bytes, position: int, events: list[ServerSentEvent], *, to_event_start: bool) -> int:
        """Take line by line, as far as the start of an event or to the end, where a cut line is held back."""
        while (end := data.find(b"\n", position)) >= 0:
            line = data[position:end]
            length = len(line)
            if self._line_bytes:
                length += self._line_bytes
                self._line += line
                line = bytes(self._line)
                self._line.clear()
                self._line_bytes = 0
            self._take_line(line, length, events)
            position = end + 1
            if to_event_start and not self._size:
                return position
        if position < len(data):
            self._hold(data[position:])
        return len(data)

    def _hold(self, piece: bytes) -> None:
        """Keep a cut line; of one that will be over the bound only enough to tell whether it is a comment."""
        self._line += piece
        self._line_bytes += len(piece)
        if self._size + self._line_bytes - len(_BOM) > self._limit:
            del self._line[len(_BOM) + 1 :]

    def _take_line(self, line: bytes, length: int, events: list[ServerSentEvent]) -> None:
        """Take a whole line; `length` is the sender's, where the rest was not kept."""
        if self._at_start:
            self._at_start = False
            if line.startswith(_BOM):
                line, length = line[len(_BOM) :], length - len(_BOM)
        if not line:
            self._dispatch(events)
        elif line[0] == _COLON:
            self.comments += 1
        else:
            self._size += length + 1
            if self._size <= self._limit:
                self._take_field(line)
            else:
                self._data.clear()

    def _take_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
            case b"event":
                self._event = value
            case b"id" if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
            case b"retry" if value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
                self.retry_ms = int(value)

    def _dispatch(self, events: list[ServerSentEvent]) -> None:
        """A blank line: the event is complete."""
        if self._size > self._limit:
            self.skipped += 1
        elif self._data:
            events.append(ServerSentEvent(self._event.decode("utf-8", "replace"), b"\n".join(self._data), self._id))
        self._data.clear()
        self._event = b""
        self._size = 0

"""Cuts an event stream into its events, each with the very bytes it came in.

What is passed on must be what came, so unlike `core.sse`, whose events are values, nothing is lost here: the events'
bytes and the rest, one after the other, are the stream. An event ends with its blank line; a line ends with CRLF, LF or
CR (WHATWG HTML, 9.2.6). Every cut of the stream gives the same events (law 5).
"""

from __future__ import annotations

import re

from msgspec import Struct

from narrows.core.sse import MAX_EVENT_BYTES

_BLANK_LINE = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINE = re.compile(rb"([^\r\n]*+)(?>\r\n|\n|\r)")
_BOM = b"\xef\xbb\xbf"
_LONGEST_BLANK = 4


class RawEvent(Struct, frozen=True, gc=False):
    """An event as it came. `data`: the text of its `data` lines; `at`: where that stands in `raw`, if in one line."""

    raw: bytes
    data: bytes
    name: bytes = b""
    at: tuple[int, int] | None = None

    def with_data(self, data: bytes) -> bytes:
        """The event's bytes with another text."""
        if self.at is not None:
            return self.raw[: self.at[0]] + data + self.raw[self.at[1] :]
        named = b"event: %b\n" % self.name if self.name else b""
        return b"%bdata: %b\n\n" % (named, b" ".join(data.splitlines()))


class EventCutter:
    """Bytes in, events out. `oversized`: what is held of an event is longer than the bound."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._held = bytearray()
        self.oversized = False

    @property
    def held_bytes(self) -> int:
        """How much of an event has come that is not complete."""
        return len(self._held)

    def receive_data(self, data: bytes) -> list[RawEvent]:
        """The events that these bytes complete."""
        held = self._held
        search_from = max(0, len(held) - _LONGEST_BLANK)
        held += data
        found: list[RawEvent] = []
        start = 0
        while end := _BLANK_LINE.search(held, search_from):
            if end.end() == len(held) and held[-1] == b"\r"[0]:
                break  # an LF may follow that belongs to it
            found.append(read_event(bytes(held[start : end.end()])))
            start = search_from = end.end()
        del held[:start]
        self.oversized = self.oversized or len(held) > self._limit
        return found

    def receive_eof(self) -> bytes:
        """What is left of the stream."""
        rest = bytes(self._held)
        self._held.clear()
        return rest


def read_event(raw: bytes) -> RawEvent:
    """The event in these bytes."""
    if raw.startswith(b"data: ") and raw.find(b"\n") == len(raw) - 2 and b"\r" not in raw:
        return RawEvent(raw, raw[6:-2], b"", (6, len(raw) - 2))
    name = b""
    texts: list[tuple[int, int]] = []
    for line in _LINE.finditer(raw):
        start = line.start(1) + (len(_BOM) if line.start() == 0 and raw.startswith(_BOM) else 0)
        field, colon, value = raw[start : line.end(1)].partition(b":")
        first = start + len(field) + len(colon) + value.startswith(b" ")
        if field == b"data":
            texts.append((first, line.end(1)))
        elif field == b"event":
            name = raw[first : line.end(1)]
    data = b"\n".join(raw[first:last] for first, last in texts)
    return RawEvent(raw, data, name, texts[0] if len(texts) == 1 else None)

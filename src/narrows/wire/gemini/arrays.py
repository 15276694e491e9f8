"""Reads an answer that is no event stream: one JSON object, or an array of them that arrives piece by piece.

`:streamGenerateContent` without `alt=sse` sends an array whose elements are the chunks. They are told apart by strings
and brackets alone, and handed on one by one; what stands between them does not matter. An element is bounded like an
event. The closing bracket of the array ends it.
"""

from __future__ import annotations

import re

from narrows.core.sse import ServerSentEvent
from narrows.wire import answers
from narrows.wire.answers import Answer, BodyReader, Reader

_SIGN = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*', re.DOTALL)
"""What stands in a string up to its end, or to where the bytes so far end."""
_BLANKS = b" \t\r\n"


class ChunksReader:
    """Looks at the first byte, then reads an array or leaves the bytes to a reader of a whole body."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._reader: Reader | None = None

    def receive_data(self, data: bytes) -> None:
        if self._reader is None:
            is_array = data.lstrip(_BLANKS)[:1] == b"["
            self._reader = ArrayReader(self._answer) if is_array else BodyReader(self._answer)
        self._reader.receive_data(data)

    def receive_eof(self) -> None:
        if self._reader is not None:
            self._reader.receive_eof()


class ArrayReader:
    """Finds the elements of an array of objects."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._tally = answer.tally
        self._held = bytearray()
        self._position = 0
        self._depth = 0
        self._start = 0
        self._in_string = False

    def receive_data(self, data: bytes) -> None:
        if self._tally.done or self._tally.dropped is not None:
            return
        self._held += data
        self._scan()
        begun = self._start if self._depth > 1 else self._position
        del self._held[:begun]
        self._position -= begun
        self._start = 0
        if len(self._held) > answers.MAX_EVENT_BYTES:
            self._held.clear()
            self._tally.dropped = answers.BODY_TOO_LARGE

    def receive_eof(self) -> None:
        if not self._tally.done and self._tally.dropped is None:
            self._tally.unparsed += 1

    def _scan(self) -> None:
        held = self._held
        while self._ends_string() and (sign := _SIGN.search(held, self._position)):
            self._position = sign.end()
            if sign[0] == b'"':
                self._in_string = True
            elif sign[0] in b"{[":
                if self._depth == 1:
                    self._start = sign.start()
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 1:
                    self._answer.take_event(ServerSentEvent("", bytes(held[self._start : self._position]), ""))
                elif self._depth <= 0:
                    self._tally.done = True
                    return
        if not self._in_string:
            self._position = len(held)

    def _ends_string(self) -> bool:
        """Go on to the end of the string, if we are in one; False where its end has not come yet."""
        if self._in_string:
            inside = _IN_STRING.match(self._held, self._position)
            self._position = inside.end() if inside else self._position
            if self._held[self._position : self._position + 1] != b'"':
                return False
            self._position += 1
            self._in_string = False
        return True

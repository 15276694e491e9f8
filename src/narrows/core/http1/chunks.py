"""The chunked coding (RFC 9112 section 7.1), walked to find its end or taken off.

Strict as the heads are: hex sizes without blanks, extensions only in their written grammar, every chunk closed by its
CRLF, bounded lines, and a trailer section that is bounded and may not speak of framing.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from narrows.core.http1.framing import (
    HOP_BY_HOP,
    MAX_CHUNK_LINE_BYTES,
    MAX_TRAILER_BYTES,
    TEXT,
    TOKEN,
    Fault,
    FramingError,
)


class _Stage(Enum):
    """Which element of a chunked body the next byte belongs to."""

    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    DONE = auto()


_SIZE, _DATA, _DATA_END, _TRAILER, _DONE = _Stage

_QUOTED = rb'"(?:[\t !#-\[\]-~]|\\[\t -~])*+"'
_EXTENSION = rb";" + TOKEN + rb"++(?:=(?:" + TOKEN + rb"++|" + _QUOTED + rb"))?"
# Not possessive: before Python 3.11.5 (gh-106052) the failed last round of a possessive group keeps what it consumed,
# and `5;` was a line.
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:" + _EXTENSION + rb")*\r\n")
_PLAIN_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
_CHUNK_LINE_SO_FAR = re.compile(rb"[0-9A-Fa-f]{1,15}(?:;[\t -~]*+)?\r?")
_TRAILER_LINE = re.compile(rb"(" + TOKEN + rb"++):" + TEXT + rb"*+\r\n")
_TRAILER_LINE_SO_FAR = re.compile(TEXT + rb"*+\r?")
_NOT_IN_TRAILER = HOP_BY_HOP | {b"content-length", b"host"}

_NO_CHUNK_SIZE = "a chunk's size line is not: hex size, well-formed extensions, CRLF"
_NO_CHUNK_END = "a chunk's data is not followed by CRLF"
_NO_TRAILER = "the trailer has a line that is no field, or a field of framing"


class _ChunkScan:
    """The one walk over a chunked body (RFC 9112 section 7.1); keeps no data but an unfinished line."""

    __slots__ = ("_left", "_part", "_trailer_bytes", "stage")

    def __init__(self) -> None:
        self.stage = _SIZE
        self._left = 0
        self._part = b""
        self._trailer_bytes = 0

    def scan(self, data: bytes, payload: list[bytes] | None) -> int:
        """Walk on; returns the bytes of `data` that belong to the body, and collects their payload if asked to."""
        position = 0
        size = len(data)
        while position < size and self.stage is not _DONE:
            if self.stage is _SIZE and not self._part:
                end = _whole_chunks(data, position, payload)
                if end > position:
                    position = end
                    continue
            if self.stage is _DATA:
                step = min(self._left, size - position)
                if payload is not None:
                    payload.append(data[position : position + step])
                self._left -= step
                position += step
                if not self._left:
                    self.stage = _DATA_END
                continue
            end = data.find(b"\n", position) + 1
            if not end:
                self._line(data[position:], whole=False)
                return size
            self._line(data[position:end], whole=True)
            position = end
        return position

    def _line(self, piece: bytes, *, whole: bool) -> None:
        line = self._part + piece if self._part else piece
        if self.stage is _TRAILER:
            if self._trailer_bytes + len(line) > MAX_TRAILER_BYTES:
                raise FramingError(Fault.LINE_TOO_LONG, f"the trailer is longer than {MAX_TRAILER_BYTES} bytes")
        elif len(line) > MAX_CHUNK_LINE_BYTES:
            raise FramingError(Fault.LINE_TOO_LONG, f"a chunk's size line is longer than {MAX_CHUNK_LINE_BYTES} bytes")
        if not whole:
            self._unfinished(line)
            return
        self._part = b""
        if self.stage is _DATA_END:
            if line != b"\r\n":
                raise FramingError(Fault.CHUNK_END, _NO_CHUNK_END)
            self.stage = _SIZE
        elif self.stage is _SIZE:
            match = _CHUNK_LINE.fullmatch(line)
            if match is None:
                raise FramingError(Fault.CHUNK_SIZE, _NO_CHUNK_SIZE)
            self._left = int(match.group(1), 16)
            self.stage = _DATA if self._left else _TRAILER
        else:
            self._trailer_line(line)

    def _unfinished(self, line: bytes) -> None:
        """Keep a line for its rest; refuse at once what no rest can save, as it may already be on its way."""
        if self.stage is _DATA_END and line != b"\r":
            raise FramingError(Fault.CHUNK_END, _NO_CHUNK_END)
        if self.stage is _SIZE and not _CHUNK_LINE_SO_FAR.fullmatch(line):
            raise FramingError(Fault.CHUNK_SIZE, _NO_CHUNK_SIZE)
        if self.stage is _TRAILER and not _TRAILER_LINE_SO_FAR.fullmatch(line):
            raise FramingError(Fault.TRAILER, _NO_TRAILER)
        self._part = line

    def _trailer_line(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        if line == b"\r\n":
            self.stage = _DONE
            return
        match = _TRAILER_LINE.fullmatch(line)
        if match is None or match.group(1).lower() in _NOT_IN_TRAILER:
            raise FramingError(Fault.TRAILER, _NO_TRAILER)


def _whole_chunks(data: bytes, position: int, payload: list[bytes] | None) -> int:
    """The end of the chunks that follow each other from `position` on, each wholly there and without extensions, the
    last one excepted. Most servers write a chunk at a time."""
    while line := _PLAIN_LINE.match(data, position):
        first = line.end()
        stop = first + int(line[1], 16)
        if stop == first or data[stop : stop + 2] != b"\r\n":
            break
        if payload is not None:
            payload.append(data[first:stop])
        position = stop + 2
    return position


class ChunkWalker:
    """Finds the end of a chunked body that is forwarded as it is. Keeps no data."""

    __slots__ = ("_scan",)

    def __init__(self) -> None:
        self._scan = _ChunkScan()

    @property
    def done(self) -> bool:
        """The last chunk and the trailer section have been seen."""
        return self._scan.stage is _DONE

    def walks_over(self, data: bytes) -> bool:
        """Whether `data`, which comes next, is whole chunks and nothing else, none of them the last, as most reads of a
        stream are; if so, it has been received. If not, nothing has."""
        scan = self._scan
        return scan.stage is _SIZE and not scan._part and _whole_chunks(data, 0, None) == len(data)

    def receive_data(self, data: bytes) -> int:
        """How many bytes of `data` belong to the body; fewer than all of them only when it is done.

        Raises:
            FramingError: the bytes are no chunked body. How far a call came is then unknown: give the body up.
        """
        return self._scan.scan(data, None)


class ChunkDecoder:
    """Takes the chunk framing off a body that is buffered."""

    __slots__ = ("_scan",)

    def __init__(self) -> None:
        self._scan = _ChunkScan()

    @property
    def done(self) -> bool:
        """The last chunk and the trailer section have been seen."""
        return self._scan.stage is _DONE

    def receive_data(self, data: bytes) -> tuple[int, list[bytes]]:
        """As `ChunkWalker.receive_data`, and the payload in pieces, as they came; trailer fields are left out.

        Raises:
            FramingError: as there.
        """
        payload: list[bytes] = []
        return self._scan.scan(data, payload), payload

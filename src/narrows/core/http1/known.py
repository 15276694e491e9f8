"""Heads of answers that differ in values only from one that was read before, in one step.

A server sends the same fields in the same order again and again; what changes is a date, an id, a length. So the shape
of a head becomes a pattern: its status line, its names, and the value of every field that this package reads, to the
byte; any text in the place of the other values; and any valid number in the place of the length. What matches the
pattern is a head that `parse_response_head` accepts, and reads alike but for that number. All else goes there.

To compile a pattern takes as long as to read a hundred heads, and longer where it is long. So a shape must come twice
in a row before it is made, of a head of ordinary length, few are kept, and a server whose heads never settle is not
studied for ever.
"""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from narrows.core.http1.framing import MAX_HEAD_BYTES, MAX_LENGTH_DIGITS, MAX_VALUE_BYTES, TEXT, Chunked, Sized
from narrows.core.http1.heads import ANSWER_NAMES, ResponseHead

MAX_SHAPES = 4
MAX_STUDIED = 256
"""So many heads of one server are looked at for their shape."""
MAX_STUDIED_BYTES = 4096
"""A longer head is read each time: to compile the longest possible would hold the event loop for 50 ms."""

_NUMBER = rb"(0|[1-9][0-9]{0,%d})" % (MAX_LENGTH_DIGITS - 1)
_ANY = TEXT + rb"{0,%d}+" % MAX_VALUE_BYTES
_LENGTH = re.compile(rb"(?i:content-length):[ \t]*+(?=[0-9]++\Z)")


class _Shape(Struct, frozen=True, gc=False):
    """`like` is a head that has it."""

    pattern: re.Pattern[bytes]
    like: ResponseHead


class KnownHeads:
    """The shapes of one server's answers."""

    __slots__ = ("_seen", "_shapes", "_studied")

    def __init__(self) -> None:
        self._shapes: tuple[_Shape, ...] = ()
        self._seen: tuple[bytes, ...] = ()
        self._studied = 0

    def read(self, buffer: bytes) -> tuple[ResponseHead, int] | None:
        """The head that starts `buffer`, if it is whole and of a known shape, and the byte after its blank line. It
        answers a request of any method but HEAD."""
        for shape in self._shapes:
            found = shape.pattern.match(buffer)
            if found is not None:
                like = shape.like
                fields, digits = found.group(1, 2)
                end = found.end()
                if end > MAX_HEAD_BYTES:
                    return None
                head = ResponseHead(
                    like.status,
                    like.reason,
                    like.minor,
                    fields,
                    like.framing if digits is None else Sized(int(digits)),
                    like.keep_alive,
                    like.upgrade,
                    like.connection_names,
                    like.end_to_end,
                    like.content_type,
                    like.content_codings,
                )
                return head, end
        return None

    def learn(self, block: bytes, head: ResponseHead) -> None:
        """Note a head that was read from `block`, as the answer to a request of any method but HEAD."""
        if self._studied >= MAX_STUDIED or head.status != 200 or not isinstance(head.framing, Sized | Chunked):
            return
        if len(block) > MAX_STUDIED_BYTES:
            return
        self._studied += 1
        start, *lines = block.split(b"\r\n")[:-2]
        pieces = tuple(map(_piece, lines))
        seen, self._seen = self._seen, (start, *pieces)
        if seen != self._seen:
            return
        rows = b"".join(piece + rb"\r\n" for piece in pieces)
        no_number = b"" if any(piece.endswith(_NUMBER) for piece in pieces) else b"()??"  # there are always two groups
        shape = _Shape(
            re.compile(re.escape(start) + rb"\r\n(" + rows + rb")\r\n" + no_number), replace(head, fields=b"")
        )
        others = [one for one in self._shapes if one.pattern != shape.pattern]  # a head in pieces is learned again
        self._shapes = (shape, *others[: MAX_SHAPES - 1])


def _piece(line: bytes) -> bytes:
    """The pattern of lines like this one."""
    name = line.partition(b":")[0]
    lowered = name.lower()
    if lowered == b"content-length":
        front = _LENGTH.match(line)
        return re.escape(line) if front is None else re.escape(front[0]) + _NUMBER
    return re.escape(line) if lowered in ANSWER_NAMES else re.escape(name) + b":" + _ANY

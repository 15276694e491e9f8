"""What of a message stands unchanged on the other side of a proxy. Pure.

A body counts as kept when it is the same bytes; chunk framing is the connection's, and taken off first. Where texts in
it are meant to change, the rest is compared: the body is cut into its JSON strings and what stands between them, and of
these pieces those that come in the same order on both sides are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

TEXT_BYTES = 256
"""A string of this length may be a text that was shortened; a shorter one is part of what has to be kept."""

_OF_THE_CONNECTION = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length")
)
_PIECE = re.compile(rb'"(?:[^"\\]|\\.)*"|[^"]+|"', re.DOTALL)


@dataclass(frozen=True)
class Exchanged:
    """A whole message: its first line, its fields by lower-case name but those of the connection, and its body."""

    line: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.line.split()[1])


def read(raw: bytes) -> Exchanged | None:
    """The message that these bytes are; None while it is not complete.

    Raises:
        ValueError: there is more than one message in them.
    """
    head, between, rest = raw.partition(b"\r\n\r\n")
    if not between:
        return None
    line, *rows = head.split(b"\r\n")
    pairs = [(name.strip().lower(), value.strip()) for name, _, value in (row.partition(b":") for row in rows)]
    framing = dict(pairs)
    if b"chunked" in framing.get(b"transfer-encoding", b"").lower():
        if not rest.endswith(b"0\r\n\r\n"):
            return None
        body = _joined(rest)
    else:
        length = int(framing.get(b"content-length", b"0"))
        if len(rest) < length:
            return None
        if len(rest) > length:
            raise ValueError("more bytes than the message's length")
        body = rest
    fields = tuple((name, value) for name, value in pairs if name.decode("latin-1") not in _OF_THE_CONNECTION)
    return Exchanged(line, fields, body)


def unframed(answer: bytes) -> bytes:
    """The body of a whole answer; what is no whole answer has none."""
    try:
        message = read(answer)
    except ValueError:
        return b""
    return message.body if message else b""


def _joined(chunks: bytes) -> bytes:
    """The payload of a whole chunked body.

    Raises:
        ValueError: it is not framed as one.
    """
    found: list[bytes] = []
    at = 0
    while True:
        end = chunks.index(b"\r\n", at)
        size = int(chunks[at:end].partition(b";")[0], 16)
        if not size:
            return b"".join(found)
        found.append(chunks[end + 2 : end + 2 + size])
        at = end + 4 + size


@dataclass(frozen=True)
class Fields:
    """How header fields differ: how many that were sent did not arrive as they were, and how many names are new."""

    lost: int
    added: int


def fields_between(sent: Exchanged, received: Exchanged, ours: Sequence[bytes] = ()) -> Fields:
    """`ours` are names that are not looked at: they speak to the proxy, or name the host."""
    before = [pair for pair in sent.fields if pair[0] not in ours]
    after = [pair for pair in received.fields if pair[0] not in ours]
    names = {name for name, _ in before}
    return Fields(sum(pair not in after for pair in before), len({name for name, _ in after} - names))


@dataclass(frozen=True)
class Edited:
    """How a body has changed: how many of its long texts became others, and how many other bytes are not kept."""

    texts: int
    lost_bytes: int


def edited(sent: bytes, received: bytes) -> Edited:
    """Compare two JSON bodies."""
    before, after = _PIECE.findall(sent), _PIECE.findall(received)
    front = _common(before, after)
    back = _common(before[front:][::-1], after[front:][::-1])
    left, right = before[front : len(before) - back], after[front : len(after) - back]
    blocks = SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()
    kept = {at for block in blocks for at in range(block.a, block.a + block.size)}
    values = {json.loads(piece) for piece in right if _is_text(piece)}
    changed = [piece for at, piece in enumerate(left) if at not in kept]
    texts = [piece for piece in changed if _is_text(piece) and json.loads(piece) not in values]
    return Edited(len(texts), sum(map(len, changed)) - sum(map(len, texts)))


def unrepeated_bytes(before: bytes, after: bytes) -> int:
    """How much of `before` is left from the first byte on at which `after` differs."""
    same = next((at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
    return len(before) - (min(len(before), len(after)) if same is None else same)


def _is_text(piece: bytes) -> bool:
    return piece.startswith(b'"') and len(piece) >= TEXT_BYTES


def _common(first: Sequence[bytes], second: Sequence[bytes]) -> int:
    """How many pieces are the same from the front."""
    for at, pair in enumerate(zip(first, second, strict=False)):
        if pair[0] != pair[1]:
            return at
    return min(len(first), len(second))

"""Where a request's body ends: told by its framing as the bytes come, and by nothing else."""

from __future__ import annotations

from typing import Final

from narrows.core.http1 import Chunked, ChunkWalker, Framing, Sized


class _SizedEnd:
    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = size

    @property
    def done(self) -> bool:
        return self._left == 0

    def receive_data(self, data: bytes) -> int:
        consumed = min(len(data), self._left)
        self._left -= consumed
        return consumed


BodyEnd = _SizedEnd | ChunkWalker
"""Looks for the end in what it is given: `receive_data` says how much of it is the body's."""

UNREAD: Final = _SizedEnd(1)
"""Stands for a body that is here, and that nobody has taken yet."""


def body_end(framing: Framing) -> BodyEnd | None:
    """What finds the end of a body of this framing; None where there is no body."""
    if isinstance(framing, Sized) and framing.size:
        return _SizedEnd(framing.size)
    return ChunkWalker() if isinstance(framing, Chunked) else None

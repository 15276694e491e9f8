"""What the tests of answers share: a filter that is fed, and a record of what it passed on."""

from __future__ import annotations

from collections.abc import Iterable

from narrows.inject.types import AnswerFilter
from narrows.wire.types import ResponseRecord, Wire


def through(answer: AnswerFilter, pieces: Iterable[bytes]) -> bytes:
    """All that an agent gets of an answer that comes in these pieces."""
    return b"".join([*map(answer.receive_data, pieces), answer.receive_eof()])


def observed(wire: Wire, pieces: Iterable[bytes], content_type: str = "text/event-stream") -> ResponseRecord:
    """What a client's reading of an answer comes to."""
    observer = wire.observer(content_type)
    for piece in pieces:
        observer.receive_data(piece)
    observer.receive_eof()
    return observer.record()

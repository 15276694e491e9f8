"""An observer that counts texts says what one says that keeps them, but their lengths in their place."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from narrows.wire.answers import CAPPED
from narrows.wire.types import Choice, Lengths, ResponseObserver, ResponseRecord


def record_of(observer: ResponseObserver, pieces: Sequence[bytes]) -> ResponseRecord:
    """What it says of an answer that comes in these pieces."""
    for piece in pieces:
        observer.receive_data(piece)
    observer.receive_eof()
    return observer.record()


def without_texts(choice: Choice) -> Choice:
    """The choice as it is counted."""
    found = Lengths(len(choice.text), len(choice.reasoning), len(choice.refusal))
    calls = tuple(msgspec.structs.replace(call, arguments="") for call in choice.tool_calls)
    counted = choice.counted or (found if found.text or found.reasoning or found.refusal else None)
    return msgspec.structs.replace(choice, text="", reasoning="", refusal="", tool_calls=calls, counted=counted)


def assert_counted_alike(kept: ResponseRecord, counted: ResponseRecord) -> None:
    """`counted` tells the same as `kept`. What is kept has a bound, behind which nothing can be compared."""
    assert all(choice.text == choice.reasoning == choice.refusal == "" for choice in counted.choices)
    if kept.dropped != CAPPED:
        assert without_choices(counted) == without_choices(kept)


def without_choices(record: ResponseRecord) -> ResponseRecord:
    """The record with its choices as they are counted."""
    return msgspec.structs.replace(record, choices=tuple(map(without_texts, record.choices)))

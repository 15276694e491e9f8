"""Event streams to test with, and a second reading of them: whole, by the standard's own steps, slow and plain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

from narrows.core.sse import EventStreamDecoder, ServerSentEvent

ATOMS = (
    b"data: ",
    b"data:",
    b"data",
    b"data : ",
    b": ping",
    b":",
    b"event: error",
    b"event:",
    b"id: 7",
    b"id:\x00",
    b"retry: 250",
    b"retry: soon",
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n",
    b"\r\n\r\n",
    b"\xef\xbb\xbf",
    b"\xef\xbb",
    "é漢🎉".encode(),
    b'{"a":1}',
    b"[DONE]",
    b" ",
    b"\xff",
)

raw_streams = st.lists(st.sampled_from(ATOMS), max_size=40).map(b"".join)
"""Made of what matters to the format, in any order."""


@dataclass(frozen=True)
class Reading:
    """What is made of a stream."""

    events: tuple[ServerSentEvent, ...]
    comments: int
    skipped: int
    unterminated: bool
    retry_ms: int | None


def read_by_the_standard(stream: bytes, max_event_bytes: int) -> Reading:
    """The standard's algorithm on the whole stream, and this house's bound on an event."""
    *lines, tail = re.split(rb"\r\n|\r|\n", stream.removeprefix(b"\xef\xbb\xbf"))
    events: list[ServerSentEvent] = []
    fields: list[bytes] = []
    comments = skipped = 0
    last_id, retry_ms = "", None
    for line in lines:
        if line.startswith(b":"):
            comments += 1
        elif line:
            fields.append(line)
            if sum(len(one) + 1 for one in fields) > max_event_bytes:
                continue
            name, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if name == b"id" and b"\x00" not in value:
                last_id = value.decode(errors="replace")
            if name == b"retry" and re.fullmatch(rb"[0-9]{1,12}", value):
                retry_ms = int(value)
        else:
            if sum(len(one) + 1 for one in fields) > max_event_bytes:
                skipped += 1
            elif data := values(fields, b"data"):
                kinds = values(fields, b"event")
                kind = kinds[-1].decode(errors="replace") if kinds else ""
                events.append(ServerSentEvent(kind, b"\n".join(data), last_id))
            fields = []
    unterminated = bool(fields) or (bool(tail) and not tail.startswith(b":"))
    return Reading(tuple(events), comments, skipped, unterminated, retry_ms)


def values(fields: Sequence[bytes], wanted: bytes) -> list[bytes]:
    """The values of the fields of one name."""
    pairs = [line.partition(b":") for line in fields]
    return [value[1:] if value.startswith(b" ") else value for name, _, value in pairs if name == wanted]


def decoded(pieces: Sequence[bytes], max_event_bytes: int) -> Reading:
    """What the decoder makes of a stream that comes in these pieces."""
    decoder = EventStreamDecoder(max_event_bytes)
    events = [event for piece in pieces for event in decoder.receive_data(piece)]
    decoder.receive_eof()
    return Reading(tuple(events), decoder.comments, decoder.skipped, decoder.unterminated, decoder.retry_ms)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """`data` in pieces, cut at the places that lie inside it."""
    bounds = [0, *sorted(place for place in set(places) if 0 < place < len(data)), len(data)]
    return [data[start:stop] for start, stop in pairwise(bounds)]


def single_bytes(data: bytes) -> list[bytes]:
    """`data` byte by byte."""
    return [data[index : index + 1] for index in range(len(data))]

"""Law 5: any cut of a response stream gives the same events and the same record."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence

import brotli
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.http1 import ResponseHead, parse_response_head
from narrows.core.sse import MAX_EVENT_BYTES
from narrows.server.observing import ObservingLimits, ResponseTee
from narrows.wire.openai_chat import WIRE
from narrows.wire.types import ResponseRecord
from tests.core.event_streams import cut, decoded, raw_streams, single_bytes
from tests.wire.openai_chat.answers import JSON, STREAM, bodies, observed, streams

cuts = st.lists(st.integers(0, 3_000), max_size=12)
content_types = st.sampled_from([STREAM, JSON, "text/plain", ""])

ENCODERS = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@given(raw_streams, cuts, st.integers(1, 60) | st.just(MAX_EVENT_BYTES))
def test_events(stream: bytes, places: Sequence[int], max_event_bytes: int) -> None:
    whole = decoded([stream], max_event_bytes)
    assert decoded(cut(stream, places), max_event_bytes) == whole
    assert decoded(single_bytes(stream), max_event_bytes) == whole


@given(streams | bodies | raw_streams, cuts, content_types)
def test_records(answer: bytes, places: Sequence[int], content_type: str) -> None:
    whole = observed(answer, content_type)
    assert observed(cut(answer, places), content_type) == whole
    assert observed(single_bytes(answer), content_type) == whole


@given(streams | bodies, cuts, cuts, st.sampled_from(sorted(ENCODERS)), st.integers(1, 9))
def test_records_under_chunk_framing_and_content_coding(
    answer: bytes, framing: Sequence[int], places: Sequence[int], coding: str, batch_pieces: int
) -> None:
    coded = ENCODERS[coding](answer)
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in cut(coded, framing) if piece) + b"0\r\n\r\n"
    limits = ObservingLimits(batch_pieces=batch_pieces)
    assert teed(cut(chunked, places), coding, limits) == observed(answer, STREAM)
    assert teed(single_bytes(chunked), coding, limits) == observed(answer, STREAM)


def teed(pieces: Sequence[bytes], coding: str, limits: ObservingLimits) -> ResponseRecord | None:
    """What the tee makes of a body that comes from the network in these pieces."""
    tee = ResponseTee(WIRE, head(coding), limits=limits, strict=True)
    for piece in pieces:
        tee.receive_data(piece)
    return tee.finish()


def head(coding: str) -> ResponseHead:
    """The head of such an answer."""
    lines = (
        b"HTTP/1.1 200 OK",
        b"Content-Type: " + STREAM.encode(),
        b"Content-Encoding: " + coding.encode(),
        b"Transfer-Encoding: chunked",
    )
    return parse_response_head(b"\r\n".join((*lines, b"", b"")), b"POST")

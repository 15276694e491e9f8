from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.sse import MAX_EVENT_BYTES, EventStreamDecoder, ServerSentEvent
from tests.core.event_streams import Reading, decoded, raw_streams, read_by_the_standard, single_bytes

MESSAGE = ServerSentEvent("", b"a", "")


def read(stream: bytes, max_event_bytes: int = MAX_EVENT_BYTES) -> Reading:
    whole = decoded([stream], max_event_bytes)
    assert whole == decoded(single_bytes(stream), max_event_bytes)
    return whole


@given(raw_streams, st.integers(1, 40) | st.just(MAX_EVENT_BYTES))
def test_it_reads_as_the_standard_says(stream: bytes, max_event_bytes: int) -> None:
    assert read(stream, max_event_bytes) == read_by_the_standard(stream, max_event_bytes)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [MESSAGE]),
        (b"data:a\n\n", [MESSAGE]),
        (b"data:  a\n\n", [ServerSentEvent("", b" a", "")]),
        (b"data: a\r\n\r\n", [MESSAGE]),
        (b"data: a\r\r", [MESSAGE]),
        (b"data: a\r\n\n", [MESSAGE]),
        (b"data: a\n\r\n", [MESSAGE]),
        (b"data: a\n\n\n\n\ndata: a\n\n", [MESSAGE, MESSAGE]),
        (b"data: a\ndata: b\n\n", [ServerSentEvent("", b"a\nb", "")]),
        (b"data\ndata\n\n", [ServerSentEvent("", b"\n", "")]),
        (b"data:\n\n", [ServerSentEvent("", b"", "")]),
        (b": ping\n\ndata: a\n\n", [MESSAGE]),
        (b"data: a\n: inside\n\n", [MESSAGE]),
        (b"event: error\ndata: a\n\ndata: a\n\n", [ServerSentEvent("error", b"a", ""), MESSAGE]),
        (b"event: x\n\ndata: a\n\n", [MESSAGE]),
        (b"id: 7\n\ndata: a\n\n", [ServerSentEvent("", b"a", "7")]),
        (b"id: 7\nid: a\0b\ndata: a\n\n", [ServerSentEvent("", b"a", "7")]),
        (b"id: 7\ndata: a\n\nid\ndata: a\n\n", [ServerSentEvent("", b"a", "7"), MESSAGE]),
        (b"\xef\xbb\xbfdata: a\n\n", [MESSAGE]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b"data: a\n\n\xef\xbb\xbfdata: a\n\n", [MESSAGE]),
        (b"Data: a\n\n data: a\n\n", []),
        (b"", []),
    ],
)
def test_events(stream: bytes, events: list[ServerSentEvent]) -> None:
    assert list(read(stream).events) == events


@pytest.mark.parametrize("tail", [b"data: b", b"data: b\n", b"event: x\n", b"data: b\n: ping", b"nonsense"])
def test_an_event_without_its_blank_line_is_lost_and_reported(tail: bytes) -> None:
    reading = read(b"data: a\n\n" + tail)
    assert list(reading.events) == [MESSAGE]
    assert reading.unterminated


@pytest.mark.parametrize("tail", [b"", b": ping", b": ping\n", b"\n", b"\r"])
def test_an_end_between_events_loses_nothing(tail: bytes) -> None:
    assert not read(b"data: a\n\n" + tail).unterminated


def test_a_stream_of_only_a_bom_loses_nothing() -> None:
    assert not read(b"\xef\xbb\xbf").unterminated


def test_comments_are_counted_wherever_they_stand() -> None:
    assert read(b": one\n:\n\ndata: a\n: three\n\n: four").comments == 3


def test_the_reconnection_time_is_read_when_it_is_a_number() -> None:
    assert read(b"retry: 250\n\n").retry_ms == 250
    assert read(b"retry: -1\n\nretry: 1e3\n\nretry:\n\n").retry_ms is None
    assert read(b"retry: " + b"9" * 5_000 + b"\n\n").retry_ms is None


@pytest.mark.parametrize(
    "large",
    [
        b"data: " + b"x" * 100 + b"\n",
        b"data: xxxxxxxxxxxxxxxxxxxx\n" * 5,
        b"x" * 100 + b"\n",
        b"event: x\n" + b"data: " + b"x" * 100 + b"\n",
    ],
    ids=["one line", "many lines", "no field", "after another field"],
)
def test_an_event_over_the_bound_is_skipped_and_the_next_is_read(large: bytes) -> None:
    reading = read(b"data: a\n\n" + large + b"\n" + b"data: a\n\n", max_event_bytes=40)
    assert list(reading.events) == [MESSAGE, MESSAGE]
    assert reading.skipped == 1


def test_the_bound_is_met_exactly() -> None:
    fits = b"data: " + b"x" * 33 + b"\n\n"
    assert read(fits, max_event_bytes=40).skipped == 0
    assert read(fits, max_event_bytes=39).skipped == 1
    assert read(b"\xef\xbb\xbf" + fits, max_event_bytes=40).skipped == 0


def test_a_comment_has_no_bound_and_takes_no_room() -> None:
    reading = read(b"data: a\n:" + b"x" * 1_000 + b"\n\n", max_event_bytes=40)
    assert list(reading.events) == [MESSAGE]
    assert reading.comments == 1


def test_a_line_without_end_is_not_kept() -> None:
    decoder = EventStreamDecoder(max_event_bytes=1_000)
    for _ in range(100):
        assert decoder.receive_data(b"x" * 1_000) == []
    assert len(decoder._line) < 1_000
    assert decoder.receive_data(b"\n\ndata: a\n\n") == [MESSAGE]
    assert decoder.skipped == 1


def test_one_large_event_in_one_piece_and_in_many() -> None:
    text = "né🎉".encode() * 25_000
    stream = b"data: " + text + b"\n\n"
    reading = decoded([stream], MAX_EVENT_BYTES)
    assert reading.events == (ServerSentEvent("", text, ""),)
    assert decoded([stream[at : at + 7] for at in range(0, len(stream), 7)], MAX_EVENT_BYTES) == reading

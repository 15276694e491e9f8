"""Events with the bytes they came in: all of them, the same at every cut, and read as streams are read."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from narrows.core.sse import EventStreamDecoder
from narrows.inject.events import EventCutter, RawEvent, read_event
from tests.core.event_streams import cut, single_bytes

streams = st.lists(
    st.sampled_from(
        [b"data: a", b"data:", b"data", b"event: e", b": c", b"\n", b"\r\n", b"\r", b"\n\n", b"\xef\xbb\xbf", b"x"]
    ),
    max_size=24,
).map(b"".join)  # fmt: skip


def cut_up(pieces: list[bytes]) -> tuple[list[RawEvent], bytes]:
    cutter = EventCutter()
    events = [event for piece in pieces for event in cutter.receive_data(piece)]
    return events, cutter.receive_eof()


@given(streams, st.lists(st.integers(0, 200), max_size=4))
@example(b"data: a\r\n\r\ndata: b\r\r\ndata: c\n\r\n", [])
def test_nothing_is_lost_at_any_cut(stream: bytes, places: list[int]) -> None:
    events, rest = cut_up([stream])
    assert b"".join([*(event.raw for event in events), rest]) == stream
    assert cut_up(list(single_bytes(stream))) == (events, rest)
    if stream:
        assert cut_up(list(cut(stream, [place % len(stream) for place in places]))) == (events, rest)


@given(streams)
def test_data_is_what_the_decoder_reads(stream: bytes) -> None:
    events, rest = cut_up([stream])
    said = [(event.name.decode(), event.data) for event in events if b"data" in event.raw]
    decoder = EventStreamDecoder()
    whole = stream[: len(stream) - len(rest)]
    decoded = [(event.event, event.data) for event in decoder.receive_data(whole)]
    assert decoded == [(name, data) for name, data in said if (name, data) in decoded]


def test_another_text_in_the_same_event() -> None:
    assert (
        read_event(b"event: e\r\ndata: {}\r\nid: 1\r\n\r\n").with_data(b"[1]")
        == b"event: e\r\ndata: [1]\r\nid: 1\r\n\r\n"
    )
    assert read_event(b"data:{}\n\n").with_data(b"[1]") == b"data:[1]\n\n"
    assert read_event(b"event: e\ndata: {\ndata: }\n\n").with_data(b"{\n}") == b"event: e\ndata: { }\n\n"


def test_a_cr_at_the_end_waits_for_its_lf() -> None:
    cutter = EventCutter()
    assert cutter.receive_data(b"data: a\r\n\r") == []
    (event,) = cutter.receive_data(b"\n")
    assert event.raw == b"data: a\r\n\r\n"


def test_an_event_over_the_bound_is_told() -> None:
    cutter = EventCutter(16)
    assert len(cutter.receive_data(b"data: aaaaa\n\ndata: bbbbb\n\n")) == 2
    assert not cutter.oversized
    cutter.receive_data(b"data: bbbbbbbbbbbbbbbbbbbb")
    assert cutter.oversized

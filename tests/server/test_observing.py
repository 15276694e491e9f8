"""The tee: it observes what it can, says why it could not, and never raises into the response (law 8)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from time import sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.http1 import ResponseHead, parse_response_head
from narrows.server.observing import DEFAULT_LIMITS, Dropped, ObservingLimits, ResponseTee
from narrows.wire.openai_chat import WIRE
from narrows.wire.types import ResponseRecord
from tests.server.faulty_wire import STEPS, FaultyObserver, FaultyWire
from tests.wire.openai_chat.answers import JSON, STREAM, chunk, frame, observed, stream_of

HELLO = frame(chunk({"role": "assistant", "content": "Hello"}))
ANSWER = HELLO + stream_of(chunk(finish="stop"))
CHUNKED = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (HELLO, ANSWER[len(HELLO) :])) + b"0\r\n\r\n"


def head(*fields: str, status: int = 200, method: bytes = b"POST", content_type: str = STREAM) -> ResponseHead:
    lines = (f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", *fields, "", "")
    return parse_response_head("\r\n".join(lines).encode(), method)


def record_of(tee: ResponseTee, pieces: Sequence[bytes]) -> ResponseRecord | None:
    for piece in pieces:
        tee.receive_data(piece)
    return tee.finish()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [ValueError("x"), RecursionError(), MemoryError()], ids=repr)
def test_a_faulty_observer_is_dropped_and_nothing_is_raised(step: str, error: Exception) -> None:
    record = record_of(ResponseTee(FaultyWire(step, error), head()), [ANSWER] * 3)
    assert record is not None
    assert record.dropped == Dropped.OBSERVER_ERROR
    assert record.chunks == (len(ANSWER) * 3 if step == "receive_eof" else 0)


@pytest.mark.parametrize("step", STEPS)
def test_a_faulty_observer_shows_itself_in_tests(step: str) -> None:
    with pytest.raises(ValueError, match="a fault"):
        record_of(ResponseTee(FaultyWire(step), head(), strict=True), [ANSWER])


HEADS = (
    head(),
    head("Transfer-Encoding: chunked"),
    head("Transfer-Encoding: chunked", "Content-Encoding: gzip"),
    head("Content-Encoding: br"),
    head("Content-Encoding: zstd"),
    head("Content-Encoding: deflate"),
    head("Content-Encoding: unheard-of"),
    head("Content-Length: 5", content_type=JSON),
    head("Content-Length: 0"),
    head(status=204),
)


@given(st.sampled_from(HEADS), st.lists(st.binary(max_size=60) | st.sampled_from([ANSWER, CHUNKED]), max_size=6))
def test_no_bytes_make_it_raise(response: ResponseHead, pieces: list[bytes]) -> None:
    tee = ResponseTee(WIRE, response, limits=ObservingLimits(batch_bytes=50), strict=True)
    record_of(tee, pieces)


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ([f"Content-Length: {len(ANSWER)}"], ANSWER),
        ([], ANSWER),
        (["Transfer-Encoding: chunked"], CHUNKED),
        (["Content-Encoding: gzip"], gzip.compress(ANSWER)),
        (["Content-Encoding: identity", "Content-Encoding: gzip"], gzip.compress(ANSWER)),
    ],
    ids=["sized", "until close", "chunked", "gzip", "two fields"],
)
def test_each_framing_is_taken_off(fields: list[str], body: bytes) -> None:
    assert record_of(ResponseTee(WIRE, head(*fields), strict=True), [body]) == observed(ANSWER)


def test_a_broken_off_answer_is_read_as_far_as_it_came() -> None:
    record = record_of(ResponseTee(WIRE, head("Transfer-Encoding: chunked"), strict=True), [CHUNKED[: len(HELLO) + 20]])
    assert record is not None
    assert record.choices[0].text == "Hello"
    assert (record.done, record.dropped) == (False, None)


def test_an_answer_without_a_body_has_no_record() -> None:
    for response in (head(status=204), head(status=304), head(method=b"HEAD")):
        assert ResponseTee(WIRE, response).finish() is None


@pytest.mark.parametrize(
    ("fields", "body", "reason"),
    [
        (["Content-Encoding: unheard-of"], ANSWER, Dropped.UNKNOWN_CODING),
        (["Content-Encoding: gzip"], ANSWER, Dropped.BAD_CODING),
        (["Transfer-Encoding: chunked"], b"zz\r\n" + ANSWER, Dropped.BAD_FRAMING),
    ],
)
def test_what_the_head_says_wrongly_is_recorded(fields: list[str], body: bytes, reason: Dropped) -> None:
    tee = ResponseTee(WIRE, head(*fields), strict=True)
    assert record_of(tee, [body]) == ResponseRecord(dropped=reason)
    assert tee.dropped == reason


def test_a_fault_in_the_middle_keeps_what_came_before() -> None:
    tee = ResponseTee(WIRE, head("Transfer-Encoding: chunked"), limits=ObservingLimits(batch_pieces=1), strict=True)
    record = record_of(tee, [b"%x\r\n%b\r\n" % (len(ANSWER), ANSWER), b"zz\r\n"])
    assert record is not None
    assert record.dropped == Dropped.BAD_FRAMING
    assert record.choices[0].text == "Hello"


def test_a_bomb_is_read_only_so_far() -> None:
    limits = ObservingLimits(total_bytes=1 << 20)
    tee = ResponseTee(WIRE, head("Content-Encoding: gzip"), limits=limits, strict=True)
    assert record_of(tee, [gzip.compress(bytes(64 << 20))]) == ResponseRecord(dropped=Dropped.TOO_LARGE)


def test_bytes_are_gathered_and_read_in_batches() -> None:
    wire = FaultyWire("never")
    tee = ResponseTee(wire, head(), limits=ObservingLimits(batch_bytes=10, batch_pieces=3))
    received = []
    for piece in (b"x", b"x", b"x", b"x" * 9, b"x", b"x"):
        tee.receive_data(piece)
        observer = tee._observer
        received.append(observer.received if isinstance(observer, FaultyObserver) else 0)
    assert received == [0, 0, 3, 3, 13, 13]
    assert tee.finish() == ResponseRecord(chunks=14)


def ticking(*steps_s: float) -> Iterator[float]:
    """A clock that moves by these steps, one at each look, and then stands still."""
    now_s = 0.0
    for step_s in chain(steps_s, repeat(0.0)):
        now_s += step_s
        yield now_s


def test_an_observer_that_holds_the_loop_is_dropped() -> None:
    clock = ticking(0.0, DEFAULT_LIMITS.batch_s, 0.0, DEFAULT_LIMITS.batch_s * 2)
    tee = ResponseTee(WIRE, head(), limits=ObservingLimits(batch_pieces=1), clock=lambda: next(clock), strict=True)
    tee.receive_data(ANSWER)
    assert tee.dropped is None
    tee.receive_data(ANSWER)
    assert tee.dropped == Dropped.LAGGING
    record = tee.finish()
    assert record is not None
    assert record.choices[0].text == "Hello"
    assert record.dropped == Dropped.LAGGING


class HeldUp(FaultyObserver):
    """The machine gives the time to others while it reads."""

    def receive_data(self, data: bytes) -> None:
        super().receive_data(data)
        sleep(DEFAULT_LIMITS.batch_s * 1.2)


class BusyWire(FaultyWire):
    def observer(self, content_type: str, *, texts: bool = True) -> HeldUp:
        return HeldUp("never", ValueError())


def test_an_observer_that_a_busy_machine_holds_up_is_not_dropped() -> None:
    tee = ResponseTee(BusyWire("never"), head(), strict=True)
    assert record_of(tee, [b"x" * DEFAULT_LIMITS.batch_bytes]) == ResponseRecord(chunks=DEFAULT_LIMITS.batch_bytes)


def test_what_it_is_told_to_drop_it_drops() -> None:
    tee = ResponseTee(WIRE, head(), strict=True)
    tee.receive_data(ANSWER)
    tee.drop(Dropped.LAGGING)
    tee.receive_data(ANSWER)
    record = tee.finish()
    assert record is not None
    assert record.dropped == Dropped.LAGGING
    assert record.chunks <= 2


def test_the_observers_own_reason_stands() -> None:
    body = json.dumps({"choices": [], "pad": "x" * (5 << 20)}).encode()
    record = record_of(ResponseTee(WIRE, head(content_type=JSON), strict=True), [body])
    assert record == ResponseRecord(dropped="body_too_large")

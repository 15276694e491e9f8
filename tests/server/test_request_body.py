"""Bodies on their way through keep their bytes, and count while they are held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.http1 import CHUNKED, Sized
from narrows.errors import BodyTooLarge, Overloaded
from narrows.server.budget import ByteBudget
from narrows.server.request_body import HeldBody, PassedBody
from tests.scripted_upstream import LAST_CHUNK, chunk, in_pieces

PAYLOADS = st.lists(st.binary(min_size=1, max_size=40), max_size=5)


@given(payloads=PAYLOADS, size=st.integers(1, 50))
def test_a_held_body_gives_back_what_it_was_given(payloads: list[bytes], size: int) -> None:
    payload, framed = b"".join(payloads), b"".join(map(chunk, payloads)) + LAST_CHUNK
    for framing, sent in ((Sized(len(payload)), payload), (CHUNKED, framed)):
        budget = ByteBudget(10_000)
        body = HeldBody(framing, budget, 5_000)
        for piece in in_pieces(sent, size):
            body.add(piece)
        assert (body.payload(), body.outgoing(), body.forwarded_bytes) == (payload, sent, len(sent))
        assert body.replayable
        assert not body.has_trailers
        assert budget.held == len(sent) * (1 if framing is not CHUNKED else 2)
        body.release()
        assert (budget.held, body.replayable) == (0, False)


@given(payload=st.binary(min_size=1, max_size=300))
def test_a_replaced_body_keeps_its_framing(payload: bytes) -> None:
    sized, chunked = HeldBody(Sized(3), ByteBudget(1000), 1000), HeldBody(CHUNKED, ByteBudget(1000), 1000)
    sized.add(b"abc")
    chunked.add(chunk(b"abc") + LAST_CHUNK)
    assert sized.replace(payload) == chunked.replace(payload) == len(payload)
    assert sized.outgoing() == payload
    assert chunked.outgoing() == chunk(payload) + LAST_CHUNK
    assert chunked.forwarded_bytes == len(chunked.outgoing())


@pytest.mark.parametrize(
    ("end", "trailers"),
    [(b"0\r\n\r\n", False), (b"0\r\nA: b\r\n\r\n", True), (b"00\r\n\r\n", True), (b"0;x=0\r\n\r\n", True)],
)
def test_anything_but_a_plain_end_may_be_about_the_bytes(end: bytes, trailers: bool) -> None:
    for start in (b"", chunk(b"abc")):
        body = HeldBody(CHUNKED, ByteBudget(1000), 1000)
        body.add(start + end)
        assert body.has_trailers is trailers


def test_an_announced_length_is_refused_before_it_is_sent() -> None:
    with pytest.raises(BodyTooLarge, match="over 10 bytes"):
        HeldBody(Sized(11), ByteBudget(100), 10)
    full = ByteBudget(10)
    full.take(5)
    with pytest.raises(Overloaded) as refused:
        HeldBody(Sized(6), full, 10)
    assert refused.value.retry_after_s == 1
    assert full.held == 5


def test_a_length_that_is_not_announced_is_refused_when_it_is_reached() -> None:
    budget = ByteBudget(100)
    body = HeldBody(CHUNKED, budget, 10)
    body.add(chunk(b"12345"))
    with pytest.raises(BodyTooLarge):
        body.add(b"1\r\n")
    body.release()
    assert budget.held == 0
    budget.take(85)
    body = HeldBody(CHUNKED, budget, 100)
    with pytest.raises(Overloaded):
        body.add(chunk(b"12345"))
    body.release()
    assert budget.held == 85


def test_a_passed_body_is_kept_while_it_is_small_or_unsent() -> None:
    body = PassedBody(10)
    body.add(b"123456")
    body.add(b"789012")
    assert (body.outgoing(), body.replayable, body.forwarded_bytes) == (b"123456789012", True, 0)
    body.sent()
    assert (body.replayable, body.forwarded_bytes, body.size) == (False, 12, 12)
    small = PassedBody(10)
    small.add(b"123")
    small.sent()
    assert (small.outgoing(), small.replayable) == (b"123", True)
    small.release()
    assert not small.replayable

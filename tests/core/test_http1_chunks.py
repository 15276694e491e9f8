"""Chunked bodies: walked and decoded, whole, in any pieces, and with bytes of the next message behind them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.http1 import ChunkDecoder, ChunkWalker, Fault, FramingError

EXTENSIONS = [b"", b";a", b";a=b", b';a="b c;\\""', b";a=1;b"]


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """An encoded body and its payload."""
    pieces = draw(st.lists(st.binary(min_size=1, max_size=300), max_size=5))
    encoded = b""
    for piece in pieces:
        size = draw(st.sampled_from([b"%x", b"%X", b"00%x"])) % len(piece)
        encoded += size + draw(st.sampled_from(EXTENSIONS)) + b"\r\n" + piece + b"\r\n"
    trailer = draw(st.sampled_from([b"", b"X-Sum: 5\r\n", b"A: b\r\nC:\r\n"]))
    return encoded + draw(st.sampled_from([b"0", b"000"])) + b"\r\n" + trailer + b"\r\n", b"".join(pieces)


def cuts(data: st.DataObject, whole: bytes) -> list[bytes]:
    places = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=8)) | {0, len(whole)})
    return [whole[start:stop] for start, stop in itertools.pairwise(places)]


def feed(reader: ChunkWalker | ChunkDecoder, pieces: list[bytes]) -> None:
    for piece in pieces:
        reader.receive_data(piece)


@given(st.data(), bodies(), st.binary(max_size=10))
def test_any_cut_gives_the_same_end_and_payload(data: st.DataObject, body: tuple[bytes, bytes], rest: bytes) -> None:
    encoded, payload = body
    whole = encoded + rest
    for pieces in ([whole], [whole[i : i + 1] for i in range(len(whole))], cuts(data, whole)):
        walker, decoder, collected, consumed = ChunkWalker(), ChunkDecoder(), b"", 0
        for piece in pieces:
            taken = walker.receive_data(piece)
            decoded, parts = decoder.receive_data(piece)
            assert decoded == taken
            assert taken == len(piece) or walker.done
            consumed += taken
            collected += b"".join(parts)
        assert walker.done
        assert decoder.done
        assert consumed == len(encoded)
        assert collected == payload


@given(bodies())
def test_a_body_is_not_done_before_its_last_byte(body: tuple[bytes, bytes]) -> None:
    walker = ChunkWalker()
    assert walker.receive_data(body[0][:-1]) == len(body[0]) - 1
    assert not walker.done


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (b"\r\n", Fault.CHUNK_SIZE),
        (b"g\r\n", Fault.CHUNK_SIZE),
        (b"0x5\r\n", Fault.CHUNK_SIZE),
        (b"+5\r\n", Fault.CHUNK_SIZE),
        (b"-1\r\n", Fault.CHUNK_SIZE),
        (b" 5\r\n", Fault.CHUNK_SIZE),
        (b"5 \r\n", Fault.CHUNK_SIZE),
        (b"5_0\r\n", Fault.CHUNK_SIZE),
        (b"5\n", Fault.CHUNK_SIZE),
        (b"5\rhello\r\n", Fault.CHUNK_SIZE),
        (b"5\r\r\n", Fault.CHUNK_SIZE),
        (b"1" + b"0" * 15 + b"\r\n", Fault.CHUNK_SIZE),
        (b"5;\r\n", Fault.CHUNK_SIZE),
        (b"5;a=\r\n", Fault.CHUNK_SIZE),
        (b"5; a\r\n", Fault.CHUNK_SIZE),
        (b'5;a="b\r\n', Fault.CHUNK_SIZE),
        (b"5;a\x00\r\n", Fault.CHUNK_SIZE),
        (b"5;" + b"a" * 1_024 + b"\r\n", Fault.LINE_TOO_LONG),
        (b"5;" + b"a" * 1_024, Fault.LINE_TOO_LONG),
        (b"5\r\nhello\n0\r\n\r\n", Fault.CHUNK_END),
        (b"5\r\nhello0\r\n\r\n", Fault.CHUNK_END),
        (b"5\r\nhellox", Fault.CHUNK_END),
        (b"5\r\nhello\r\r\n", Fault.CHUNK_END),
        (b"0\r\nX\r\n\r\n", Fault.TRAILER),
        (b"0\r\nX : a\r\n\r\n", Fault.TRAILER),
        (b"0\r\n X: a\r\n\r\n", Fault.TRAILER),
        (b"0\r\nX: a\n\r\n", Fault.TRAILER),
        (b"0\r\n\n", Fault.TRAILER),
        (b"0\r\nContent-Length: 5\r\n\r\n", Fault.TRAILER),
        (b"0\r\nTransfer-encoding: chunked\r\n\r\n", Fault.TRAILER),
        (b"0\r\nHost: a\r\n\r\n", Fault.TRAILER),
        (b"0\r\nConnection: close\r\n\r\n", Fault.TRAILER),
        (b"0\r\n" + b"X: a\r\n" * 2_000, Fault.LINE_TOO_LONG),
        (b"0\r\nX: " + b"a" * 9_000, Fault.LINE_TOO_LONG),
    ],
)
def test_malformed_bodies_are_refused_in_any_pieces(encoded: bytes, reason: Fault) -> None:
    for pieces in ([encoded], [encoded[i : i + 1] for i in range(len(encoded))]):
        for reader in (ChunkWalker(), ChunkDecoder()):
            with pytest.raises(FramingError) as caught:
                feed(reader, pieces)
            assert caught.value.reason is reason


def test_a_done_body_takes_nothing_more() -> None:
    walker = ChunkWalker()
    assert walker.receive_data(b"0\r\n\r\nGET /") == 5
    assert walker.receive_data(b"GET /") == 0


def test_the_walker_keeps_no_data() -> None:
    walker = ChunkWalker()
    walker.receive_data(b"fffff\r\n" + b"x" * 0xFFFFF)
    assert walker._scan._part == b""


@given(
    st.binary(max_size=12),
    st.lists(st.sampled_from([b"3\r\nabc\r\n", b"1\r\nx\r\n", b"0\r\n\r\n", b"2;a\r\nxy\r\n", b"1\r\nx", b"z"])),
)
def test_what_is_walked_over_is_received(before: bytes, pieces: list[bytes]) -> None:
    """The same state as after `receive_data`, or none of it received."""
    quick, plain = ChunkWalker(), ChunkWalker()
    for data in [b"c\r\n" + before, *pieces]:
        if quick.done or plain.done:
            return
        walked = quick.walks_over(data)
        try:
            received = plain.receive_data(data)
        except FramingError:
            assert not walked
            return
        if walked:
            assert (received, plain.done) == (len(data), False)
        else:
            quick.receive_data(data)
        assert quick.done == plain.done


def test_whole_chunks_are_walked_over_and_nothing_else() -> None:
    walker = ChunkWalker()
    assert walker.walks_over(b"3\r\nabc\r\n2\r\nxy\r\n")
    assert not walker.walks_over(b"3\r\nab")
    assert walker.receive_data(b"3\r\nab") == 5
    assert not walker.walks_over(b"3\r\nabc\r\n")
    assert walker.receive_data(b"c\r\n") == 3
    assert not walker.walks_over(b"3\r\nabc\r\n0\r\n\r\n")

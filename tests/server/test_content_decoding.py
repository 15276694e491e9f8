from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from narrows.server.content_decoding import DECODING_ERRORS, PIECE_BYTES, UnknownCodingError, decoder_for
from tests.core.event_streams import cut, single_bytes


def deflate_bare(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def gzip_members(data: bytes) -> bytes:
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:])


def fast_br(data: bytes) -> bytes:
    return bytes(brotli.compress(data, quality=1))


def zstd_frames(data: bytes) -> bytes:
    half = len(data) // 2
    return zstandard.compress(data[:half]) + zstandard.compress(data[half:])


ENCODERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("GZIP", gzip_members),
    ("deflate", zlib.compress),
    ("deflate", deflate_bare),
    ("br", brotli.compress),
    ("zstd", zstandard.compress),
    ("zstd", zstd_frames),
    ("identity", bytes),
    ("", bytes),
    (" , identity", bytes),
    ("br, gzip", lambda data: gzip.compress(brotli.compress(data))),
]
encoders = st.sampled_from(ENCODERS)
sources = st.binary(max_size=300) | st.builds(
    lambda piece, count: piece * count, st.binary(min_size=1, max_size=50), st.integers(0, 5_000)
)


def decode(content_encoding: str, pieces: list[bytes]) -> tuple[bytes, int]:
    """What is decoded, and the size of the largest piece of it."""
    decoded: list[bytes] = []
    feed = decoder_for(content_encoding, decoded.append)
    for piece in pieces:
        feed(piece)
    return b"".join(decoded), max(map(len, decoded), default=0)


@given(encoders, sources, st.lists(st.integers(0, 2_000), max_size=8))
def test_what_was_encoded_is_decoded_at_any_cut(
    encoder: tuple[str, Callable[[bytes], bytes]], source: bytes, places: list[int]
) -> None:
    coding, encode = encoder
    coded = encode(source)
    assert decode(coding, cut(coded, places))[0] == source
    if len(coded) < 400:
        assert decode(coding, single_bytes(coded))[0] == source


def flushed_gzip(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)


def flushed_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj()
    return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)


def flushed_br(data: bytes) -> bytes:
    compressor = brotli.Compressor()
    return bytes(compressor.process(data) + compressor.flush())


def flushed_zstd(data: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(data) + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


@pytest.mark.parametrize(
    ("coding", "encode"),
    [("gzip", flushed_gzip), ("deflate", flushed_deflate), ("br", flushed_br), ("zstd", flushed_zstd)],
)
def test_what_has_been_sent_is_decoded_before_the_rest_comes(coding: str, encode: Callable[[bytes], bytes]) -> None:
    assert decode(coding, [encode(b"data: 1\n\n")])[0] == b"data: 1\n\n"


class Enough(Exception):
    pass


@pytest.mark.parametrize(
    ("coding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", fast_br), ("zstd", zstandard.compress)],
)
def test_a_bomb_stops_where_the_sink_has_enough(coding: str, encode: Callable[[bytes], bytes]) -> None:
    seen: list[int] = []

    def sink(piece: bytes) -> None:
        seen.append(len(piece))
        if sum(seen) > 1 << 20:
            raise Enough

    feed = decoder_for(coding, sink)
    with pytest.raises(Enough):
        feed(encode(bytes(64 << 20)))
    assert sum(seen) < 2 << 20
    assert max(seen) <= 2 * PIECE_BYTES


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_bytes_of_another_coding_are_refused(coding: str) -> None:
    with pytest.raises(DECODING_ERRORS):
        decode(coding, [b"data: this is not compressed at all\n\n" * 10])


def test_a_broken_deflate_is_refused() -> None:
    with pytest.raises(DECODING_ERRORS):
        decode("deflate", [zlib.compress(b"a")[:2] + b"\xff" * 20])


def test_a_window_larger_than_servers_may_use_is_refused() -> None:
    large = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    ).compressobj()
    with pytest.raises(DECODING_ERRORS):
        decode("zstd", [large.compress(bytes(16 << 20)) + large.flush()])


@pytest.mark.parametrize("content_encoding", ["compress", "gzip, aes128gcm", "gzip, gzip, gzip", "dcb"])
def test_an_unknown_coding_is_said_to_be_unknown(content_encoding: str) -> None:
    with pytest.raises(UnknownCodingError):
        decoder_for(content_encoding, print)

"""Content-Encoding taken off a copy of a response, incrementally and in bounded pieces (RFC 9110 section 8.4).

Only the observer reads the result; the client gets the coded bytes as they came. A few bytes can stand for gigabytes,
so no decoder here returns its output: each pushes pieces of at most about `PIECE_BYTES` into a sink, and a sink that
has seen enough raises, which stops the decoder in the middle of its input.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import IO, cast

import brotli
import zstandard

PIECE_BYTES = 65_536
MAX_CODINGS = 2
MAX_ZSTD_WINDOW_BYTES = 8 << 20
"""What RFC 9659 lets a server use."""

Sink = Callable[[bytes], object]
"""Takes a piece of decoded bytes; what it returns does not matter."""

DECODING_ERRORS = (zlib.error, brotli.error, zstandard.ZstdError)
"""What a decoder raises for bytes that are not of its coding."""


class UnknownCodingError(ValueError):
    """A coding that no decoder here takes off, or more of them than anybody applies."""


def decoder_for(content_encoding: str, sink: Sink) -> Sink:
    """What decodes a body of this Content-Encoding into `sink`; `sink` itself where there is no coding.

    Feeding it raises one of `DECODING_ERRORS` for bytes that are not of the coding, and whatever `sink` raises.

    Raises:
        UnknownCodingError: at a coding that is none of gzip, deflate, br and zstd.
    """
    codings = [coding for item in content_encoding.split(",") if (coding := item.strip().lower())]
    codings = [coding for coding in codings if coding != "identity"]
    if len(codings) > MAX_CODINGS:
        raise UnknownCodingError(f"{len(codings)} content codings; at most {MAX_CODINGS} are taken off")
    for coding in codings:
        sink = _decoder(coding, sink)
    return sink


def _decoder(coding: str, sink: Sink) -> Sink:
    match coding:
        case "gzip" | "x-gzip":
            return _Inflate(sink, zlib.MAX_WBITS | 16)
        case "deflate":
            return _Inflate(sink, None)
        case "br":
            return _Brotli(sink)
        case "zstd":
            return _Zstd(sink)
        case _:
            raise UnknownCodingError(f"the content coding {coding[:32]!r} is not one of gzip, deflate, br, zstd")


class _Inflate:
    """gzip with any number of members, or deflate, which by the RFC means zlib's format and in practice also the bare
    one; which of the two it is shows in the first two bytes."""

    def __init__(self, sink: Sink, window_bits: int | None) -> None:
        self._sink = sink
        self._window_bits = window_bits
        self._start = b""
        self._inflate = zlib.decompressobj(window_bits) if window_bits else None

    def __call__(self, data: bytes) -> None:
        inflate = self._inflate
        if inflate is None:
            data = self._start + data
            if len(data) < 2:
                self._start = data
                return
            bare = data[0] & 0x0F != 8 or int.from_bytes(data[:2]) % 31
            self._window_bits = -zlib.MAX_WBITS if bare else zlib.MAX_WBITS
            inflate = self._inflate = zlib.decompressobj(self._window_bits)
        more = bool(data)
        while more:
            if inflate.eof:
                if self._window_bits != zlib.MAX_WBITS | 16:
                    return
                inflate = self._inflate = zlib.decompressobj(self._window_bits)
            piece = inflate.decompress(data, PIECE_BYTES)
            if piece:
                self._sink(piece)
            data = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            more = bool(data) or (len(piece) == PIECE_BYTES and not inflate.eof)


class _Brotli:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._decoder = brotli.Decompressor()

    def __call__(self, data: bytes) -> None:
        piece = self._decoder.process(data, output_buffer_limit=PIECE_BYTES)
        while piece or not self._decoder.can_accept_more_data():
            self._sink(piece)
            if self._decoder.can_accept_more_data():
                return
            piece = self._decoder.process(b"", output_buffer_limit=PIECE_BYTES)


class _Zstd:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        decoder = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES)
        writer = cast(IO[bytes], _Writer(sink))  # zstandard calls nothing but write
        self._writer = decoder.stream_writer(writer, write_size=PIECE_BYTES, closefd=False)

    def __call__(self, data: bytes) -> None:
        self._writer.write(data)


class _Writer:
    """A sink in the shape that zstandard writes to."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        self._sink(data)
        return len(data)

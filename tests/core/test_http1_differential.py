"""Whatever we accept, llhttp and h11 accept, and read as the same message with the same end.

The other way round does not hold, on purpose: both peers accept what we refuse. Only a reading of ours that a peer does
not share is a defect, as that is what request smuggling is made of. Found bytes stay here as examples.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.http1_peers import (
    NEXT_REQUEST,
    NEXT_RESPONSE,
    Reading,
    read_h11,
    read_llhttp,
    read_ours,
)


def check(stream: bytes, request_method: bytes | None = None) -> bool:
    """Compare the three readings of a stream's first message; whether ours accepted it."""
    ours = read_ours(stream, request_method)
    if ours is None:
        return False
    accepted = stream[: ours.size]
    sentinel = NEXT_REQUEST if request_method is None else NEXT_RESPONSE
    if not ours.complete or not ours.keep_alive or ours.upgrade or _is_switched(ours):
        sentinel = b""
    _compare_llhttp(ours, accepted, sentinel, request_method)
    _compare_h11(ours, accepted, sentinel, request_method)
    return True


def _is_switched(ours: Reading) -> bool:
    return ours.start[0] == 101


def _compare_llhttp(ours: Reading, accepted: bytes, sentinel: bytes, request_method: bytes | None) -> None:
    if request_method == b"HEAD":
        # llhttp cannot be told what was asked: it would wait for the body that a HEAD response announces.
        readings = read_llhttp(accepted, of_response=True)
        assert (readings[0].start, readings[0].fields) == (ours.start, ours.fields)
        return
    if any(name == b"proxy-connection" for name, _ in ours.fields):
        # llhttp takes Proxy-Connection for Connection, and then refuses what follows a "close". RFC 9112 appendix
        # C.2.2 knows no such field; the message itself ends where ours does.
        sentinel = b""
    readings = read_llhttp(accepted + sentinel, of_response=request_method is not None)
    expected = Reading(ours.start, ours.fields, ours.body, ours.complete)
    assert readings[0].same_message(expected), (readings[0], ours)
    assert len(readings) == (2 if sentinel else 1), readings
    assert not sentinel or readings[1].complete


def _compare_h11(ours: Reading, accepted: bytes, sentinel: bytes, request_method: bytes | None) -> None:
    theirs, left = read_h11(accepted + sentinel, request_method, closed=ours.until_close, switched=_is_switched(ours))
    expected = Reading(ours.start, ours.fields, ours.body, ours.complete or ours.until_close)
    assert theirs.same_message(_as_h11_shows(expected)), (theirs, ours)
    assert left == sentinel or not expected.complete


def _as_h11_shows(reading: Reading) -> Reading:
    """h11 hands the coding on in lower case."""
    reading.fields = [
        (name, value.lower() if name == b"transfer-encoding" else value) for name, value in reading.fields
    ]
    return reading


# The grammar, with a good share of shapes that stand at its edge or beyond it


def weighted(*usual: bytes, rare: tuple[bytes, ...] = ()) -> st.SearchStrategy[bytes]:
    """Mostly a usual one: a message is made of many draws, and most messages must be good up to one place."""
    return st.sampled_from(usual * (15 * len(rare) // len(usual) + 1) + rare)


SEPARATORS = weighted(b": ", b":", rare=(b" : ", b":\t ", b"\t:", b"", b": \x0b", b":\r\n ", b":\r ", b":\n"))
LINE_ENDS = weighted(b"\r\n", b"\r\n", rare=(b"\n", b"\r", b" \r\n", b"\t\r\n", b"\r\r\n", b"\n\r\n", b"\x00\r\n"))
NAMES = weighted(
    b"X-A", b"x-b", b"Accept", b"Expect", b"Connection", b"Content-Length", b"Transfer-Encoding", b"Upgrade",
    rare=(
        b"Host", b"host", b"content-length", b"TRANSFER-ENCODING", b"Content-Length ", b" Content-Length",
        b"Content_Length", b"Transfer-Encoding\x00", b"Transfer\xadEncoding", b"X(A)", b"", b"\x0bTransfer-Encoding",
        b"Proxy-Connection", b"Keep-Alive", b"TE", b"Trailer", b"Set-Cookie", b"X-Content-Length",
    ),
)  # fmt: skip
VALUES = weighted(
    b"0", b"5", b"3", b"chunked", b"close", b"keep-alive", b"a b", b"100-continue",
    rare=(
        b"", b"+5", b"-5", b"05", b"5,5", b"5, 3", b"5 5", b"0x5", b"5.0", b"1e1", b"99999999999999999999", b"\xa05",
        b"Chunked", b"chunked, chunked", b"gzip, chunked", b"chunked, identity", b"identity", b"xchunked",
        b"chunked;q=1", b'"chunked"', b"upgrade", b"Upgrade, close", b"keep-alive, X-A", b"x,,y", b"websocket",
        b"\x80\xff", b"a\x00b", b"a\rb", b"a\nb", b"a\r\n b", b"\x7f", b"\x01", b"a.test", b"u@a", b"[::1]:80",
    ),
)  # fmt: skip
FIELD = st.tuples(NAMES, SEPARATORS, VALUES, LINE_ENDS).map(b"".join)
HOST = weighted(b"Host: a\r\n", rare=(b"", b"Host: a\r\nHost: b\r\n", b"host:b:1\r\n", b"Host: a, b\r\n", b"Host:\r\n"))
TARGETS = weighted(
    b"/v1", b"/", b"/a?b=c&d=[e]",
    rare=(
        b"*", b"http://a/b", b"https://a:1?q", b"http://[::1]", b"a:1", b"/a#b", b"/\xc3\xa9", b"", b"//a", b"http:///",
        b"/a\\b", b"/{a|b}^`", b"http://a", b"HTTP://A", b"http://a:/", b"http://a.b-c_d~%41/", b"/%00",
    ),
)  # fmt: skip
REQUEST_START = st.tuples(
    weighted(b"POST", b"GET", rare=(b"HEAD", b"PUT", b"OPTIONS", b"CONNECT", b"post", b"PRI", b"QUERY", b"")),
    weighted(b" ", rare=(b"  ", b"\t")),
    TARGETS,
    weighted(b" ", rare=(b"  ", b"")),
    weighted(b"HTTP/1.1", rare=(b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2", b"http/1.1", b"")),
    LINE_ENDS,
).map(b"".join)
STATUSES = weighted(
    b"200", b"429",
    rare=(
        b"204", b"304", b"100", b"101", b"103", b"199", b"205", b"599", b"600", b"999", b"099", b"20", b"2000",
    ),
)  # fmt: skip
STATUS_START = st.tuples(
    weighted(b"HTTP/1.1", rare=(b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.2", b"ICY")),
    weighted(b" ", rare=(b"  ", b"")),
    STATUSES,
    weighted(b" OK", b" Too Many", rare=(b"", b" ", b" \xff\t", b"  ", b" \x00", b" \x7f")),
    LINE_ENDS,
).map(b"".join)
SIZES = weighted(
    b"1", b"5", b"a", b"0",
    rare=(b"A", b"05", b"", b"+1", b"0x1", b" 1", b"1 ", b"g", b"1\t", b"f" * 16, b"0" * 15),
)  # fmt: skip
EXTENSIONS = weighted(
    b"",
    rare=(
        b";a", b";a=b", b';a="b"', b';a="b\\""', b";", b"; a", b";a =b", b';a="', b";a\n", b";a\r", b";\x00",
        b';a="\xff"', b";a=b;c",
    ),
)  # fmt: skip
CHUNK_LINE = st.tuples(SIZES, EXTENSIONS, weighted(b"\r\n", rare=(b"\n", b"\r", b" \r\n", b"\r\r\n"))).map(b"".join)
CHUNK = st.tuples(
    CHUNK_LINE,
    weighted(b"x", b"hello", b"0123456789", b""),
    weighted(b"\r\n", rare=(b"\n", b"", b"\r", b"\n\r\n")),
)
TRAILERS = weighted(
    b"X-T: 1\r\n",
    rare=(
        b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"X\r\n", b" X: 1\r\n", b"X: a\nb\r\n",
        b"Connection: close\r\n", b"Trailer: \r\n", b"Upgrade: a\r\n", b"Host: c\r\n", b"Proxy-Connection: close\r\n",
    ),
)  # fmt: skip
CHUNKS = st.tuples(
    st.lists(CHUNK.map(b"".join), max_size=3).map(b"".join),
    weighted(b"0\r\n", rare=(b"00\r\n", b"0;a\r\n", b"0\n", b"0 \r\n", b"")),
    st.lists(TRAILERS, max_size=2).map(b"".join),
    weighted(b"\r\n", rare=(b"\n", b"", b"\r")),
).map(b"".join)
GOOD_CHUNKS = st.lists(st.binary(min_size=1, max_size=20), max_size=3).map(
    lambda pieces: b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
)
LENGTH_FIELD = weighted(b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n")
BODY = st.one_of(st.just(b"hello"), st.just(b""), CHUNKS, GOOD_CHUNKS)
BLANK_LINE = weighted(b"\r\n", rare=(b"\n", b"\r", b"", b" \r\n"))


def streams(start: st.SearchStrategy[bytes], host: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    fields = st.lists(FIELD, max_size=2).map(b"".join)
    return st.tuples(start, host, fields, LENGTH_FIELD, fields, BLANK_LINE, BODY).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn, base: st.SearchStrategy[bytes]) -> bytes:
    """A stream with a few bytes inserted, deleted, doubled, exchanged or moved."""
    stream = draw(base)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(len(stream) - 1, 0)))
        size = draw(st.integers(1, 12))
        piece = draw(st.sampled_from([*INTERESTING, stream[at : at + size]]))
        match draw(st.integers(0, 3)):
            case 0:
                stream = stream[:at] + piece + stream[at:]
            case 1:
                stream = stream[:at] + stream[at + size :]
            case 2:
                stream = stream[:at] + piece + stream[at + 1 :]
            case _:
                to = draw(st.integers(0, len(stream)))
                stream = stream[:to] + stream[at : at + size] + stream[to:]
    return stream


INTERESTING = [
    *(bytes([byte]) for byte in b'\r\n\t \x00\x01\x0b\x0c\x1f\x7f\x80\xff:;,"=0159afGx/\\#?@[{|(_-*%'),
    b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\n ", b"0\r\n", b"0\r\n\r\n",
    b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"GET / HTTP/1.1\r\n",
]  # fmt: skip

BASES = [
    (b"POST /v1?a HTTP/1.1\r\nHost: a\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello", None),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n", None),
    (b"GET http://a/b HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", None),
    (b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", None),
    (b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello", b"POST"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n", b"GET"),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", b"GET"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"HEAD"),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"GET"),
    (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"GET"),
]


def single_mutations(base: bytes) -> Iterator[bytes]:
    for at in range(len(base) + 1):
        for piece in INTERESTING:
            yield base[:at] + piece + base[at:]
            yield base[:at] + piece + base[at + 1 :]
        yield base[:at] + base[at + 1 :]
        yield base[:at] + base[at : at + 1] + base[at:]


@pytest.mark.parametrize(("base", "request_method"), BASES)
def test_every_single_mutation_of_good_messages(base: bytes, request_method: bytes | None) -> None:
    assert check(base, request_method)
    outcomes = [check(stream, request_method) for stream in single_mutations(base)]
    assert 0.05 < sum(outcomes) / len(outcomes) < 0.9, "the mutations no longer stand at the edge"


@settings(max_examples=400)
@given(mutated(streams(REQUEST_START, HOST)))
def test_requests(stream: bytes) -> None:
    check(stream)


@settings(max_examples=400)
@given(mutated(streams(STATUS_START, st.just(b""))), st.sampled_from([b"GET", b"POST", b"HEAD"]))
def test_responses(stream: bytes, request_method: bytes) -> None:
    check(stream, request_method)


@settings(max_examples=300)
@given(mutated(st.one_of(CHUNKS, GOOD_CHUNKS)))
def test_chunked_bodies(body: bytes) -> None:
    check(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    check(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body, b"GET")


@given(st.binary(max_size=300))
def test_any_bytes(stream: bytes) -> None:
    check(stream)
    check(b"GET / HTTP/1.1\r\nHost: a\r\n" + stream)
    check(stream, b"GET")
    check(b"HTTP/1.1 200 OK\r\n" + stream, b"GET")

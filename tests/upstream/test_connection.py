"""A response's bytes are handed on as they came, and its end is found wherever the network cuts them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.http1 import ChunkWalker, KnownHeads, ResponseHead
from narrows.errors import UpstreamError, UpstreamMalformed, UpstreamUnreachable
from narrows.upstream.connection import MAX_INTERIM_HEADS, Connection


class Wires(asyncio.Transport):
    """A transport of its own: it remembers what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.aborted = False
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        self.sent += bytes(data)

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


@dataclass
class Heard:
    """A receiver that remembers."""

    head: ResponseHead | None = None
    interims: list[int] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    error: UpstreamError | None = None
    rest: bytes | None = None
    writable: list[bool] = field(default_factory=list)

    def interim(self, head: ResponseHead) -> None:
        self.interims.append(head.status)

    def switched(self, head: ResponseHead, rest: bytes) -> None:
        self.head, self.rest = head, rest

    def response_started(self, head: ResponseHead, data: bytes, *, ended: bool) -> None:
        assert self.head is None
        self.head = head
        self.response_data(data, ended=ended)

    def response_data(self, data: bytes, *, ended: bool) -> None:
        assert not self.ended
        self.body += data
        self.ended = ended

    def response_failed(self, error: UpstreamError) -> None:
        assert not self.ended
        self.error = error

    def upstream_writable(self, writable: bool) -> None:
        self.writable.append(writable)


def connected(method: bytes = b"POST") -> tuple[Connection, Wires, Heard]:
    connection, wires, heard = Connection(), Wires(), Heard()
    connection.connection_made(wires)
    connection.begin(heard, method)
    return connection, wires, heard


SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OPEN = b"HTTP/1.1 200 OK\r\n\r\n"
ANSWERS = {
    "sized": (SIZED, b"01234", True),
    "chunked": (CHUNKED, b"5;a=b\r\n01234\r\n0\r\nX: y\r\n\r\n", True),
    "none": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "closing": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", b"01234", False),
    "old": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", b"01234", False),
    "open": (OPEN, b"01234", False),
}


@given(name=st.sampled_from(list(ANSWERS)), cuts=st.lists(st.integers(0, 120)), interims=st.integers(0, 3))
def test_any_cut_hands_on_the_same_bytes_and_finds_the_same_end(name: str, cuts: list[int], interims: int) -> None:
    start, body, reusable = ANSWERS[name]
    sent = b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" * interims + start + body
    connection, _, heard = connected()
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(sent)], strict=True):
        if sent[begin:end]:
            assert not heard.ended
            connection.data_received(sent[begin:end])
    if name == "open":
        connection.eof_received()
        connection.connection_lost(None)
    assert heard.head is not None
    assert (heard.interims, heard.head.status // 100) == ([103] * interims, 2)
    assert (heard.body, heard.ended, heard.error) == (body, True, None)
    assert connection.reusable is reusable
    assert connection.used or not reusable


@pytest.mark.parametrize("name", ["sized", "chunked", "open"])
@pytest.mark.parametrize("error", [None, ConnectionResetError("reset by peer")])
def test_any_cut_off_is_told(name: str, error: Exception | None) -> None:
    start, body, _ = ANSWERS[name]
    sent = start + body
    for end in range(len(sent)):
        connection, _, heard = connected()
        if end:
            connection.data_received(sent[:end])
        silent = connection.silent
        if error is None:
            connection.eof_received()
        connection.connection_lost(error)
        if name == "open" and end >= len(start) and error is None:
            assert (heard.body, heard.ended) == (sent[len(start) : end], True)
            continue
        assert isinstance(heard.error, UpstreamUnreachable)
        assert (heard.ended, connection.alive, silent) == (False, False, end == 0)
        assert ("before it answered" in heard.error.message) is (end < len(start))


@pytest.mark.parametrize("sent", [SIZED + b"01234+", CHUNKED + b"0\r\n\r\nHTTP/1.1", b"HTTP/1.1 304 No\r\n\r\nx"])
def test_surplus_bytes_are_not_handed_on_and_end_the_reuse(sent: bytes) -> None:
    connection, _, heard = connected()
    connection.data_received(sent)
    assert heard.ended
    assert sent.startswith(b"HTTP/1.1 " + str(cast(ResponseHead, heard.head).status).encode())
    assert heard.body in {b"01234", b"0\r\n\r\n", b""}
    assert not connection.reusable


def test_bytes_that_nobody_asked_for_close_the_connection() -> None:
    connection, wires, _ = connected()
    connection.data_received(SIZED + b"01234")
    assert not wires.aborted
    connection.data_received(b"x")
    assert wires.aborted
    assert not connection.alive


NO_RESPONSES = [b"nonsense\r\n\r\n", b"HTTP/2 200\r\n\r\n", SIZED.replace(b"5", b"5, 5"), CHUNKED + b"zz\r\n", b"\n"]


@pytest.mark.parametrize("sent", NO_RESPONSES)
def test_what_is_no_response_is_malformed(sent: bytes) -> None:
    connection, wires, heard = connected()
    assert connection.silent
    connection.data_received(sent)
    assert isinstance(heard.error, UpstreamMalformed)
    assert not connection.silent, "what was refused has been heard all the same"
    assert wires.aborted
    connection.connection_lost(None)


def test_interim_heads_are_bounded() -> None:
    connection, _, heard = connected()
    connection.data_received(b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_INTERIM_HEADS + 1) + SIZED)
    assert isinstance(heard.error, UpstreamMalformed)
    assert len(heard.interims) == MAX_INTERIM_HEADS


def test_after_a_switch_everything_is_the_tunnels() -> None:
    connection, _, heard = connected(b"GET")
    connection.data_received(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nfirst")
    connection.data_received(SIZED)
    connection.eof_received()
    connection.connection_lost(None)
    assert (heard.rest, heard.body, heard.ended) == (b"first", SIZED, True)


def test_after_an_abort_nobody_hears_anything() -> None:
    connection, wires, heard = connected()
    connection.abort()
    connection.data_received(SIZED)
    connection.pause_writing()
    connection.connection_lost(None)
    connection.write(b"late")
    connection.set_reading(False)
    assert heard == Heard()
    assert (wires.aborted, wires.sent, wires.reading) == (True, b"", True)


def test_pressure_is_passed_both_ways() -> None:
    connection, wires, heard = connected()
    connection.pause_writing()
    connection.resume_writing()
    connection.set_reading(False)
    assert (heard.writable, wires.reading) == ([False, True], False)
    connection.set_reading(True)
    assert wires.reading


def test_a_head_has_no_body_for_head() -> None:
    connection, _, heard = connected(b"HEAD")
    connection.data_received(SIZED)
    assert (heard.ended, heard.body, connection.reusable) == (True, b"", True)


def test_head_and_body_of_a_request_leave_in_their_order_and_not_after_the_end() -> None:
    connection, wires = Connection(), Wires()
    connection.write_both(b"nobody", b" there")
    connection.connection_made(wires)
    connection.write_both(b"head", b" and body")
    assert wires.sent == b"head and body"
    connection.abort()
    connection.write_both(b"too", b" late")
    assert wires.sent == b"head and body"


LINES = st.sampled_from(
    [
        (b"Date", b" Sat"),
        (b"X-Id", b""),
        (b"x-id", b" a:b\t"),
        (b"Content-Type", b" a/b"),
        (b"Content-Length", b" 10"),
        (b"content-length", b" 010"),
        (b"Content-Length", b" 10 "),
        (b"Transfer-Encoding", b" chunked"),
        (b"TRANSFER-ENCODING", b" gzip, chunked"),
        (b"Connection", b" close"),
        (b"Connection", b" X-Id"),
        (b"x-narrows-error", b" forged"),
        (b" folded", b" line"),
        (b"X-Id", b" bare\rCR"),
        (b"X-Id", b" bare\nContent-Length: 1"),
        (b"X-Id ", b" blank before the colon"),
    ]
)
STARTS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 204 No",
        b"HTTP/1.1 304 No",
    ]
)
PIECES = st.sampled_from(
    [
        b"5\r\nhello\r\n",
        b"A\r\n0123456789\r\n",
        b"00a\r\n0123456789\r\n",
        b"5;x=y\r\nhello\r\n",
        b"5;\r\nhello\r\n",
        b"5 \r\nhello\r\n",
        b"5\nhello\n",
        b"5\r\nhello!\r\n",
        b"5\r\nhello\r!",
        b"0x5\r\nhello\r\n",
        b"-5\r\nhello\r\n",
        b"000000000000005\r\nhello\r\n",
        b"0000000000000005\r\nhello\r\n",
        b"fffffffffffffff\r\n",
        b"0\r\n\r\n",
        b"000\r\n\r\n",
        b"0\r\nX: y\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0123456789",
        b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ]
)


class Ignorant(KnownHeads):
    """Knows no head."""

    __slots__ = ()

    def read(self, buffer: bytes) -> None:  # whatever it is
        return None


def told(known: KnownHeads, pieces: list[bytes], method: bytes) -> tuple[object, ...]:
    """What a receiver hears of these bytes, and whether the connection goes back to the pool."""
    connection, _, heard = connected(method)
    connection.known = known
    for piece in pieces:
        connection.data_received(piece)
    error = None if heard.error is None else str(heard.error)
    return heard.head, heard.body, heard.ended, error, connection.reusable and connection.alive


@given(
    st.lists(LINES, max_size=4),
    STARTS,
    st.sampled_from([b" 10", b" 0", b" 1e1", b" 9" * 19, b" \x00", b" a\r\nX: y"]),
    st.lists(PIECES, max_size=4),
    st.lists(st.integers(1, 250)),
    st.sampled_from([b"POST", b"GET", b"HEAD"]),
)
def test_what_is_known_at_sight_is_heard_as_if_it_were_not(
    lines: list[tuple[bytes, bytes]], start: bytes, value: bytes, body: list[bytes], cuts: list[int], method: bytes
) -> None:
    def head(*fields: tuple[bytes, bytes]) -> bytes:
        return start + b"\r\n" + b"".join(name + b":" + said + b"\r\n" for name, said in fields) + b"\r\n"

    known = KnownHeads()
    for _ in range(2):
        told(known, [head(*lines)], b"POST")
    for block in (head(*lines), head(*((name, value) for name, _ in lines))):
        sent = block + b"".join(body)
        places = sorted({cut for cut in cuts if cut < len(sent)})
        pieces = [sent[begin:end] for begin, end in zip([0, *places], [*places, len(sent)], strict=True)]
        with pytest.MonkeyPatch.context() as patch:
            fast = told(known, pieces, method)
            patch.setattr(ChunkWalker, "walks_over", lambda _walker, _data: False)
            general = told(Ignorant(), pieces, method)
            byte_by_byte = told(Ignorant(), [sent[place : place + 1] for place in range(len(sent))], method)
        assert fast == general
        assert (fast[3] is None) == (byte_by_byte[3] is None)
        assert fast[3] is not None or fast == byte_by_byte

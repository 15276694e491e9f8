"""The way of an answer back to the client: status, fields and body as they came.

Body bytes are passed on exactly as received, with their chunk framing, and the end of the upstream's framing is the end
of ours: where the upstream stopped short, the client's connection is closed short, without a last chunk and short of
the Content-Length, because a proper end would make silent data loss of it. Only a client of HTTP/1.0, which knows no
chunks, gets a chunked body without its framing and ended by the close; a cut is then a reset, as nothing else tells.

The fields by which we speak for ourselves are ours alone: an upstream that could send them could pass for the gateway.
"""

from __future__ import annotations

from typing import Protocol

from narrows.core.headers import forward_response_fields
from narrows.core.http1 import UNTIL_CLOSE, ChunkDecoder, Chunked, RequestHead, ResponseHead
from narrows.server.replies import ERROR_FIELD, REQUEST_ID_FIELD

OURS = frozenset({REQUEST_ID_FIELD, ERROR_FIELD})
OWN_PREFIX = b"x-narrows-"
"""What the names in `OURS` begin with."""
REQUEST_ID_LINE = b"%b: %%b\r\n" % REQUEST_ID_FIELD


class Sink(Protocol):
    """The client's connection, as far as an answer needs it."""

    def write(self, data: bytes) -> None: ...

    def cut(self, *, reset: bool) -> None:
        """Close so that the client sees an error; `reset` where the framing alone would not show one."""
        ...


class Relay:
    """One answer on its way. `keep_alive`: the connection can carry another exchange after it."""

    __slots__ = ("_by_close", "_decoder", "_request", "_request_id", "_sink", "keep_alive", "status")

    def __init__(self, sink: Sink, request: RequestHead, request_id: str) -> None:
        self._sink = sink
        self._request = request
        self._request_id = request_id
        self._decoder: ChunkDecoder | None = None
        self._by_close = False
        self.keep_alive = request.keep_alive
        self.status: int | None = None

    def interim(self, head: ResponseHead) -> None:
        """A 1xx head; clients of HTTP/1.0 do not know them, and one that asked for 100 has had ours."""
        if self._request.minor == 1 and not (head.status == 100 and self._request.expect_continue):
            self._sink.write(_block(head, forward_response_fields(head, drop=OURS)))

    def switch(self, head: ResponseHead, protocol: bytes, data: bytes) -> None:
        """101: the head, with the fields of the connection that make it one, and what follows it."""
        self.status = head.status
        self.keep_alive = False
        self._by_close = True
        own = b"Connection: Upgrade\r\nUpgrade: %b\r\n%b" % (protocol, self._own_field())
        self._sink.write(_block(head, forward_response_fields(head, drop=OURS, add=own)) + data)

    def start(self, head: ResponseHead, data: bytes, *, closing: bool) -> None:
        """The answer's head and the body bytes that came with it; `closing`: this is the connection's last answer."""
        self.status = head.status
        own = self._own_field()
        dechunked = False
        if self._request.minor == 0 and isinstance(head.framing, Chunked):
            self._decoder = ChunkDecoder()
            dechunked = True
        self._by_close = dechunked or head.framing is UNTIL_CLOSE
        if closing or self._by_close or not self._request.keep_alive:
            self.keep_alive = False
            own += b"Connection: close\r\n"
        elif self._request.minor == 0:
            own += b"Connection: keep-alive\r\n"
        block = _block(head, forward_response_fields(head, drop=OURS, add=own, dechunked=dechunked))
        self._sink.write(block + (data if self._decoder is None else self._without_chunks(data)))

    def data(self, data: bytes) -> None:
        """More of the body."""
        self._sink.write(data if self._decoder is None else self._without_chunks(data))

    def cut(self) -> None:
        """The upstream stopped short."""
        self._sink.cut(reset=self._by_close)

    def _own_field(self) -> bytes:
        return REQUEST_ID_LINE % self._request_id.encode()

    def _without_chunks(self, data: bytes) -> bytes:
        assert self._decoder is not None
        return b"".join(self._decoder.receive_data(data)[1])


def _block(head: ResponseHead, fields: bytes) -> bytes:
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (head.status, head.reason, fields)

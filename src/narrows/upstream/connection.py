"""One connection to the upstream: request bytes out, one response in, raw.

Body bytes are handed on exactly as received, chunk framing included; the chunk walk only finds the end. The connection
decides where a response ends and whether it may be used again; what the response means for the client is decided by
its `Receiver`. At most one exchange uses a connection at a time, and bytes that arrive outside of one close it: they
could only be the answer to a question nobody asked.

A response that stops before its framing says so is reported as cut, never as ended (tenet 3).
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Protocol, assert_never, cast

from narrows.core.http1 import (
    MAX_HEAD_BYTES,
    Chunked,
    ChunkWalker,
    FramingError,
    KnownHeads,
    NoBody,
    ResponseHead,
    Sized,
    UntilClose,
    head_end,
    parse_response_head,
)
from narrows.errors import UpstreamError, UpstreamMalformed, UpstreamUnreachable

CLOSE_TIMEOUT_S = 10.0
MAX_INTERIM_HEADS = 16
"""1xx heads in front of one answer; more are refused."""


class Receiver(Protocol):
    """Whoever waits for the response. Called on the event loop; `ended` or `response_failed` is the last it hears."""

    def interim(self, head: ResponseHead) -> None:
        """A 1xx head other than 101; the answer is still to come."""
        ...

    def switched(self, head: ResponseHead, rest: bytes) -> None:
        """101: from here on the bytes are another protocol's; `rest` came with the head."""
        ...

    def response_started(self, head: ResponseHead, data: bytes, *, ended: bool) -> None:
        """The answer's head, with the body bytes that came with it; `ended`: there are no more, and no other call."""
        ...

    def response_data(self, data: bytes, *, ended: bool) -> None:
        """Body bytes as received."""
        ...

    def response_failed(self, error: UpstreamError) -> None:
        """No answer, or no end of it, will come."""
        ...

    def upstream_writable(self, writable: bool) -> None:
        """Whether the upstream takes more request bytes at the moment."""
        ...


class _Stage(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    TUNNEL = auto()


_IDLE, _HEAD, _BODY, _TUNNEL = _Stage
"""By names of the module's own, as looking up an enumeration's member costs ten times as much before Python 3.12."""


class Connection(asyncio.Protocol):
    """An upstream connection. `used`: it has carried an exchange before, so a server may close it at any time and a
    request that finds it dead may be sent again on another. `reusable` is settled when a response has ended.
    `writable`: what was written has left, but for a little. `known` are the heads of its server's answers, which all
    connections to it may share."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.used = False
        self.reusable = False
        self.writable = True
        self.closed = False
        self.idle_since_s = 0.0
        self.known = KnownHeads()
        self._receiver: Receiver | None = None
        self._stage = _IDLE
        self._method = b""
        self._heard = False
        self._head_buffer = b""
        self._interims = 0
        self._remaining = 0
        self._walker: ChunkWalker | None = None
        self._until_close = False
        self._clean_eof = False

    @property
    def alive(self) -> bool:
        """Whether a request can be tried on it; a server may still have closed it without our knowing yet."""
        return not (self.closed or self._clean_eof or self.transport is None or self.transport.is_closing())

    @property
    def silent(self) -> bool:
        """Whether not one byte has come since `begin`."""
        return not self._heard

    @property
    def unsent_bytes(self) -> int:
        """What was written and has not left yet."""
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    # What the owner does

    def begin(self, receiver: Receiver, method: bytes) -> None:
        """Expect one response to a request of `method`, for `receiver`."""
        self._receiver = receiver
        self._method = method
        self._stage = _HEAD
        self._heard = False
        self._head_buffer = b""
        self._interims = 0
        self._until_close = False
        self._walker = None
        self.reusable = False

    def write(self, data: bytes) -> None:
        """Send request bytes; nothing happens where the connection is gone already, its loss has been reported."""
        if self.transport is not None and not self.closed:
            self.transport.write(data)

    def write_both(self, head: bytes, body: bytes) -> None:
        """As `write` of one after the other; where the event loop can, they leave in one system call."""
        if self.transport is not None and not self.closed:
            self.transport.writelines((head, body))

    def set_reading(self, reading: bool) -> None:
        """Back-pressure: whether more of the response may come in."""
        if self.transport is None or self.closed:
            return
        if reading:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def abort(self) -> None:
        """Close at once, dropping what was not sent; the receiver hears nothing more."""
        self._receiver = None
        self.closed = True
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        """Close when everything has been sent, or after a while; the receiver hears nothing more."""
        self._receiver = None
        self.closed = True
        if self.transport is not None:
            self.transport.close()
            asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if self._receiver is None:
            if not self.closed:
                self.abort()
            return
        try:
            if self._stage is _BODY:
                walker = self._walker
                if walker is not None and walker.walks_over(data):
                    self._receiver.response_data(data, ended=False)
                else:
                    self._body(data)
            elif self._stage is _HEAD:
                self._head(data)
            elif self._stage is _TUNNEL:
                self._receiver.response_data(data, ended=False)
            else:
                self.abort()
        except FramingError as error:
            self._fail(
                UpstreamMalformed(
                    f"the upstream's answer is not HTTP/1.1: {error} ({error.reason}); see that the gateway's settings"
                    " have its scheme and port right"
                )
            )

    def eof_received(self) -> None:
        self._clean_eof = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        receiver = self._receiver
        if receiver is None:
            return
        if self._clean_eof and exc is None and (self._until_close or self._stage is _TUNNEL):
            self._receiver = None
            receiver.response_data(b"", ended=True)
        else:
            said = f": {exc}" if exc else ""
            remedy = "; it may have acted on the request, so whether to send it again is the client's to say"
            self._fail(UpstreamUnreachable(f"the upstream closed the connection {_WHERE[self._stage]}{said}{remedy}"))

    def pause_writing(self) -> None:
        self.writable = False
        if self._receiver is not None:
            self._receiver.upstream_writable(False)

    def resume_writing(self) -> None:
        self.writable = True
        if self._receiver is not None:
            self._receiver.upstream_writable(True)

    # Heads and bodies

    def _head(self, data: bytes) -> None:
        scanned = len(self._head_buffer)
        learns = self._method != b"HEAD"
        if learns and not scanned:
            known = self.known.read(data)
            if known is not None:
                head, end = known
                self._answer(head, data[end:])
                return
        buffer = self._head_buffer + data if scanned else data
        while self._receiver is not None:
            end = head_end(buffer, MAX_HEAD_BYTES, scanned)
            if end < 0:
                self._head_buffer = buffer
                return
            head = parse_response_head(buffer[:end], self._method)
            if learns:
                self.known.learn(buffer[:end], head)
            buffer = buffer[end:]
            scanned = 0
            if head.status >= 200:
                self._answer(head, buffer)
                return
            if head.status == 101:
                self._stage = _TUNNEL
                self._receiver.switched(head, buffer)
                return
            self._interim(head)

    def _interim(self, head: ResponseHead) -> None:
        self._interims += 1
        if self._interims > MAX_INTERIM_HEADS:
            self._fail(
                UpstreamMalformed(
                    f"the upstream sent more than {MAX_INTERIM_HEADS} interim (1xx) heads; see what stands between it"
                    " and the gateway"
                )
            )
        elif self._receiver is not None:
            self._receiver.interim(head)

    def _answer(self, head: ResponseHead, rest: bytes) -> None:
        self._stage = _BODY
        self.reusable = head.keep_alive
        framing = head.framing
        if isinstance(framing, Sized):
            self._remaining = framing.size
        elif isinstance(framing, Chunked):
            self._walker = ChunkWalker()
        elif isinstance(framing, UntilClose):
            self._until_close = True
        elif isinstance(framing, NoBody):
            self._remaining = 0
        else:
            assert_never(framing)
        receiver = self._receiver
        assert receiver is not None
        data, ended = self._measure(rest)
        receiver.response_started(head, data, ended=ended)

    def _body(self, data: bytes) -> None:
        receiver = self._receiver
        assert receiver is not None
        data, ended = self._measure(data)
        receiver.response_data(data, ended=ended)

    def _measure(self, data: bytes) -> tuple[bytes, bool]:
        """The bytes of `data` that belong to the body, and whether it ends with them. Then the connection is nobody's
        until its owner pools or drops it."""
        size = len(data)
        if self._walker is not None:
            consumed = self._walker.receive_data(data) if data else 0
            ended = self._walker.done
        elif self._until_close:
            return data, False
        else:
            consumed = min(self._remaining, size)
            self._remaining -= consumed
            ended = self._remaining == 0
        if consumed < size:
            self.reusable = False
            data = data[:consumed]
        if ended:
            self._receiver = None
            self._stage = _IDLE
            self.used = True
        return data, ended

    def _fail(self, error: UpstreamError) -> None:
        receiver = self._receiver
        self.abort()
        if receiver is not None:
            receiver.response_failed(error)


_WHERE = {
    _IDLE: "while idle",
    _HEAD: "before it answered",
    _BODY: "in the middle of its answer",
    _TUNNEL: "of the tunnel",
}

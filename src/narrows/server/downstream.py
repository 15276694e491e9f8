"""A client's connection: finds requests in its bytes and hands them, one at a time, to exchanges.

Pipelined requests are answered in order, so the bytes behind the current request wait here, up to a bound, and reading
stops there; the next request is begun when the client takes the answers it has been sent. Up to that bound reading
goes on while an exchange is in progress, because it is how a client that leaves is noticed: one that closes its side
has left (as nginx sees it, and as every SDK does it), even if it still reads. A connection that is not read is looked
after by the gateway, which asks the system whether its client has left.

A connection that is closed while its client may be sending lingers first: closing it outright would make the kernel
answer the client's bytes with a reset, and the client would lose the answer that explains the refusal.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from narrows.core.http1 import (
    MAX_HEAD_BYTES,
    Fault,
    Framing,
    FramingError,
    Sized,
    head_end,
    parse_request_head,
)
from narrows.errors import ClientTooSlow, GatewayError, HeadTooLarge, MalformedRequest
from narrows.server.body_end import UNREAD, BodyEnd, body_end
from narrows.server.deadlines import NEVER_S
from narrows.server.exchange import Exchange
from narrows.server.prepared import Prepared, Remembered, prepare, remembered
from narrows.server.replies import error_reply
from narrows.server.resetting import reset_on_close

if TYPE_CHECKING:
    from narrows.server.gateway import Gateway

_LOOK = "look at what stands between the client and the gateway"


class _Stage(Enum):
    BETWEEN = auto()
    """No exchange; perhaps the front of a head has come."""
    NEXT = auto()
    """No exchange; the next request waits for its turn of the loop, and for the client to take the last answer."""
    EXCHANGE = auto()
    LEAVING = auto()
    """Another process is about to have the connection."""
    LINGERING = auto()
    CLOSING = auto()


_BETWEEN, _NEXT, _EXCHANGE, _LEAVING, _LINGERING, _CLOSING = _Stage
"""By names of the module's own, as looking up an enumeration's member costs ten times as much before Python 3.12."""
_WAITS = (_BETWEEN, _NEXT)


class Downstream(asyncio.Protocol):
    """One client connection. `writable`: the client takes what it is sent."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._limits = gateway.limits
        self._loop = gateway.loop
        self._transport: asyncio.Transport | None = None
        self._stage = _BETWEEN
        self._buffer = b""
        self._scanned = 0
        self._exchange: Exchange | None = None
        self._walker: BodyEnd | None = None
        self._remembered: Remembered | None = None
        self._head_block = b""
        self._leaving: asyncio.Task[None] | None = None
        self._held_up = False
        self._lingered_bytes = 0
        self.deadline_s = NEVER_S
        self.writable = True

    @property
    def busy(self) -> bool:
        """Whether an exchange is in progress."""
        return self._exchange is not None

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._gateway.downstreams.add(self)
        self.deadline_s = self._loop.time() + self._limits.keep_alive_s
        if self._gateway.draining:
            self.drain()

    def data_received(self, data: bytes) -> None:
        if self._stage is _BETWEEN and self.writable:
            self._buffer = self._buffer + data if self._buffer else data
            self._next_head()
        elif self._stage in _WAITS:
            self._stage = _NEXT
            self._ahead(data)
        elif self._stage is _EXCHANGE:
            if self._walker is not None:
                self._body(data)
            else:
                self._ahead(data)
        elif self._stage is _LINGERING:
            self._lingered_bytes += len(data)
            if self._lingered_bytes > self._limits.linger_bytes:
                self.abort()

    def eof_received(self) -> None:
        self._gone()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # why it left does not matter
        self._gateway.downstreams.discard(self)
        self._gateway.unread.discard(self)
        self._gone()

    def departed(self) -> None:
        """The client has left while nothing was read from it."""
        self._gone()
        if self._transport is not None:
            self._transport.close()

    def pause_writing(self) -> None:
        self.writable = False
        if self._exchange is not None:
            self._exchange.client_writable(False)

    def resume_writing(self) -> None:
        self.writable = True
        if self._exchange is not None:
            self._exchange.client_writable(True)
        if self._stage is _NEXT:
            self._loop.call_soon(self._resume)

    def expired(self) -> None:
        if self._stage is _EXCHANGE and self._exchange is not None:
            self._exchange.expired()
        elif self._stage is _BETWEEN and self._buffer:
            self._refuse(ClientTooSlow("the request's head did not arrive in time; send it at once"))
        elif self._stage in _WAITS:
            self.close()
        else:
            self.abort()

    # What exchanges ask for

    def write(self, data: bytes) -> None:
        """Send bytes to the client; nothing happens where it is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def set_reading(self, reading: bool) -> None:
        """Back-pressure: whether more of the request may come in."""
        if self._transport is None or self._transport.is_closing():
            return
        if reading:
            self._gateway.unread.discard(self)
            self._transport.resume_reading()
        else:
            self._gateway.hold_up(self)
            self._transport.pause_reading()

    @property
    def descriptor(self) -> int:
        """The system's number of the connection; negative where there is none any more."""
        peer = None if self._transport is None else self._transport.get_extra_info("socket")
        return -1 if peer is None else int(peer.fileno())

    def unsent_bytes(self) -> int:
        """What was written and the client has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def taken_ahead(self) -> bytes:
        """The bytes that came behind the request, and are nobody's now."""
        data, self._buffer = self._buffer, b""
        self._read_on()
        return data

    def hand_over(self, body: bytes) -> None:
        """Let the process that has the agents serve this client, from the request in progress on."""
        self._leave(self._head_block + body + self._buffer)

    def exchange_ended(self, *, keep_alive: bool) -> None:
        """The answer is complete; go on to the next request, or close."""
        self._exchange = None
        unread = self._walker is not None
        self._walker = None
        if self._stage is not _EXCHANGE:
            return
        if unread:
            self._linger()
        elif keep_alive and self._gateway.life.idle_grace_s > 0:
            self._between()
        else:
            self.close()

    def cut(self, *, reset: bool) -> None:
        """Close so that the client sees an error: short of the framing's end, and by a reset where asked to."""
        if reset and self._transport is not None and not self._transport.is_closing():
            reset_on_close(self._transport)
        self.close()

    def close(self) -> None:
        """Close once everything that was written has been sent, or the client has not taken it in time."""
        self._stage = _CLOSING
        self._exchange = None
        self.deadline_s = self._loop.time() + self._gateway.settings.idle_timeout_s
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once. A client that has not taken everything is told by a reset: what it finds may look whole."""
        self._stage = _CLOSING
        if self._transport is not None:
            if self.unsent_bytes():
                reset_on_close(self._transport)
            self._transport.abort()

    def end(self) -> None:
        """The time to drain is over: cut what is in progress short, and close at once."""
        if self._exchange is not None:
            self._exchange.lose()
        self.abort()

    def drain(self) -> None:
        """The gateway drains: what is idle is closed, now or after the grace it is given, all others after their
        exchange."""
        if self._stage in _WAITS:
            if self._gateway.idle_grace_s > 0:
                self.deadline_s = min(self.deadline_s, self._loop.time() + self._gateway.idle_grace_s)
            else:
                self.close()

    def serve_under(self, gateway: Gateway) -> None:
        """The next exchange is `gateway`'s; the one in progress ends with what it began with."""
        self._gateway = gateway
        self._remembered = None

    # From bytes to requests

    def _between(self) -> None:
        self._stage = _BETWEEN
        self.deadline_s = self._loop.time() + min(self._limits.keep_alive_s, self._gateway.life.idle_grace_s)
        if self._buffer:
            self._stage = _NEXT
            self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        if self._stage is _NEXT and self.writable:
            self._stage = _BETWEEN
            self._next_head()
            if self._stage is _BETWEEN or len(self._buffer) <= self._limits.pipelined_bytes:
                self._read_on()

    def _read_on(self) -> None:
        """What was sent ahead is no longer too much, or is not enough."""
        if self._held_up:
            self._held_up = False
            self.set_reading(True)

    def _next_head(self) -> None:
        buffer = self._buffer
        known = self._remembered
        again = None if known is None else known.again_in(buffer)
        if again is not None and known is not None:
            framing, end = again
            self._scanned = 0
            if self._gateway.elsewhere is not None:
                self._head_block = buffer[:end]
            self._begin(known.prepared, framing, buffer[end:])
            return
        try:
            end = head_end(buffer, MAX_HEAD_BYTES, self._scanned)
            if end < 0:
                if not self._scanned:
                    self.deadline_s = self._loop.time() + self._limits.head_timeout_s
                self._scanned = len(buffer)
                return
            block = buffer[:end]
            head = parse_request_head(block)
        except FramingError as error:
            self._refuse(_as_refusal(error))
            return
        self._scanned = 0
        elsewhere = self._gateway.elsewhere
        if elsewhere is not None:
            if elsewhere.takes(head.origin_form):
                self._leave(buffer)
                return
            self._head_block = block
        prepared = prepare(head, self._gateway)
        self._remembered = remembered(block, prepared)
        self._begin(prepared, head.framing, buffer[end:])

    def _begin(self, prepared: Prepared, framing: Framing, rest: bytes) -> None:
        self._stage = _EXCHANGE
        gateway = self._gateway
        kind = gateway.exchange if prepared.passage is None else gateway.exchange_for(prepared.passage) or Exchange
        self._exchange = exchange = kind(gateway, self, prepared, framing)
        if isinstance(framing, Sized) and 0 < framing.size <= len(rest):
            body, self._buffer = rest[: framing.size], rest[framing.size :]
            if exchange.take_whole(body):
                return
            self._walker = UNREAD
            exchange.begin(body_follows=True, body_is_here=True)
            if self._exchange is exchange:
                self._walker = None
                exchange.body_data(body, ended=True)
            return
        self._walker, self._buffer = body_end(framing), rest
        follows = self._walker is not None
        if follows:
            self._read_on()
        exchange.begin(body_follows=follows, body_is_here=follows and bool(rest))
        if self._walker is not None and self._buffer:
            self._buffer = b""
            self._body(rest)

    def _body(self, data: bytes) -> None:
        assert self._walker is not None
        assert self._exchange is not None
        try:
            consumed = self._walker.receive_data(data)
        except FramingError as error:
            self._exchange.failed(MalformedRequest(f"the request's body is not framed by HTTP/1.1: {error}; {_LOOK}"))
            return
        ended = self._walker.done
        if ended:
            self._walker = None
        if consumed < len(data):
            self._buffer = data[consumed:]
            data = data[:consumed]
        self._exchange.body_data(data, ended=ended)

    def _ahead(self, data: bytes) -> None:
        """Bytes behind the request in progress: a tunnel's, or the next request's, which waits."""
        if self._exchange is not None and self._exchange.tunnelling:
            self._exchange.tunnel_data(data)
            return
        self._buffer += data
        if len(self._buffer) > self._limits.pipelined_bytes:
            self._held_up = True
            self.set_reading(False)

    def _leave(self, data: bytes) -> None:
        """Go to another process, with these bytes and all that comes."""
        self._stage = _LEAVING
        self._exchange = None
        self._walker = None
        self._buffer = self._head_block = b""
        self.deadline_s = NEVER_S
        self._held_up = False
        self.set_reading(False)
        self._leaving = self._loop.create_task(self._give(data))

    async def _give(self, data: bytes) -> None:
        assert self._transport is not None
        assert self._gateway.elsewhere is not None
        try:
            await self._gateway.elsewhere.take_over(self._transport, data, self._gateway.settings.idle_timeout_s)
        except GatewayError as error:
            self._refuse(error)

    # Ends

    def _refuse(self, error: GatewayError) -> None:
        """Answer what is no request, outside of any exchange."""
        self._stage = _EXCHANGE
        request_id = self._gateway.refused(error)
        self.write(error_reply(error).to_bytes(request_id, keep_alive=False))
        self._buffer = b""
        self._linger()

    def _linger(self) -> None:
        self._stage = _LINGERING
        self.deadline_s = self._loop.time() + self._limits.linger_s
        transport = self._transport
        if transport is None or transport.is_closing() or not transport.can_write_eof():
            self.close()
            return
        transport.write_eof()
        self.set_reading(True)

    def _gone(self) -> None:
        """The client has left; what is in progress for it ends at once."""
        exchange = self._exchange
        self._exchange = None
        self._walker = None
        self._stage = _CLOSING
        self.deadline_s = self._loop.time() + self._gateway.settings.idle_timeout_s
        if exchange is not None:
            exchange.client_gone()


def _as_refusal(error: FramingError) -> GatewayError:
    if error.reason in {Fault.HEAD_TOO_LARGE, Fault.LINE_TOO_LONG, Fault.TOO_MANY_FIELDS}:
        return HeadTooLarge(f"the request's head is too large: {error}; send fewer headers, or shorter ones")
    return MalformedRequest(f"this is not one unambiguous HTTP/1.1 request: {error} ({error.reason}); {_LOOK}")

"""The upstream: it reads a request to its end and answers in 1 KB of JSON, or with a paced event stream.

A request of under 8 KB is searched for `"stream": true`; a longer one is only counted. Every chunk of a stream carries
the moment it was sent, which is how the client, on the same clock, knows how long it has been on the way.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import cast

from bench.dataplane.bodies import ANSWER, LAST_CHUNK, STREAM_HEAD, chunk
from bench.dataplane.loop import Link, Loop

SEARCHED_BYTES = 8 << 10
_BACKLOG = 4096


@dataclass
class Pace:
    """How streams go: the first chunk at once, then one every `period_s`, `chunks` in all."""

    period_s: float = 0.01
    chunks: int = 1


class Upstream:
    """Listens on `port`. `pace` may be changed at any time, for the streams that begin after it. While `withheld` is a
    list, requests that are complete are put there and not answered. While there is a `reader`, it gets every byte that
    comes, and has to answer itself."""

    def __init__(self, loop: Loop, tls: ssl.SSLContext | None = None) -> None:
        self.loop = loop
        self.pace = Pace()
        self.withheld: list[Answering] | None = None
        self.reader: Callable[[Answering, bytes], None] | None = None
        self.streaming: set[Answering] = set()
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._listening.setblocking(False)
        self.port: int = self._listening.getsockname()[1]
        loop.add(self._listening.fileno(), self)

    def ready(self, events: int) -> None:  # noqa: ARG002  # a listening socket is only ever readable
        while True:
            try:
                accepted, _ = self._listening.accept()
            except BlockingIOError:
                return
            if self._tls is None:
                Answering(self, accepted)
            else:
                _Handshake(self, accepted, self._tls)

    def asked(self, link: Answering, *, stream: bool) -> None:
        if stream:
            _Stream(link, self.pace, self.streaming)
        elif self.withheld is not None:
            self.withheld.append(link)
        else:
            link.write(ANSWER)

    def release(self) -> None:
        """Answer what has been withheld."""
        links, self.withheld = self.withheld or [], None
        for link in links:
            link.write(ANSWER)

    def end_streams(self) -> None:
        """Close what still streams: a proxy may read on when its client has long gone."""
        for link in self.streaming:
            link.close()
        self.streaming.clear()

    def close(self) -> None:
        self.loop.remove(self._listening.fileno())
        self._listening.close()


class Answering(Link):
    """A connection that requests come on, one at a time, each with a Content-Length."""

    def __init__(self, upstream: Upstream, accepted: socket.socket) -> None:
        super().__init__(upstream.loop, accepted)
        self._upstream = upstream
        self._head = b""
        self._kept: list[bytes] | None = None
        self._left = 0

    def received(self, data: bytes) -> None:
        if self._upstream.reader is not None:
            self._upstream.reader(self, data)
            return
        if not self._left:
            data = self._head + data if self._head else data
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self._head = data
                return
            self._head = b""
            self._left = content_length(data[:end])
            self._kept = [] if self._left <= SEARCHED_BYTES else None
            data = data[end:]
        self._left -= len(data)
        if self._kept is not None:
            self._kept.append(data)
        if self._left == 0:
            self._complete()
        elif self._left < 0:
            raise ValueError("the proxy sent more than the request's length")

    def _complete(self) -> None:
        stream = False
        if self._kept is not None:
            body = self._kept[0] if len(self._kept) == 1 else b"".join(self._kept)
            stream = b'"stream":true' in body or b'"stream": true' in body
        self._upstream.asked(self, stream=stream)


def content_length(head: bytes) -> int:
    """A request's Content-Length, or 0 without one; a chunked body is not expected here."""
    at = head.lower().find(b"\r\ncontent-length:")
    if at < 0:
        if b"\r\ntransfer-encoding:" in head.lower():
            raise ValueError("the proxy sent a chunked request, which this upstream does not read")
        return 0
    return int(head[at + 17 : head.index(b"\r", at + 17)])


class _Stream:
    """An answer in chunks. Its timer is its own, so that streams which begin apart stay apart."""

    __slots__ = ("_left", "_link", "_pace", "_streaming")

    def __init__(self, link: Answering, pace: Pace, streaming: set[Answering]) -> None:
        self._link = link
        self._streaming = streaming
        streaming.add(link)
        self._pace = Pace(pace.period_s, pace.chunks)
        self._left = pace.chunks - 1
        link.write(STREAM_HEAD + chunk(perf_counter()))
        self._next(perf_counter())

    def _next(self, sent_s: float) -> None:
        if self._left > 0:
            self._link.loop.at(sent_s + self._pace.period_s, self._send)
        else:
            self._streaming.discard(self._link)
            self._link.write(LAST_CHUNK)

    def _send(self, due_s: float) -> None:
        if self._link.closed:
            self._streaming.discard(self._link)
            return
        self._left -= 1
        now_s = perf_counter()
        self._link.write(chunk(now_s))
        self._next(due_s if now_s - due_s < self._pace.period_s else now_s)


class _Handshake:
    """A connection until TLS is agreed on."""

    def __init__(self, upstream: Upstream, accepted: socket.socket, tls: ssl.SSLContext) -> None:
        accepted.setblocking(False)
        self._upstream = upstream
        self._wrapped = tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        upstream.loop.add(self._wrapped.fileno(), self)

    def ready(self, events: int) -> None:  # noqa: ARG002  # whatever has happened, the handshake tells
        try:
            self._wrapped.do_handshake()
        except ssl.SSLWantReadError:
            return
        except OSError:
            self._upstream.loop.remove(self._wrapped.fileno())
            self._wrapped.close()
            return
        self._upstream.loop.remove(self._wrapped.fileno())
        _TLSAnswering(self._upstream, self._wrapped)


class _TLSAnswering(Answering):
    """What TLS has decrypted already is not seen by epoll, so it is read until there is no more."""

    def ready(self, events: int) -> None:
        super().ready(events)
        pending = cast(ssl.SSLSocket, self._socket).pending
        while not self.closed and pending():
            self._read()

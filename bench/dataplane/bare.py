"""`python -m bench.dataplane.bare PORT UPSTREAM`: what Python and uvloop cost with no gateway in it.

A relay of two protocols a client, with an upstream connection of its own that is kept: in what comes from either side
it finds the end of the head and the length of the body, as whoever wants to know where a message ends must, and passes
the bytes on as they are. It reads nothing else, checks nothing, limits nothing and notes nothing. What a gateway in
Python costs more than this is the gateway's; what this costs more than nginx is Python's and the event loop's.
"""

from __future__ import annotations

import asyncio
import gc
import ssl
import sys
from typing import cast
from urllib.parse import urlsplit

import uvloop

from narrows.server.allocator import keep_freed_memory

_BACKLOG = 4096
_ENDLESS = 1 << 62
_LAST_CHUNK = b"0\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"


class Side(asyncio.Protocol):
    """One of the two connections; `other` is the one to which its bytes go."""

    def __init__(self) -> None:
        self.other: Side | None = None
        self._transport: asyncio.Transport | None = None
        self._waiting = b""
        self._front = b""
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._left:
            data = self._front + data
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self._front = data
                return
            self._front = b""
            self._left = end + body_bytes(data[:end])
        self._left -= len(data)
        if self._left > _ENDLESS >> 1 and data.endswith(_LAST_CHUNK):
            self._left = 0
        self.pass_on(data)

    def pass_on(self, data: bytes) -> None:
        """Send to the other side; keep what comes before that is there."""
        if self.other is None:
            self._waiting += data
        elif self.other._transport is not None:
            self.other._transport.write(data)

    def join(self, other: Side) -> None:
        """`other` is there."""
        self.other, other.other = other, self
        waiting, self._waiting = self._waiting, b""
        if self._transport is None or self._transport.is_closing():
            other.close()
        elif waiting:
            self.pass_on(waiting)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the other side ends, whatever it was
        if self.other is not None:
            self.other.close()

    def close(self) -> None:
        """End it, once everything is sent."""
        if self._transport is not None:
            self._transport.close()


def body_bytes(head: bytes) -> int:
    """The length of the body that follows: that of the head, none without one, or more than any where it is chunked."""
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    if at >= 0:
        start = at + len(_LENGTH)
        return int(head[start : head.index(b"\r", start)])
    return _ENDLESS if b"\r\ntransfer-encoding:" in lowered else 0


async def serve(port: int, host: str, upstream_port: int, tls: ssl.SSLContext | None) -> None:
    """Relay until the process is ended."""
    loop = asyncio.get_running_loop()
    connecting: set[asyncio.Task[None]] = set()
    name = "localhost" if tls else None

    async def connect(client: Side) -> None:
        _, upstream = await loop.create_connection(Side, host, upstream_port, ssl=tls, server_hostname=name)
        client.join(upstream)

    def accepted() -> Side:
        client = Side()
        task = loop.create_task(connect(client))
        connecting.add(task)
        task.add_done_callback(connecting.discard)
        return client

    server = await loop.create_server(accepted, "127.0.0.1", port, backlog=_BACKLOG)
    gc.collect()
    gc.disable()
    await server.serve_forever()


def main(words: list[str]) -> None:
    """`words`: the port to listen on, the upstream's URL, and for an https one the file of its authority."""
    keep_freed_memory()
    port, upstream, *ca = words
    where = urlsplit(upstream)
    tls = ssl.create_default_context(cafile=ca[0]) if ca else None
    uvloop.run(serve(int(port), where.hostname or "", where.port or 0, tls))


if __name__ == "__main__":
    main(sys.argv[1:])

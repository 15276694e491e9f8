"""Requests of the gateway's own: to an agent's server, or to the upstream for its list of models.

The proxy path forwards raw bytes; here a request is made, and its answer is read. Both use the same connections. A
request is sent again only where its connection came out of the pool and closed in silence right after: nobody can have
acted on it then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from narrows.core.http1 import ChunkDecoder, Chunked, ResponseHead
from narrows.errors import UpstreamError, UpstreamMalformed, UpstreamTimeout
from narrows.upstream.connection import Connection
from narrows.upstream.pool import Pool

MAX_ANSWER_BYTES = 64 << 20
STALE_S = 1.0
"""A connection that closes in silence so soon after a request was dead when it was taken."""
Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """A whole answer."""

    status: int
    body: bytes


class _Incoming:
    """Receives one answer, and gives it to whoever asks for the next piece; b"" is the end."""

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self._pieces: asyncio.Queue[bytes | UpstreamError] = asyncio.Queue()
        self._decoder: ChunkDecoder | None = None

    async def next(self) -> bytes:
        found = await self._pieces.get()
        if isinstance(found, UpstreamError):
            raise found
        return found

    def interim(self, head: ResponseHead) -> None:
        """A 1xx head says nothing here."""

    def switched(self, head: ResponseHead, rest: bytes) -> None:  # noqa: ARG002 # whatever it is
        self.response_failed(UpstreamMalformed("the server switched to a protocol (101) that it was not asked for"))

    def response_started(self, head: ResponseHead, data: bytes, *, ended: bool) -> None:
        self.head = head
        self._decoder = ChunkDecoder() if isinstance(head.framing, Chunked) else None
        self._pieces.put_nowait(b"head")
        self.response_data(data, ended=ended)

    def response_data(self, data: bytes, *, ended: bool) -> None:
        if data and self._decoder is not None:
            data = b"".join(self._decoder.receive_data(data)[1])
        if data:
            self._pieces.put_nowait(data)
        if ended:
            self._pieces.put_nowait(b"")

    def response_failed(self, error: UpstreamError) -> None:
        self._pieces.put_nowait(error)

    def upstream_writable(self, writable: bool) -> None:
        """What is written is small."""


class Caller:
    """Asks one server."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def call(self, method: str, path: str, fields: Fields, body: bytes, timeout_s: float) -> CallAnswer:
        """The whole answer to a request. `path` is joined to the target's base path.

        Raises:
            UpstreamUnreachable, UpstreamMalformed: there is none.
            UpstreamTimeout: it has not ended within `timeout_s`.
        """
        try:
            async with asyncio.timeout(timeout_s), self.asked(method, path, fields, body) as (status, pieces):
                received: list[bytes] = []
                size = 0
                async for piece in pieces:
                    size += len(piece)
                    if size > MAX_ANSWER_BYTES:
                        raise UpstreamMalformed(f"the answer is over {MAX_ANSWER_BYTES} bytes")
                    received.append(piece)
                return CallAnswer(status, b"".join(received))
        except TimeoutError:
            raise UpstreamTimeout(f"{self._pool.target.host} did not answer within {timeout_s:g} s") from None

    async def post(self, path: str, fields: Fields, body: bytes, timeout_s: float) -> CallAnswer:
        """`call` with POST."""
        return await self.call("POST", path, fields, body, timeout_s)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._pool.close()

    @asynccontextmanager
    async def asked(
        self, method: str, path: str, fields: Fields, body: bytes
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """The status of an answer, and the pieces of its body as they come; what is left of it at the end is dropped,
        with its connection.

        Raises:
            UpstreamError: as `call` says, when it begins or between two pieces.
        """
        head = self._request_head(method, path, fields, len(body))
        connection, incoming = await self._exchange(method.encode(), head + body)
        ended = False

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal ended
            while piece := await incoming.next():
                yield piece
            ended = True

        assert incoming.head is not None
        try:
            yield incoming.head.status, pieces()
        finally:
            if ended:
                self._pool.give_back(connection, asyncio.get_running_loop().time())
            else:
                connection.abort()

    async def _exchange(self, method: bytes, request: bytes) -> tuple[Connection, _Incoming]:
        """The connection and its answer, when its head is there."""
        loop = asyncio.get_running_loop()
        connection = self._pool.take()
        if connection is not None:
            sent_s = loop.time()
            try:
                return connection, await _asked_on(connection, method, request)
            except UpstreamError:
                if not connection.silent or loop.time() - sent_s > STALE_S:
                    raise
                self._pool.counts.retried += 1
        connection = await self._pool.connect()
        return connection, await _asked_on(connection, method, request)

    def _request_head(self, method: str, path: str, fields: Fields, size: int) -> bytes:
        target = self._pool.target
        lines = [f"{name}: {value}" for name, value in fields]
        length = b"Content-Length: %d\r\n" % size if size or method != "GET" else b""
        said = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
        start = b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (method.encode(), target.join(path.encode()), target.authority)
        return start + self._pool.proxy_line + said + length + b"\r\n"


async def _asked_on(connection: Connection, method: bytes, request: bytes) -> _Incoming:
    incoming = _Incoming()
    connection.begin(incoming, method)
    connection.write(request)
    try:
        await incoming.next()
    except BaseException:
        connection.abort()
        raise
    return incoming

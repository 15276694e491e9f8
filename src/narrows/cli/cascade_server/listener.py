"""The reference server's HTTP side: POST /SERVICE/METHOD, JSON in and out, one token in one header."""

from __future__ import annotations

import asyncio
from hmac import compare_digest
from http import HTTPStatus
from typing import Any

import msgspec

from narrows.cli.cascade_server.service import Refusal, Service
from narrows.core.headers import field
from narrows.core.http1 import (
    MAX_HEAD_BYTES,
    ChunkDecoder,
    Chunked,
    FramingError,
    RequestHead,
    Sized,
    parse_request_head,
)

TOKEN_FIELD = b"x-cascade-token"
MAX_BODY_BYTES = 64 << 20


class Listener:
    """Serves a service at an address. `token`: what every call must show, where it is not empty."""

    def __init__(self, service: Service, *, token: str = "") -> None:
        self.service = service
        self.token = token
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> None:
        """Accept connections.

        Raises:
            OSError: the address cannot be listened on.
        """
        self._server = await asyncio.start_server(self._accepted, host, port, limit=MAX_HEAD_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop, and end what is under way."""
        if self._server is not None:
            self._server.close()
        await self.service.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, FramingError):
            pass
        except asyncio.CancelledError:
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = parse_request_head(await reader.readuntil(b"\r\n\r\n"))
        body = await _body(head, reader)
        status, answer = await self._answer(head, body)
        written = msgspec.json.encode(answer)
        start = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        writer.write(f"{start}Content-Length: {len(written)}\r\n\r\n".encode() + written)
        await writer.drain()
        return head.keep_alive

    async def _answer(self, head: RequestHead, body: bytes) -> tuple[int, Any]:
        try:
            shown = field(head.fields, TOKEN_FIELD) or b""
            if self.token and not compare_digest(shown, self.token.encode()):
                raise Refusal("unauthenticated", "the token is missing, or not this server's")
            if head.method != b"POST":
                raise Refusal("unimplemented", "every call is a POST")
            try:
                request = msgspec.json.decode(body or b"{}", type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise Refusal("invalid_argument", f"the body is no JSON object: {error}") from None
            return 200, await self.service.call(head.origin_form.rpartition(b"/")[2].decode("latin-1"), request)
        except Refusal as error:
            return error.status, {"code": error.code, "message": str(error)}


async def _body(head: RequestHead, reader: asyncio.StreamReader) -> bytes:
    match head.framing:
        case Sized(size):
            if size > MAX_BODY_BYTES:
                raise ConnectionError("a body of that size is not taken")
            return await reader.readexactly(size)
        case Chunked():
            decoder, pieces = ChunkDecoder(), list[bytes]()
            while not decoder.done:
                data = await reader.read(1 << 16)
                if not data:
                    raise ConnectionError("the body broke off")
                pieces += decoder.receive_data(data)[1]
            return b"".join(pieces)
        case _:
            return b""

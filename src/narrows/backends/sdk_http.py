"""The HTTP client that a protocol's official SDK is given: the gateway's choices in place of the SDK's own.

Where it connects follows from the settings alone: no proxy, no key and no address out of the environment, no redirect
is followed, and TLS is verified by the authorities that the gateway's other connections use. The token goes with every
request; where the server refuses it with 401, the credential is read again and the request sent once more, as in the
cascade protocol.

What a server can make the gateway hold is bounded: an answer, or an event of a stream, to `MAX_ANSWER_BYTES`. SDKs read
these whole. Answers are asked for uncoded, and refused otherwise, as a few coded bytes can be any number of bytes.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import httpx

from narrows.backends.types import Credentials

MAX_ANSWER_BYTES: Final = 64 << 20
WRITE_TIMEOUT_S: Final = 30.0
READ_TIMEOUT_S: Final = 60.0
"""Without a byte, a stream's keep-alives among them; whoever reads a stream asks again after that."""


class TokenAuth(httpx.Auth):
    """Shows the token in the header `named`; in Authorization as a Bearer's, where it names no scheme of its own."""

    def __init__(self, credentials: Credentials, named: str) -> None:
        self._credentials = credentials
        self._named = named

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        self._show(request, await self._credentials.token())
        response = yield request
        if response.status_code == 401:
            self._show(request, await self._credentials.token(again=True))
            yield request

    def _show(self, request: httpx.Request, token: str) -> None:
        if token:
            bearer = self._named.lower() == "authorization" and " " not in token
            request.headers[self._named] = f"Bearer {token}" if bearer else token


class _BoundedStream(httpx.AsyncByteStream):
    """A body of which no more is passed on than may be held: of an event stream, since the last end of a line."""

    def __init__(self, stream: httpx.AsyncByteStream, *, lines: bool) -> None:
        self._stream = stream
        self._lines = lines

    async def __aiter__(self) -> AsyncIterator[bytes]:
        held = 0
        async for piece in self._stream:
            end = piece.rfind(b"\n") if self._lines else -1
            held = held + len(piece) if end < 0 else len(piece) - end - 1
            if held > MAX_ANSWER_BYTES:
                raise httpx.RemoteProtocolError(f"the answer is over {MAX_ANSWER_BYTES} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Bounded(httpx.AsyncBaseTransport):
    """A transport whose answers are bounded."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        coding = response.headers.get("content-encoding", "identity")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        if coding != "identity":
            await response.stream.aclose()
            raise httpx.RemoteProtocolError(f"the answer is coded ({coding[:40]}), and was asked for as it is")
        lines = response.headers.get("content-type", "").startswith("text/event-stream")
        response.stream = _BoundedStream(response.stream, lines=lines)
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


def sdk_client(
    url: str, tls: ssl.SSLContext | None, auth: TokenAuth, *, connect_timeout_s: float, max_connections: int
) -> httpx.AsyncClient:
    """A client whose relative paths are those below `url`; `tls` verifies where that is https."""
    transport = httpx.AsyncHTTPTransport(
        verify=False if tls is None else tls,
        trust_env=False,
        limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
    )
    return httpx.AsyncClient(
        base_url=url,
        auth=auth,
        headers={"Accept-Encoding": "identity"},
        transport=_Bounded(transport),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(READ_TIMEOUT_S, connect=connect_timeout_s, write=WRITE_TIMEOUT_S),
    )


def never_left(error: Exception) -> bool:
    """Whether a request that failed so cannot have reached its server."""
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)

"""The HTTP client that a protocol's official SDK is given: the gateway's choices in place of the SDK's own.

Where it connects follows from the settings alone: no proxy, no key and no address out of the environment, no redirect
is followed, and TLS is verified by the authorities that the gateway's other connections use. The token goes with every
request; where the server refuses it with 401, the credential is read again and the request sent once more, as in the
cascade protocol.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator

import httpx

from narrows.backends.types import Credentials

WRITE_TIMEOUT_S = 30.0
READ_TIMEOUT_S = 60.0
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


def sdk_client(
    url: str, tls: ssl.SSLContext | None, auth: TokenAuth, *, connect_timeout_s: float, max_connections: int
) -> httpx.AsyncClient:
    """A client whose relative paths are those below `url`; `tls` verifies where that is https."""
    return httpx.AsyncClient(
        base_url=url,
        auth=auth,
        verify=False if tls is None else tls,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(READ_TIMEOUT_S, connect=connect_timeout_s, write=WRITE_TIMEOUT_S),
        limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
    )


def never_left(error: Exception) -> bool:
    """Whether a request that failed so cannot have reached its server."""
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)

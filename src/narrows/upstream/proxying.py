"""The way to the upstream through an HTTP proxy (RFC 9110 section 9.3.6, RFC 9112 section 3.2.2).

An https upstream is reached by a tunnel: CONNECT, and TLS with the upstream itself inside it, verified as without a
proxy, so the proxy sees the upstream's name and nothing else. An http upstream is asked for in absolute form, and the
proxy reads everything, as anybody on the way could. The proxy's password goes to the proxy alone: before a tunnel, or
in a field which proxies do not pass on; it is in no message.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast
from urllib.parse import unquote_to_bytes, urlsplit

from narrows.core.http1 import MAX_HEAD_BYTES, FramingError, head_end, parse_response_head
from narrows.errors import UpstreamError, UpstreamMalformed, UpstreamUnreachable
from narrows.settings import is_listed
from narrows.upstream.connection import Connection
from narrows.upstream.dialling import dialled
from narrows.upstream.target import Target

_DEFAULT_PORT = 80
_Made = TypeVar("_Made", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. `authorization` is its field line with the CRLF, or empty."""

    host: str
    port: int
    authorization: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        """For messages: without credentials."""
        return f"{_in_url(self.host)}:{self.port}"


def proxy_for(target: Target, url: str, no_proxy: str) -> Proxy | None:
    """The proxy by which `target` is reached: the one that `url` names, unless there is none or `no_proxy` lists the
    target. Both are as the settings have read them."""
    if not url or is_listed(target.host, target.port, no_proxy):
        return None
    parts = urlsplit(url)
    authorization = b""
    if parts.username is not None:
        user, password = unquote_to_bytes(parts.username), unquote_to_bytes(parts.password or "")
        authorization = b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(user + b":" + password)
    return Proxy(parts.hostname or "", parts.port or _DEFAULT_PORT, authorization)


def asked_through(target: Target, proxy: Proxy | None) -> Target:
    """The target as requests must name it: in absolute form where a proxy reads them."""
    if proxy is None or target.tls:
        return target
    return replace(target, absolute=b"http://" + target.authority)


async def open_connection(target: Target, tls: ssl.SSLContext | None, proxy: Proxy | None) -> Connection:
    """A connection to the target, through the proxy if there is one, with TLS if there is a context.

    Raises:
        OSError: as the system or TLS says it.
        UpstreamUnreachable: the proxy refuses the tunnel.
        UpstreamMalformed: its answer is no HTTP/1.1.
    """
    host, port = (target.host, target.port) if proxy is None else (proxy.host, proxy.port)
    if proxy is not None and tls is not None:
        return await _open_tunnel(target, tls, proxy)
    _, connection = await _open(Connection, host, port, tls, _certified(target) if tls else None)
    return connection


def _certified(target: Target) -> str:
    """The name that its certificate must be of: without the dot that may end a complete one (RFC 6066, section 3)."""
    return target.host.removesuffix(".")


async def _open(
    make: Callable[[], _Made], host: str, port: int, tls: ssl.SSLContext | None = None, name: str | None = None
) -> tuple[asyncio.Transport, _Made]:
    """A connection to the first machine on the way; `name`: what its certificate must be of."""
    loop = asyncio.get_running_loop()
    connected = await dialled(host, port)
    if connected is None:
        return await loop.create_connection(make, host, port, ssl=tls, server_hostname=name)
    try:
        return await loop.create_connection(make, sock=connected, ssl=tls, server_hostname=name)
    except BaseException:
        connected.close()
        raise


async def _open_tunnel(target: Target, tls: ssl.SSLContext, proxy: Proxy) -> Connection:
    loop = asyncio.get_running_loop()
    transport, asked = await _open(lambda: _Asking(target, proxy), proxy.host, proxy.port)
    connection = Connection()
    try:
        await asked.opened
        secure = await loop.start_tls(transport, connection, tls, server_hostname=_certified(target))
    except BaseException:
        transport.abort()
        raise
    if secure is None:
        raise ConnectionResetError("the tunnel was closed")
    connection.connection_made(secure)
    return connection


class _Asking(asyncio.Protocol):
    """Asks a proxy for a tunnel; `opened` is done when there is one, or holds the error."""

    def __init__(self, target: Target, proxy: Proxy) -> None:
        self._authority = f"{_in_url(target.host)}:{target.port}"
        self._proxy = proxy
        self._received = b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        authority = self._authority.encode()
        asked = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (authority, authority, self._proxy.authorization)
        cast(asyncio.Transport, transport).write(asked)

    def data_received(self, data: bytes) -> None:
        if self.opened.done():
            return
        self._received += data
        try:
            end = head_end(self._received, MAX_HEAD_BYTES)
            if end >= 0:
                head = parse_response_head(self._received[:end], b"CONNECT")
                self._judge(head.status, head.reason.decode("latin-1"), self._received[end:])
        except FramingError as error:
            said = f"the answer of the proxy {self._proxy.name} is not HTTP/1.1: {error}"
            self._fail(UpstreamMalformed(f"{said}; see that upstream_proxy names an HTTP proxy"))

    def connection_lost(self, exc: Exception | None) -> None:
        why = str(exc) if exc is not None and str(exc) else "it closed the connection"
        tunnel = f"no tunnel through the proxy {self._proxy.name} to {self._authority}: {why}"
        self._fail(UpstreamUnreachable(f"{tunnel}; see that upstream_proxy names a proxy that allows it"))

    def _judge(self, status: int, reason: str, rest: bytes) -> None:
        if not 200 <= status < 300:
            credentials = "give it a user name and password in the proxy's URL"
            remedy = f"; {credentials if status == 407 else 'see that it allows this host and port, or set no_proxy'}"
            refused = f"the proxy {self._proxy.name} refuses a tunnel to {self._authority}"
            self._fail(UpstreamUnreachable(f"{refused}: {status} {reason[:80]}{remedy}"))
        elif rest:
            said = f"the proxy {self._proxy.name} sent more than its answer before TLS began"
            self._fail(UpstreamMalformed(f"{said}; see that upstream_proxy names a proxy that allows tunnels"))
        else:
            self.opened.set_result(None)

    def _fail(self, error: UpstreamError) -> None:
        if not self.opened.done():
            self.opened.set_exception(error)
            self.opened.exception()  # who has stopped waiting need not hear of it from the event loop either


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host

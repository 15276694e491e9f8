"""Connections to the upstream, kept open between exchanges.

The most recently used is taken first, so that those which are not needed grow old and are closed. A pooled connection
may be dead without our knowing; the exchange that finds out sends its request again on a new one (`Connection.used`).
Errors of the operating system and of TLS become ours here and nowhere else.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass

from narrows.core.http1 import KnownHeads
from narrows.errors import UpstreamTimeout, UpstreamUnreachable
from narrows.upstream.connection import Connection
from narrows.upstream.proxying import Proxy, open_connection
from narrows.upstream.target import Target

MAX_IDLE = 512
MAX_IDLE_S = 55.0
"""Shorter than the usual server's 60 or 75 seconds, so that the race with its close is rare."""


@dataclass(slots=True)
class PoolCounts:
    """Since the start: connections made, requests that found one in the pool, and requests that were sent again because
    it was dead."""

    opened: int = 0
    reused: int = 0
    retried: int = 0


class Pool:
    """Idle connections to one target, and the way to new ones. A pool that follows another, for other settings, goes on
    with its `counts`; so do the exchanges that the other one still has."""

    def __init__(
        self,
        target: Target,
        tls: ssl.SSLContext | None,
        connect_timeout_s: float,
        proxy: Proxy | None = None,
        counts: PoolCounts | None = None,
    ) -> None:
        self.target = target
        self._tls = tls
        self._proxy = proxy
        self._connect_timeout_s = connect_timeout_s
        self.known = KnownHeads()
        self._idle: list[Connection] = []
        self._closed = False
        self.counts = PoolCounts() if counts is None else counts

    @property
    def proxy_line(self) -> bytes:
        """The field that each request carries for a proxy that reads it, with its CRLF, or nothing."""
        return self._proxy.authorization if self._proxy is not None and self._tls is None else b""

    @property
    def _where(self) -> str:
        through = "" if self._proxy is None else f" through the proxy {self._proxy.name}"
        return f"the upstream {self.target.host}:{self.target.port}{through}"

    @property
    def idle_count(self) -> int:
        return len(self._idle)

    def take(self) -> Connection | None:
        """An idle connection that looks alive, the latest used first; None if there is none."""
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                self.counts.reused += 1
                return connection
            connection.abort()
        return None

    async def connect(self) -> Connection:
        """A new connection, TLS included.

        Raises:
            UpstreamUnreachable: refused, unresolved, or not trusted.
            UpstreamMalformed: a proxy on the way does not speak HTTP/1.1.
            UpstreamTimeout: not there within the connect timeout.
        """
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                connection = await open_connection(self.target, self._tls, self._proxy)
        except TimeoutError:
            raise UpstreamTimeout(
                f"no connection to {self._where} within {self._connect_timeout_s:g} s; see that it can be reached from"
                " the gateway, or raise connect_timeout_s"
            ) from None
        except (OSError, UnicodeError) as error:
            why = f"{error or type(error).__name__}; {_remedy(error)}"
            raise UpstreamUnreachable(f"no connection to {self._where}: {why}") from error
        connection.known = self.known
        self.counts.opened += 1
        return connection

    def give_back(self, connection: Connection, now_s: float) -> None:
        """Keep a connection whose exchange has ended, if it can be used again; close it otherwise."""
        if connection.reusable and connection.alive and not self._closed and len(self._idle) < MAX_IDLE:
            connection.idle_since_s = now_s
            self._idle.append(connection)
        else:
            connection.abort()

    def close_stale(self, now_s: float) -> None:
        """Close what has been idle for too long, and forget what the upstream has closed."""
        kept: list[Connection] = []
        for connection in self._idle:
            if connection.alive and now_s - connection.idle_since_s < MAX_IDLE_S:
                kept.append(connection)
            else:
                connection.abort()
        self._idle = kept

    def close(self) -> None:
        """Close every idle connection, and from now on each one that is given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().abort()


def _remedy(error: OSError | UnicodeError) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return "its certificate must be of its name, and of an authority that is known here: ca_bundle names others"
        case ssl.SSLError():
            return "see that a server of https is at this address"
        case socket.gaierror() | UnicodeError():
            return "see that the name is right in the gateway's settings, and resolves on its machine"
        case _:
            return "see that it runs, and that its address is right in the gateway's settings"

"""Both ends of a gateway's connections in memory: what is written is kept, and what comes is handed over by the driver.

The transports' methods are of C, as uvloop's are, so that none of them counts among the gateway's calls of Python.
"""

from __future__ import annotations

import asyncio
from typing import cast

from narrows.server.downstream import Downstream
from narrows.server.gateway import Gateway
from narrows.upstream.connection import Connection


class Wire:
    """A transport of which everything that is written is in `sent`."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.write = self.sent.append
        self.writelines = self.sent.extend
        self.is_closing = (0).__bool__
        self.get_write_buffer_size = (0).__int__
        self.get_extra_info = dict[str, object]().get

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def abort(self) -> None:
        raise AssertionError("the gateway gave a connection up")

    close = abort


class Line:
    """A client and the upstream's connection that its requests go out on."""

    def __init__(self, gateway: Gateway) -> None:
        self.client, self.upstream = Wire(), Wire()
        self.downstream, self.connection = Downstream(gateway), Connection()
        self.downstream.connection_made(cast(asyncio.Transport, self.client))
        self.connection.connection_made(cast(asyncio.Transport, self.upstream))

    def lend(self, gateway: Gateway) -> None:
        """Put the upstream's connection where the next request finds it."""
        self.connection.reusable = True
        self.connection.known = gateway.pool.known
        gateway.pool.give_back(self.connection, gateway.loop.time())

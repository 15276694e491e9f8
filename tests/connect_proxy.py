"""A small real HTTP proxy on loopback: tunnels for CONNECT, absolute-form requests passed on, each head kept.

    async with ConnectProxy(upstream.port) as proxy:
        ...
        assert proxy.heads[0].startswith(b"CONNECT models.example:443 ")

Wherever a request wants to go, it goes to the one port that the proxy is made with: names need no resolver. `answer`,
if set, is sent to every request instead.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class ConnectProxy:
    """The proxy. `heads` are the request heads, as they arrived; `open` counts its connections."""

    def __init__(self, port: int, *, answer: bytes = b"", user: str = "", password: str = "") -> None:
        credentials = f"{user}:{password}@" if user else ""
        self._upstream_port = port
        self._credentials = credentials
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.heads: list[bytes] = []
        self.open = 0
        self.port = 0

    @property
    def url(self) -> str:
        """As the settings name it, with the user name and password that were given."""
        return f"http://{self._credentials}127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open += 1
        try:
            await self._pass_on(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # a client that leaves
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self._answer:
            writer.write(self._answer)
            await writer.drain()
            await reader.read()
            return
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        if head.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            onward_writer.write(head)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, onward_writer))
                group.create_task(_pump(onward_reader, writer))
        finally:
            onward_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

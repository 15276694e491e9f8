"""A client that writes exactly what it is told and reads HTTP/1.1 in its own simple way, for tests of the gateway."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

WAIT_S = 60.0


@dataclass(slots=True)
class Answered:
    """An answer as it arrived. `received` is its body with any chunk framing; `complete` is False where the connection
    ended before the body did; `reset` where it ended by a reset."""

    head: bytes = b""
    received: bytearray = field(default_factory=bytearray)
    interim: list[bytes] = field(default_factory=list)
    complete: bool = False
    reset: bool = False

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    @property
    def raw_body(self) -> bytes:
        return bytes(self.received)

    @property
    def lines(self) -> list[bytes]:
        return self.head.split(b"\r\n")[1:-2]

    def values(self, name: bytes) -> list[bytes]:
        wanted = name.lower() + b":"
        return [line[len(wanted) :].strip() for line in self.lines if line.lower().startswith(wanted)]

    @property
    def json(self) -> Any:
        return json.loads(self.raw_body)

    @property
    def error_code(self) -> str:
        """The code of an error that the gateway made, checked to be in OpenAI's shape and named in the header."""
        error = self.json["error"]
        assert sorted(error) == ["code", "message", "param", "type"]
        assert self.values(b"x-narrows-error") == [error["code"].encode()]
        assert len(self.values(b"x-narrows-request-id")) == 1
        return str(error["code"])


class _EndedError(Exception):
    pass


class RawClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, method: bytes = b"GET") -> Answered:
        """The next answer; `method` is the one it answers, as HEAD has no body."""
        answered = Answered()
        try:
            async with asyncio.timeout(WAIT_S):
                await self._read_answer(answered, method)
            answered.complete = True
        except (asyncio.IncompleteReadError, _EndedError):
            pass
        except ConnectionResetError:
            answered.reset = True
        return answered

    async def _read_answer(self, answered: Answered, method: bytes) -> None:
        while True:
            answered.head = await self._until(b"\r\n\r\n")
            if not 100 <= answered.status < 200 or answered.status == 101:
                break
            answered.interim.append(answered.head)
        if method == b"HEAD" or answered.status in {101, 204, 304}:
            return
        if answered.values(b"transfer-encoding") == [b"chunked"]:
            await self._read_chunks(answered)
        elif lengths := answered.values(b"content-length"):
            await self._take(int(lengths[0]), answered)
        else:
            while data := await self.reader.read(65536):
                answered.received += data

    async def _read_chunks(self, answered: Answered) -> None:
        size = 1
        while size:
            line = await self._until(b"\r\n", answered)
            size = int(line.partition(b";")[0], 16)
            if size:
                await self._take(size + 2, answered)
        while line != b"\r\n":
            line = await self._until(b"\r\n", answered)

    async def _until(self, mark: bytes, answered: Answered | None = None) -> bytes:
        try:
            data = await self.reader.readuntil(mark)
        except asyncio.IncompleteReadError as error:
            if answered is not None:
                answered.received += error.partial
            raise
        if answered is not None:
            answered.received += data
        return data

    async def _take(self, size: int, answered: Answered) -> None:
        while size:
            data = await self.reader.read(min(size, 65536))
            if not data:
                raise _EndedError
            answered.received += data
            size -= len(data)

    async def rest(self) -> bytes:
        """Everything until the connection ends; a reset counts as its end."""
        data = b""
        try:
            async with asyncio.timeout(WAIT_S):
                while piece := await self.reader.read(65536):
                    data += piece
        except ConnectionResetError:
            pass
        return data

    def set_reading(self, reading: bool) -> None:
        """Whether to take what arrives, or to leave it in the network."""
        transport = cast(asyncio.Transport, self.writer.transport)
        if reading:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def reset(self) -> None:
        """Leave with a reset."""
        peer: socket.socket | None = self.writer.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def half_close(self) -> None:
        """Send no more, but go on reading."""
        self.writer.write_eof()

    def close(self) -> None:
        self.writer.close()


@asynccontextmanager
async def raw_client(port: int) -> AsyncIterator[RawClient]:
    """A connection to a port on loopback."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    client = RawClient(reader, writer)
    try:
        yield client
    finally:
        writer.transport.abort()


def request(
    method: str = "GET",
    target: str = "/v1/models",
    *lines: str,
    body: bytes | None = None,
    version: str = "HTTP/1.1",
    host: str = "localhost",
) -> bytes:
    """A request with a Host, these field lines, and a body with its length if there is one."""
    head = [f"{method} {target} {version}", f"Host: {host}", *lines]
    if body is not None:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + (body or b"")


def chat(*messages: dict[str, Any], **fields: Any) -> bytes:
    """A chat completions body."""
    asked = {"model": "gpt-4o", "messages": list(messages) or [{"role": "user", "content": "hi"}]}
    return json.dumps(asked | fields).encode()


def tool_turn(name: str, content: str, call_id: str = "call_1") -> tuple[dict[str, Any], dict[str, Any]]:
    """The assistant's call of a tool, and what the tool said."""
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}
    return (
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": content},
    )


def rows(count: int, start: int = 0) -> str:
    """A JSON array that can be shortened."""
    return json.dumps(
        [{"id": i, "name": f"name {i}", "price": i * 1.5, "tags": ["a", "b"]} for i in range(start, start + count)]
    )

"""Messages over a socket pair, one JSON object a line. What is sent to an end that is gone is dropped: its going is
noticed by reading."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Generic, TypeVar

import msgspec

_ENCODER = msgspec.json.Encoder()
MAX_MESSAGE_BYTES = 256 << 20

_Message = TypeVar("_Message")


class Channel(Generic[_Message]):
    """Reads messages of one union of types, and sends any."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, types: Any) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder: msgspec.json.Decoder[_Message] = msgspec.json.Decoder(types)

    def send(self, message: msgspec.Struct) -> None:
        """Queue a message; nobody waits for it."""
        if not self._writer.is_closing():
            self._writer.write(_ENCODER.encode(message) + b"\n")

    async def receive(self) -> _Message | None:
        """The next message that is known here; None where the other end is gone."""
        while True:
            try:
                line = await self._reader.readline()
            except (OSError, ValueError):
                return None
            if not line.endswith(b"\n"):
                return None
            try:
                return self._decoder.decode(line)
            except msgspec.ValidationError:
                continue

    async def flushed(self) -> None:
        """Wait until what was sent has left."""
        try:
            await self._writer.drain()
        except OSError:
            return

    def close(self) -> None:
        self._writer.close()


async def open_channel(end: socket.socket, types: Any) -> Channel[Any]:
    """A channel over one end of a socket pair."""
    end.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=end, limit=MAX_MESSAGE_BYTES)
    return Channel(reader, writer, types)

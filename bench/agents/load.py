"""Many clients of one gateway, each with a run of its own, and the model that their agents ask."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.agents.paced import PIECE, WARM_UP, Pace
from narrows.core.headers import field as field_of

LIMIT_S = 120.0
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(slots=True)
class Seen:
    """What clients have seen. `delays_s`: from the moment a piece was said until its client had it; `foreign`: pieces
    of another run; `lost`: pieces that did not come, or not in their order; `unfinished`: answers without an end."""

    delays_s: list[float] = field(default_factory=list)
    foreign: int = 0
    lost: int = 0
    unfinished: int = 0

    def take(self, name: str, text: str, expected: int, now_s: float) -> int:
        """Note what a chunk of `name`'s answer says; the number of the piece that is to come next."""
        for whose, number, said_s in PIECE.findall(text):
            self.foreign += whose != name
            self.lost += int(number) != expected
            expected = int(number) + 1
            self.delays_s.append(now_s - float(said_s))
        return expected

    def end(self, pieces: int, expected: int, *, ended: bool) -> None:
        """Note how an answer ended."""
        self.lost += expected != pieces
        self.unfinished += not ended


async def runs_at_once(port: int, count: int, pace: Pace, mark: str, seen: Seen) -> None:
    """So many runs, spread over the time between two pieces."""

    async def one(number: int) -> None:
        await asyncio.sleep(pace.every_s * number / count)
        await _client(port, f"{mark}-{number}", pace, seen)

    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*(one(number) for number in range(count)))


async def _client(port: int, name: str, pace: Pace, seen: Seen) -> None:
    body = json.dumps({"model": "coder", "stream": True, "messages": [{"role": "user", "content": name}]}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    expected, ended = 0, False
    while not ended and (line := await reader.readline()):
        ended = line == b"data: [DONE]\n"
        if line.startswith(b"data: {"):
            chunk = json.loads(line[6:])
            text = "".join(choice["delta"].get("content") or "" for choice in chunk.get("choices", ()))
            expected = seen.take(name, text, expected, time.time())
    seen.end(pace.pieces, expected, ended=ended)
    writer.close()


@asynccontextmanager
async def model(pace: Pace) -> AsyncIterator[int]:
    """A model's server that says one piece after the other to everybody; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(int(field_of(head, b"content-length") or 0))
                writer.write(_HEAD)
                for _ in range(1 if WARM_UP.encode() in body else pace.pieces):
                    await asyncio.sleep(pace.every_s)
                    writer.write(_chunk(b'{"choices":[{"index":0,"delta":{"content":"x"}}]}'))
                writer.write(_chunk(b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'))
                writer.write(_chunk(b"[DONE]") + b"0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _chunk(data: bytes) -> bytes:
    framed = b"data: %b\n\n" % data
    return b"%x\r\n%b\r\n" % (len(framed), framed)

"""A model's server that does what a test tells it: a small real HTTP/1.1 server on loopback.

It keeps each request byte for byte as it arrived, and plays an answer step by step: bytes, a pause, a gate that the
test opens, and an ending (keep the connection, close it, reset it, or say nothing more). It has its own reading of
HTTP, on purpose: what it sees must not depend on the parser under test.

    async with ScriptedUpstream() as upstream:
        upstream.play(events(b"data: 1\\n\\n", gate, b"data: 2\\n\\n"))      # the next request's answer
        ...
        assert upstream.requests[0].json["model"] == "m"

Requests without a scripted answer get `upstream.otherwise(request)`: a chat completion, or its stream if asked for.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import Any, Self, cast


class Ending(Enum):
    """What becomes of the connection after the last step."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()
    HALF_CLOSE = auto()
    """Nothing more is sent, which the client is told; what it sends is still read."""
    STALL = auto()
    """Nothing more is sent; the connection stays until the client closes it."""


Step = bytes | float | asyncio.Event
"""Bytes to send, seconds to wait, or a gate to wait for."""
Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent, exactly. `at_head`: it starts when the request's head has arrived, not its whole body."""

    steps: tuple[Step, ...]
    ending: Ending = Ending.KEEP
    at_head: bool = False


def head(fields: Fields, status: int = 200, reason: str = "OK") -> bytes:
    """A response head with exactly these fields."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def whole(body: bytes, *, status: int = 200, fields: Fields = (("Content-Type", "application/json"),)) -> Answer:
    """An answer with a Content-Length."""
    return Answer((head([*fields, ("Content-Length", str(len(body)))], status) + body,))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
EVENT_STREAM = (("Content-Type", "text/event-stream; charset=utf-8"),)


def events(*steps: Step, ending: Ending = Ending.KEEP, fields: Fields = EVENT_STREAM) -> Answer:
    """A chunked answer, one chunk for each bytes step. With another ending than KEEP the last chunk is left out."""
    coded = tuple(chunk(step) if isinstance(step, bytes) else step for step in steps)
    last = (LAST_CHUNK,) if ending is Ending.KEEP else ()
    return Answer((head([*fields, ("Transfer-Encoding", "chunked")]), *coded, *last), ending)


def raw(*steps: Step, ending: Ending = Ending.CLOSE) -> Answer:
    """Exactly these bytes: garbage, a cut body, an answer that ends with its connection."""
    return Answer(steps, ending)


STALL = Answer((), Ending.STALL)


def error(status: int, code: str = "scripted", *, fields: Fields = ()) -> Answer:
    """An error as OpenAI writes one."""
    body = {"error": {"message": f"scripted {status}", "type": "server_error", "param": None, "code": code}}
    return whole(json.dumps(body).encode(), status=status, fields=[("Content-Type", "application/json"), *fields])


USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}


def completion(message: dict[str, Any] | None = None, *, finish_reason: str = "stop") -> bytes:
    """The body of a chat completion."""
    message = {"role": "assistant", "content": "Hello there!", "refusal": None} | (message or {})
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
    return json.dumps(
        {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice],
            "usage": USAGE,
        }
    ).encode()  # fmt: skip


def frame(
    delta: dict[str, Any] | None, *, finish_reason: str | None = None, usage: dict[str, Any] | None = None
) -> bytes:
    """One event of a chat stream; without a delta it is the usage frame, whose choices are empty."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]
    data: dict[str, Any] = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": choices
    }  # fmt: skip
    if usage is not None:
        data["usage"] = usage
    return b"data: " + json.dumps(data).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def stream(*deltas: dict[str, Any], finish_reason: str = "stop", include_usage: bool = False) -> Answer:
    """A whole chat stream of these deltas, after the one that names the role."""
    frames = [frame({"role": "assistant", "content": "", "refusal": None}), *map(frame, deltas)]
    frames.append(frame({}, finish_reason=finish_reason))
    if include_usage:
        frames.append(frame(None, usage=USAGE))
    return events(*frames, DONE)


@dataclass(slots=True)
class Recorded:
    """A request as it arrived: `head` from its start line to its blank line, `framed` the body's bytes with any chunk
    framing, `body` without. `ended`: the connection was closed; `answered`: the answer had been sent whole by then."""

    head: bytes
    connection: int
    framed: bytes = b""
    body: bytes = b""
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def start(self) -> bytes:
        return self.head.partition(b"\r\n")[0]

    @property
    def lines(self) -> list[bytes]:
        """The field lines, in order."""
        return self.head.split(b"\r\n")[1:-2]

    def values(self, name: bytes) -> list[bytes]:
        wanted = name.lower() + b":"
        return [line[len(wanted) :].strip() for line in self.lines if line.lower().startswith(wanted)]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def plain_answer(request: Recorded) -> Answer:
    """A completion, or a stream to a request that asks for one."""
    try:
        asked = json.loads(request.body) if request.body else {}
    except (ValueError, RecursionError):
        asked = {}
    if isinstance(asked, dict) and asked.get("stream") is True:
        options = asked.get("stream_options") or {}
        return stream({"content": "Hello"}, {"content": " there!"}, include_usage=bool(options.get("include_usage")))
    return whole(completion())


class ScriptedUpstream:
    """The server. `requests` are those whose head has arrived, in order, over all connections. What it could not read
    is raised by `close`: then the request was malformed, or the test is."""

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, otherwise: Callable[[Recorded], Answer] = plain_answer
    ) -> None:
        self.requests: list[Recorded] = []
        self.connections = 0
        self.open = 0
        self.port = 0
        self.otherwise = otherwise
        self.failures: list[BaseException] = []
        self._script: deque[Answer] = deque()
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._sockets: set[_Connection] = set()
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def play(self, *answers: Answer) -> None:
        """Answer the next requests with these, in order."""
        self._script.extend(answers)

    async def request(self, index: int = 0, timeout_s: float = 60) -> Recorded:
        """The request of this index, once its head has arrived."""
        await self._until(lambda: len(self.requests) > index, timeout_s)
        return self.requests[index]

    async def all_closed(self, timeout_s: float = 60) -> None:
        """Wait until no connection is open."""
        await self._until(lambda: not self.open, timeout_s)

    async def start(self, port: int = 0) -> None:
        """Listen; on the given port after `stop_listening`, to be the same server again."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    def set_reading(self, reading: bool) -> None:
        """Let the open connections read on, or leave what arrives in the network."""
        for connection in self._sockets:
            connection.set_reading(reading)

    def unsent_bytes(self) -> int:
        """What the open connections have not been able to send yet."""
        return sum(connection._transport.get_write_buffer_size() for connection in self._sockets)

    def unread(self) -> bytes:
        """What has arrived on the open connections and belongs to no request."""
        return b"".join(bytes(connection._received) for connection in self._sockets)

    def stop_listening(self) -> None:
        """Refuse new connections; the open ones stay."""
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """Stop, and drop every connection."""
        self.stop_listening()
        for connection in tuple(self._sockets):
            connection.abort()
        await self.all_closed()
        if self.failures:
            raise ExceptionGroup("the scripted upstream failed", [f for f in self.failures if isinstance(f, Exception)])

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def answer_to(self, request: Recorded) -> Answer:
        return self._script.popleft() if self._script else self.otherwise(request)

    def note(self) -> None:
        self._changed.set()


class _Connection(asyncio.Protocol):
    """One accepted connection: bytes arrive in `_received`, a task reads requests out of it and plays the answers."""

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self._upstream = upstream
        self._received = bytearray()
        self._arrived = asyncio.Event()
        self._request: Recorded | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._number = self._upstream.connections
        self._upstream.connections += 1
        self._upstream.open += 1
        self._upstream._sockets.add(self)
        self._task = asyncio.get_running_loop().create_task(self._serve())
        self._task.add_done_callback(self._served)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._arrived.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._task.cancel()
        self._upstream._sockets.discard(self)
        self._upstream.open -= 1
        self._upstream.note()
        for request in self._upstream.requests:
            if request.connection == self._number:
                request.ended.set()

    def abort(self) -> None:
        self._transport.abort()

    def set_reading(self, reading: bool) -> None:
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _served(self, task: asyncio.Task[None]) -> None:
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            self._upstream.failures.append(failure)
            self._transport.abort()

    async def _serve(self) -> None:
        while True:
            request = Recorded(await self._take_until(b"\r\n\r\n"), self._number)
            scripted = self._upstream._script
            early = scripted.popleft() if scripted and scripted[0].at_head else None
            self._upstream.requests.append(request)
            self._upstream.note()
            if early is None:
                await self._read_body(request)
                await self._play(self._upstream.answer_to(request), request)
            else:
                async with asyncio.TaskGroup() as group:  # ends the reading with the connection
                    group.create_task(self._read_body(request))
                    await self._play(early, request)

    async def _read_body(self, request: Recorded) -> None:
        if b"chunked" in request.values(b"transfer-encoding"):
            pieces = []
            while True:
                line = await self._take_until(b"\r\n")
                size = int(line.partition(b";")[0], 16)
                request.framed += line
                if not size:
                    break
                pieces.append(await self._take(size))
                request.framed += pieces[-1] + await self._take_until(b"\r\n")
            while line != b"\r\n":
                line = await self._take_until(b"\r\n")
                request.framed += line
            request.body = b"".join(pieces)
        elif request.values(b"content-length"):
            request.framed = request.body = await self._take(int(request.values(b"content-length")[0]))
        request.complete.set()

    async def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            self._arrived.clear()
            await self._arrived.wait()
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    async def _take_until(self, mark: bytes) -> bytes:
        while (end := self._received.find(mark)) < 0:
            self._arrived.clear()
            await self._arrived.wait()
        return await self._take(end + len(mark))

    async def _play(self, answer: Answer, request: Recorded) -> None:
        for step in answer.steps:
            if isinstance(step, bytes):
                self._transport.write(step)
            elif isinstance(step, asyncio.Event):
                await step.wait()
            else:
                await asyncio.sleep(step)
        if answer.ending is Ending.STALL:
            await asyncio.Event().wait()
        request.answered.set()
        if answer.ending is Ending.CLOSE:
            self._transport.close()
        elif answer.ending is Ending.HALF_CLOSE:
            self._transport.write_eof()
        elif answer.ending is Ending.RESET:
            peer: socket.socket | None = self._transport.get_extra_info("socket")
            if peer is not None:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        if answer.ending is not Ending.KEEP:
            await asyncio.Event().wait()


def in_pieces(data: bytes, size: int) -> Iterable[bytes]:
    """`data` cut every `size` bytes."""
    return (data[start : start + size] for start in range(0, len(data), size))

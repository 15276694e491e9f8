"""Writes what a run says to its client, as one JSON body or as an event stream.

The stream's head is held until the agent has begun, and for `HOLD_HEAD_S` at most: a failure before that keeps its own
status, one after it is an event in the stream, without a finish reason and without `[DONE]`. Comments keep an open
stream alive while nothing else is sent, and one before the end says what turned out to be ignored only after the head
was sent: readers of such streams pass comments over. A client that does not read is not written to: its text is
gathered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

from narrows.agents.calls import PendingCall
from narrows.agents.observation import Finish
from narrows.agents.render import KEEP_ALIVE, Rendering, error_frame
from narrows.agents.run import Ask, Complete
from narrows.errors import GatewayError
from narrows.records.types import Outcome
from narrows.server.agents.asking import Asking
from narrows.server.replies import REQUEST_ID_FIELD, Reply, error_reply

HOLD_HEAD_S = 2.0


class ClientReader:
    """Tells one client of one run. `extra` gives the field lines that its answer's head carries, apart from each other
    those that tell of the session, and of what is ignored; `unread` takes a whole answer, or an error, that came when
    the client had left."""

    def __init__(
        self,
        asking: Asking,
        rendering: Rendering,
        *,
        stream: bool,
        keep_alive_s: float,
        extra: Callable[[], tuple[bytes, bytes]],
        unread: Callable[[bytes], None],
    ) -> None:
        self._asking = asking
        self._rendering = rendering
        self._stream = stream
        self._keep_alive_s = keep_alive_s
        self._extra = extra
        self._said_ignored = b""
        self._unread = unread
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._opened = False
        self._gathered = {True: "", False: ""}
        self._gone = False
        if stream:
            self._timer = self._loop.call_later(HOLD_HEAD_S, self.open)

    @property
    def opened(self) -> bool:
        """Whether a stream's head has been sent."""
        return self._opened

    def leave(self) -> None:
        """The client has left: write nothing more."""
        self._gone = True
        self._stop_timer()

    def writable(self, writable: bool) -> None:
        """Whether the client takes more."""
        if writable and (gathered := self._rest()) and not self._gone:
            self._send(self._framed(gathered))

    def open(self, *, calls_alone: bool = False) -> None:
        if not self._stream or self._opened or self._gone:
            return
        self._opened = True
        asking = self._asking
        asking.story.status = 200
        asking.story.first_byte_s = perf_counter()
        self._send(self._head() + self._framed(self._rendering.role(calls_alone=calls_alone)))

    def text(self, text: str, *, thought: bool = False) -> None:
        if not self._stream or self._gone:
            return
        self.open()
        if not self._asking.client.writable:
            self._gathered[thought] += text
            return
        story = self._asking.story
        story.first_chunk_s = story.first_chunk_s or perf_counter()
        self._send(self._framed(self._rendering.text(text, thought=thought)))

    def complete(self, answer: Complete) -> None:
        if self._gone:
            self._unread(self._rendering.whole(answer.text, answer.finish, answer.usage, reasoning=answer.reasoning))
            return
        if not self._stream:
            self._whole(self._rendering.whole(answer.text, answer.finish, answer.usage, reasoning=answer.reasoning))
            return
        self.open()
        rest = self._rest() + self._ignored_late()
        self._end(rest + self._rendering.end(answer.finish, answer.usage), keep=True)

    def ask(self, answer: Ask, calls: tuple[PendingCall, ...]) -> None:
        whole = self._rendering.whole(answer.text, Finish.TOOL_CALLS, answer.usage, calls, answer.reasoning)
        if self._gone:
            self._unread(whole)
            return
        if not self._stream:
            self._whole(whole)
            return
        self.open(calls_alone=not answer.text)
        rest = self._rest()
        self._end(rest + self._rendering.calls(calls) + self._rendering.end(Finish.TOOL_CALLS, answer.usage), keep=True)

    def tell(self, error: GatewayError) -> None:
        if self._gone:
            self._unread(error_reply(error, self._asking.wire).body)
            return
        story = self._asking.story
        story.error_code = error.code
        if self._opened:
            rest = self._rest()
            self._end(rest + error_frame(error), keep=False)
            return
        self._stop_timer()
        story.status = error.status
        reply = error_reply(error, self._asking.wire)
        self._asking.reply(replace(reply, extra=reply.extra + b"".join(self._extra())), Outcome.REFUSED)

    def _rest(self) -> bytes:
        """What was gathered, reasoning first; then nothing is."""
        chunks = [self._rendering.text(text, thought=thought) for thought, text in self._gathered.items() if text]
        self._gathered = {True: "", False: ""}
        return b"".join(chunks)

    def _ignored_late(self) -> bytes:
        """A comment that says what the head did not."""
        _, ignored = self._extra()
        return b": %b\n\n" % ignored.rstrip() if ignored != self._said_ignored else b""

    # On the network

    def _whole(self, body: bytes) -> None:
        self._stop_timer()
        self._asking.story.status = 200
        self._asking.story.response_bytes = len(body)
        self._asking.reply(Reply(200, "application/json", body, b"".join(self._extra())), Outcome.ANSWERED)

    def _head(self) -> bytes:
        asking = self._asking
        extra = self._extra()
        self._said_ignored = extra[1]
        framing = b"Transfer-Encoding: chunked\r\n" if asking.head.minor else b""
        keeps = asking.head.keep_alive and asking.head.minor and not asking.closing()
        return b"%b%b%b: %b\r\n%b%b" % (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n",
            framing,
            REQUEST_ID_FIELD,
            asking.story.request_id.encode(),
            b"".join(extra),
            b"Connection: keep-alive\r\n\r\n" if keeps else b"Connection: close\r\n\r\n",
        )

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._asking.head.minor else data

    def _send(self, data: bytes) -> None:
        self._asking.story.response_bytes += len(data)
        self._asking.client.write(data)
        self._stop_timer()
        self._timer = self._loop.call_later(self._keep_alive_s, self._still_there)

    def _still_there(self) -> None:
        if self._asking.client.writable:
            self._send(self._framed(KEEP_ALIVE))

    def _end(self, data: bytes, *, keep: bool) -> None:
        asking = self._asking
        self._send(self._framed(data) + (b"0\r\n\r\n" if asking.head.minor else b""))
        self._stop_timer()
        asking.ended(keep and bool(asking.head.minor) and asking.head.keep_alive)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

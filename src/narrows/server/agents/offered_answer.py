"""The answer to a model call in which a client's tools are offered, on its way to the agent.

It is the one answer that does not go through byte for byte: calls of the client's tools stay here, and what comes of
them later is added, so that the agent reads one answer to its end. What a model's server says instead of an answer (a
status other than 200) goes on as it came. The framing is ours, as the length is not known before the end; the rest of
the head is the server's. While the agent waits, it is told so by comments, or blanks before a body that is no stream.

What of it stays here, until its end or while a client's tool is waited for, counts among the bytes that are held.
"""

from __future__ import annotations

from typing import Final

import msgspec

from narrows.core.headers import forward_response_fields
from narrows.core.http1 import NO_BODY, ChunkDecoder, Chunked, RequestHead, ResponseHead
from narrows.errors import GatewayError, UpstreamError, UpstreamMalformed
from narrows.inject.types import AnswerFilter, Outcome, Withheld
from narrows.server.budget import ByteBudget
from narrows.server.relay import OURS, Relay, Sink
from narrows.wire.types import Wire

_REPLACED: Final = OURS | {
    b"content-length",
    b"content-digest",
    b"content-md5",
    b"digest",
    b"etag",
    b"repr-digest",
}
_WAITING: Final = b": waiting for a tool\n\n"
_BLANK: Final = b"\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"
_STREAM: Final = b"text/event-stream"


class OfferedAnswer(Relay):
    """One answer, of as many answers of the model's server as it takes. `passes`: it is none to filter, and goes on as
    it came; `fault`: a further one is not there; `streams`: it is an event stream. Whoever has it lets go of it."""

    __slots__ = ("_answer", "_block", "_budget", "_chunks", "_counted_bytes", "fault", "passes", "streams")

    def __init__(
        self, sink: Sink, request: RequestHead, request_id: str, answer: AnswerFilter, budget: ByteBudget
    ) -> None:
        super().__init__(sink, request, request_id)
        self._answer = answer
        self._budget = budget
        self._counted_bytes = 0
        self._block = b""
        self._chunks: ChunkDecoder | None = None
        self.passes = False
        self.fault: UpstreamError | None = None
        self.streams = False

    def start(self, head: ResponseHead, data: bytes, *, closing: bool) -> None:
        is_answer = head.status == 200 and head.framing is not NO_BODY
        if not is_answer and not self._block:
            self.passes = True
            super().start(head, data, closing=closing)
            return
        if not is_answer or head.content_codings:
            said = "in a coding that it was not asked for" if is_answer else f"{head.status} to a tool's output"
            self.fault = UpstreamMalformed(f"the model's server answered {said}; see its own log")
            return
        self._chunks = ChunkDecoder() if isinstance(head.framing, Chunked) else None
        if not self._block:
            self._prepare(head, closing)
        self.data(data)

    def data(self, data: bytes) -> None:
        if self.passes:
            super().data(data)
            return
        if self.fault is None:
            payload = data if self._chunks is None else b"".join(self._chunks.receive_data(data)[1])
            self._write(self._answer.receive_data(payload))
            self._count()

    def finish(self) -> Outcome | None:
        """The model's server has said everything: what comes of it, as far as it could be read."""
        if self.fault is not None:
            return None
        self._write(self._answer.receive_eof())
        outcome = self._answer.outcome
        self._count(len(outcome.answer) if isinstance(outcome, Withheld) else 0)
        return outcome

    def go_on(self) -> None:
        """What comes next is the answer to the follow-up."""
        self._answer.go_on()
        self._count()

    def release(self) -> None:
        """Give the agent its own calls, of an answer that had some of the client's beside them."""
        self._write(self._answer.release())
        self._count()

    def let_go(self) -> None:
        """Nothing of it is needed any more."""
        self._budget.give_back(self._counted_bytes)
        self._counted_bytes = 0

    def end(self) -> None:
        """The answer is complete."""
        self._open()
        if not self._by_close:
            self._sink.write(_LAST_CHUNK)

    def still_waiting(self) -> None:
        """Show the agent that it is not forgotten."""
        self._write(_WAITING if self.streams else _BLANK)

    def refuse(self, error: GatewayError, wire: Wire) -> None:
        """End a stream that has begun with an error, in the words of its wire."""
        body = wire.error_body(error)
        event = b"event: error\n" if body.get("type") == "error" else b""
        self._write(b"%bdata: %b\n\n" % (event, msgspec.json.encode(body)))
        self.keep_alive = False
        self.end()

    def _prepare(self, head: ResponseHead, closing: bool) -> None:
        """Make the head; a stream's is sent at once, another waits for what it is the head of."""
        self.streams = head.content_type.startswith(_STREAM)
        self._by_close = self._request.minor == 0
        own = self._own_field()
        if not self._by_close:
            own += b"Transfer-Encoding: chunked\r\n"
        if closing or self._by_close or not self._request.keep_alive:
            self.keep_alive = False
            own += b"Connection: close\r\n"
        fields = forward_response_fields(head, drop=_REPLACED, add=own, dechunked=True)
        self._block = b"HTTP/1.1 200 %b\r\n%b\r\n" % (head.reason, fields)
        if self.streams:
            self._open()

    def _count(self, more: int = 0) -> None:
        """What is held has changed; `more`: beside what the filter has."""
        held = self._answer.held_bytes + more
        self._budget.hold(held - self._counted_bytes)
        self._counted_bytes = held

    def _open(self) -> None:
        if self.status is None:
            self.status = 200
            self._sink.write(self._block)

    def _write(self, payload: bytes) -> None:
        if payload:
            self._open()
            self._sink.write(payload if self._by_close else b"%x\r\n%b\r\n" % (len(payload), payload))

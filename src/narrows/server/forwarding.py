"""A request on its way to the upstream, and the answer on its way back.

A request is sent a second time only where all of these hold: the connection came out of the pool, it closed in silence
right after the request, and everything that was sent is still here. Then it was dead when it was taken, and nobody can
have acted on the request. Every other failure is told as it is: before the answer has begun as an error of ours, after
that by cutting the answer short.

A body is held for that, and no longer: it is let go once it has left and its connection cannot turn out dead any more.

Back-pressure goes both ways: a client that does not read holds up the upstream's connection, and an upstream that does
not read holds up the client's; what lies between is one read and two bounded socket buffers. A client whose request is
complete is not held up: there is nothing more to come, and reading is how its leaving is noticed.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from narrows.core.headers import field
from narrows.core.http1 import ResponseHead
from narrows.errors import GatewayError, UpstreamError, UpstreamMalformed, UpstreamTimeout
from narrows.server.deadlines import NEVER_S
from narrows.server.observing import ResponseTee
from narrows.server.prepared import Prepared
from narrows.server.relay import Relay, Sink
from narrows.server.request_body import HeldBody, PassedBody
from narrows.server.story import Story
from narrows.upstream.connection import Connection
from narrows.wire.types import Wire

if TYPE_CHECKING:
    from narrows.server.gateway import Gateway

JOINED_BYTES = 16 << 10
"""Up to this size it costs less to copy head and body together than to hand over two pieces."""


class Client(Sink, Protocol):
    """The client's connection, as far as an exchange needs it."""

    deadline_s: float
    writable: bool

    def set_reading(self, reading: bool) -> None: ...

    def unsent_bytes(self) -> int: ...

    def taken_ahead(self) -> bytes:
        """The bytes that came behind the request, and are nobody's now."""
        ...

    def exchange_ended(self, *, keep_alive: bool) -> None: ...

    def hand_over(self, body: bytes) -> None:
        """Let another process serve this client from the request in progress on; `body` as it came."""
        ...

    def abort(self) -> None: ...


class Forwarding(ABC):
    """One request to the upstream and its answer, the part of an exchange that does not know how either came to be.
    Exactly one of `answer_ended`, `answer_cut`, `failed` and `client_stuck` ends it. `tunnelling`: it has become a
    tunnel."""

    __slots__ = (
        "_body",
        "_client",
        "_client_held",
        "_complete",
        "_connecting",
        "_connection",
        "_gateway",
        "_prepared",
        "_relay",
        "_request_head",
        "_sent_s",
        "_unsent_before",
        "_upstream_held",
        "_wire",
        "story",
        "tee",
        "tunnelling",
    )

    _body: HeldBody | PassedBody

    def __init__(self, gateway: Gateway, client: Client, prepared: Prepared, story: Story) -> None:
        self._gateway = gateway
        self._client = client
        self._prepared = prepared
        self.story = story
        self._relay = Relay(client, prepared.head, story.request_id)
        self._request_head = b""
        self._complete = False
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._sent_s = 0.0
        self._client_held = False
        self._upstream_held = False
        self._unsent_before = -1
        self._wire: Wire | None = None
        self.tee: ResponseTee | None = None
        self.tunnelling = False

    @abstractmethod
    def answer_ended(self, *, keep_alive: bool) -> None:
        """The answer has been passed on to its end."""

    @abstractmethod
    def answer_cut(self) -> None:
        """The answer had begun, and stopped short."""

    @abstractmethod
    def failed(self, error: GatewayError) -> None:
        """There is no answer, and none has begun."""

    @abstractmethod
    def client_stuck(self) -> None:
        """The client takes nothing, or sends nothing of its request, any more."""

    @property
    def started(self) -> bool:
        """The request is on its way, or waits for a connection."""
        return bool(self._request_head)

    @property
    def answering(self) -> bool:
        """The answer's head has been passed on."""
        return self._relay.status is not None

    def _start(self, request_head: bytes, body: HeldBody | PassedBody) -> None:
        """Send the request, with what there is of its body."""
        self._start_on(self._gateway.pool.take(), request_head, body)

    def _start_on(self, connection: Connection | None, request_head: bytes, body: HeldBody | PassedBody) -> None:
        self._request_head = request_head
        self._body = body
        if connection is None:
            self._open_connection()
        else:
            self._send(connection)

    def _more_body(self, data: bytes) -> None:
        """More of a passed body, which knows of it already."""
        ended = self._complete
        if ended:
            self._hold_client(False)
        if self._connection is not None:
            self._connection.write(data)
            self._sent()
        elif not ended and self._body.size > self._gateway.limits.pending_bytes:
            self._hold_client(True)

    def tunnel_data(self, data: bytes) -> None:
        """Bytes of the tunnel from the client."""
        self._still_alive()
        if self._connection is not None:
            self._connection.write(data)

    def client_writable(self, writable: bool) -> None:
        """Whether the client takes more of the answer at the moment."""
        self._upstream_held = not writable
        self._unsent_before = -1
        if self._connection is not None:
            self._connection.set_reading(writable)
            if writable and self.answering:
                self._still_alive()

    def expired(self) -> None:
        """The time limit of whatever is waited for has passed."""
        settings = self._gateway.settings
        if self.answering and self._upstream_held:
            self._client_is_slow()
        elif self.answering:
            self.lose()
        elif self._complete:
            self._unanswered(settings.first_byte_timeout_s)
        elif self._client_held:
            taken = f"the upstream took nothing of the request for {settings.idle_timeout_s:g} s"
            self._lose(UpstreamTimeout(f"{taken}; send it again, or raise idle_timeout_s"))
        else:
            self.stop()
            self.client_stuck()

    def stop(self) -> None:
        """Let go of everything that is left, at once."""
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        if self._connection is not None:
            self._connection.close() if self.tunnelling else self._connection.abort()
            self._connection = None
        if self._client_held:
            self._hold_client(False)

    # To the upstream

    def _open_connection(self) -> None:
        self._client.deadline_s = NEVER_S  # connecting has a limit of its own
        self._connecting = self._gateway.spawn(self._connect(), self)

    async def _connect(self) -> None:
        try:
            connection = await self._gateway.pool.connect()
        except UpstreamError as error:
            self._connecting = None
            self._lose(error)
        else:
            self._connecting = None
            self._send(connection)

    def _send(self, connection: Connection) -> None:
        """Send what there is of the request; the rest of a passed body follows as it comes."""
        self._connection = connection
        if self._client_held:
            self._hold_client(False)
        connection.begin(self, self._prepared.head.method)
        body = self._body.outgoing()
        if len(body) <= JOINED_BYTES:
            connection.write(self._request_head + body)
        else:
            connection.write_both(self._request_head, body)
        self._sent()

    def _sent(self) -> None:
        self._body.sent()
        self.story.forwarded_bytes = self._body.forwarded_bytes
        settings = self._gateway.settings
        self._sent_s = self._gateway.loop.time()
        if self._relay.status is None:
            limit_s = settings.first_byte_timeout_s if self._complete else settings.idle_timeout_s
            if self._complete and not self._let_go_of_body():
                limit_s = min(limit_s, self._gateway.limits.stale_s)
            self._client.deadline_s = self._sent_s + limit_s

    def upstream_writable(self, writable: bool) -> None:
        self._hold_client(not writable and (self.tunnelling or not self._complete))
        if writable:
            self._let_go_of_body()

    def _let_go_of_body(self) -> bool:
        """Hold a body no longer that has left and cannot be sent again; returns whether that is so."""
        connection = self._connection
        if connection is None or not (self._complete and connection.writable) or self._may_be_dead(connection):
            return False
        self._body.release()
        return True

    # From the upstream

    def interim(self, head: ResponseHead) -> None:
        self._relay.interim(head)
        self._let_go_of_body()

    def switched(self, head: ResponseHead, rest: bytes) -> None:
        protocol = field(head.fields, b"upgrade") or b"websocket"
        if not self._prepared.upgrades or protocol.lower() != b"websocket":
            switched = "the upstream switched to a protocol (101) that it was not asked for"
            self._lose(UpstreamMalformed(f"{switched}; see what stands between it and the gateway"))
            return
        self.tunnelling = True
        self._answer_begins(head)
        self._relay.switch(head, protocol, rest)
        self.tunnel_data(self._client.taken_ahead())

    def response_started(self, head: ResponseHead, data: bytes, *, ended: bool) -> None:
        self._answer_begins(head)
        self._relay.start(head, data, closing=self._gateway.life.draining or not self._complete)
        if self._wire is not None:
            self.tee = self._gateway.afterwards.tee(self._wire, head)
        if not self._client.writable:
            self.client_writable(False)
        self._passed_on(data, ended)

    def response_data(self, data: bytes, *, ended: bool) -> None:
        self._relay.data(data)
        self._passed_on(data, ended)

    def response_failed(self, error: UpstreamError) -> None:
        connection = self._connection
        self._connection = None
        if connection is not None and self._may_be_dead(connection) and self._body.replayable:
            self._gateway.pool.counts.retried += 1
            self._open_connection()
        else:
            self._lose(error)

    def _may_be_dead(self, connection: Connection) -> bool:
        """Whether it was dead when it was taken, if it closes now; never so of a new one, so nothing is sent thrice."""
        if not (connection.used and connection.silent):
            return False
        return self._gateway.loop.time() - self._sent_s < self._gateway.limits.stale_s

    def _answer_begins(self, head: ResponseHead) -> None:
        story = self.story
        story.status = head.status
        story.first_byte_s = perf_counter()
        if self._complete:
            self._body.release()

    def _passed_on(self, data: bytes, ended: bool) -> None:
        if data:
            story = self.story
            story.response_bytes += len(data)
            if story.first_chunk_s is None:
                story.first_chunk_s = perf_counter()
            if self.tee is not None:
                self._gateway.afterwards.observe(self.tee, data)
        if ended:
            self._finish()
        else:
            self._still_alive()

    # Ends

    def _finish(self) -> None:
        connection = self._connection
        self._connection = None
        if connection is not None:
            if self._upstream_held:
                connection.set_reading(True)
            if self._complete and not connection.unsent_bytes:
                self._gateway.pool.give_back(connection, self._gateway.loop.time())
            else:  # an answer to a request that has not wholly left, whose rest would stand in front of the next one
                connection.abort()
        if self._client_held:
            self._hold_client(False)
        self.answer_ended(keep_alive=self._relay.keep_alive)

    def lose(self) -> None:
        """Cut the answer that has begun short."""
        self.stop()
        self._relay.cut()
        self.answer_cut()

    def _lose(self, error: GatewayError) -> None:
        if self.answering:
            self.lose()
        else:
            self.stop()
            self.failed(error)

    def _unanswered(self, limit_s: float) -> None:
        until_s = self._sent_s + limit_s
        if self._gateway.loop.time() < until_s:  # only the time has passed in which the request could be sent again
            self._let_go_of_body()
            self._client.deadline_s = until_s
        else:
            begun = f"the upstream did not begin to answer within {limit_s:g} s"
            self._lose(UpstreamTimeout(f"{begun}; send the request again, or raise first_byte_timeout_s"))

    def _client_is_slow(self) -> None:
        """The client has not taken enough in time; one that has taken something at least gets more time."""
        unsent = self._client.unsent_bytes()
        if unsent == self._unsent_before:
            self.stop()
            self.client_stuck()
        else:
            self._unsent_before = unsent
            self._still_alive()

    def _still_alive(self) -> None:
        self._client.deadline_s = self._gateway.loop.time() + self._gateway.settings.idle_timeout_s

    def _hold_client(self, held: bool) -> None:
        if held is not self._client_held:
            self._client_held = held
            self._client.set_reading(not held)

"""The usual exchange in a straight line: its request came whole, its plan is remembered, its answer comes whole, or
chunk by chunk.

Most exchanges are so, and to go through every step by which an exchange may be held up or broken off would cost more
than all that they need. Here nothing is decided otherwise: where anything is unusual, nothing has been done yet, and
the exchange goes the general way (`Exchange`, `Forwarding`), which alone says what is right. A test sends the same
exchanges both ways, and finds the same bytes, records, log lines and metrics.

One event has one time: what came in one read has come at once.
"""

from __future__ import annotations

from time import perf_counter

from narrows.core.edits import apply_edits
from narrows.core.http1 import ResponseHead
from narrows.plan import Plan
from narrows.server.admission import Planned
from narrows.server.exchange import Exchange
from narrows.server.forwarding import JOINED_BYTES
from narrows.server.keys import Holder
from narrows.server.relay import OWN_PREFIX, REQUEST_ID_LINE
from narrows.server.request_body import HeldBody
from narrows.wire.openai_chat import WIRE as CHAT


class StraightExchange(Exchange):
    """An exchange that goes straight on where it can."""

    __slots__ = ()

    def take_whole(self, data: bytes) -> bool:
        prepared, gateway = self._prepared, self._gateway
        admitted, settings = prepared.admitted, gateway.settings
        if type(admitted) is not Planned or prepared.own is not None or not settings.upstream:
            return False
        assert isinstance(admitted, Planned)
        size, wire = len(data), admitted.wire
        served = gateway.agents or gateway.elsewhere
        if size > settings.max_body_bytes or (served is not None and wire is CHAT and served.serves(data)):
            return False
        if not gateway.budget.take(size):
            return False
        if prepared.holder is not None and not self._may(prepared.holder, size):
            gateway.budget.give_back(size)
            return False
        story = self.story
        self._incoming = body = HeldBody.whole(data, gateway.budget)
        self._complete = True
        self._wire = wire
        story.wire = wire.name
        story.request_bytes = size
        story.received_s = story.started_s
        begun = gateway.planner.begin(data, wire, admitted.policy, admitted.model)
        if not isinstance(begun, Plan):
            story.locate_s = perf_counter() - story.started_s
            self._plan_later(body, begun)
            return True
        story.plan = begun
        story.ready_s = ready_s = perf_counter()
        story.locate_s = ready_s - story.started_s
        if begun.edits:
            size = body.replace(apply_edits(data, begun.edits))
            story.ready_s = perf_counter()
        self._go(prepared.upstream_head(size), body, size)
        return True

    def _may(self, holder: Holder, size: int) -> bool:
        """Count the request among those of its key, if that is within its limits."""
        if holder.allowance.begin(size, self._gateway.loop.time()) is not None:
            return False
        self._allowance = holder.allowance
        return True

    def _go(self, request_head: bytes, body: HeldBody, size: int) -> None:
        """Send the request on, at once where a connection waits for one."""
        gateway = self._gateway
        connection = gateway.pool.take()
        if connection is None or not connection.used or size > JOINED_BYTES:
            self._start_on(connection, request_head, body)
            return
        self._request_head = request_head
        self._body = body
        self._connection = connection
        connection.begin(self, self._prepared.head.method)
        connection.write(request_head + body.outgoing())
        self.story.forwarded_bytes = size
        self._sent_s = now_s = gateway.loop.time()
        self._client.deadline_s = now_s + min(gateway.settings.first_byte_timeout_s, gateway.limits.stale_s)

    def response_started(self, head: ResponseHead, data: bytes, *, ended: bool) -> None:
        """As `Forwarding.response_started`."""
        request, gateway, client, connection = self._prepared.head, self._gateway, self._client, self._connection
        usual = ended and head.end_to_end and request.keep_alive and request.minor and self._complete
        held = self._upstream_held or self._client_held or not client.writable or gateway.life.draining
        if not usual or held or connection is None or connection.unsent_bytes or OWN_PREFIX in head.fields.lower():
            super().response_started(head, data, ended=ended)
            return
        self._connection = None  # a client that does not take this answer is no reason to read no other from it
        story = self.story
        own = REQUEST_ID_LINE % story.request_id.encode()
        client.write(b"HTTP/1.1 %d %b\r\n%b%b\r\n%b" % (head.status, head.reason, head.fields, own, data))
        story.status = self._relay.status = head.status
        story.first_byte_s = story.ended_s = now_s = perf_counter()
        if data:
            story.response_bytes = len(data)
            story.first_chunk_s = now_s
        gateway.pool.give_back(connection, gateway.loop.time())
        self._ended = True
        if self._allowance is not None:
            self._allowance.end()
            self._allowance = None
        if self._incoming is not None:
            self._incoming.release()
        gateway.afterwards.tell_whole(self._wire, head, data, story)
        client.exchange_ended(keep_alive=True)

    def response_data(self, data: bytes, *, ended: bool) -> None:
        """As `Forwarding.response_data`."""
        tee, story = self.tee, self.story
        if ended or tee is None or story.first_chunk_s is None or not self._prepared.head.minor:
            super().response_data(data, ended=ended)
            return
        client, gateway = self._client, self._gateway
        client.write(data)
        story.response_bytes += len(data)
        gateway.afterwards.observe(tee, data)
        client.deadline_s = gateway.loop.time() + gateway.settings.idle_timeout_s

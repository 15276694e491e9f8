"""One request and its answer.

`admission` decides from the head what is to be done; here it is done: the body is held and planned, or passed on, and
`forwarding` carries it to the upstream and the answer back. However an exchange ends, it lets go of everything it holds
and tells its story, once. A client that leaves ends it at any point, at once.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from narrows.core.edits import apply_edits
from narrows.core.headers import field, forward_request_fields
from narrows.core.http1 import NoBody, RequestHead, Sized
from narrows.errors import ClientTooSlow, GatewayError
from narrows.plan import Plan
from narrows.records.types import Outcome
from narrows.server.admission import Passed, PassReason, Planned, admit
from narrows.server.deadlines import NEVER_S
from narrows.server.forwarding import Client, Forwarding
from narrows.server.planner import Unfinished
from narrows.server.replies import CONTINUE, Reply, error_reply
from narrows.server.request_body import HeldBody, PassedBody
from narrows.server.story import Story

if TYPE_CHECKING:
    from narrows.server.gateway import Gateway

_UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


class Exchange:
    """The `Owner` of one forwarding, for one request of one client."""

    __slots__ = (
        "_admitted",
        "_body",
        "_client",
        "_complete",
        "_ended",
        "_forwarding",
        "_gateway",
        "_head",
        "_loop",
        "_origin_form",
        "_planning",
        "_settings",
        "_target",
        "story",
    )

    _admitted: Planned | Passed

    def __init__(self, gateway: Gateway, client: Client, head: RequestHead) -> None:
        self._gateway = gateway
        self._settings = gateway.settings
        self._loop = gateway.loop
        self._client = client
        self._head = head
        self._origin_form = head.origin_form
        path = self._origin_form.partition(b"?")[0].decode("latin-1")
        self.story = Story(gateway.next_request_id(), perf_counter(), head.method.decode(), path)
        self._forwarding = Forwarding(gateway, client, head, self.story, self)
        self._body: HeldBody | PassedBody | None = None
        self._target = b""
        self._planning: asyncio.Task[None] | None = None
        self._complete = False
        self._ended = False

    @property
    def tunnelling(self) -> bool:
        """The bytes are another protocol's now."""
        return self._forwarding.tunnelling

    # The request

    def begin(self, *, body_follows: bool, body_is_here: bool) -> None:
        """Decide what to do, and start. `body_is_here`: its first bytes have come, so nobody waits for a 100."""
        self._complete = not body_follows
        own = self._gateway.own_routes.find(self._head)
        if own is not None:
            self._answer(own())
            return
        try:
            self._admit()
        except GatewayError as error:
            self.failed(error)
            return
        if self._head.expect_continue and body_follows and not body_is_here:
            self._client.write(CONTINUE)
        if not body_is_here:
            self._proceed(b"")
        # else the head leaves with the body's first bytes, in one write

    def _admit(self) -> None:
        story = self.story
        admitted = admit(self._head, self._origin_form, self._gateway.rules)
        if admitted.wire is not None:
            story.wire = admitted.wire.name
            self._forwarding.wire = admitted.wire
        self._target = self._gateway.target.join(self._origin_form)
        self._admitted = admitted
        if isinstance(admitted, Planned):
            self._body = HeldBody(self._head.framing, self._gateway.budget, self._settings.max_body_bytes)
        else:
            story.reason = admitted.reason
            self._body = PassedBody(self._gateway.limits.replay_bytes)

    def body_data(self, data: bytes, *, ended: bool) -> None:
        """More of the request's body, framing included; `ended`: it is complete."""
        if self._ended:
            return
        self._complete = ended
        self.story.request_bytes += len(data)
        self._proceed(data)

    def _proceed(self, data: bytes) -> None:
        """Do what can be done with what has come of the request, `data` last."""
        body = self._body
        if isinstance(body, HeldBody):
            self._hold(body, data)
        elif body is not None:
            body.add(data)
            if self._forwarding.started:
                self._forwarding.more_body(data, ended=self._complete)
            else:
                self._forward(body, None)

    def _hold(self, body: HeldBody, data: bytes) -> None:
        try:
            body.add(data)
        except GatewayError as error:
            self.failed(error)
            return
        if self._complete:
            self._plan(body)
        else:
            self._client.deadline_s = self._loop.time() + self._settings.idle_timeout_s

    def tunnel_data(self, data: bytes) -> None:
        """Bytes of the tunnel from the client."""
        self._forwarding.tunnel_data(data)

    # Planning

    def _plan(self, body: HeldBody) -> None:
        admitted = self._admitted
        assert isinstance(admitted, Planned)
        story = self.story
        story.received_s = perf_counter()
        if body.has_trailers:
            story.reason = PassReason.TRAILERS
            self._forward(body, None)
            return
        begun = self._gateway.planner.begin(body.payload(), admitted.wire, admitted.policy)
        story.locate_s = perf_counter() - story.received_s
        if isinstance(begun, Plan):
            self._planned(body, begun)
        else:
            self._client.deadline_s = NEVER_S  # planning has a limit of its own
            self._planning = self._gateway.spawn(self._finish_plan(body, begun), self)

    async def _finish_plan(self, body: HeldBody, unfinished: Unfinished) -> None:
        begun_s = perf_counter()
        try:
            plan = await self._gateway.planner.finish(unfinished)
        except GatewayError as error:
            self._planning = None
            self.failed(error)
            return
        self._planning = None
        self.story.plan_s = perf_counter() - begun_s
        self._planned(body, plan)

    def _planned(self, body: HeldBody, plan: Plan) -> None:
        self.story.plan = plan
        length = None
        if plan.edits:
            length = body.replace(apply_edits(body.payload(), plan.edits))
        self._forward(body, length)

    def _forward(self, body: HeldBody | PassedBody, length: int | None) -> None:
        """Send the request on; `length` is its body's, where that has changed."""
        request_head = self._request_head(length)
        self.story.ready_s = perf_counter()
        self._forwarding.start(request_head, body, complete=self._complete)

    def _request_head(self, length: int | None) -> bytes:
        gateway = self._gateway
        self._forwarding.upgrades = upgrades = self._upgrades()
        fields = forward_request_fields(
            self._head,
            host=gateway.target.authority,
            content_length=length if isinstance(self._head.framing, Sized) else None,
            drop=self._admitted.drop,
            add=gateway.loop_line + _UPGRADE if upgrades else gateway.loop_line,
        )
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (self._head.method, self._target, fields)

    def _upgrades(self) -> bool:
        """Only WebSocket is let through: another protocol (h2c) could carry requests past everything we do."""
        head = self._head
        asked = head.upgrade and head.minor == 1 and isinstance(head.framing, NoBody)
        return asked and (field(head.fields, b"upgrade") or b"").lower() == b"websocket"

    # What the client's connection tells

    def client_writable(self, writable: bool) -> None:
        """Whether the client takes more of the answer at the moment."""
        self._forwarding.client_writable(writable)

    def client_gone(self) -> None:
        """The client has left."""
        if not self._ended:
            self._release()
            self._tell(Outcome.ANSWERED if self.tunnelling else Outcome.CANCELLED)

    def expired(self) -> None:
        """The time limit of whatever is waited for has passed."""
        if self._forwarding.started:
            self._forwarding.expired()
        else:
            self.client_stuck()

    # How it ends

    def answer_ended(self, *, keep_alive: bool) -> None:
        self._release()
        self._tell(Outcome.ANSWERED)
        self._client.exchange_ended(keep_alive=keep_alive)

    def answer_cut(self) -> None:
        self._release()
        self._tell(Outcome.TRUNCATED)

    def failed(self, error: GatewayError) -> None:
        """No answer has begun and none will: tell the client why. One that has begun can only be cut short."""
        if self._forwarding.answering:
            self._forwarding.lose()
            return
        self.story.error_code = error.code
        self.story.status = error.status
        self._answer(error_reply(error), Outcome.REFUSED)

    def client_stuck(self) -> None:
        if self._forwarding.answering:
            self._client.abort()
            self.client_gone()
        else:
            self.failed(ClientTooSlow("the rest of the request did not arrive in time; send it again"))

    def _answer(self, reply: Reply, outcome: Outcome | None = None) -> None:
        """Answer in the upstream's stead."""
        keep_alive = self._head.keep_alive and self._complete and not self._gateway.draining
        head_only = self._head.method == b"HEAD"
        self._client.write(reply.to_bytes(self.story.request_id, keep_alive=keep_alive, head_only=head_only))
        self._release()
        if outcome is not None:
            self._tell(outcome)
        self._client.exchange_ended(keep_alive=keep_alive)

    def _release(self) -> None:
        self._ended = True
        if self._planning is not None:
            self._planning.cancel()
            self._planning = None
        self._forwarding.stop()
        if self._body is not None:
            self._body.release()

    def _tell(self, outcome: Outcome) -> None:
        story = self.story
        story.outcome = outcome
        story.ended_s = perf_counter()
        self._gateway.afterwards.tell(self._forwarding.tee, story)

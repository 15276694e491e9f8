"""One request and its answer.

What is to be done has been decided from the head (`prepared`); here it is done: the body is held and planned, or passed
on; how it gets to the upstream, and the answer back, is the `Forwarding` that every exchange is. However an exchange
ends, it lets go of everything it holds and tells its story, once. A client that leaves ends it at any point, at once.

An exchange refers to others, and nothing that outlives it refers to an exchange: there is no cycle for the collector.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from time import perf_counter
from typing import TYPE_CHECKING

from narrows.core.edits import apply_edits
from narrows.core.http1 import Chunked, Framing, Sized
from narrows.errors import ClientTooSlow, GatewayError, ModelNotFound
from narrows.plan import Plan
from narrows.records.types import Outcome
from narrows.server.admission import Passed, PassReason, Planned
from narrows.server.agents.asking import Asking, owner_of
from narrows.server.agents.listing import is_listing, listing
from narrows.server.deadlines import NEVER_S
from narrows.server.forwarding import Client, Forwarding
from narrows.server.keys import Holder
from narrows.server.own_routes import Told
from narrows.server.planner import Unfinished
from narrows.server.prepared import Prepared
from narrows.server.rates import Allowance, refusal
from narrows.server.replies import CONTINUE, Reply, error_reply
from narrows.server.request_body import HeldBody, PassedBody
from narrows.server.story import Story
from narrows.wire.openai_chat import WIRE as CHAT
from narrows.wire.registry import wire_for

if TYPE_CHECKING:
    from narrows.server.agents.agent import Agent
    from narrows.server.agents.plane import RunInProgress
    from narrows.server.gateway import Gateway

_ANSWERED = Outcome.ANSWERED

READABLE = frozenset({PassReason.POLICY_OFF, PassReason.NO_TRANSFORM})
"""Bodies that are not planned, and can be read."""


class Exchange(Forwarding):
    """One request of one client, from its head on."""

    __slots__ = ("_allowance", "_ended", "_framing", "_incoming", "_planning", "_run")

    def __init__(self, gateway: Gateway, client: Client, prepared: Prepared, framing: Framing) -> None:
        story = Story(gateway.next_request_id(), perf_counter(), prepared.method, prepared.path)
        super().__init__(gateway, client, prepared, story)
        if prepared.holder is not None:
            story.key = prepared.holder.name
        self._framing = framing
        self._allowance: Allowance | None = None
        self._incoming: HeldBody | PassedBody | None = None
        self._planning: asyncio.Task[None] | None = None
        self._run: RunInProgress | None = None
        self._ended = False

    # The request

    def take_whole(self, data: bytes) -> bool:  # noqa: ARG002  # for those who can
        """Do everything at once with a request whose whole body is here, instead of `begin` and `body_data`; False, and
        nothing is done, where it is no usual one."""
        return False

    def begin(self, *, body_follows: bool, body_is_here: bool) -> None:
        """Decide what to do, and start. `body_is_here`: its first bytes have come, so nobody waits for a 100."""
        self._complete = not body_follows
        prepared = self._prepared
        if prepared.own is not None:
            self._answer_ourselves(prepared.own())
            return
        admitted = prepared.admitted
        if isinstance(admitted, GatewayError):
            self.failed(admitted)
            return
        served = self._gateway.agents or self._gateway.elsewhere
        if served is not None and is_listing(prepared):
            self._answer_ourselves(listing(served, self._gateway, prepared))
            return
        told = None if self._gateway.agents is None else self._gateway.agents.told_of(prepared, self._owner)
        if told is not None:
            self._answer_ourselves(told)
            return
        try:
            self._admit(admitted)
        except GatewayError as error:
            self.failed(error)
            return
        if body_is_here:
            return  # the head leaves with the body's first bytes, in one write
        if prepared.head.expect_continue and body_follows:
            self._client.write(CONTINUE)
        self._proceed(b"")

    def _admit(self, admitted: Planned | Passed) -> None:
        gateway = self._gateway
        if self._prepared.holder is not None:
            self._take_allowance(self._prepared.holder)
        if admitted.wire is not None:
            self.story.wire = admitted.wire.name
            self._wire = admitted.wire
        if isinstance(admitted, Planned) or self._may_be_for_an_agent(admitted):
            self._incoming = HeldBody(self._framing, gateway.budget, gateway.settings.max_body_bytes)
        else:
            self.story.reason = admitted.reason
            self._incoming = PassedBody(gateway.limits.replay_bytes)

    def _take_allowance(self, holder: Holder, *, place: bool = True) -> None:
        """Count this request among those of its key, or refuse it; `place`: it needs one in flight."""
        over = holder.allowance.begin(self._announced_bytes(), self._gateway.loop.time(), place=place)
        if over is not None:
            self.story.limit = over.limit
            raise refusal(holder.name, over)
        if place:
            self._allowance = holder.allowance

    def _announced_bytes(self) -> int | None:
        """The size of the request's body; None where the head does not say it."""
        framing = self._framing
        return framing.size if isinstance(framing, Sized) else None if isinstance(framing, Chunked) else 0

    def body_data(self, data: bytes, *, ended: bool) -> None:
        """More of the request's body, framing included; `ended`: it is complete."""
        if self._ended:
            return
        self._complete = ended
        self.story.request_bytes += len(data)
        if self._allowance is not None and isinstance(self._framing, Chunked):
            self._allowance.add(len(data))
        if isinstance(self._incoming, HeldBody):
            self._hold(self._incoming, data)
        else:
            self._proceed(data)

    def _proceed(self, data: bytes) -> None:
        """Do what can be done with what has come of the request, `data` last."""
        body = self._incoming
        if isinstance(body, HeldBody):
            self._hold(body, data)
        elif body is not None:
            body.add(data)
            if self.started:
                self._more_body(data)
            else:
                self._forward(body, self._framing.size if isinstance(self._framing, Sized) else None)

    def _hold(self, body: HeldBody, data: bytes) -> None:
        try:
            body.add(data)
        except GatewayError as error:
            self.failed(error)
            return
        if self._complete:
            self._plan(body)
        else:
            self._client.deadline_s = self._gateway.loop.time() + self._gateway.settings.idle_timeout_s

    # Agents

    def _may_be_for_an_agent(self, admitted: Planned | Passed) -> bool:
        """Whether the body must be held to know the model that it names."""
        gateway = self._gateway
        has_agents = (gateway.agents is not None or gateway.elsewhere is not None) and admitted.wire is CHAT
        readable = isinstance(admitted, Planned) or admitted.reason in READABLE
        return has_agents and readable

    def _agent_for(self, body: HeldBody, admitted: Planned | Passed) -> Agent | None:
        """The agent that answers in the upstream's place."""
        agents = self._gateway.agents
        return agents.serving(body.payload()) if agents is not None and admitted.wire is CHAT else None

    def _ask(self, agent: Agent, body: HeldBody) -> None:
        """Let an agent answer."""
        head = self._prepared.head
        asking = Asking(
            self._client, head, self.story, self._wire, self._answer, self._agent_ended, lambda: self._gateway.draining
        )
        assert self._gateway.agents is not None
        payload = body.payload()
        body.release()
        self._client.deadline_s = NEVER_S  # a run has clocks of its own
        try:
            self._run = self._gateway.agents.answer(agent, payload, asking, self._owner())
        except GatewayError as error:
            self.failed(error)

    def _owner(self) -> str:
        """Whose sessions the request may have."""
        holder = self._prepared.holder
        return owner_of(None if holder is None else holder.name, self._prepared.head.fields)

    def _agent_ended(self, keep_alive: bool) -> None:
        """An agent's stream is over."""
        self._release()
        self._tell(Outcome.TRUNCATED if self.story.error_code else Outcome.ANSWERED)
        self._client.exchange_ended(keep_alive=keep_alive and not self._gateway.draining)

    # Planning

    def _plan(self, body: HeldBody) -> None:
        admitted, story = self._prepared.admitted, self.story
        assert not isinstance(admitted, GatewayError)
        story.received_s = perf_counter()
        agent = self._agent_for(body, admitted)
        if agent is not None:
            self._ask(agent, body)
            return
        elsewhere = self._gateway.elsewhere
        if elsewhere is not None and admitted.wire is CHAT and elsewhere.serves(body.payload()):
            request = body.outgoing()
            self._release()
            self._client.hand_over(request)
            return
        if isinstance(admitted, Passed):
            story.reason = admitted.reason
            self._forward(body, body.size)
            return
        if body.has_trailers:
            story.reason = PassReason.TRAILERS
            self._forward(body, None)  # it is chunked
            return
        begun = self._gateway.planner.begin(body.payload(), admitted.wire, admitted.policy, admitted.model)
        story.locate_s = perf_counter() - story.received_s
        if isinstance(begun, Plan):
            self._planned(body, begun)
        else:
            self._plan_later(body, begun)

    def _plan_later(self, body: HeldBody, unfinished: Unfinished) -> None:
        self._client.deadline_s = NEVER_S  # planning has a limit of its own
        self._planning = self._gateway.spawn(self._finish_plan(body, unfinished), self)

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
        length = body.size
        if plan.edits:
            length = body.replace(apply_edits(body.payload(), plan.edits))
        self._forward(body, length)

    def _forward(self, body: HeldBody | PassedBody, length: int | None) -> None:
        """Send the request on; `length` is its body's, where the framing says it."""
        gateway = self._gateway
        if not gateway.settings.upstream:
            served = gateway.agents or gateway.elsewhere
            models = () if served is None else served.models
            self.failed(
                ModelNotFound(f"there is no upstream, and the agents here serve {', '.join(models)}", param="model")
            )
            return
        request_head = self._prepared.upstream_head(length)
        self.story.ready_s = perf_counter()
        self._start(request_head, body)

    # What the client's connection tells

    def client_gone(self) -> None:
        """The client has left."""
        if not self._ended:
            self._release()
            self._tell(Outcome.ANSWERED if self.tunnelling else Outcome.CANCELLED)

    def client_writable(self, writable: bool) -> None:
        if self._run is None:
            super().client_writable(writable)
            return
        self._run.reader.writable(writable)
        limit_s = self._gateway.settings.idle_timeout_s
        self._client.deadline_s = NEVER_S if writable else self._gateway.loop.time() + limit_s

    def expired(self) -> None:
        if self.started:
            super().expired()
        else:
            self.client_stuck()

    # How it ends

    def answer_ended(self, *, keep_alive: bool) -> None:
        self._release()
        self._tell(_ANSWERED)
        self._client.exchange_ended(keep_alive=keep_alive)

    def answer_cut(self) -> None:
        self._release()
        self._tell(Outcome.TRUNCATED)

    def failed(self, error: GatewayError) -> None:
        """No answer has begun and none will: tell the client why. One that has begun can only be cut short."""
        if self._run is not None and self._run.reader.opened:
            self._client.cut(reset=not self._prepared.head.minor)
            self.client_gone()
            return
        if self.answering:
            self.lose()
            return
        self.story.error_code = error.code
        self.story.status = error.status
        wire = self._wire or wire_for(self._prepared.method, self._prepared.path)
        self._answer(error_reply(error, wire), Outcome.REFUSED)

    def client_stuck(self) -> None:
        if self.answering or self._run is not None:
            self._client.abort()
            self.client_gone()
        else:
            self.failed(ClientTooSlow("the rest of the request did not arrive in time; send it again"))

    def _answer_ourselves(self, reply: Told) -> None:
        if isinstance(reply, Reply):
            self._answer(reply)
        else:  # other workers are asked first, within a limit of theirs
            self._client.deadline_s = NEVER_S
            self._planning = self._gateway.spawn(self._answer_later(reply), self)

    async def _answer_later(self, reply: Awaitable[Reply]) -> None:
        told = await reply
        self._planning = None
        self._answer(told)

    def _answer(self, reply: Reply, outcome: Outcome | None = None) -> None:
        """Answer in the upstream's stead."""
        keep_alive = self._prepared.head.keep_alive and self._complete and not self._gateway.draining
        head_only = self._prepared.head.method == b"HEAD"
        self._client.write(reply.to_bytes(self.story.request_id, keep_alive=keep_alive, head_only=head_only))
        self._release()
        if outcome is not None:
            self._tell(outcome)
        self._client.exchange_ended(keep_alive=keep_alive)

    def _release(self) -> None:
        self._ended = True
        if self._allowance is not None:
            self._allowance.end()
            self._allowance = None
        if self._planning is not None:
            self._planning.cancel()
            self._planning = None
        if self._run is not None:
            self._run.leave()
            self._run = None
        self.stop()
        if self._incoming is not None:
            self._incoming.release()

    def _tell(self, outcome: Outcome) -> None:
        story = self.story
        story.outcome = outcome
        story.ended_s = perf_counter()
        self._gateway.afterwards.tell(self.tee, story)

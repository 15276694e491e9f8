"""A model call of an agent's own: an exchange like any other, that tells the session which it belongs to.

It is planned, forwarded, observed and recorded as every request is, and changed in nothing else; only, it never goes to
an agent, whichever model it names: an agent that asked for itself would go round in a circle.

Where the session's client offers tools that way, they are put into the request, and the answer comes as `inject` says:
calls of them go to the client, while the agent's request is kept open here, and when the outputs come, the gateway asks
the model again by itself and goes on with the answer. Each request to the model has a record of its own. An agent that
leaves meanwhile ends its run, and a run that ends meanwhile the agent's answer, with an error in the words of its wire.
"""

from __future__ import annotations

import asyncio
import re
from time import perf_counter
from typing import TYPE_CHECKING, Final, assert_never

from msgspec.structs import replace

from narrows.agents.tools import CallOutput, ClientTool, ToolPath
from narrows.core.edits import apply_edits
from narrows.core.http1 import Framing, ResponseHead, Sized
from narrows.errors import AgentFailed, GatewayError, NoSuchRoute, UpstreamMalformed
from narrows.inject.types import Broken, Dropped, Passed, Withheld
from narrows.records.types import AgentCallFigures, Outcome
from narrows.server.admission import Passed as PassedOn
from narrows.server.admission import Planned
from narrows.server.agents.agent import Agent
from narrows.server.agents.counted_exchange import CountedExchange
from narrows.server.agents.offered_answer import OfferedAnswer
from narrows.server.agents.offering import Offered, Offerings, cannot_carry
from narrows.server.agents.traffic import ModelCall
from narrows.server.deadlines import NEVER_S
from narrows.server.exchange import READABLE
from narrows.server.forwarding import Client
from narrows.server.prepared import Prepared, uncoded
from narrows.server.request_body import HeldBody
from narrows.server.story import Story
from narrows.wire.registry import wire_for
from narrows.wire.types import Refusal

if TYPE_CHECKING:
    from narrows.server.gateway import Gateway

WAITING_S: Final = 5.0
"""So often an agent is shown that its answer will go on."""
_MODEL_IN_PATH = re.compile(r"/models/([^/:?]+)")


class ModelExchange(CountedExchange):
    """One model call of an agent. `_offered`: the request as it was sent first, where tools are offered in it;
    `_sent_body`: as it was sent last, of which `_kept_bytes` are counted as held; `_reply`: its answer; `_withheld`:
    the calls that wait for their outputs; `_open`: the story is not told yet; `_is_over`: the
    run is, and not to be ended again."""

    __slots__ = (
        "_agent",
        "_call",
        "_figures",
        "_is_over",
        "_kept_bytes",
        "_offered",
        "_open",
        "_reply",
        "_sent_body",
        "_waiting",
        "_withheld",
    )

    def __init__(self, gateway: Gateway, client: Client, prepared: Prepared, framing: Framing) -> None:
        super().__init__(gateway, client, prepared, framing)
        assert prepared.passage is not None
        self._agent: Agent | None = None
        self._call: ModelCall | None = None
        self._figures = AgentCallFigures(agent=prepared.passage.agent)
        self._offered: Offered | None = None
        self._reply: OfferedAnswer | None = None
        self._sent_body = b""
        self._kept_bytes = 0
        self._withheld: Withheld | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._open = True
        self._is_over = False

    def begin(self, *, body_follows: bool, body_is_here: bool) -> None:
        admitted = self._prepared.admitted
        if not isinstance(admitted, GatewayError):
            try:
                self._call = self.story.model_call = self._enter(admitted)
            except NoSuchRoute as error:
                self._complete = not body_follows
                self.failed(error)
                return
            if self._agent is not None and self._call.whose is not None:
                self._count_for(self._call.whose.owner, self._agent.settings.calls_key)
        super().begin(body_follows=body_follows, body_is_here=body_is_here)

    def _enter(self, admitted: Planned | PassedOn) -> ModelCall:
        passage, agents = self._prepared.passage, self._gateway.agents
        assert passage is not None
        self._agent = None if agents is None else agents.named(passage.agent)
        if self._agent is None:
            raise NoSuchRoute(f"there is no agent {passage.agent}; the settings' tables [agents.NAME] name them")
        holder = self._prepared.holder
        return self._agent.traffic.call(
            passage, None if holder is None else holder.name, counts=admitted.wire is not None
        )

    # The request

    def _may_be_for_an_agent(self, admitted: Planned | PassedOn) -> bool:
        """Its tools must be known, whether it is planned or not."""
        return isinstance(admitted, Planned) or (admitted.wire is not None and admitted.reason in READABLE)

    def _agent_for(self, body: HeldBody, admitted: Planned | PassedOn) -> Agent | None:  # noqa: ARG002 # never for one
        return None

    def _admit(self, admitted: Planned | PassedOn) -> None:
        super()._admit(admitted)
        if isinstance(admitted, PassedOn) and admitted.reason is Refusal.ENCODED and self._tools():
            assert self._wire is not None
            try:
                cannot_carry(self._wire.name, "its head names a coding, a digest or a signature of its body")
            except GatewayError as error:
                self._give_up(error)
                raise

    def _plan(self, body: HeldBody) -> None:
        if self._call is not None and self._offered is None:
            named = _MODEL_IN_PATH.search(self._prepared.path)
            self._call.asked(body.payload(), named[1] if named else None)
            try:
                body = self._with_tools(body)
            except GatewayError as error:
                self.failed(error)
                return
        super()._plan(body)

    def _with_tools(self, body: HeldBody) -> HeldBody:
        """The body with the client's tools in it, or as it is where none are to be.

        Raises:
            GatewayError: they cannot be offered; the run ends with the same error.
        """
        tools = self._tools()
        if not tools:
            return body
        assert self._wire is not None
        try:
            offering = self._offerings.on(self._wire.name, tools)
            self._offered = offering.insert(body.payload())
        except GatewayError as error:
            self._give_up(error)
            raise
        self._figures = replace(
            self._figures, tools=len(tools), exchanges=self._offered.used, exchanges_lost=self._offered.lost
        )
        self._reply = OfferedAnswer(
            self._client,
            self._prepared.head,
            self.story.request_id,
            offering.injector.filter(offering.offer),
            self._gateway.budget,
        )
        self._relay = self._reply
        self._prepared = uncoded(self._prepared)
        assert self._call is not None
        self._call.carries()
        body.release()
        made = self._body_of(self._offered.body)
        self._offered = self._offered.sent()
        return made

    def _tools(self) -> tuple[ClientTool, ...]:
        """The client's tools that this call is to carry; none where it is not for the answer."""
        agents, call, agent = self._gateway.agents, self._call, self._agent
        if call is None or call.whose is None or agents is None or agent is None or self._wire is None:
            return ()
        if agent.tool_path is not ToolPath.TRAFFIC or not self._is_surely_the_agents():
            return ()
        tools = agents.tools(agent.settings.name, call.whose.id)
        if not tools or not (call.has_tools or not (self._offerings.has_own_tools or call.background)):
            return ()
        self._offerings.has_own_tools = self._offerings.has_own_tools or bool(call.has_tools)
        return tools

    @property
    def _offerings(self) -> Offerings:
        assert self._agent is not None
        assert self._call is not None
        assert self._call.whose is not None
        return self._agent.traffic.offerings_of(self._call.whose)

    def _is_surely_the_agents(self) -> bool:
        """Whether nobody else can have sent this."""
        assert self._agent is not None
        assert self._prepared.passage is not None
        return bool(self._prepared.passage.token) or self._agent.traffic.owns_shared_address

    def _body_of(self, content: bytes) -> HeldBody:
        """What is sent in place of what came.

        Raises:
            GatewayError: it is too large, or there is no room for it.
        """
        self._let_go_of_sent()
        self._sent_body = content
        made = HeldBody(Sized(len(content)), self._gateway.budget, self._gateway.settings.max_body_bytes)
        self._incoming = made
        made.add(content)
        return made

    def _let_go_of_body(self) -> bool:
        let_go = super()._let_go_of_body()
        if let_go:
            self._keep_sent()
        return let_go

    def _answer_begins(self, head: ResponseHead) -> None:
        super()._answer_begins(head)
        self._keep_sent()

    def _keep_sent(self) -> None:
        """What was sent stays here for as long as a further request may have to be made of it, and counts as held."""
        if not self._kept_bytes and not self._ended:
            self._kept_bytes = len(self._sent_body)
            self._gateway.budget.hold(self._kept_bytes)

    def _let_go_of_sent(self) -> None:
        self._gateway.budget.give_back(self._kept_bytes)
        self._kept_bytes, self._sent_body = 0, b""

    def _sent(self) -> None:
        super()._sent()
        if self.answering:  # a further request of the same answer
            self._client.deadline_s = self._sent_s + self._gateway.settings.first_byte_timeout_s

    # The answer

    def _passed_on(self, data: bytes, ended: bool) -> None:
        if self._call is not None:
            self._call.passed()
        super()._passed_on(data, ended)

    def answer_ended(self, *, keep_alive: bool) -> None:
        answer = self._reply
        if answer is None or answer.passes:
            super().answer_ended(keep_alive=keep_alive)
            return
        outcome = answer.finish()
        match outcome:
            case None:
                assert answer.fault is not None
                self.failed(answer.fault)
            case Passed() | Dropped():
                self._complete_answer(answer)
            case Withheld():
                self._withhold(outcome)
            case Broken(reason):
                self.failed(UpstreamMalformed(f"the model's answer cannot be gone on with ({reason})"))
            case _:
                assert_never(outcome)

    def _complete_answer(self, answer: OfferedAnswer) -> None:
        answer.end()
        super().answer_ended(keep_alive=answer.keep_alive and not self._gateway.draining)

    # Calls of the client's tools

    def _withhold(self, withheld: Withheld) -> None:
        """Keep the agent's request open until its client has answered the calls."""
        assert self._call is not None
        assert self._call.whose is not None
        assert self._gateway.agents is not None
        self._figures = replace(self._figures, withheld=len(withheld.calls))
        self._tell(Outcome.ANSWERED)
        self._withheld = withheld
        self._client.deadline_s = NEVER_S
        self._still_waiting()
        place = (self._figures.agent, self._call.whose.id)
        refused: GatewayError = AgentFailed("the model calls a tool of a client that is not there any more")
        try:
            taken = self._gateway.agents.called(*place, withheld.calls, self._deliver)
        except GatewayError as error:
            taken, refused = False, error
        if not taken:
            self._withheld = None
            self.failed(refused)

    def _still_waiting(self) -> None:
        if self._withheld is not None and self._reply is not None:
            self._waiting = self._gateway.loop.call_later(WAITING_S, self._show_waiting)

    def _show_waiting(self) -> None:
        if self._withheld is not None and self._reply is not None:
            if self._client.writable:
                self._reply.still_waiting()
            self._still_waiting()

    def _deliver(self, got: tuple[CallOutput, ...] | GatewayError) -> None:
        """Take the outputs from the event loop: whoever brings them is not to be interrupted."""
        self._is_over = isinstance(got, GatewayError)
        self._gateway.loop.call_soon(self.delivered, got)

    def delivered(self, got: tuple[CallOutput, ...] | GatewayError) -> None:
        """The outputs of the calls, or why there are none."""
        withheld, self._withheld = self._withheld, None
        if withheld is None or self._ended:
            return
        if isinstance(got, GatewayError):
            self.failed(got)
            return
        assert self._offered is not None
        assert self._reply is not None
        offering = self._offered.offering
        exchange = offering.injector.exchange(self._offered.place, withheld, got)
        try:
            offering.remember(exchange)
        except GatewayError as error:
            self._give_up(error)
            self.failed(error)
            return
        if withheld.mixed:
            self._reply.release()
            self._complete_answer(self._reply)
            return
        self._reply.go_on()
        self._next_story()
        try:
            edit = offering.injector.follow_up(self._sent_body, exchange)
            content = apply_edits(self._sent_body, [edit])
            self._count_further(len(content))
            body = self._body_of(content)
        except GatewayError as error:
            self.failed(error)
            return
        self._plan(body)

    def _next_story(self) -> None:
        """The gateway asks the model by itself."""
        before = self.story
        story = Story(self._gateway.next_request_id(), perf_counter(), before.method, before.path, before.wire)
        assert self._agent is not None
        assert self._call is not None
        assert self._call.whose is not None
        call = self._agent.traffic.call_of(self._call.whose)
        call.has_tools, call.model = self._call.has_tools, self._call.model
        self._call = story.model_call = call
        self.story, self.tee, self._open = story, None, True
        self._figures = replace(self._figures, withheld=0)

    # How it ends

    def failed(self, error: GatewayError) -> None:
        answer = self._reply
        if answer is None or not answer.streams or answer.status is None or answer.passes:
            super().failed(error)
            return
        self.story.error_code = error.code
        wire = self._wire or wire_for(self._prepared.method, self._prepared.path)
        assert wire is not None
        self.stop()
        answer.refuse(error, wire)
        self._release()
        self._tell(Outcome.TRUNCATED)
        self._client.exchange_ended(keep_alive=False)

    def _release(self) -> None:
        super()._release()
        self._let_go_of_sent()
        if self._reply is not None:
            self._reply.let_go()
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._withheld is not None:
            self._withheld = None
            if not self._is_over:
                self._give_up(AgentFailed("the agent has broken off the request to its model that waited for a tool"))

    def _give_up(self, error: GatewayError) -> None:
        """End the run that waits for this."""
        if self._call is not None and self._call.whose is not None and self._gateway.agents is not None:
            self._gateway.agents.gave_up(self._figures.agent, self._call.whose.id, error)

    def _tell(self, outcome: Outcome) -> None:
        if not self._open:
            return
        self._open = False
        call = self._call
        if call is not None:
            call.ended()
            run = None if call.run is None else call.run.name
            self._figures = replace(self._figures, session=call.session, run=run, background=call.background)
        self.story.agent_call = self._figures
        super()._tell(outcome)

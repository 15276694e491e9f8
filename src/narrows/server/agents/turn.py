"""One request of one agent: what it is told, or given, and what becomes of the session that it has.

The gateway draws the ids of calls by which clients know them: 22 characters of 62, as the official service does, from
the system's source of secrets. Who knows an id and shows its owner's key may answer the call.
"""

from __future__ import annotations

import string
from dataclasses import replace
from functools import partial
from secrets import choice, token_hex, token_urlsafe
from time import time

from narrows.agents.calls import PendingCall, outputs_of
from narrows.agents.input import told
from narrows.agents.render import Rendering, sayable
from narrows.agents.request import ChatRequest, Message
from narrows.agents.run import RESTED, Run, RunState
from narrows.agents.session import Ask, Lease, SessionUse, chained, prefix_digests
from narrows.agents.tools import ToolPath
from narrows.backends.types import ConversationLost, Outgoing, Turn
from narrows.errors import (
    AgentUnavailable,
    GatewayError,
    MissingToolOutputs,
    NoUserMessage,
    SessionDiverged,
    ToolCallExpired,
)
from narrows.records.types import AgentFigures
from narrows.server.agents.agent import Agent
from narrows.server.agents.answering import ClientReader
from narrows.server.agents.asking import SESSION_FIELD, Asking
from narrows.server.agents.consulting import asking_a_person
from narrows.server.agents.parking import HeldCalls, Parked, call_outputs, outputs_for
from narrows.server.agents.performing import Performance
from narrows.server.agents.repeats import digest_of

USE_FIELD = b"x-narrows-session-use"
IGNORED_FIELD = b"x-narrows-ignored"
_BASE_62 = string.digits + string.ascii_letters
_ID_CHARS = 22


class AgentTurn:
    """One request of one agent: from its lease to the lease's end. `tools`: the client's, which an agent that is held
    up has still where the request names none."""

    def __init__(self, agent: Agent, request: ChatRequest, lease: Lease, asking: Asking, owner: str) -> None:
        self._agent = agent
        self._request = request
        self._lease = lease
        self._asking = asking
        self._owner = owner
        self._leased = True
        agent.queued += 1
        self._queued = True
        self._held: list[HeldCalls] = []
        self._performance: Performance | None = None
        self._is_lost = False
        self._left = b""
        self._brought: tuple[str, ...] = ()
        parked: Parked | None = None
        if lease.use is SessionUse.RESUMED:
            outputs = outputs_of(request.messages)
            self._brought = () if outputs is None else tuple(outputs.by_id)
            parked = agent.parking.find(self.session_id)
        self.tools = request.tools or (() if parked is None else parked.tools)
        self.traffic = agent.traffic.run(asking.story.request_id) if parked is None else parked.traffic
        self._earlier = self.traffic.figures()
        self._is_unheard = False
        self.note(Run())

    @property
    def leased(self) -> bool:
        """Whether it has its session still."""
        return self._leased

    @property
    def session_id(self) -> str:
        """Which session it has."""
        return self._lease.session.id

    @property
    def before(self) -> Run | None:
        """The run that goes on with this request, where one does."""
        if self._lease.use is not SessionUse.RESUMED:
            return None
        parked = self._agent.parking.find(self.session_id)
        unasked = tuple(call.call for call in self._lease.session.calls if not call.shown)
        return replace(RESTED if parked is None else parked.run, unasked=unasked)

    def performed_by(self, performance: Performance | None) -> None:
        """It begins; or, with None, it is over, and does not refer any more to what refers to it."""
        self._performance = performance

    def reader_asked(self) -> None:
        """Somebody asks how it stands."""
        if self._performance is not None:
            self._performance.reader_asked()

    def called(self, held: HeldCalls) -> bool:
        """The agent has called tools of its client, and is held up until it has their outputs. Whether that can be."""
        if not self._leased or self._performance is None:
            return False
        self._held.append(held)
        self._performance.called(held.calls)
        return True

    @property
    def waiting_calls(self) -> int:
        """How many calls hold the agent up that its client was not asked for yet."""
        return sum(len(one.calls) for one in self._held)

    def consult(self, turn: Turn, step: int) -> None:
        """The client is asked about a step that waits for a person."""
        self.called(asking_a_person(turn, step))

    def moved(self, before: RunState, state: RunState) -> None:
        """The run goes from one state to another."""
        self._agent.moved(self.traffic.name, self._lease.session, before, state)

    def left(self, ask: Ask) -> None:
        """Its client has left."""
        self._left = digest_of(ask)
        self._agent.left.put(self._left, self._lease.session.name, time())

    def give_up(self, error: GatewayError) -> bool:
        """The run cannot go on. Whether there is one."""
        if not self._leased or self._performance is None:
            return False
        self._performance.give_up(error)
        return True

    def reader(self) -> ClientReader:
        request = self._request
        rendering = Rendering("chatcmpl-" + token_hex(16), int(time()), request.model, request.include_usage)
        chosen = self._agent.settings
        return ClientReader(
            self._asking,
            rendering,
            stream=request.stream,
            keep_alive_s=chosen.keep_alive_s,
            extra=self._field_lines,
            unread=lambda answer: self._agent.unread.put(self.session_id, answer),
        )

    def _field_lines(self) -> tuple[bytes, bytes]:
        """What the answer's head says of the session, unless that is gone and nobody has named it; and of fields that
        are not honoured."""
        session, use = self._lease.session, self._lease.use.value.encode()
        lines = b""
        if session.named or self._agent.sessions.find(session.owner, session.agent, session.name) is session:
            lines = b"%b: %b\r\n%b: %b\r\n" % (SESSION_FIELD, session.name.encode(), USE_FIELD, use)
        ignored = (*self._request.ignored, *(["tools"] if self._is_unheard else ()))
        named = ", ".join(name for name in ignored if name.isascii() and name.isprintable())
        return lines, b"%b: %b\r\n" % (IGNORED_FIELD, named.encode()) if ignored else b""

    async def begin(self) -> Turn:
        """Give the agent its message. Where its conversation is lost, or somebody else has used it, it is told
        everything anew in another, unless the session was named: who names a session relies on what the agent knows."""
        self._leave_queue()
        session = self._lease.session
        self._agent.traffic.run_begins(session, self.traffic)
        if self._lease.use is SessionUse.RESUMED:
            return await self._resume()
        if session.conversation:
            try:
                return await self._send()
            except ConversationLost:
                if session.named:
                    self._lease = self._agent.sessions.forget_conversation(self._lease)
                    raise SessionDiverged(
                        f"the agent has lost the conversation of the session {session.name!r}; send the whole history"
                        " again to begin it anew"
                    ) from None
            except SessionDiverged:
                if session.named:
                    raise
            self._lease = self._agent.sessions.forget_conversation(self._lease)
        return await self._begin_anew()

    async def _begin_anew(self) -> Turn:
        session = self._lease.session
        await self._agent.begin_conversation(session, self.tools)
        try:
            return await self._send()
        except ConversationLost:
            raise SessionDiverged("the agent's server does not know the conversation that it has just begun") from None

    async def _send(self) -> Turn:
        messages, known = self._request.messages, self._lease.known
        images = tuple(image for message in messages[known:] for image in message.images)
        outgoing = replace(self._outgoing(told(messages, known)), images=images)
        return await self._agent.send(self._lease.session.conversation, outgoing)

    def _outgoing(self, text: str) -> Outgoing:
        session, request = self._lease.session, self._request
        tools = self._agent.offered(request.tools) if self._agent.tool_path is ToolPath.PAUSE else ()
        return Outgoing(
            text,
            token_urlsafe(16),
            session.steps,
            request.max_output_tokens,
            tools,
            tool_server=self._agent.tool_server(session, self.tools),
            endpoint=partial(self._agent.traffic.endpoint_again, session),
        )

    async def _resume(self) -> Turn:
        """Give the agent the outputs that it waits for. Where it does not any more, it is told everything anew, if the
        request says everything and the session is nobody's by name."""
        session = self._lease.session
        outputs = session.outputs
        if not session.calls:
            raise self._expired()  # while this request waited for its place
        if session.held:
            parked = self._agent.parking.take(session)
            assert parked is not None
            outputs_for(parked.held, session.calls, outputs)
            for held in parked.later:
                self.called(held)
            return parked.turn
        try:
            return await self._agent.backend.resume(
                session.conversation, call_outputs(session.calls, outputs), self._outgoing("")
            )
        except ConversationLost:
            self._lease = self._agent.sessions.forget_conversation(self._lease)
            if session.named or not self._says_everything():
                raise self._expired() from None
        return await self._begin_anew()

    def _expired(self) -> ToolCallExpired:
        self._is_lost = True
        calls = ", ".join(self._brought)
        return ToolCallExpired(
            f"the agent waits no longer for the output of {calls}; send the conversation anew from a user's message",
            param="messages",
        )

    def _says_everything(self) -> bool:
        try:
            told(self._request.messages, 0)
        except (MissingToolOutputs, NoUserMessage):
            return False
        return True

    def release(self, run: Run, turn: Turn | None, said: str) -> tuple[PendingCall, ...]:
        """Give the session back, when the leg is over. The calls that wait now."""
        self._leave_queue()
        if run.state is RunState.COMPLETED:
            self._see_whether_heard()
        self.note(run)
        if not self._leased:
            return ()
        self._leased = False
        sessions, session = self._agent.sessions, self._lease.session
        if not (run.rests and run.held) and self._agent.parking.find(session.id) is None:
            self._agent.traffic.run_ends(session)
        pending: tuple[PendingCall, ...] = ()
        if run.unasked and run.rests and run.asked:
            pending = sessions.show(self._lease, run.asked, time())
            self._stay_held()
        elif not run.begun and not self._is_lost:
            self._agent.left.drop(self._left)
            sessions.put_back(self._lease, time())
            self._stay_held()
        elif run.rests and turn is not None:
            pending = self._pause(run, turn)
        elif run.state is not RunState.COMPLETED:
            sessions.give_up(self._lease, time())
        else:
            session.steps = None if turn is None else turn.steps
            request = self._request
            history = prefix_digests(self._owner, session.agent, request.model, request.messages, session.tools)
            sessions.complete(self._lease, chained(history[-1], Message("assistant", sayable(said))), time())
        self._refuse_held()
        return pending

    def _see_whether_heard(self) -> None:
        """Whether the answer comes of a model that knew of the client's tools, where they reach it by model calls."""
        agent = self._agent
        elsewhere = agent.tool_path in (ToolPath.PAUSE, ToolPath.MCP)
        self._is_unheard = bool(agent.offered(self.tools)) and not elsewhere and not self.traffic.carried
        if self._is_unheard:
            agent.unheard(self.traffic, self._lease.session)

    def _pause(self, run: Run, turn: Turn) -> tuple[PendingCall, ...]:
        """Keep the session for the outputs of the agent's calls."""
        session = self._lease.session
        pending = tuple(PendingCall(_new_id(), call, place < run.asked) for place, call in enumerate(run.calls))
        session.steps = turn.steps
        self._agent.sessions.pause(self._lease, pending, time(), held=run.held)
        if run.held:
            held, later, left = [], self._held, len(run.calls)
            while left > 0:
                held.append(later.pop(0))
                left -= len(held[-1].calls)
            self._held = []
            assert self._performance is not None
            parked = Parked(session, run, self._performance.rules, turn, self.tools, self.traffic, held, later)
            self._agent.parking.park(parked)
        return pending[: run.asked]

    def _stay_held(self) -> None:
        """The agent has heard nothing: where it was held up it still is."""
        session = self._lease.session
        parked = self._agent.parking.find(session.id)
        if parked is not None:
            parked.later += self._held
            self._held = []

    def _refuse_held(self) -> None:
        """Whatever holds the agent up still need not any more."""
        for held in self._held:
            held.deliver(AgentUnavailable("the run that made this call is over"))
        self._held = []

    def let_go(self) -> None:
        """Give the session back after a defect."""
        self._leave_queue()
        if self._leased:
            self._leased = False
            self._agent.traffic.run_ends(self._lease.session)
            self._agent.sessions.give_up(self._lease, time())
        self._refuse_held()

    def _leave_queue(self) -> None:
        if self._queued:
            self._queued = False
            self._agent.queued -= 1

    def note(self, run: Run) -> None:
        """Put down how the run stands, for the record of the exchange."""
        usage, seen = run.usage, self.traffic.figures().beyond(self._earlier)
        self._asking.story.agent = AgentFigures(
            name=self._agent.settings.name,
            run=run.state.value,
            session=self._lease.session.name,
            use=self._lease.use.value,
            tools=len(self.tools),
            tools_unheard=self._is_unheard,
            tool_calls=run.asked,
            tool_outputs=len(self._brought),
            revised=run.sent.revised,
            input_tokens=None if usage is None else usage.input_tokens,
            output_tokens=None if usage is None else usage.output_tokens,
            model_calls=seen.calls or None,
            background_calls=seen.background or None,
            background_input_tokens=None if seen.overhead is None else seen.overhead.input_tokens,
            background_output_tokens=None if seen.overhead is None else seen.overhead.output_tokens,
        )


def _new_id() -> str:
    return "call_" + "".join(choice(_BASE_62) for _ in range(_ID_CHARS))

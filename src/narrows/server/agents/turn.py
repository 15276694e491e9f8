"""One request of one agent: what it is told, and what becomes of the session that it has."""

from __future__ import annotations

import re
from secrets import token_hex, token_urlsafe
from time import time

from narrows.agents.input import told
from narrows.agents.render import Rendering, sayable
from narrows.agents.request import ChatRequest, Message
from narrows.agents.run import Run, RunState
from narrows.agents.session import Ask, Fresh, Lease, chained, prefix_digests
from narrows.backends.types import ConversationLost, Outgoing, Turn
from narrows.core.headers import field
from narrows.errors import MalformedRequest, SessionDiverged
from narrows.records.types import AgentFigures
from narrows.server.agents.agent import Agent
from narrows.server.agents.answering import Asking, ClientReader

SESSION_FIELD = b"x-narrows-session"
USE_FIELD = b"x-narrows-session-use"
IGNORED_FIELD = b"x-narrows-ignored"
_NAME = re.compile(rb"[!-~]{1,128}")


class AgentTurn:
    """One request of one agent: from its lease to the lease's end."""

    def __init__(self, agent: Agent, request: ChatRequest, lease: Lease, asking: Asking, owner: str) -> None:
        self._agent = agent
        self._request = request
        self._lease = lease
        self._asking = asking
        self._owner = owner
        self._leased = True
        agent.queued += 1
        self._queued = True
        self.note(Run())

    def reader(self) -> ClientReader:
        request = self._request
        rendering = Rendering("chatcmpl-" + token_hex(16), int(time()), request.model, request.include_usage)
        chosen = self._agent.settings
        return ClientReader(
            self._asking, rendering, stream=request.stream, keep_alive_s=chosen.keep_alive_s, extra=self._field_lines
        )

    def _field_lines(self) -> bytes:
        """What the answer's head says of the session, and of fields that a lenient agent does not honour."""
        lease = self._lease
        name, use = lease.session.name.encode(), lease.use.value.encode()
        lines = b"%b: %b\r\n%b: %b\r\n" % (SESSION_FIELD, name, USE_FIELD, use)
        if self._request.ignored:
            named = ", ".join(name for name in self._request.ignored if name.isascii() and name.isprintable())
            lines += b"%b: %b\r\n" % (IGNORED_FIELD, named.encode())
        return lines

    async def begin(self) -> Turn:
        """Give the agent its message. Where its conversation is lost, or somebody else has used it, it is told
        everything anew in another, unless the session was named: who names a session relies on what the agent knows."""
        self._leave_queue()
        session = self._lease.session
        if session.conversation:
            try:
                return await self._send()
            except ConversationLost:
                if session.named:
                    session.conversation = ""
                    raise SessionDiverged(
                        f"the agent has lost the conversation of the session {session.name!r}; send the whole history"
                        " again to begin it anew"
                    ) from None
            except SessionDiverged:
                if session.named:
                    raise
            self._lease = self._agent.sessions.forget_conversation(self._lease)
        session.conversation = await self._agent.backend.start()
        try:
            return await self._send()
        except ConversationLost:
            raise SessionDiverged("the agent's server does not know the conversation that it has just begun") from None

    async def _send(self) -> Turn:
        session, request = self._lease.session, self._request
        text = told(request.messages, self._lease.known)
        message = Outgoing(text, token_urlsafe(16), session.steps, request.max_output_tokens)
        return await self._agent.backend.send(session.conversation, message)

    def release(self, run: Run, turn: Turn | None, said: str) -> None:
        """Give the session back, when the run is over."""
        self._leave_queue()
        self.note(run)
        if not self._leased:
            return
        self._leased = False
        session = self._lease.session
        if not run.begun:
            self._agent.sessions.put_back(self._lease, time())
            return
        if run.state is not RunState.COMPLETED:
            self._agent.sessions.give_up(self._lease, time())
            return
        session.steps = None if turn is None else turn.steps
        history = prefix_digests(self._owner, session.agent, self._request.model, self._request.messages)
        self._agent.sessions.complete(self._lease, chained(history[-1], Message("assistant", sayable(said))), time())

    def let_go(self) -> None:
        """Give the session back after a defect."""
        self._leave_queue()
        if self._leased:
            self._leased = False
            self._agent.sessions.give_up(self._lease, time())

    def _leave_queue(self) -> None:
        if self._queued:
            self._queued = False
            self._agent.queued -= 1

    def note(self, run: Run) -> None:
        """Put down how the run stands, for the record of the exchange."""
        usage = run.usage
        self._asking.story.agent = AgentFigures(
            name=self._agent.settings.name,
            run=run.state.value,
            session=self._lease.session.name,
            use=self._lease.use.value,
            revised=run.sent.revised,
            input_tokens=None if usage is None else usage.input_tokens,
            output_tokens=None if usage is None else usage.output_tokens,
        )


def checkout(agent: Agent, request: ChatRequest, asking: Asking, owner: str) -> Lease:
    """The session for a request.

    Raises:
        GatewayError: it cannot be had.
    """
    named = field(asking.head.fields, SESSION_FIELD) or b""
    if named and not _NAME.fullmatch(named):
        raise MalformedRequest("x-narrows-session needs 1 to 128 visible ASCII characters", param="x-narrows-session")
    name = agent.settings.name
    digests = prefix_digests(owner, name, request.model, request.messages)
    has_answers = any(message.role == "assistant" for message in request.messages)
    ask = Ask(owner, name, named.decode(), digests, has_answers)
    return agent.sessions.checkout(ask, time(), Fresh("s_" + token_urlsafe(16), token_urlsafe(16)))

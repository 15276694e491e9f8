"""The agents of a gateway: which of them serves a model, its sessions, its places, and its runs.

Everything that a run is hangs on the run. Two requests share an agent's server, and nothing else.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from secrets import token_hex, token_urlsafe
from time import time

from blake3 import blake3

from narrows.agents.input import told
from narrows.agents.render import Rendering, sayable
from narrows.agents.request import ChatRequest, Message, model_of, read_request
from narrows.agents.run import Run, RunRules, RunState
from narrows.agents.session import Ask, Lease, Sessions, chained, prefix_digests
from narrows.backends.cascade import CascadeBackend, CascadeOptions
from narrows.backends.cascade.calls import Calls
from narrows.backends.credentials import FileToken, GivenToken, NoToken
from narrows.backends.types import Backend, ConversationLost, Credentials, Outgoing, Turn
from narrows.core.headers import field
from narrows.errors import GatewayError, MalformedRequest, Overloaded, SessionDiverged
from narrows.records.types import AgentFigures
from narrows.server.agents.answering import Asking, ClientReader
from narrows.server.agents.performing import Part, Performance
from narrows.server.agents.session_store import SessionStore
from narrows.settings import AgentSettings
from narrows.upstream.calling import Caller
from narrows.upstream.pool import Pool
from narrows.upstream.target import parse_target
from narrows.upstream.tls import client_context

SESSION_FIELD = b"x-narrows-session"
USE_FIELD = b"x-narrows-session-use"
IGNORED_FIELD = b"x-narrows-ignored"
CLOSE_TIMEOUT_S = 8.0
_NAME = re.compile(rb"[!-~]{1,128}")
_KEY_FIELDS = (b"authorization", b"x-api-key", b"api-key")
_RETRY_AFTER_S = 5


@dataclass(slots=True)
class Agent:
    """An agent as it is served. `queued`: runs that wait for a place."""

    settings: AgentSettings
    backend: Backend
    sessions: Sessions
    places: asyncio.Semaphore
    queued: int = 0

    def rules(self, request: ChatRequest) -> RunRules:
        """The rules of a run; the client may ask for less time than the settings give, and never for more."""
        chosen = self.settings
        total_s = chosen.total_timeout_s
        return RunRules(
            queue_s=chosen.queue_timeout_s,
            first_event_s=chosen.first_event_timeout_s,
            idle_s=chosen.idle_timeout_s,
            tool_idle_s=chosen.tool_idle_timeout_s,
            total_s=total_s if request.timeout_s is None else min(total_s, request.timeout_s),
            on_disconnect=chosen.on_disconnect,
            on_waiting=chosen.on_waiting,
            on_revision=chosen.on_revision,
        )


class AgentPlane:
    """All agents. `fault` is told of defects of ours; `pools` are those to the agents' servers."""

    def __init__(
        self,
        agents: Sequence[Agent],
        pools: Sequence[Pool],
        fault: Callable[[BaseException], None],
        store: SessionStore | None = None,
    ) -> None:
        self._store = store
        self._agents = tuple(agents)
        self._by_model = {model: agent for agent in agents for model in agent.settings.models}
        self._pools = tuple(pools)
        self._fault = fault
        self._running: dict[asyncio.Task[None], Performance] = {}
        self.started_s = int(time())

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that an agent serves."""
        return tuple(self._by_model)

    @property
    def running(self) -> int:
        """How many runs there are."""
        return len(self._running)

    def serving(self, body: bytes) -> Agent | None:
        """The agent that a request of this body is for."""
        return self._by_model.get(model_of(body))

    def answer(self, agent: Agent, body: bytes, asking: Asking, owner: str) -> RunInProgress:
        """Begin a run that answers a request.

        Raises:
            GatewayError: it cannot be begun; nothing has happened.
        """
        request = read_request(body, lenient=agent.settings.lenient)
        asking.story.asked = (request.model, request.stream)
        lease = _checkout(agent, request, asking, owner)
        try:
            told(request.messages, lease.known)
            if agent.queued >= agent.settings.max_queued and agent.places.locked():
                raise Overloaded(
                    f"{agent.queued} runs of this agent wait for a place already; try again",
                    retry_after_s=_RETRY_AFTER_S,
                )
        except GatewayError:
            agent.sessions.put_back(lease, time())
            raise
        turn = _AgentTurn(agent, request, lease, asking, owner)
        reader = turn.reader()
        performance = Performance(
            Part(agent.places, turn.begin, lambda: agent.backend.holds_looks, turn.release, request.stream),
            agent.rules(request),
            reader,
        )
        task = asyncio.get_running_loop().create_task(performance.perform())
        self._running[task] = performance
        task.add_done_callback(lambda done: self._ended(done, reader, turn))
        return RunInProgress(reader, performance, turn)

    def each_tick(self, now_s: float) -> None:
        """What is looked after a few times a second."""
        for pool in self._pools:
            pool.close_stale(now_s)

    async def close(self) -> None:
        """End every run, its agent told, within a limit."""
        running = dict(self._running)
        for performance in running.values():
            performance.stop()
        if running:
            await asyncio.wait(running, timeout=CLOSE_TIMEOUT_S)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for agent in self._agents:
            agent.backend.close()
        if self._store is not None:
            self._store.close()

    def _ended(self, task: asyncio.Task[None], reader: ClientReader, turn: _AgentTurn) -> None:
        self._running.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fault(error)
            turn.let_go()
            reader.tell(GatewayError("the gateway has a fault; its log names the place", may_have_acted=True))


@dataclass(slots=True)
class RunInProgress:
    """A run, as the exchange that asked for it sees it."""

    reader: ClientReader
    performance: Performance
    turn: _AgentTurn

    def leave(self) -> None:
        """The client has left, or the exchange has ended."""
        self.reader.leave()
        if not self.performance.run.over:
            self.turn.note(self.performance.run)
            self.performance.reader_left()


class _AgentTurn:
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


def _checkout(agent: Agent, request: ChatRequest, asking: Asking, owner: str) -> Lease:
    named = field(asking.head.fields, SESSION_FIELD) or b""
    if named and not _NAME.fullmatch(named):
        raise MalformedRequest("x-narrows-session needs 1 to 128 visible ASCII characters", param="x-narrows-session")
    name = agent.settings.name
    digests = prefix_digests(owner, name, request.model, request.messages)
    has_answers = any(message.role == "assistant" for message in request.messages)
    ask = Ask(owner, name, named.decode(), digests, has_answers)
    return agent.sessions.checkout(ask, time(), "s_" + token_urlsafe(16))


def owner_of(key_name: str | None, fields: bytes) -> str:
    """Whose request it is: the holder of a gateway key, or whoever shows the same key for the provider."""
    if key_name is not None:
        return f"key {key_name}"
    shown = next((value for name in _KEY_FIELDS if (value := field(fields, name))), b"")
    return blake3(shown).hexdigest()


def agent_plane(
    settings: Sequence[AgentSettings],
    *,
    ca_bundle: str,
    connect_timeout_s: float,
    sessions_file: str,
    fault: Callable[[BaseException], None],
) -> AgentPlane | None:
    """The agents of these settings; None where there are none.

    Raises:
        SettingsError: an agent's url, the CA bundle or the sessions' file cannot be used.
    """
    if not settings:
        return None
    store = SessionStore(sessions_file, fault) if sessions_file else None
    agents: list[Agent] = []
    pools: list[Pool] = []
    for one in settings:
        target = parse_target(one.url)
        tls: ssl.SSLContext | None = client_context(ca_bundle) if target.tls else None
        pool = Pool(target, tls, connect_timeout_s)
        pools.append(pool)
        agents.append(served(one, _cascade(one, pool), store))
    return AgentPlane(agents, pools, fault, store)


def served(settings: AgentSettings, backend: Backend, store: SessionStore | None = None) -> Agent:
    """An agent of these settings behind this backend, with the sessions that the store has of it."""
    kept = () if store is None else store.of(settings.name)
    sessions = Sessions(settings.max_sessions, settings.session_ttl_s, store, kept)
    return Agent(settings, backend, sessions, asyncio.Semaphore(settings.max_runs))


def _cascade(settings: AgentSettings, pool: Pool) -> Backend:
    calls = Calls(
        Caller(pool),
        _credentials(settings),
        service=settings.service,
        token_field=settings.token_header,
        max_calls=settings.max_calls,
    )
    return CascadeBackend(calls, CascadeOptions(settings.model), asyncio.get_running_loop().time)


def _credentials(settings: AgentSettings) -> Credentials:
    if settings.token_file:
        return FileToken(settings.token_file)
    if settings.token_env:
        return GivenToken(settings.token, settings.token_env)
    return NoToken()

"""The agents of a gateway: which of them serves a model, and its runs.

Everything that a run is hangs on the run. Two requests share an agent's server, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import time

from narrows.agents.input import told
from narrows.agents.observation import AgentCall
from narrows.agents.request import model_of, read_request
from narrows.agents.session import Ask, SessionUse
from narrows.agents.tools import ClientTool
from narrows.errors import AgentOverloaded, GatewayError, Overloaded
from narrows.server.agents.agent import Agent
from narrows.server.agents.answering import ClientReader
from narrows.server.agents.asking import Asking
from narrows.server.agents.leasing import checkout, read_ask
from narrows.server.agents.parking import Deliver, HeldCalls
from narrows.server.agents.performing import Part, Performance
from narrows.server.agents.session_store import SessionStore
from narrows.server.agents.session_view import Json, described, is_session, session_reply
from narrows.server.agents.turn import AgentTurn
from narrows.server.prepared import Prepared
from narrows.server.replies import Reply
from narrows.upstream.pool import Pool

CLOSE_TIMEOUT_S = 8.0
MOST_HELD_CALLS = 256
"""Of a run's, at once: each is a request that is kept open, and a call that a client is shown."""
_RETRY_AFTER_S = 5


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
        self._default = next((agent for agent in agents if agent.settings.default), None)
        self._pools = tuple(pools)
        self._fault = fault
        self._running: dict[asyncio.Task[None], Performance] = {}
        self._turns: dict[tuple[str, str], AgentTurn] = {}
        self.started_s = int(time())

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that an agent serves."""
        return tuple(self._by_model)

    @property
    def running(self) -> int:
        """How many runs there are."""
        return len(self._running)

    def named(self, name: str) -> Agent | None:
        """The agent of this name."""
        return next((agent for agent in self._agents if agent.settings.name == name), None)

    def reached_at(self, url: str, *, lends_key: bool, has_keys: bool = False) -> None:
        """The gateway listens: agents that are told nothing else reach it at `url`. `lends_key`: it has a key for the
        upstream, so an agent needs none; `has_keys`: its clients have keys."""
        for agent in self._agents:
            agent.traffic.gateway_url = agent.settings.gateway_url or url
            agent.traffic.lends_key, agent.traffic.has_keys = lends_key, has_keys

    def serving(self, body: bytes) -> Agent | None:
        """The agent that a request of this body is for."""
        model = model_of(body)
        return self._by_model.get(model) if model else self._default

    def serves(self, body: bytes) -> bool:
        """Whether a request of this body is for an agent."""
        return self.serving(body) is not None

    def answer(self, agent: Agent, body: bytes, asking: Asking, owner: str) -> RunInProgress:
        """Begin a run that answers a request.

        Raises:
            GatewayError: it cannot be begun; nothing has happened.
        """
        request = agent.within_abilities(read_request(body, lenient=agent.settings.lenient))
        if not request.model:
            request = replace(request, model=agent.settings.models[0])
        asking.story.asked = (request.model, request.stream)
        agent.check(request)
        ask = read_ask(agent, request, asking, owner)
        lease = checkout(agent, ask, asking)
        try:
            if lease.use is not SessionUse.RESUMED:
                told(request.messages, lease.known)
            if agent.queued >= agent.settings.max_queued and agent.places.locked():
                raise Overloaded(
                    f"{agent.queued} runs of this agent wait for a place already; try again",
                    retry_after_s=_RETRY_AFTER_S,
                )
        except GatewayError:
            agent.sessions.put_back(lease, time())
            raise
        agent.unread.drop(lease.session.id)
        turn = AgentTurn(agent, request, lease, asking, owner)
        reader = turn.reader()
        performance = Performance(
            Part(
                agent.places,
                turn.begin,
                lambda: agent.backend.holds_looks,
                turn.release,
                request.stream,
                turn.traffic,
                turn.consult,
                turn.moved,
            ),
            agent.rules(request, turn.tools, named=lease.session.named),
            reader,
            turn.before,
        )
        turn.performed_by(performance)
        place = (agent.settings.name, turn.session_id)
        self._turns[place] = turn
        task = asyncio.get_running_loop().create_task(performance.perform())
        self._running[task] = performance
        task.add_done_callback(lambda done: self._ended(done, reader, turn, place))
        return RunInProgress(reader, performance, turn, ask)

    def told_of(self, prepared: Prepared, owner: Callable[[], str]) -> Reply | None:
        """The answer to a request about a session, to whoever `owner` says; None where it is about something else."""
        return session_reply(self, prepared, owner()) if is_session(prepared) else None

    def session(self, owner: str, name: str) -> Json | None:
        """How a session of this owner stands, and its answer where the client had left; None where there is none. A
        run whose client has left is read by this."""
        for agent in self._agents:
            session = agent.sessions.find(owner, agent.settings.name, name)
            if session is not None:
                turn = self._turns.get((agent.settings.name, session.id))
                if turn is not None:
                    turn.reader_asked()
                return described(session, turn, agent.unread.get(session.id))
        return None

    # What agents do beside their own servers, by the agent's name and the session's id

    def tools(self, agent_name: str, session_id: str) -> tuple[ClientTool, ...]:
        """The client's tools that the session's run has; none where there is no run."""
        turn = self._turns.get((agent_name, session_id))
        agent = self.named(agent_name)
        if agent is None:
            return ()
        if turn is not None and turn.leased:
            return agent.offered(turn.tools)
        parked = agent.parking.find(session_id)
        return () if parked is None else agent.offered(parked.tools)

    def called(self, agent_name: str, session_id: str, calls: Sequence[AgentCall], deliver: Deliver) -> bool:
        """The agent has called tools of its client, in a request that is held open until `deliver` is given their
        outputs, or the error for which there are none, once. Whether there is a run to take them; if not, `deliver` is
        not called. Calls that come while the client is away with others are the next leg's.

        Raises:
            AgentOverloaded: the run has too many that wait; `deliver` is not called.
        """
        held = HeldCalls(tuple(calls), deliver)
        turn = self._turns.get((agent_name, session_id))
        agent = self.named(agent_name)
        parked = None if agent is None else agent.parking.find(session_id)
        waiting = (0 if turn is None else turn.waiting_calls) + (0 if parked is None else parked.waiting_calls)
        if waiting + len(calls) > MOST_HELD_CALLS:
            raise AgentOverloaded(f"{waiting} calls of this client's tools wait already, and {MOST_HELD_CALLS} may")
        if turn is not None and turn.called(held):
            return True
        if parked is None:
            return False
        parked.later.append(held)
        return True

    def gave_up(self, agent_name: str, session_id: str, error: GatewayError) -> bool:
        """The request that was held open is no more, as the agent's side has broken it off: the run ends with this
        error, and calls that wait have expired. Whether there was a run."""
        agent = self.named(agent_name)
        if agent is not None and agent.parking.end(session_id, error):
            return True
        turn = self._turns.get((agent_name, session_id))
        return turn is not None and turn.give_up(error)

    def each_tick(self, now_s: float) -> None:
        """What is looked after a few times a second."""
        for pool in self._pools:
            pool.close_stale(now_s)

    def let_go(self) -> None:
        """The gateway drains: what waits for a request to come waits in vain, and would hold up the end."""
        for agent in self._agents:
            agent.parking.let_go()

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
            await agent.parking.close()
            await agent.backend.close()
        if self._store is not None:
            self._store.close()

    def _ended(self, task: asyncio.Task[None], reader: ClientReader, turn: AgentTurn, place: tuple[str, str]) -> None:
        self._running.pop(task, None)
        if self._turns.get(place) is turn:
            del self._turns[place]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fault(error)
            turn.let_go()
            reader.tell(GatewayError("the gateway has a fault; its log names the place", may_have_acted=True))
        turn.performed_by(None)


@dataclass(slots=True)
class RunInProgress:
    """A run, as the exchange that asked for it sees it."""

    reader: ClientReader
    performance: Performance
    turn: AgentTurn
    ask: Ask

    def leave(self) -> None:
        """The client has left, or the exchange has ended."""
        self.reader.leave()
        if not self.performance.run.leg_over:
            self.turn.note(self.performance.run)
            self.turn.left(self.ask)
            self.performance.reader_left()

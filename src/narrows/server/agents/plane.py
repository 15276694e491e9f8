"""The agents of a gateway: which of them serves a model, and its runs.

Everything that a run is hangs on the run. Two requests share an agent's server, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import time

from blake3 import blake3

from narrows.agents.input import told
from narrows.agents.request import model_of, read_request
from narrows.core.headers import field
from narrows.errors import GatewayError, Overloaded
from narrows.server.agents.agent import Agent
from narrows.server.agents.answering import Asking, ClientReader
from narrows.server.agents.performing import Part, Performance
from narrows.server.agents.session_store import SessionStore
from narrows.server.agents.turn import AgentTurn, checkout
from narrows.upstream.pool import Pool

CLOSE_TIMEOUT_S = 8.0
_KEY_FIELDS = (b"authorization", b"x-api-key", b"api-key")
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
        lease = checkout(agent, request, asking, owner)
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
        turn = AgentTurn(agent, request, lease, asking, owner)
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

    def _ended(self, task: asyncio.Task[None], reader: ClientReader, turn: AgentTurn) -> None:
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
    turn: AgentTurn

    def leave(self) -> None:
        """The client has left, or the exchange has ended."""
        self.reader.leave()
        if not self.performance.run.over:
            self.turn.note(self.performance.run)
            self.performance.reader_left()


def owner_of(key_name: str | None, fields: bytes) -> str:
    """Whose request it is: the holder of a gateway key, or whoever shows the same key for the provider."""
    if key_name is not None:
        return f"key {key_name}"
    shown = next((value for name in _KEY_FIELDS if (value := field(fields, name))), b"")
    return blake3(shown).hexdigest()

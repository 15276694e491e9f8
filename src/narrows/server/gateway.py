"""What all exchanges of one gateway share.

New settings make a new `Gateway`, which shares with the one before all that outlives them: connections, figures, the
planner. Clients' connections are handed to it; an exchange that has begun keeps the one it began with, and so ends with
its settings, its upstream and its pool.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Coroutine
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

from narrows.errors import GatewayError
from narrows.records.figures import first_time_decisions
from narrows.records.ring import ExchangeRing, written
from narrows.records.types import Outcome
from narrows.server.admission import LOOP_FIELD, Rules
from narrows.server.afterwards import Afterwards
from narrows.server.departures import departed
from narrows.server.keys import keyring_for
from narrows.server.limits import Limits
from narrows.server.own_routes import OwnRoutes, Together
from narrows.server.planner import Planner
from narrows.server.story import Story
from narrows.server.straight import StraightExchange
from narrows.settings import Settings
from narrows.telemetry.events import AFRESH, InternalError, PlanningWorkerLost, PrefixRefused
from narrows.telemetry.log import EventLog
from narrows.telemetry.metrics import Metrics, Readings
from narrows.telemetry.sheets import Sheet
from narrows.upstream.pool import Pool
from narrows.wire.types import PREFIX_MISMATCH, ResponseRecord

if TYPE_CHECKING:
    from narrows.server.agents.handing_over import Elsewhere
    from narrows.server.agents.model_exchange import ModelExchange
    from narrows.server.agents.passage import Passage
    from narrows.server.agents.plane import AgentPlane
    from narrows.server.agents.tool_exchange import ToolExchange
    from narrows.server.downstream import Downstream
    from narrows.server.exchange import Exchange

_OURS = str(Path(__file__).resolve().parent.parent)
_LOOK_S = 0.025
"""Between two looks after clients that are held up: one that leaves is noticed within this."""


class Fallible(Protocol):
    """Whoever is told of a fault in a task of its own."""

    story: Story

    def failed(self, error: GatewayError) -> None: ...


@dataclass(frozen=True, slots=True)
class Telling:
    """Where the stories of exchanges go."""

    metrics: Metrics
    log: EventLog
    ring: ExchangeRing


@dataclass(slots=True)
class Life:
    """Where a gateway stands, whatever its settings. `draining`: no connection is taken, and answers say that theirs
    closes. `idle_grace_s`: for how long a connection without an exchange stays open then. `stopping`: there will be
    nobody to take over. `looking`: clients that are held up are looked after."""

    draining: bool = False
    idle_grace_s: float = float("inf")
    stopping: bool = False
    faults: int = 0
    looking: bool = False


class Gateway:
    """The shared parts, and what they are told and asked. `unread`: the downstreams that are held up; `own_lines`: the
    fields that every request carries upstream; `together`: speaks for all workers, of which this is one; `agents` are
    here, or in the process `elsewhere`, or there are none."""

    def __init__(
        self, settings: Settings, rules: Rules, pool: Pool, planner: Planner, telling: Telling, limits: Limits
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.settings = settings
        self.rules = rules
        self.target = rules.target
        self.pool = pool
        self.planner = planner
        self.telling = telling
        self.limits = limits
        self.budget = planner.budget
        self.keyring = keyring_for(settings, rules.target, self.loop.time())
        self.own_lines = self._own_lines()
        self.afterwards = Afterwards(self.loop, self._tell)
        self.downstreams: set[Downstream] = set()
        self.unread: set[Downstream] = set()
        self.life = Life()
        self.agents: AgentPlane | None = None
        self.elsewhere: Elsewhere | None = None
        self.exchange: type[Exchange] = StraightExchange
        self._model_exchange: type[ModelExchange] | None = None
        self._tool_exchange: type[ToolExchange] | None = None
        self.together: Together | None = None
        self.own_routes = self._own_routes()
        self._clock_offset_s = time.time() - time.perf_counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._request_prefix = "nrw-" + token_hex(6)
        self._requests = 0
        self._lost_seen = 0

    def renewed(self, settings: Settings, rules: Rules, pool: Pool) -> Gateway:
        """This gateway under other settings; everything that outlives them is shared."""
        other = copy(self)
        other.settings, other.rules, other.target, other.pool = settings, rules, rules.target, pool
        other._request_prefix, other._requests = "nrw-" + token_hex(6), 0
        other.keyring = keyring_for(settings, rules.target, self.loop.time(), self.keyring)
        other.own_lines = other._own_lines()
        other.own_routes = other._own_routes()
        return other

    def serve_agents(self) -> None:
        """Have the agents of the settings in this process.

        Raises:
            SettingsError: an agent, or the sessions' file, cannot be used.
        """
        settings = self.settings
        if not settings.agents:
            return
        from narrows.server.agents.building import agent_plane  # not at the top: a gateway without agents loads none
        from narrows.server.agents.model_exchange import ModelExchange  # likewise
        from narrows.server.agents.tool_exchange import ToolExchange  # likewise

        self._model_exchange, self._tool_exchange = ModelExchange, ToolExchange
        self.agents = agent_plane(
            settings.agents,
            ca_bundle=settings.ca_bundle,
            connect_timeout_s=settings.connect_timeout_s,
            sessions_file=settings.agent_sessions_file,
            fault=lambda error: self.fault(error, None),
            log=self.telling.log.event,
        )

    def exchange_for(self, passage: Passage) -> type[ModelExchange | ToolExchange] | None:
        """The kind of a request that an agent makes by itself; None where there are no agents."""
        return self._tool_exchange if passage.is_for_tools else self._model_exchange

    def speak_together(self, together: Together) -> None:
        """From now on answer for all workers."""
        self.together = together
        self.own_routes = self._own_routes()

    def _own_lines(self) -> bytes:
        upstream_line = b"" if self.keyring is None else self.keyring.upstream_line
        return b"%b%b%b: %b\r\n" % (upstream_line, self.pool.proxy_line, LOOP_FIELD, self.rules.loop_mark)

    def _own_routes(self) -> OwnRoutes:
        return OwnRoutes(
            self.settings.own_prefix,
            listens_on=self.settings.host,
            not_ready=self.not_ready,
            metrics=lambda: self.telling.metrics.render(self.readings()),
            exchanges=self.telling.ring.to_json,
            together=self.together,
        )

    @property
    def draining(self) -> bool:
        """Whether answers say that their connection closes."""
        return self.life.draining

    @property
    def idle_grace_s(self) -> float:
        """For how long a connection without an exchange may stay open."""
        return self.life.idle_grace_s

    @property
    def faults(self) -> int:
        """How many faults of ours there were."""
        return self.life.faults

    @faults.setter
    def faults(self, count: int) -> None:
        self.life.faults = count

    @property
    def in_flight(self) -> int:
        """Exchanges in progress."""
        return sum(downstream.busy for downstream in self.downstreams)

    def hold_up(self, downstream: Downstream) -> None:
        """Look after a client from which nothing is read, until `unread` has it no more."""
        self.unread.add(downstream)
        if not self.life.looking:
            self.life.looking = True
            self.loop.call_later(_LOOK_S, self._look_for_departed)

    def _look_for_departed(self) -> None:
        held_up = {downstream.descriptor: downstream for downstream in self.unread}
        held_up.pop(-1, None)
        for descriptor in departed(held_up):
            held_up[descriptor].departed()
        self.life.looking = bool(self.unread)
        if self.unread:
            self.loop.call_later(_LOOK_S, self._look_for_departed)

    def each_tick(self, now_s: float) -> None:
        """What is looked after a few times a second."""
        self.afterwards.read_held()
        self.pool.close_stale(now_s)
        if self.agents is not None:
            self.agents.each_tick(now_s)
        self.planner.pool.check(now_s)
        lost = self.planner.pool.lost
        if lost > self._lost_seen:
            self._lost_seen = lost
            self.telling.log.event(PlanningWorkerLost(lost=lost))

    def next_request_id(self) -> str:
        """A name for an exchange: unique, as its first part is drawn at the start of the gateway."""
        self._requests += 1
        return f"{self._request_prefix}-{self._requests:x}"

    def not_ready(self) -> list[str]:
        """Why requests cannot be served; nothing is asked of the upstream."""
        reasons = []
        if self.life.stopping:
            reasons.append("stopping")
        if self.planner.pool.held_back:
            reasons.append("the classifier is being tried")
        if self.planner.is_full:
            reasons.append("the planning queue is full")
        return reasons

    def refused(self, error: GatewayError) -> str:
        """Tell of bytes that were no request; returns the name of that exchange."""
        story = Story(self.next_request_id(), time.perf_counter(), "", "")
        story.outcome, story.status, story.error_code = Outcome.REFUSED, error.status, error.code
        story.ended_s = story.started_s
        self.afterwards.tell(None, story)
        return story.request_id

    def spawn(self, work: Coroutine[None, None, None], owner: Fallible) -> asyncio.Task[None]:
        """Run what cannot be done at once; a fault in it ends its exchange with a 500."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._worked(done, owner))
        return task

    def fault(self, error: BaseException, request_id: str | None) -> None:
        """Log a fault of ours, without its message, which could quote what passes through."""
        self.faults += 1
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if frame.filename.startswith(_OURS)] or frames
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno} {ours[-1].name}" if ours else ""
        self.telling.log.event(InternalError(request_id=request_id, exception=type(error).__name__, place=place))

    def _worked(self, task: asyncio.Task[None], owner: Fallible) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.fault(error, owner.story.request_id)
            owner.failed(GatewayError("the gateway has a fault; its log names the place, by this request's id"))

    def _tell(self, story: Story, response: ResponseRecord | None) -> None:
        if story.model_call is not None:
            story.model_call.tell(response, story.status)
        record = story.to_record(self._clock_offset_s, response)
        decisions = () if story.plan is None else first_time_decisions(story.plan, story.request_id)
        self.telling.metrics.observe_exchange(record, decisions)
        line = written(record)
        self.telling.log.exchange(record, decisions, line)
        if response is not None and PREFIX_MISMATCH in response.errors:
            self.telling.log.event(PrefixRefused(request_id=record.request_id, note=AFRESH))
        self.telling.ring.append(line)

    def readings(self) -> Readings:
        """What others count by themselves, now."""
        upstream = self.pool.counts
        return Readings(
            in_flight=self.in_flight,
            buffered_bytes=self.budget.held,
            cache_bytes=self.planner.cache.size_bytes,
            upstream_opened=upstream.opened,
            upstream_reused=upstream.reused,
            upstream_retried=upstream.retried,
            workers_lost=self.planner.pool.lost,
            log_lines_dropped=self.telling.log.dropped,
            draining=self.draining,
        )

    def figures(self) -> Sheet:
        """All figures of this process."""
        return self.telling.metrics.sheet(self.readings())

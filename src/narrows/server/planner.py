"""From a whole body to its plan, without ever compressing in this process.

A body of ordinary size is located on the event loop, its parts are looked up by their digest, and in the usual turn of
a conversation that is all: every part but the newest has been decided before. What is missing goes to the planning
processes (`deciding`). A body over `inline_scan_bytes` is located there as well, and so is one of very many small
values, which takes longer to read than its size tells. Whichever way it went, the plan is the one that
`narrows.plan.plan_body` makes: outcomes are pure, and only where and when they are computed differs.

What is not a function of the conversation (a full queue, a dead process, a slow machine) ends as `Overloaded`, never as
another plan. Work that nobody waits for any more goes on, because its client asks again: the same body then waits for
the work that is under way, or finds the plan, which is kept a few seconds for it. Until the work ends it counts against
the queue, and its body against the budget, which the exchange that brought it no longer does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from blake3 import blake3
from msgspec.structs import replace

from narrows.core.effort import Effort, OutOfEffortError
from narrows.errors import Overloaded
from narrows.plan import (
    DecisionCache,
    PartOutcome,
    Plan,
    PlannedPart,
    Settled,
    assemble,
    condensed,
    reach_in,
    replayed_plan,
    untouched_plan,
)
from narrows.policy import Policy
from narrows.server import plan_worker
from narrows.server.budget import ByteBudget
from narrows.server.deciding import Deciding, Run, heard
from narrows.server.plan_pool import PlanPool
from narrows.settings import Settings
from narrows.wire.types import Located, Untouched, Wire

RETRY_AFTER_S = 1
INLINE_STEPS = 8192
"""What may be read on the event loop for one body, beyond what is remembered of its conversation: some 20 ms."""
LEFT_S = 10.0
"""A plan whose client has left is kept so long; SDKs ask again sooner."""

RUN_PARTS = 2_000
"""So many parts are dealt with at a time, so that a body of very many holds up neither the loop nor the processes."""

_PLANNED_PART_BYTES = 1_000
"""About what a planned part takes in memory beside its text."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A body whose plan needs the planning processes. `located`, condensed, is None where not even the parts are
    known."""

    body: bytes
    wire: Wire
    policy: Policy
    model: str | None
    located: Located | None
    settled: Settled = ()


_Key = tuple[bytes, str, str | None, str]


@dataclass(frozen=True, slots=True)
class _Made:
    """A plan, and the indexes of the parts that were decided for it."""

    plan: Plan
    fresh: AbstractSet[int]

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        texts = sum(len(edit.replacement) for edit in self.plan.edits)
        return texts + _PLANNED_PART_BYTES * (1 + len(self.plan.parts))


@dataclass(slots=True)
class _Work:
    """A body that is being planned. `held`: bytes it counts against the budget. `told`: somebody has its plan."""

    task: asyncio.Task[_Made]
    waiting: int = 0
    held: int = 0
    told: bool = False

    def plan(self) -> Plan:
        """What came of it; decisions are new to the first who asks, and replayed for the others."""
        made = self.task.result()
        if not self.told:
            self.told = True
            return made.plan
        parts = enumerate(made.plan.parts)
        return replace(
            made.plan,
            parts=tuple(
                PlannedPart(part.part, part.outcome, replayed=True) if index in made.fresh else part
                for index, part in parts
            ),
        )


class Planner:
    """Plans bodies with a cache and planning processes. `budget` bounds the bodies that are held, here and by
    exchanges."""

    def __init__(self, pool: PlanPool, settings: Settings) -> None:
        self.pool = pool
        self.cache = DecisionCache(settings.cache_bytes)
        self.budget = ByteBudget(settings.max_buffered_bytes)
        self._settings = settings
        self._works: dict[_Key, _Work] = {}
        self._left: dict[_Key, tuple[_Work, asyncio.TimerHandle]] = {}
        self._deciding = Deciding(pool, self.cache, str(settings.classifier))

    def use(self, settings: Settings) -> None:
        """Plan what begins from now on within the bounds of these settings; its cache and processes stay."""
        self._settings = settings
        self.budget.limit = settings.max_buffered_bytes

    @property
    def is_full(self) -> bool:
        """Whether another body that needs the planning processes would be refused."""
        return len(self._works) >= self._settings.plan_queue

    def begin(self, body: bytes, wire: Wire, policy: Policy, model: str | None = None) -> Plan | Unfinished:
        """The plan, where it needs no planning process, or what `finish` needs to make it. `model`: what the path
        names, on a wire whose bodies name none."""
        if len(body) > self._settings.inline_scan_bytes:
            return Unfinished(body, wire, policy, model, None)
        try:
            located = wire.locate(body, policy.scope, self.cache.readings, Effort(INLINE_STEPS))
        except OutOfEffortError:
            return Unfinished(body, wire, policy, model, None)
        if isinstance(located, Untouched):
            return untouched_plan(located)
        if model is not None:
            located = replace(located, model=model)
        located, settled = condensed(located, policy)
        plan = replayed_plan(body, located, policy, self.cache, settled)
        return Unfinished(body, wire, policy, model, located, settled) if plan is None else plan

    async def finish(self, unfinished: Unfinished) -> Plan:
        """The plan, made with the help of the planning processes.

        Raises:
            Overloaded: too many bodies wait already, or this one has waited `plan_timeout_s`.
        """
        body, limit_s = unfinished.body, self._settings.plan_timeout_s
        key = (blake3(body).digest(), unfinished.wire.name, unfinished.model, unfinished.policy.version)
        work, brought = self._work(key), False
        if work is None:
            work, brought = self._begun(key, unfinished), True
        work.waiting += 1
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.shield(work.task)
        except TimeoutError:
            raise Overloaded(
                f"the request was not planned within {limit_s:g} s; try again, as planning goes on meanwhile",
                retry_after_s=RETRY_AFTER_S,
            ) from None
        finally:
            work.waiting -= 1
            if brought and not work.task.done():  # from here on the body is held by the work alone
                work.held = len(body)
                self.budget.hold(work.held)
        return work.plan()

    def close(self) -> None:
        """Stop all work; whoever waits for it is told so."""
        self.pool.close()
        for work in self._works.values():
            work.task.cancel()
        self._deciding.close()
        for key in list(self._left):
            self._forget(key)

    def _work(self, key: _Key) -> _Work | None:
        """The work on a body, under way or just done."""
        left = self._left.get(key)
        return self._works.get(key) if left is None else left[0]

    def _begun(self, key: _Key, unfinished: Unfinished) -> _Work:
        if self.is_full:
            raise Overloaded(
                f"{self._settings.plan_queue} requests wait to be planned already; try again",
                retry_after_s=RETRY_AFTER_S,
            )
        work = self._works[key] = _Work(asyncio.create_task(self._make(unfinished)))
        work.task.add_done_callback(lambda _: self._ended(key, work))
        return work

    def _ended(self, key: _Key, work: _Work) -> None:
        """Give back the body's share; a plan that nobody waited for takes one of its own."""
        del self._works[key]
        self.budget.give_back(work.held)
        work.held = 0
        heard(work.task)
        if work.waiting or work.task.cancelled() or work.task.exception() or self.pool.closed:
            return
        size = work.task.result().size_bytes
        if self.budget.take(size):
            work.held = size
            self._left[key] = work, asyncio.get_running_loop().call_later(LEFT_S, self._forget, key)

    def _forget(self, key: _Key) -> None:
        work, timer = self._left.pop(key)
        timer.cancel()
        self.budget.give_back(work.held)

    async def _make(self, unfinished: Unfinished) -> _Made:
        body, policy, located, settled = unfinished.body, unfinished.policy, unfinished.located, unfinished.settled
        if located is None:
            found = await self.pool.run(plan_worker.survey, body, unfinished.wire.name, policy)
            if isinstance(found, Untouched):
                return _Made(untouched_plan(found), frozenset())
            located, settled = found.located, found.settled
            if unfinished.model is not None:
                located = replace(located, model=unfinished.model)
        outcomes: list[PartOutcome] = []
        replayed: list[bool] = []
        fresh: set[int] = set()
        reach = reach_in(body, located, policy)
        run = Run(body, policy, replace(located, parts=located.parts[:RUN_PARTS]), reach)
        while run.located.parts:
            decided = await self._deciding.decide(run)
            fresh.update(len(outcomes) + index for index in decided.fresh)
            outcomes += decided.outcomes
            replayed += decided.replayed
            rest = located.parts[len(outcomes) : len(outcomes) + RUN_PARTS]
            past = run.past_after(decided.outcomes) if rest else ()
            run = Run(body, policy, replace(located, parts=rest), reach, past)
        return _Made(assemble(located, outcomes, replayed, settled), fresh)

"""From a whole body to its plan, without ever compressing in this process.

A body of ordinary size is located on the event loop, its parts are looked up by their digest, and in the usual turn of
a conversation that is all: every part but the newest has been decided before. What is missing goes to the planning
processes, at most one job a process for each body; tasks that are in flight already are waited for, not done twice. A
body over `inline_scan_bytes` is located there as well, and so is one of very many small values, which takes longer to
read than its size tells. Whichever way it went, the plan is the one that
`narrows.plan.plan_body` makes: outcomes are pure, and only where and when they are computed differs.

What is not a function of the conversation (a full queue, a dead process, a slow machine) ends as `Overloaded`, never as
another plan. A job nobody waits for any more goes on: its client asks again, and then finds the answer in the cache. It
counts against the queue until it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from narrows.core.effort import Effort, OutOfEffortError
from narrows.core.tokens import encoding_for_model
from narrows.errors import Overloaded
from narrows.plan import (
    DecisionCache,
    PartOutcome,
    PartTask,
    Plan,
    assemble,
    keys_of,
    untouched_plan,
)
from narrows.policy import Policy
from narrows.server import plan_worker
from narrows.server.plan_pool import PlanPool
from narrows.settings import Settings
from narrows.wire.types import Located, Untouched, Wire

RETRY_AFTER_S = 1
INLINE_STEPS = 8192
"""What may be read on the event loop for one body, beyond what is remembered of its conversation: some 20 ms."""
_WORTH_SPLITTING_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A body whose plan needs the planning processes. `located` is None where not even the parts are known."""

    body: bytes
    wire: Wire
    policy: Policy
    located: Located | None
    parts: Sequence[PartOutcome | bytes]


_Decided = dict[bytes, PartOutcome]


class Planner:
    """Plans bodies with a cache and planning processes."""

    def __init__(self, pool: PlanPool, settings: Settings) -> None:
        self.pool = pool
        self.cache = DecisionCache(settings.cache_bytes)
        self._settings = settings
        self._works: set[asyncio.Task[Plan]] = set()
        self._in_flight: dict[bytes, asyncio.Task[_Decided]] = {}

    @property
    def is_full(self) -> bool:
        """Whether another body that needs the planning processes would be refused."""
        return len(self._works) >= self._settings.plan_queue

    def begin(self, body: bytes, wire: Wire, policy: Policy) -> Plan | Unfinished:
        """The plan, where it needs no planning process, or what `finish` needs to make it."""
        if len(body) > self._settings.inline_scan_bytes:
            return Unfinished(body, wire, policy, None, ())
        try:
            located = wire.locate(body, policy.scope, self.cache.readings, Effort(INLINE_STEPS))
        except OutOfEffortError:
            return Unfinished(body, wire, policy, None, ())
        if isinstance(located, Untouched):
            return untouched_plan(located)
        parts = keys_of(body, located, policy, self.cache)
        known, complete = self._remembered(parts)
        if complete:
            return _assembled(located, parts, known, set())
        return Unfinished(body, wire, policy, located, parts)

    async def finish(self, unfinished: Unfinished) -> Plan:
        """The plan, made with the help of the planning processes.

        Raises:
            Overloaded: too many bodies wait already, or this one has waited `plan_timeout_s`.
        """
        settings = self._settings
        if self.is_full:
            raise Overloaded(
                f"{settings.plan_queue} requests wait to be planned already; try again", retry_after_s=RETRY_AFTER_S
            )
        work = asyncio.create_task(self._work(unfinished))
        self._works.add(work)
        work.add_done_callback(self._works.discard)
        work.add_done_callback(_heard)
        try:
            async with asyncio.timeout(settings.plan_timeout_s):
                return await asyncio.shield(work)
        except TimeoutError:
            raise Overloaded(
                f"the request was not planned within {settings.plan_timeout_s:g} s; try again",
                retry_after_s=RETRY_AFTER_S,
            ) from None

    def close(self) -> None:
        """Stop all work; whoever waits for it is told so."""
        self.pool.close()
        for work in [*self._works, *self._in_flight.values()]:
            work.cancel()

    async def _work(self, unfinished: Unfinished) -> Plan:
        located, parts = unfinished.located, unfinished.parts
        if located is None:
            found = await self.pool.run(plan_worker.survey, unfinished.body, unfinished.wire.name, unfinished.policy)
            if isinstance(found, Untouched):
                return untouched_plan(found)
            located, parts = found.located, found.parts
        known, complete = self._remembered(parts)
        fresh: set[bytes] = set()
        if not complete:
            encoding = encoding_for_model(located.model)
            missing = {
                key: PartTask(part.span.of(unfinished.body), part.role, part.tool_call, unfinished.policy, encoding)
                for part, key in zip(located.parts, parts, strict=True)
                if not isinstance(key, PartOutcome) and key not in known
            }
            fresh = missing.keys() - self._in_flight.keys()
            known |= await self._decide(missing)
        return _assembled(located, parts, known, fresh)

    def _remembered(self, parts: Sequence[PartOutcome | bytes]) -> tuple[_Decided, bool]:
        """What the cache knows of `parts`, and whether that is all that was asked for."""
        known: _Decided = {}
        complete = True
        for key in parts:
            if isinstance(key, PartOutcome) or key in known:
                continue
            outcome = self.cache.get(key)
            if outcome is None:
                complete = False
            else:
                known[key] = outcome
        return known, complete

    async def _decide(self, missing: dict[bytes, PartTask]) -> _Decided:
        """The outcomes of tasks; those that another body waits for already are not given out again."""
        own = [(key, task) for key, task in missing.items() if key not in self._in_flight]
        for batch in _split(own, self.pool.workers):
            job = asyncio.create_task(self._job(batch))
            job.add_done_callback(_heard)
            self._in_flight.update((key, job) for key, _ in batch)
        jobs = {key: self._in_flight[key] for key in missing}
        await asyncio.wait(set(jobs.values()))
        return {key: job.result()[key] for key, job in jobs.items()}

    async def _job(self, batch: Sequence[tuple[bytes, PartTask]]) -> _Decided:
        try:
            outcomes = await self.pool.run(
                plan_worker.decide, tuple(task for _, task in batch), str(self._settings.classifier)
            )
            decided = {key: outcome for (key, _), outcome in zip(batch, outcomes, strict=True)}
            for key, outcome in decided.items():
                self.cache.put(key, outcome)
            return decided
        finally:
            for key, _ in batch:
                self._in_flight.pop(key, None)


def _assembled(
    located: Located, parts: Sequence[PartOutcome | bytes], known: _Decided, fresh: AbstractSet[bytes]
) -> Plan:
    outcomes = [part if isinstance(part, PartOutcome) else known[part] for part in parts]
    replayed = [not isinstance(part, PartOutcome) and part not in fresh for part in parts]
    return assemble(located, outcomes, replayed)


def _heard(task: asyncio.Task[Any]) -> None:
    """Ask for a failure that those who wait are told of, if there are any; asyncio would log it otherwise."""
    if not task.cancelled():
        task.exception()


def _split(tasks: Sequence[tuple[bytes, PartTask]], workers: int) -> Iterable[Sequence[tuple[bytes, PartTask]]]:
    """Batches of about the same size, one a process; small work stays together."""
    total = sum(len(task.literal) for _, task in tasks)
    aim = max(total / workers, _WORTH_SPLITTING_BYTES)
    batch: list[tuple[bytes, PartTask]] = []
    size = 0
    for pair in tasks:
        batch.append(pair)
        size += len(pair[1].literal)
        if size >= aim:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch

"""Decisions about the parts of a body: remembered, waited for, or made by the planning processes.

What the cache does not know is decided at most once at a time: who needs what is in flight for another body waits for
it. Parts alone may be decided in any order, so they are shared out, at most one job a process. Tool outputs after
others are held against those in their order, so for each body one process does that; it is given the literals that go
upstream of the outputs that are decided already, as far back as the window reaches. Where little is missing, the same
job decides the parts alone as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from narrows.core.tokens import encoding_for_model
from narrows.core.tool_call import OutputPlace
from narrows.plan import (
    DecisionCache,
    FoldTask,
    Forwarded,
    PartOutcome,
    PartTask,
    Reach,
    forwarded,
    keys_of,
    may_refer,
    part_key,
    task_of,
    within_window,
)
from narrows.policy import Policy
from narrows.server import plan_worker
from narrows.server.plan_pool import PlanPool
from narrows.wire.types import Located, Part

_WORTH_SPLITTING_BYTES = 64 << 10

Decided = dict[bytes, PartOutcome]


@dataclass(frozen=True, slots=True)
class _After:
    """The work that a tool output after others is: for itself, remembered under `own`, and at its place."""

    task: PartTask
    own: bytes
    place: OutputPlace


@dataclass(frozen=True, slots=True)
class Run:
    """Some parts of a body, one after the other, what the whole body's prompts lack, and the outputs before these parts
    that they may refer to."""

    body: bytes
    policy: Policy
    located: Located
    reach: Reach
    past: Sequence[Forwarded] = ()

    def task(self, part: Part) -> PartTask:
        """The work that a part is for itself."""
        return task_of(self.body, part, self.policy, encoding_for_model(self.located.model), self.reach)

    def past_after(self, outcomes: Sequence[PartOutcome]) -> list[Forwarded]:
        """The outputs that parts after this run may refer to."""
        if not may_refer(self.located, self.policy):
            return []
        found = [forwarded(self.body, *pair, self.policy) for pair in zip(self.located.parts, outcomes, strict=True)]
        return within_window([*self.past, *(one for one in found if one is not None)])


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What was found for a run, part by part. `fresh`: the indexes of parts decided now, and for no other body."""

    outcomes: list[PartOutcome]
    replayed: list[bool]
    fresh: AbstractSet[int] = field(default_factory=frozenset)


class Deciding:
    """The decisions of one gateway."""

    def __init__(self, pool: PlanPool, cache: DecisionCache, classifier: str) -> None:
        self._pool = pool
        self._cache = cache
        self._classifier = classifier
        self._in_flight: dict[bytes, asyncio.Task[Decided]] = {}

    def close(self) -> None:
        """Stop all work; whoever waits for it is told so."""
        for task in self._in_flight.values():
            task.cancel()

    async def decide(self, run: Run) -> Outcomes:
        """The outcomes of a run."""
        keys = keys_of(run.body, run.located, run.policy, run.reach, self._cache)
        known, complete = self._remembered(keys)
        if complete:
            await asyncio.sleep(0)
            return _in_order(keys, known, frozenset())
        alone: dict[bytes, PartTask] = {}
        after: dict[bytes, _After] = {}
        for part, key in zip(run.located.parts, keys, strict=True):
            if isinstance(key, PartOutcome) or key in known:
                continue
            task = run.task(part)
            if part.output is not None and (own := part_key(task)) != key:
                after[key] = _After(task, own, part.output)
            else:
                alone[key] = task
        fresh = alone.keys() - self._in_flight.keys()
        known |= await self._alone(alone)
        found, folded = await self._after(run, keys, known, after)
        return _in_order(keys, known | found, fresh | folded)

    def _remembered(self, keys: Sequence[PartOutcome | bytes]) -> tuple[Decided, bool]:
        """What the cache knows of `keys`, and whether that is all that was asked for."""
        known: Decided = {}
        complete = True
        for key in keys:
            if isinstance(key, PartOutcome) or key in known:
                continue
            outcome = self._cache.get(key)
            if outcome is None:
                complete = False
            else:
                known[key] = outcome
        return known, complete

    async def _alone(self, missing: dict[bytes, PartTask]) -> Decided:
        """The outcomes of parts alone; those that another body waits for already are not given out again."""
        own = [(key, task) for key, task in missing.items() if key not in self._in_flight]
        for batch in _split(own, self._pool.workers):
            self._begin(self._decided(batch), [key for key, _ in batch])
        return await self._landed(missing)

    async def _after(
        self, run: Run, keys: Sequence[PartOutcome | bytes], known: Decided, missing: dict[bytes, _After]
    ) -> tuple[Decided, AbstractSet[bytes]]:
        """The outcomes of tool outputs after others, each held against those before it; and those of them that were
        decided for no other body."""
        found = await self._elsewhere(missing.keys())
        alone = {one.own: outcome for one in missing.values() if (outcome := self._cache.peek(one.own)) is not None}
        first = {one.own: one.task for key, one in missing.items() if key not in found and one.own not in alone}
        if self._worth_sharing_out(first):
            alone |= await self._alone(first)
            found |= await self._elsewhere(missing.keys() - found.keys())
        folds = {
            key: (one.own, FoldTask(one.task, one.place, alone.get(one.own)))
            for key, one in missing.items()
            if key not in found
        }
        if folds:
            items = _items(run, keys, known | found, {key: task for key, (_, task) in folds.items()})
            begun = {*folds, *(own for own, task in folds.values() if task.alone is None)}
            self._begin(self._folded(items, [(own, key) for key, (own, _) in folds.items()]), begun)
            found |= await self._landed(folds)
        return found, folds.keys()

    async def _elsewhere(self, missing: AbstractSet[bytes]) -> Decided:
        """What other bodies' jobs decide of the missing, or have decided since this body was looked up. Meanwhile more
        may be begun or ended, so it is looked again until nothing that is missing is in flight."""
        found: Decided = {}
        while True:
            found |= {key: known for key in missing - found.keys() if (known := self._cache.peek(key)) is not None}
            waiting = (missing - found.keys()) & self._in_flight.keys()
            if not waiting:
                return found
            found |= await self._landed(waiting)

    def _worth_sharing_out(self, tasks: dict[bytes, PartTask]) -> bool:
        """Whether these are decided first, by several processes or by whoever has begun, and not where they are held
        against the outputs before them."""
        size = sum(len(task.literal) for task in tasks.values())
        many = self._pool.workers > 1 and size > _WORTH_SPLITTING_BYTES
        return many or not tasks.keys().isdisjoint(self._in_flight)

    def _begin(self, work: Coroutine[Any, Any, Decided], keys: Iterable[bytes]) -> None:
        """Start a job that others who need one of these keys can wait for."""
        job = asyncio.create_task(self._until_done(work, keys := frozenset(keys)))
        job.add_done_callback(heard)
        self._in_flight.update(dict.fromkeys(keys, job))

    async def _until_done(self, work: Coroutine[Any, Any, Decided], keys: AbstractSet[bytes]) -> Decided:
        try:
            decided = await work
            for key, outcome in decided.items():
                self._cache.put(key, outcome)
            return decided
        finally:
            for key in keys:
                self._in_flight.pop(key, None)

    async def _landed(self, keys: Iterable[bytes]) -> Decided:
        """The outcomes under keys that are all in flight."""
        jobs = {key: self._in_flight[key] for key in keys}
        if jobs:
            await asyncio.wait(set(jobs.values()))
        return {key: job.result()[key] for key, job in jobs.items()}

    async def _decided(self, batch: Sequence[tuple[bytes, PartTask]]) -> Decided:
        tasks = tuple(task for _, task in batch)
        outcomes = await self._pool.run(plan_worker.decide, tasks, self._classifier)
        return {key: outcome for (key, _), outcome in zip(batch, outcomes, strict=True)}

    async def _folded(self, items: Sequence[Forwarded | FoldTask], keys: Sequence[tuple[bytes, bytes]]) -> Decided:
        """Outcomes under the keys of the parts alone, and of the parts after others."""
        outcomes = await self._pool.run(plan_worker.fold, tuple(items), self._classifier)
        found: Decided = {}
        for (own, key), (alone, after) in zip(keys, outcomes, strict=True):
            found[own], found[key] = alone, after
        return found


def _items(
    run: Run, keys: Sequence[PartOutcome | bytes], known: Decided, folds: dict[bytes, FoldTask]
) -> list[Forwarded | FoldTask]:
    """The work of a fold in the parts' order: what is decided already, from the first output that the first task may
    refer to, and the tasks."""
    past, items = list(run.past), list[Forwarded | FoldTask]()
    for part, key in zip(run.located.parts, keys, strict=True):
        if isinstance(key, bytes) and key in folds:
            if not items:
                items += within_window(past)
            items.append(folds[key])
        elif one := forwarded(run.body, part, key if isinstance(key, PartOutcome) else known[key], run.policy):
            (items or past).append(one)
    return items


def _in_order(keys: Sequence[PartOutcome | bytes], known: Decided, fresh: AbstractSet[bytes]) -> Outcomes:
    """The outcome for each key, and whether it is replayed."""
    outcomes = [key if isinstance(key, PartOutcome) else known[key] for key in keys]
    replayed = [not isinstance(key, PartOutcome) and key not in fresh for key in keys]
    made = frozenset(index for index, key in enumerate(keys) if isinstance(key, bytes) and key in fresh)
    return Outcomes(outcomes, replayed, made)


def heard(task: asyncio.Task[Any]) -> None:
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

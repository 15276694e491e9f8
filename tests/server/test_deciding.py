"""Outcomes made with planning processes are the plan's own, whatever is remembered, in flight, or cut into runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from msgspec import structs

from narrows.core.tokens import TOKENIZER
from narrows.plan import DecisionCache, PartOutcome, assemble, plan_body, reach_in, replayed_plan
from narrows.policy import Kind, Policy, Scope
from narrows.server.deciding import Deciding, Run
from narrows.server.plan_pool import PlanPool
from narrows.wire.openai_chat import WIRE
from narrows.wire.types import Located
from tests.compressors.repeats_truth import file
from tests.laws.repeats import body_with, messages_of

pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])

POLICY = Policy(tokenizer=TOKENIZER)
FILE = file(5, 60)
"""Read, and read again as it is edited: every output after the first has lines that are shown before."""


def outputs(count: int, length: int = 1) -> list[str]:
    texts = [
        [f"edit {n}", *FILE, *(f"{n}: new line {i} of output {n}" for i in range(8 * length))] for n in range(count)
    ]
    return ["\n".join(f"{number}:{line}" for number, line in enumerate(text, 1)) for text in texts]


def run_of(texts: list[str], policy: Policy = POLICY) -> Run:
    body = body_with(messages_of(texts))
    found = WIRE.locate(body, policy.scope)
    assert isinstance(found, Located)
    return Run(body, policy, found, reach_in(body, found, policy))


def expected(run: Run) -> list[PartOutcome]:
    return [one.outcome for one in plan_body(run.body, WIRE, run.policy).parts]


@asynccontextmanager
async def deciding_with(workers: int = 1, cache: DecisionCache | None = None) -> AsyncIterator[Deciding]:
    pool = PlanPool(workers)
    try:
        yield Deciding(pool, DecisionCache(8 << 20) if cache is None else cache, "none")
    finally:
        pool.close()


@pytest.mark.parametrize(("workers", "length"), [(1, 1), (2, 300)])
async def test_outcomes_are_the_plans_own(workers: int, length: int) -> None:
    run = run_of(outputs(7, length))
    cache = DecisionCache(8 << 20)
    async with deciding_with(workers, cache) as deciding:
        assert replayed_plan(run.body, run.located, run.policy, cache) is None
        made = await deciding.decide(run)
        assert made.outcomes == expected(run)
        assert sum(one.decision.result.kind is Kind.REPEAT for one in made.outcomes) == (6 if length == 1 else 0)
        assert made.fresh == set(range(1, 8))
        again = replayed_plan(run.body, run.located, run.policy, cache)
        assert again is not None
        assert again == assemble(run.located, made.outcomes, [False, *[True] * 7])


async def test_a_turn_is_decided_from_what_is_remembered_of_those_before() -> None:
    texts = outputs(9)
    async with deciding_with() as deciding:
        for count in (2, 3, 6, 9):
            run = run_of(texts[:count])
            assert (await deciding.decide(run)).outcomes == expected(run)


async def test_whatever_was_forgotten_is_decided_alike() -> None:
    """A memory of a few outcomes forgets in the middle of a conversation."""
    run = run_of(outputs(9))
    for limit in (0, 9_000):
        async with deciding_with(cache=DecisionCache(limit)) as deciding:
            for _ in range(2):
                assert (await deciding.decide(run)).outcomes == expected(run)


async def test_those_who_need_the_same_wait_for_it() -> None:
    """Turns and forks of one conversation, all at once."""
    texts = outputs(8)
    runs = [run_of(texts[:count]) for count in (8, 3, 5, 8)] + [run_of([*texts[:4], *texts[5:]]), run_of(texts[3:])]
    async with deciding_with(2) as deciding:
        made = await asyncio.gather(*map(deciding.decide, runs))
        assert [one.outcomes for one in made] == [expected(run) for run in runs]
        fresh = Counter(index for one in made[:4] for index in one.fresh)
        fresh.update(index for index in made[4].fresh if index <= 4)  # what the first fork has in common with the turns
        assert fresh == dict.fromkeys(range(1, 9), 1), "each is new to one of them, whichever comes first"


@pytest.mark.parametrize("size", [1, 3])
async def test_runs_of_a_body_go_on_from_each_other(size: int) -> None:
    whole = run_of(outputs(7))
    parts = whole.located.parts
    async with deciding_with() as deciding:
        found: list[PartOutcome] = []
        run = replace(whole, located=structs.replace(whole.located, parts=parts[:size]))
        while run.located.parts:
            made = await deciding.decide(run)
            found += made.outcomes
            rest = structs.replace(whole.located, parts=parts[len(found) : len(found) + size])
            run = replace(run, located=rest, past=run.past_after(made.outcomes))
        assert found == expected(whole)


async def test_under_the_other_scope_nothing_is_passed_on() -> None:
    run = run_of(outputs(3), replace(POLICY, scope=Scope.LATEST))
    async with deciding_with() as deciding:
        made = await deciding.decide(run)
        assert made.outcomes == expected(run)
        assert run.past_after(made.outcomes) == []

"""Plans made with planning processes equal the library's, or are refused; no fault of a process shows in them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from narrows.core.edits import apply_edits
from narrows.core.tokens import TOKENIZER
from narrows.errors import Overloaded
from narrows.plan import Plan, plan_body
from narrows.policy import Kind, Policy
from narrows.records.figures import plan_figures
from narrows.records.types import Outcome
from narrows.server.plan_pool import STUCK_S, PlanPool
from narrows.server.planner import RUN_PARTS, Planner, Unfinished
from narrows.wire.registry import wire_named
from tests.gateways import settings_for
from tests.raw_client import chat, request, rows, tool_turn
from tests.stage import Stage

pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])

POLICY = Policy(tokenizer=TOKENIZER)
WIRE = wire_named("openai_chat")


@asynccontextmanager
async def planner_with(workers: int = 1, **changes: object) -> AsyncIterator[Planner]:
    planner = Planner(PlanPool(workers), settings_for("http://h", **changes))
    try:
        yield planner
    finally:
        planner.close()


async def plan(planner: Planner, body: bytes) -> Plan:
    begun = planner.begin(body, WIRE, POLICY)
    return await planner.finish(begun) if isinstance(begun, Unfinished) else begun


def forwarded(body: bytes, made: Plan) -> bytes:
    return apply_edits(body, made.edits)


def expected(body: bytes) -> bytes:
    return forwarded(body, plan_body(body, WIRE, POLICY))


def conversation(turns: int, first: int = 0) -> bytes:
    messages = [{"role": "user", "content": "go on"}]
    for turn in range(first, first + turns):
        messages += tool_turn("list", rows(60 + turn, turn), f"call_{turn}")
    return chat(*messages)


async def test_a_plan_is_the_librarys_however_it_was_made() -> None:
    """Inline or off the loop, one process or two, known or new, alone or together: the same bytes."""
    for changes in ({"inline_scan_bytes": 1}, {"plan_workers": 2}):
        async with planner_with(changes.get("plan_workers", 1), **changes) as planner:
            for turns in (1, 4, 4, 9):
                body = conversation(turns)
                made = await plan(planner, body)
                assert made.located is not None
                assert forwarded(body, made) == expected(body)
            bodies = [conversation(3, first) for first in range(20, 26)]
            together = await asyncio.gather(*(plan(planner, body) for body in bodies))
            assert [forwarded(*pair) for pair in zip(bodies, together, strict=True)] == [expected(b) for b in bodies]


async def test_what_was_decided_is_replayed_without_a_process() -> None:
    async with planner_with() as planner:
        first = await plan(planner, conversation(3))
        assert [part.replayed for part in first.parts[1:]] == [False] * 3
        again = planner.begin(conversation(4), WIRE, POLICY)
        assert isinstance(again, Unfinished)
        await planner.finish(again)
        made = planner.begin(conversation(4), WIRE, POLICY)
        assert isinstance(made, Plan)
        assert [part.replayed for part in made.parts] == [False, True, True, True, True]


@pytest.mark.parametrize("inline", [1, 1 << 20])
async def test_the_model_that_a_path_names_says_from_when_on_its_provider_caches(inline: int) -> None:
    body = conversation(6)
    async with planner_with(inline_scan_bytes=inline) as planner:
        plans = {}
        for model in ("gemini-3-pro", "gemini-2.5-pro", "other", None, "gemini-3-pro"):
            begun = planner.begin(body, WIRE, POLICY, model)
            plans[model] = await planner.finish(begun) if isinstance(begun, Unfinished) else begun
    for model, made in plans.items():
        expected_plan = plan_body(body, WIRE, POLICY, model=model)
        assert made.edits == expected_plan.edits
        assert [one.outcome for one in made.parts] == [one.outcome for one in expected_plan.parts]
    counts = [len(plans[model].edits) for model in ("gemini-3-pro", "gemini-2.5-pro", "other")]
    assert counts[0] < counts[1] < counts[2] == 6


async def test_the_same_part_twice_is_decided_once() -> None:
    async with planner_with() as planner:
        body = chat(*tool_turn("list", rows(80)), *tool_turn("list", rows(80), "call_2"))
        made = await plan(planner, body)
        assert forwarded(body, made) == expected(body)
        assert len(planner.cache) == 2, "for itself, and as a repeat"


async def test_a_body_that_stays_as_it_is_needs_no_process() -> None:
    for limit in (1, 1 << 20):
        async with planner_with(inline_scan_bytes=limit) as planner:
            made = await plan(planner, b"not JSON")
            assert made.untouched is not None
            assert planner.pool.process_ids() == () or limit == 1


@pytest.mark.parametrize(
    "messages",
    [
        b",".join([b"{}"] * 300_000),
        b"{" + b",".join(b'"%d":1' % key for key in range(90_000)) + b"}",
        b",".join([b'{"role":"user","content":"hi"}'] * 20_000),
    ],
    ids=["nothing", "keys", "small messages"],
)
async def test_a_body_of_very_many_values_is_not_read_on_the_loop(messages: bytes) -> None:
    body = b'{"model":"m","messages":[' + messages + b"]}"
    async with planner_with() as planner:
        assert len(body) <= planner._settings.inline_scan_bytes
        begun = planner.begin(body, WIRE, POLICY)
        assert isinstance(begun, Unfinished)
        assert begun.located is None
        assert forwarded(body, await planner.finish(begun)) == body


async def stopped(planner: Planner) -> list[int]:
    """Start the processes, and stop them where they stand."""
    ids = [await planner.pool.run(os.getpid)]
    for process_id in ids:
        os.kill(process_id, signal.SIGSTOP)
    return ids


def signal_all(ids: list[int], number: signal.Signals) -> None:
    for process_id in ids:
        os.kill(process_id, number)


@pytest.mark.parametrize("inline", [1, 1 << 20])
async def test_a_process_killed_in_the_middle_is_replaced(inline: int) -> None:
    async with planner_with(inline_scan_bytes=inline) as planner:
        ids = await stopped(planner)
        body = conversation(3)
        waiting = [asyncio.create_task(plan(planner, body)) for _ in range(3)]
        await asyncio.sleep(0.05)
        signal_all(ids, signal.SIGKILL)
        for task in waiting:
            assert forwarded(body, await task) == expected(body)
        assert planner.pool.lost == 1


async def test_processes_that_keep_dying_are_overloaded_and_never_a_decision() -> None:
    async with planner_with() as planner:

        async def kill_all() -> None:
            while True:
                planner.pool.kill()
                await asyncio.sleep(0.002)

        killing = asyncio.create_task(kill_all())
        with pytest.raises(Overloaded) as refused:
            await plan(planner, conversation(3))
        killing.cancel()
        assert refused.value.retry_after_s == 1
        assert forwarded(conversation(3), await plan(planner, conversation(3))) == expected(conversation(3))


async def test_a_full_queue_refuses_and_the_others_go_on() -> None:
    async with planner_with(plan_queue=2) as planner:
        await plan(planner, conversation(1, first=900))
        ids = await stopped(planner)
        waiting = [asyncio.create_task(plan(planner, conversation(2, first))) for first in (0, 10)]
        await asyncio.sleep(0.05)
        assert planner.is_full
        with pytest.raises(Overloaded) as refused:
            await plan(planner, conversation(2, 20))
        assert refused.value.retry_after_s == 1
        known = planner.begin(conversation(1, first=900), WIRE, POLICY)
        assert isinstance(known, Plan), "what is known needs no queue"
        signal_all(ids, signal.SIGCONT)
        for task, first in zip(waiting, (0, 10), strict=True):
            assert forwarded(conversation(2, first), await task) == expected(conversation(2, first))
        assert not planner.is_full


async def test_a_slow_process_is_not_waited_for_for_ever_and_its_work_is_not_lost() -> None:
    async with planner_with(plan_timeout_s=0.1, plan_queue=1) as planner:
        ids = await stopped(planner)
        with pytest.raises(Overloaded, match=r"0\.1 s"):
            await plan(planner, conversation(2))
        assert planner.is_full, "work that nobody waits for counts until it ends"
        signal_all(ids, signal.SIGCONT)
        await until(lambda: isinstance(planner.begin(conversation(2), WIRE, POLICY), Plan))
        await until(lambda: not planner.is_full)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_same_work_is_shared_by_all_who_wait_for_it() -> None:
    async with planner_with() as planner:
        ids = await stopped(planner)
        waiting = [asyncio.create_task(plan(planner, conversation(2))) for _ in range(4)]
        await asyncio.sleep(0.05)
        assert planner.pool.running == 1
        waiting[0].cancel()
        signal_all(ids, signal.SIGCONT)
        made = await asyncio.gather(*waiting[1:])
        assert {forwarded(conversation(2), one) for one in made} == {expected(conversation(2))}


async def test_stuck_processes_are_killed_and_their_work_is_done() -> None:
    async with planner_with() as planner:
        await stopped(planner)
        task = asyncio.create_task(plan(planner, conversation(2)))
        await asyncio.sleep(0.05)
        now_s = asyncio.get_running_loop().time()
        planner.pool.check(now_s + STUCK_S / 2)
        assert planner.pool.lost == 0
        planner.pool.check(now_s + STUCK_S + 1)
        assert forwarded(conversation(2), await task) == expected(conversation(2))
        assert planner.pool.lost == 1


async def test_a_body_held_by_work_alone_counts_against_the_budget(stage: Stage) -> None:
    """Clients that leave take nothing from the bound: what is planned for nobody is still held."""
    limit = 8 << 20
    gateway = await stage.gateway(plan_workers=1, max_buffered_bytes=limit)
    planner, budget = gateway.gateway.planner, gateway.gateway.budget
    ids = await stopped(planner)
    held = 0
    for index in range(4):
        body = chat({"role": "system", "content": f"{index}" * 3_000_000})
        client = await stage.client(gateway)
        await client.send(request("POST", "/v1/chat/completions", body=body))
        if held + len(body) > limit:
            assert (await client.answer()).status == 503
            continue
        held += len(body)
        await until(lambda: planner.pool.running * len(body) == held)  # noqa: B023  # waited for here
        client.reset()
        await until(lambda: gateway.gateway.in_flight == 0)
        await until(lambda: budget.held == held)  # noqa: B023  # waited for here
    assert held > limit / 2
    signal_all(ids, signal.SIGCONT)
    await until(lambda: planner.pool.running == 0)
    assert budget.held < 1 << 20, "only the plans are kept, for their clients"
    await gateway.close()
    assert budget.held == 0


@pytest.mark.parametrize("leave", ["cancelled", "too late"])
async def test_work_of_a_body_that_others_wait_for_is_theirs_too(leave: str) -> None:
    body = conversation(2)
    async with planner_with(inline_scan_bytes=1, plan_timeout_s=0.1 if leave == "too late" else 60) as planner:
        ids = await stopped(planner)
        first = asyncio.create_task(plan(planner, body))
        await until(lambda: planner.pool.running == 1)
        assert planner.budget.held == 0 or first.done(), "the exchange counts it"
        if leave == "cancelled":
            first.cancel()
        with pytest.raises(asyncio.CancelledError if leave == "cancelled" else Overloaded):
            await first
        assert planner.budget.held == len(body)
        planner._settings = settings_for("http://h", inline_scan_bytes=1, plan_queue=1)
        again = [asyncio.create_task(plan(planner, body)) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert planner.pool.running == 1
        signal_all(ids, signal.SIGCONT)
        made = await asyncio.gather(*again)
        assert [forwarded(body, one) for one in made] == [expected(body)] * 2
        assert [[part.replayed for part in one.parts[1:]] for one in made] == [[False] * 2, [True] * 2]
        assert planner.budget.held == 0


@pytest.mark.parametrize("inline", [1, 1 << 20])
async def test_what_was_planned_for_nobody_is_found_by_its_client(inline: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the cache cannot hold it; for a while, and counted."""
    body = conversation(2)
    async with planner_with(inline_scan_bytes=inline, plan_timeout_s=0.1, cache_bytes=0) as planner:
        monkeypatch.setattr("narrows.server.planner.LEFT_S", 3600.0)
        ids = await stopped(planner)
        with pytest.raises(Overloaded):
            await plan(planner, body)
        signal_all(ids, signal.SIGCONT)
        await until(lambda: not planner._works)
        assert 0 < planner.budget.held < len(body)
        signal_all(ids, signal.SIGSTOP)
        made = [await plan(planner, body) for _ in range(2)]
        assert [forwarded(body, one) for one in made] == [expected(body)] * 2
        assert [[part.replayed for part in one.parts[1:]] for one in made] == [[False] * 2, [True] * 2]


async def test_what_was_planned_for_nobody_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    body = conversation(2)
    monkeypatch.setattr("narrows.server.planner.LEFT_S", 0.3)
    async with planner_with(plan_timeout_s=0.1, cache_bytes=0) as planner:
        ids = await stopped(planner)
        with pytest.raises(Overloaded):
            await plan(planner, body)
        assert planner.budget.held == len(body)
        signal_all(ids, signal.SIGCONT)
        await until(lambda: planner.budget.held == 0)
        assert not planner._works
        assert not planner._left


@pytest.mark.parametrize("inline", [1, 64 << 20])
async def test_very_many_parts_are_counted_and_the_bytes_stay(inline: int) -> None:
    """Runs of parts, some known already, end as the whole: the same bytes and the same figures."""
    few, again = [{"role": "user", "content": "go on"}], [{"role": "user", "content": "go on"}]
    for turn in range(3):
        few += tool_turn("list", rows(60 + turn, turn), f"call_{turn}")
        again += tool_turn("list", rows(60 + turn, turn), f"again_{turn}")
    long = [{"role": "user", "content": f"{number:05} " * 100} for number in range(RUN_PARTS + 10)]
    body = chat(*few, *[{"role": "user", "content": "hi"}] * 3_000, *long, *again)
    whole = plan_body(body, WIRE, POLICY)
    async with planner_with(inline_scan_bytes=inline, plan_timeout_s=60) as planner:
        await plan(planner, chat(*few))
        made = await plan(planner, body)
        assert forwarded(body, made) == forwarded(body, whole) != body
        assert len(made.parts) == len(whole.parts) - 3_002
        figures, plain = plan_figures(made), plan_figures(whole)
        assert (figures.parts, figures.kept, figures.shortened) == (plain.parts, plain.kept, plain.shortened)
        assert figures.shortened == {Kind.JSON: 3, Kind.REPEAT: 3}, "the last run refers to the first"
        assert (figures.cache_hits, figures.cache_misses) == (3, RUN_PARTS + 13)


async def test_closing_leaves_no_process(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/chat/completions", body=conversation(2)))
    assert (await client.answer()).status == 200
    ids = gateway.gateway.planner.pool.process_ids()
    assert ids
    client.close()
    await gateway.close()
    await until(lambda: not any(_runs(process_id) for process_id in ids))


def _runs(process_id: int) -> bool:
    try:
        with open(f"/proc/{process_id}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_through_the_gateway_a_dead_process_shows_in_nothing(stage: Stage) -> None:
    gateway = await stage.gateway()
    planner = gateway.gateway.planner
    ids = await stopped(planner)
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/chat/completions", body=conversation(3)))
    await until(lambda: planner.pool.running > 0)
    signal_all(ids, signal.SIGKILL)
    assert (await client.answer()).status == 200
    assert stage.upstream.requests[-1].body == expected(conversation(3))
    assert (await stage.record(gateway)).outcome is Outcome.ANSWERED
    await stage.logged(b'"event":"planning_worker_lost","lost":1')


async def test_through_the_gateway_a_full_queue_is_503(stage: Stage) -> None:
    gateway = await stage.gateway(plan_queue=1)
    ids = await stopped(gateway.gateway.planner)
    first, second, third = [await stage.client(gateway) for _ in range(3)]
    await first.send(request("POST", "/v1/chat/completions", body=conversation(3)))
    await until(lambda: gateway.gateway.planner.is_full)
    await second.send(request("POST", "/v1/chat/completions", body=conversation(2, 50)))
    answer = await second.answer()
    assert (answer.status, answer.error_code, answer.values(b"retry-after")) == (503, "overloaded", [b"1"])
    record = await stage.record(gateway)
    assert (record.outcome, record.error_code) == (Outcome.REFUSED, "overloaded")
    assert stage.upstream.requests == []
    await third.send(request(target="/readyz") + request())
    assert [(await third.answer()).status for _ in range(2)] == [503, 200]
    signal_all(ids, signal.SIGCONT)
    assert (await first.answer()).status == 200
    assert stage.upstream.requests[-1].body == expected(conversation(3))
    await second.send(request("POST", "/v1/chat/completions", body=conversation(2, 50)))
    assert (await second.answer()).status == 200
    assert stage.upstream.requests[-1].body == expected(conversation(2, 50))


async def test_a_conversation_that_outgrows_the_loop_keeps_its_bytes(stage: Stage) -> None:
    """Turn by turn over the size from which bodies are scanned elsewhere: what was sent once is sent again."""
    gateway = await stage.gateway(inline_scan_bytes=len(conversation(3)))
    client = await stage.client(gateway)
    for turns in range(1, 7):
        await client.send(request("POST", "/v1/chat/completions", body=conversation(turns)))
        assert (await client.answer()).status == 200
    sent = [received.json["messages"] for received in stage.upstream.requests]
    for earlier, later in pairwise(sent):
        assert later[: len(earlier)] == earlier
    assert [received.body for received in stage.upstream.requests] == [expected(conversation(n)) for n in range(1, 7)]

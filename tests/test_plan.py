from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from narrows.compressors import registry
from narrows.compressors.types import Compressed, Compressor, Kept, Reason, Source, Verdict
from narrows.core import jsonstr
from narrows.core.edits import apply_edits
from narrows.core.tokens import Encoding, encoding_for_model
from narrows.plan import (
    MANY_PARTS,
    REACHED,
    DecisionCache,
    PartOutcome,
    PartTask,
    Plan,
    condensed,
    keys_of,
    part_key,
    plan_body,
    plan_located,
    replayed_plan,
    tally_of,
    task_of,
    tasks_of,
)
from narrows.policy import Kind, Level, Policy, Scope
from narrows.wire.openai_chat import WIRE
from narrows.wire.types import Located, Refusal
from tests.laws.conversations import HOSTILE, SHORTENED, Message, Style, body_of, conversations, rows, styles

O200K = Encoding("o200k_base", assumed=False)


class Breaks:
    """A compressor that claims every text and then fails on it."""

    kind = Kind.LOG

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def sniff(self, source: Source) -> Verdict:
        return Verdict.YES

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        raise self.error(source.text[:10])

    def is_output(self, text: str) -> bool:
        return False

    def expand(self, text: str) -> str | None:
        return None


def located(body: bytes, scope: Scope = Scope.STABLE) -> Located:
    found = WIRE.locate(body, scope)
    assert isinstance(found, Located)
    return found


def tool(text: object, call: str = "c") -> str:
    return json.dumps({"role": "tool", "tool_call_id": call, "content": text})


def reasons(plan: Plan) -> list[Reason | Kind]:
    results = [one.outcome.decision.result for one in plan.parts]
    return [one.reason if isinstance(one, Kept) else one.kind for one in results]


def test_a_plan_puts_new_literals_where_the_old_ones_stood() -> None:
    body = body_of([json.dumps({"role": "user", "content": "go"}), tool(SHORTENED), tool("x")])
    plan = plan_body(body, WIRE, Policy())
    assert reasons(plan) == [Reason.TOO_SMALL, Kind.JSON, Reason.TOO_SMALL]
    (edit,) = plan.edits
    assert edit.span == plan.parts[1].part.span
    result = plan.parts[1].outcome.decision.result
    assert isinstance(result, Compressed)
    assert jsonstr.decode(edit.replacement) == result.text
    assert json.loads(apply_edits(body, plan.edits))["messages"][1]["content"] == result.text
    assert plan.encoding == encoding_for_model("gpt-4o")
    assert plan.untouched is None


def test_a_body_that_is_refused_has_no_edits() -> None:
    plan = plan_body(b'{"n":2,"messages":[]}', WIRE, Policy())
    assert plan.untouched is not None
    assert plan.untouched.reason is Refusal.SEVERAL_CHOICES
    assert (plan.parts, plan.edits, plan.located, plan.encoding) == ((), (), None, None)


@given(st.lists(st.one_of(conversations, st.lists(st.sampled_from(HOSTILE), max_size=2)), max_size=3), styles)
def test_a_cache_changes_nothing_but_what_is_replayed(turns: list[list[Message | str]], style: Style) -> None:
    written = [one if isinstance(one, str) else style.write(one) for turn in turns for one in turn]
    body, policy = body_of(written), Policy()
    plain = plan_body(body, WIRE, policy)
    cache = DecisionCache(1 << 20)
    first, second = (plan_body(body, WIRE, policy, cache=cache) for _ in range(2))
    for plan in (first, second, plan_body(body, WIRE, policy, cache=DecisionCache(0))):
        assert plan.edits == plain.edits
        assert [one.outcome for one in plan.parts] == [one.outcome for one in plain.parts]
    assert not any(one.replayed for one in plain.parts)
    decided = [not isinstance(key, PartOutcome) for key in keys_of(body, located(body), policy, REACHED)]
    assert [one.replayed for one in second.parts] == decided


@given(conversations, styles, st.sampled_from((Policy(), Policy(level=Level.OFF), Policy(json_min_bytes=10))))
def test_keys_are_the_tasks_keys(messages: list[Message], style: Style, policy: Policy) -> None:
    """A tool output's that stands after others is another: the part's key and the chain's, which names those too."""
    body = body_of([style.write(message) for message in messages])
    tasks = tasks_of(body, located(body), policy)
    expected = tuple(
        part_key(task)[:16] + (part.chain or part_key(task)[16:]) if isinstance(task, PartTask) else task
        for task, part in zip(tasks, located(body).parts, strict=True)
    )
    assert keys_of(body, located(body), policy, REACHED) == expected
    assert keys_of(body, located(body), policy, REACHED, DecisionCache(0)) == expected


def test_a_small_literal_is_not_even_decoded() -> None:
    body = body_of(['{"role":"tool","content":"\\ud800"}', '{"role":"tool","content":"' + "\\u0041" * 90 + '"}'])
    plan = plan_body(body, WIRE, Policy())
    assert reasons(plan) == [Reason.TOO_SMALL, Reason.TOO_SMALL]
    assert [one.outcome.decision.bytes_before for one in plan.parts] == [6, 90]


def test_what_needs_no_work() -> None:
    body = body_of([tool(SHORTENED), HOSTILE[7], tool("x")])
    off = tasks_of(body, located(body), Policy(level=Level.OFF))
    assert reasons(plan_body(body, WIRE, Policy(level=Level.OFF))) == [Reason.POLICY_OFF] * 3
    assert all(isinstance(task, PartOutcome) for task in off)
    shortened, faulty, small = tasks_of(body, located(body), Policy())
    assert isinstance(shortened, PartTask)
    assert shortened == task_of(body, located(body).parts[0], Policy(), O200K, REACHED)
    assert isinstance(faulty, PartOutcome)
    assert faulty.decision.result == Kept(Reason.UNREADABLE, detail="duplicate key")
    assert isinstance(small, PartOutcome)
    assert small.decision.bytes_before == small.decision.bytes_after == 1


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Compressor:
    compressor: Compressor = Breaks(request.param)
    monkeypatch.setattr(registry, "COMPRESSORS", (compressor,))
    return compressor


@pytest.mark.parametrize("breaking", [ValueError, RecursionError, AssertionError, KeyError], indirect=True)
def test_a_compressor_that_raises_keeps_its_part(breaking: Compressor) -> None:
    body = body_of([tool(SHORTENED), tool("x" * 2_000)])
    plan = plan_body(body, WIRE, Policy())
    assert reasons(plan) == [Reason.COMPRESSOR_ERROR] * 2
    assert plan.edits == ()
    assert plan == plan_body(body, WIRE, Policy())


@pytest.mark.parametrize("breaking", [MemoryError, KeyboardInterrupt], indirect=True)
def test_what_says_nothing_about_the_text_is_no_decision(breaking: Compressor) -> None:
    cache = DecisionCache(1 << 20)
    with pytest.raises((MemoryError, KeyboardInterrupt)):
        plan_body(body_of([tool(SHORTENED)]), WIRE, Policy(), cache=cache)
    assert len(cache) == 0


def test_equal_texts_get_equal_bytes() -> None:
    """But for tool outputs, of which the later ones name the first."""
    said = json.dumps({"role": "user", "content": SHORTENED})
    plan = plan_body(body_of([said] * 3), WIRE, Policy(), cache=DecisionCache(1 << 20))
    assert len({edit.replacement for edit in plan.edits}) == 1
    assert [one.replayed for one in plan.parts] == [False, True, True]


def test_a_body_of_very_many_parts_is_condensed_to_those_that_need_work() -> None:
    long = {"role": "user", "content": "x" * 600}
    small = [{"role": "user", "content": "hi"}]
    few = located(json.dumps({"messages": [*small * (MANY_PARTS - 1), long]}).encode())
    assert condensed(few, Policy()) == (few, ())
    many = located(json.dumps({"messages": [*small * MANY_PARTS, long]}).encode())
    assert condensed(many, Policy()) == (replace(many, parts=many.parts[-1:]), ((Reason.TOO_SMALL, MANY_PARTS),))
    off = condensed(many, Policy(level=Level.OFF))
    assert off == (replace(many, parts=()), ((Reason.POLICY_OFF, MANY_PARTS + 1),))


def test_the_texts_of_one_output_may_name_each_other() -> None:
    """And a small output in between counts, though it takes no part."""
    listing, words = rows(40), " ".join(f"word{number}" for number in range(90))
    texts = [{"type": "text", "text": one} for one in (words, "small", listing, listing)]
    plan = plan_body(body_of([tool(texts), tool("small"), tool(listing, "d"), tool(words, "e")]), WIRE, Policy())
    results = [one.outcome.decision.result for one in plan.parts]
    named = [one.text for one in results if isinstance(one, Compressed) and one.kind is Kind.REPEAT]
    assert [one.partition(" tool output")[2] for one in named] == [
        " 1 (this one); nothing left out]",
        " 1 (2 before this); nothing left out]",
        " 1 (3 before this); nothing left out]",
    ]
    assert ["text 3 of tool" in one for one in named] == [True, True, False]


def test_a_text_of_the_smallest_size_is_decided() -> None:
    text = "x" * 256
    for size, worked_on in ((Policy().smallest_min_bytes, True), (Policy().smallest_min_bytes - 1, False)):
        body = body_of([json.dumps({"role": "tool", "tool_call_id": "c", "content": text[:size]})])
        (task,) = tasks_of(body, located(body), Policy())
        assert isinstance(task, PartTask) == worked_on


def turns(count: int, length: int) -> list[bytes]:
    """A conversation that grows by a tool's output, long or short, with each of its turns."""
    messages: list[Message] = []
    bodies = []
    for turn in range(count):
        text = rows(length + turn, str(turn)) if turn % 3 else "short"
        messages.append({"role": "tool", "tool_call_id": "c", "content": text})
        bodies.append(json.dumps({"model": "gpt-4o", "messages": messages}, separators=(",", ":")).encode())
    return bodies


@pytest.mark.parametrize("policy", [Policy(), Policy(level=Level.OFF), Policy(scope=Scope.LATEST)])
def test_a_replayed_plan_is_the_plan(policy: Policy) -> None:
    cache = DecisionCache(8 << 20)
    for body in turns(12, 60):
        expected = plan_body(body, WIRE, policy)
        found = WIRE.locate(body, policy.scope, cache.readings)
        assert isinstance(found, Located)
        assert (replayed_plan(body, located(body, policy.scope), policy, DecisionCache(0)) is None) == bool(
            expected.tally.made
        )
        plan_located(body, found, policy, None, cache)
        for _ in range(2):
            plan = replayed_plan(body, found, policy, cache)
            assert plan is not None
            assert plan.edits == expected.edits
            assert [one.outcome for one in plan.parts] == [one.outcome for one in expected.parts]
            assert (plan.located, plan.encoding) == (expected.located, expected.encoding)
            assert plan.tally == tally_of(plan.parts)


def test_what_was_planned_on_the_turn_before_is_not_looked_up_again() -> None:
    cache, looked_up = DecisionCache(8 << 20), []
    for body in turns(10, 60):
        plan_body(body, WIRE, Policy(), cache=cache)
    for body in turns(10, 60):
        found = WIRE.locate(body, Scope.STABLE, cache.readings)
        assert isinstance(found, Located)
        before = cache.hits
        assert replayed_plan(body, found, Policy(), cache) is not None
        looked_up.append(cache.hits - before)
    assert looked_up[-1] == 0  # the last turn is the furthest reading, and a whole one
    assert max(looked_up) < 6


def test_notes_are_made_under_one_policy_and_counted_in_memory() -> None:
    cache, noted = DecisionCache(8 << 20), 0
    for body in turns(10, 60):
        for policy in (Policy(), Policy(level=Level.LOSSLESS)):
            expected = plan_body(body, WIRE, policy, cache=cache)
            found = WIRE.locate(body, Scope.STABLE, cache.readings)
            assert isinstance(found, Located)
            plan = replayed_plan(body, found, policy, cache)
            assert plan is not None
            assert plan.edits == expected.edits
            if found.notes is not None:  # a short conversation is not kept
                assert found.notes.own_bytes >= sum(len(edit.replacement) for edit in expected.edits)
                noted += 1
    assert noted > 8

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors import registry
from narrows.compressors.types import Compressed, Compressor, Kept, Reason, Verdict
from narrows.core import jsonstr
from narrows.core.edits import apply_edits
from narrows.core.tokens import Encoding, encoding_for_model
from narrows.core.tool_call import ToolCall
from narrows.plan import (
    MANY_PARTS,
    DecisionCache,
    PartOutcome,
    PartTask,
    Plan,
    condensed,
    decide_part,
    keys_of,
    part_key,
    plan_body,
    task_of,
    tasks_of,
)
from narrows.policy import Kind, Level, Policy, Scope
from narrows.wire.openai_chat import WIRE
from narrows.wire.types import Located, Refusal, Role
from tests.laws.conversations import HOSTILE, SHORTENED, Message, Style, body_of, conversations, rows, styles

O200K = Encoding("o200k_base", assumed=False)
TASK = PartTask(json.dumps(SHORTENED).encode(), Role.TOOL, ToolCall("bash", "{}"), Policy(), O200K)


class Names:
    """A classifier that calls every text the same."""

    version = "names-1"

    def __init__(self, kind: Kind | None) -> None:
        self.kind = kind
        self.asked = 0

    def classify(self, text: str) -> Kind | None:
        self.asked += 1
        return self.kind


class Breaks:
    """A compressor that claims every text and then fails on it."""

    kind = Kind.LOG

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def sniff(self, text: str, tool_call: ToolCall | None) -> Verdict:
        return Verdict.YES

    def compress(self, text: str, level: Level, tool_call: ToolCall | None) -> Compressed | Kept:
        raise self.error(text[:10])

    def is_output(self, text: str) -> bool:
        return False

    def expand(self, text: str) -> str | None:
        return None


def located(body: bytes, scope: Scope = Scope.STABLE) -> Located:
    found = WIRE.locate(body, scope)
    assert isinstance(found, Located)
    return found


def tool(text: object) -> str:
    return json.dumps({"role": "tool", "tool_call_id": "c", "content": text})


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
    decided = [not isinstance(key, PartOutcome) for key in keys_of(body, located(body), policy)]
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
    assert keys_of(body, located(body), policy) == expected
    assert keys_of(body, located(body), policy, DecisionCache(0)) == expected


OTHERS = [
    replace(TASK, literal=b'"x"'),
    replace(TASK, role=Role.USER),
    replace(TASK, tool_call=None),
    replace(TASK, tool_call=ToolCall("bash", "{ }")),
    replace(TASK, tool_call=ToolCall("sh", "{}")),
    replace(TASK, policy=Policy(level=Level.LOSSLESS)),
    replace(TASK, policy=Policy(min_saved_tokens=33)),
    replace(TASK, policy=Policy(classifier="magika-1.0.3")),
    replace(TASK, policy=Policy(tokenizer="other")),
    replace(TASK, encoding=Encoding("cl100k_base", assumed=False)),
    replace(TASK, encoding=Encoding("o200k_base", assumed=True)),
]


def test_a_key_names_everything_the_outcome_depends_on() -> None:
    keys = {part_key(task) for task in [TASK, *OTHERS]}
    assert len(keys) == 1 + len(OTHERS)


def test_a_key_does_not_name_the_scope() -> None:
    assert part_key(replace(TASK, policy=Policy(scope=Scope.LATEST))) == part_key(TASK)


def test_contexts_of_many_policies_are_told_apart() -> None:
    cache = DecisionCache(0)
    policies = [Policy(min_saved_tokens=number) for number in range(100)]
    contexts = [cache.context(policy, O200K) for policy in policies * 2]
    assert len(set(contexts)) == 100
    assert contexts[:100] == contexts[100:]


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda text: json.dumps(text).encode())))
def test_deciding_never_raises(literal: bytes) -> None:
    policy = Policy(json_min_bytes=1)
    outcome = decide_part(replace(TASK, literal=literal, policy=policy), None)
    assert outcome == decide_part(replace(TASK, literal=literal, policy=policy), None)
    assert (outcome.replacement is None) == isinstance(outcome.decision.result, Kept)


@pytest.mark.parametrize("literal", [b'"\\ud800' + b"x" * 900 + b'"', b'"' + b"\xff" * 900 + b'"'])
def test_a_text_that_cannot_be_read_is_kept(literal: bytes) -> None:
    outcome = decide_part(replace(TASK, literal=literal), None)
    assert isinstance(outcome.decision.result, Kept)
    assert outcome.decision.result.reason is Reason.UNREADABLE
    assert outcome.replacement is None


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
    assert shortened == task_of(body, located(body).parts[0], Policy(), O200K)
    assert isinstance(faulty, PartOutcome)
    assert faulty.decision.result == Kept(Reason.UNREADABLE, detail="duplicate key")
    assert isinstance(small, PartOutcome)
    assert small.decision.bytes_before == small.decision.bytes_after == 1


def test_a_person_s_text_is_never_a_matter_for_the_classifier() -> None:
    prose = json.dumps("It was the best of times. " * 80).encode()
    classifier = Names(Kind.JSON)
    of_user = decide_part(replace(TASK, literal=prose, role=Role.USER), classifier)
    assert isinstance(of_user.decision.result, Kept)
    assert of_user.decision.result.reason is Reason.NOT_ELIGIBLE
    assert classifier.asked == 0
    decide_part(replace(TASK, literal=prose), classifier)
    assert classifier.asked == 1


def test_a_person_s_text_that_a_grammar_explains_is_shortened() -> None:
    assert isinstance(decide_part(replace(TASK, role=Role.USER), None).decision.result, Compressed)


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


def test_tasks_and_outcomes_travel_between_processes() -> None:
    outcome = decide_part(TASK, None)
    assert outcome.replacement is not None
    assert pickle.loads(pickle.dumps(TASK)) == TASK
    assert part_key(pickle.loads(pickle.dumps(TASK))) == part_key(TASK)
    assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_the_cache_is_bounded_and_counts() -> None:
    cache = DecisionCache(40_000)
    for number in range(200):
        plan_body(body_of([tool(rows(20, f"name{number}"))]), WIRE, Policy(), cache=cache)
        assert 0 < cache.size_bytes <= 40_000
    assert (cache.hits, cache.misses) == (0, 200)
    assert 1 < len(cache) < 200
    plan = plan_body(body_of([tool(rows(20, "name199"))]), WIRE, Policy(), cache=cache)
    assert (cache.hits, plan.parts[0].replayed) == (1, True)


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

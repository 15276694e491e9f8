"""The laws of requests on the wires beside Chat Completions, which has its own files: the parts are those of the parsed
body, edits are local and stable, planning twice changes nothing, and a memory changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core import jsonstr
from narrows.core.edits import apply_edits
from narrows.plan import DecisionCache, plan_body
from narrows.policy import Level, Policy, Scope
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, Refusal, Untouched
from tests.laws.conversations import styles
from tests.laws.kinds import EVERY_SIZE
from tests.laws.test_law_1_locality import assert_local
from tests.laws.wires import CASES, WireCase
from tests.wire.close_marks import STEPS, set_close_marks

every_wire = pytest.mark.parametrize("case", CASES, ids=lambda case: case.wire.name)
policies = st.sampled_from((Policy(), Policy(level=Level.LOSSLESS), EVERY_SIZE, Policy(scope=Scope.LATEST)))


@every_wire
@given(data=st.data(), style=styles)
def test_the_parts_are_those_of_the_parsed_body(case: WireCase, data: st.DataObject, style: Any) -> None:
    items = data.draw(case.conversations)
    body = case.body(items, style)
    found = case.wire.locate(body, Scope.STABLE)
    assert isinstance(found, Located)
    read = [(part.pointer, part.role, jsonstr.decode(part.span.of(body))) for part in found.parts]
    assert sorted(read) == sorted(one for one in case.expected(items) if one in read or len(one[2]) >= 512)
    assert [part.span.start for part in found.parts] == sorted(part.span.start for part in found.parts)
    assert found.message_count == len(items)
    assert all(part.message_index == int(part.pointer.split("/")[2]) for part in found.parts)


@every_wire
@given(data=st.data(), style=styles, policy=policies)
def test_a_plan_touches_nothing_but_its_literals(
    case: WireCase, data: st.DataObject, style: Any, policy: Policy
) -> None:
    items = [*data.draw(case.conversations), case.shortened]
    body = case.body(items, style, system="be brief", tools=[{"name": "f", "input_schema": {}}])
    plan = plan_body(body, case.wire, policy)
    assert plan.edits
    assert_local(body, plan)


@every_wire
@given(data=st.data())
def test_items_once_sent_stay_as_they_were_sent(case: WireCase, data: st.DataObject) -> None:
    items = [*data.draw(case.conversations), case.shortened, *data.draw(case.conversations)]
    hostile = data.draw(st.lists(st.sampled_from(case.hostile), max_size=2))
    cache = DecisionCache(1 << 20)
    written = [json.dumps(item) for item in items]
    turns = [written[:count] for count in range(1, len(written) + 1)] + [written + hostile]
    before: list[Any] = []
    for turn in turns:
        body = case.body_of(turn)
        forwarded = apply_edits(body, plan_body(body, case.wire, Policy(), cache=cache).edits)
        assert forwarded == apply_edits(body, plan_body(body, case.wire, Policy()).edits)
        now = json.loads(forwarded)[case.key]
        assert now[: len(before)] == before
        before = now


@every_wire
@given(data=st.data(), style=styles)
def test_planning_what_was_planned_changes_nothing(case: WireCase, data: st.DataObject, style: Any) -> None:
    body = case.body([*data.draw(case.conversations), case.shortened], style)
    once = apply_edits(body, plan_body(body, case.wire, Policy()).edits)
    assert once != body
    assert apply_edits(once, plan_body(once, case.wire, Policy()).edits) is once


@every_wire
@given(data=st.data())
def test_a_memory_changes_nothing(case: WireCase, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        set_close_marks(patch, data.draw(st.sampled_from(STEPS)))
        memory = ReadingMemory(data.draw(st.sampled_from((3_000, 40_000, 1 << 20))))
        written: list[str] = []
        for _ in range(data.draw(st.integers(1, 4))):
            if data.draw(st.booleans()):
                del written[data.draw(st.integers(0, len(written))) :]
            written += [json.dumps(item) for item in data.draw(case.conversations)]
            written += data.draw(st.lists(st.sampled_from(case.hostile), max_size=2))
            body = case.body_of(written)
            for scope in Scope:
                assert case.wire.locate(body, scope, memory) == case.wire.locate(body, scope)
                assert case.wire.locate(body, scope, memory) == case.wire.locate(body, scope)


@every_wire
def test_hostile_items_stay_as_they_came_and_the_others_are_shortened(case: WireCase) -> None:
    good = json.dumps(case.shortened)
    for hostile in case.hostile:
        body = case.body_of([good, hostile, good])
        plan = plan_body(body, case.wire, Policy())
        new = apply_edits(body, plan.edits)
        assert plan.untouched is None
        assert hostile.encode() in new, hostile
        assert good.encode() not in new


@every_wire
@given(body=st.binary(max_size=300))
def test_bytes_that_are_no_request_come_back_as_they_are(case: WireCase, body: bytes) -> None:
    assert apply_edits(body, plan_body(body, case.wire, EVERY_SIZE).edits) is body


@every_wire
@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("{}", Refusal.NO_MESSAGES),
        ('{"KEY": 7}', Refusal.NO_MESSAGES),
        ('{"KEY": [], "KEY": []}', Refusal.DUPLICATE_KEY),
        ("[]", Refusal.NOT_AN_OBJECT),
        ('{"KEY": [', Refusal.NOT_JSON),
    ],
)
def test_why_a_whole_body_stays(case: WireCase, written: str, reason: Refusal) -> None:
    found = case.wire.locate(written.replace("KEY", case.key).encode(), Scope.STABLE)
    assert isinstance(found, Untouched)
    assert found.reason is reason

"""Law 1: every byte outside an edit is the input's byte; no edits returns the same object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from narrows.core.edits import Edit, Span, apply_edits
from narrows.plan import Plan, plan_body
from narrows.policy import Level, Policy, Scope
from narrows.wire.openai_chat import WIRE
from tests.laws.conversations import HOSTILE, SHORTENED, Message, Style, body_of, conversations, models, styles
from tests.laws.kinds import EVERY_SIZE

policies = st.builds(
    Policy, level=st.sampled_from((Level.LOSSLESS, Level.BALANCED)), scope=st.sampled_from(Scope)
) | st.just(EVERY_SIZE)


@st.composite
def bodies_and_edits(draw: st.DrawFn) -> tuple[bytes, list[Edit]]:
    body = draw(st.binary(max_size=60))
    places = sorted(draw(st.lists(st.integers(0, len(body)), max_size=8)))
    spans = [Span(*pair) for pair in zip(places[::2], places[1::2], strict=False)]
    return body, [Edit(span, draw(st.binary(max_size=5))) for span in spans]


@given(bodies_and_edits(), st.randoms())
def test_bytes_outside_edits_stay(case: tuple[bytes, list[Edit]], order: Any) -> None:
    body, edits = case
    expected, position = b"", 0
    for edit in edits:
        expected += body[position : edit.span.start] + edit.replacement
        position = edit.span.stop
    assert apply_edits(body, edits) == expected + body[position:]
    if len({edit.span.start for edit in edits}) == len(edits):
        order.shuffle(edits)
        assert apply_edits(body, edits) == expected + body[position:]


def changes(before: Any, after: Any, pointer: str = "") -> Iterator[str]:
    """The pointers at which two parsed values differ; they must have the same shape."""
    if isinstance(before, dict):
        assert list(before) == list(after)
        for key in before:
            escaped = key.replace("~", "~0").replace("/", "~1")
            yield from changes(before[key], after[key], f"{pointer}/{escaped}")
    elif isinstance(before, list):
        assert len(before) == len(after)
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from changes(one, other, f"{pointer}/{index}")
    elif before != after:
        yield pointer


def assert_local(body: bytes, plan: Plan) -> bytes:
    """Edits replace whole string literals at their parts' pointers, and nothing else changes."""
    new = apply_edits(body, plan.edits)
    if not plan.edits:
        assert new is body
        return new
    rest, position = [], 0
    for edit in plan.edits:
        rest.append(body[position : edit.span.start])
        assert isinstance(json.loads(edit.span.of(body)), str)
        assert isinstance(json.loads(edit.replacement), str)
        position = edit.span.stop
    rest.append(body[position:])
    position = 0
    for kept, replacement in zip(rest, [*(edit.replacement for edit in plan.edits), b""], strict=True):
        assert new[position : position + len(kept)] == kept
        position += len(kept) + len(replacement)
    assert position == len(new)
    edited = [one.part.pointer for one in plan.parts if one.outcome.replacement is not None]
    assert list(changes(json.loads(body), json.loads(new))) == edited
    return new


@given(conversations, models, styles, policies)
def test_a_plan_touches_nothing_but_its_literals(
    messages: list[Message], model: str, style: Style, policy: Policy
) -> None:
    body = style.write({"model": model, "messages": messages, "seed": 1.0, "stream": True}).encode()
    assert_local(body, plan_body(body, WIRE, policy))


@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4), st.permutations(range(3)))
def test_hostile_messages_stay_as_they_came(hostile: list[str], order: list[int]) -> None:
    good = json.dumps({"role": "tool", "tool_call_id": "call_9", "content": SHORTENED})
    messages = [*hostile, good]
    body = body_of([messages[index % len(messages)] for index in order])
    plan = plan_body(body, WIRE, Policy())
    new = apply_edits(body, plan.edits)
    assert plan.untouched is None
    for message in hostile:  # one that stands twice may be named the second time
        assert (message.encode() in body) == (message.encode() in new) or '"\\u0063ontent"' in message
    assert (good.encode() in body) <= (good.encode() not in new)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_request_come_back_as_they_are(body: bytes) -> None:
    assert apply_edits(body, plan_body(body, WIRE, EVERY_SIZE).edits) is body


def test_an_off_policy_returns_the_same_object() -> None:
    body = body_of([json.dumps({"role": "tool", "content": SHORTENED})])
    assert apply_edits(body, plan_body(body, WIRE, Policy(level=Level.OFF)).edits) is body
    assert apply_edits(body, plan_body(body, WIRE, Policy()).edits) != body

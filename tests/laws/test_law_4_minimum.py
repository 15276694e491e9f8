"""Law 4 for what waits for the cache minimum: what is lacking at a part follows from what stands before it in the order
of providers' caches, so nothing that comes later changes it, whoever decides and whatever is remembered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors.repeats import Shown, shown_by
from narrows.compressors.types import Compressed, Kept, Reason
from narrows.core.jsonstr import said_bytes
from narrows.core.tokens import TOKENIZER
from narrows.plan import DecisionCache, plan_body, plan_located, replayed_plan
from narrows.plan.minimum import FAR
from narrows.policy import Kind, Policy
from narrows.wire.openai_chat import WIRE
from narrows.wire.types import Located
from tests.compressors.repeats_truth import conversations as repeating
from tests.laws.conversations import (
    HOSTILE,
    SHORTENED,
    Message,
    Style,
    body_of,
    conversations,
    forwarded,
    log,
    rows,
    styles,
)
from tests.laws.repeats import EAGER, messages_of
from tests.laws.test_law_2_square import assert_square
from tests.laws.wires import CASES, WireCase

TOOLS = [{"type": "function", "function": {"name": f"tool_{number}", "description": "does it"}} for number in range(9)]
policies = st.builds(
    replace, st.sampled_from((EAGER, Policy())), cache_minimum_tokens=st.sampled_from((1, 40, 150, 600, 2000, 9000))
)
caches = st.sampled_from((None, 0, 4_000, 1 << 20))
heads = st.sampled_from(("", f'"tools":{json.dumps(TOOLS)},', '"functions":[],"response_format":{"type":"text"},'))


def request(written: Sequence[str], head: str = "") -> bytes:
    body = body_of(list(written))
    return b"{" + head.encode() + body[1:]


def assert_stable(written: list[str], policy: Policy, limit: int | None, head: str, *, forwards: bool) -> None:
    """Every cut of a conversation forwards what every shorter one did."""
    cache, counts = None if limit is None else DecisionCache(limit), range(1, len(written) + 1)
    sent = {
        count: forwarded(request(written[:count], head), policy, cache)
        for count in (counts if forwards else counts[::-1])
    }
    for before, after in pairwise(counts):
        assert sent[after].startswith(sent[before].removesuffix(b"]}"))


@given(
    st.one_of(repeating().map(messages_of), conversations),
    policies,
    caches,
    heads,
    st.booleans(),
    st.sampled_from(HOSTILE),
)
def test_what_was_sent_is_sent_again(  # fmt: skip - the parameters stand in the decorator's order
    messages: list[Message], policy: Policy, limit: int | None, head: str, forwards: bool, hostile: str
) -> None:
    written = [json.dumps(one) for one in messages]
    assert_stable([*written, hostile, written[-1]], policy, limit, head, forwards=forwards)


@given(conversations, styles, policies)
def test_the_square_commutes(messages: list[Message], style: Style, policy: Policy) -> None:
    assert_square(messages, "gpt-4o", style, policy)


@given(repeating(), policies, st.data())
def test_conversations_with_the_same_outputs_behind_other_instructions(
    texts: list[str], policy: Policy, data: st.DataObject
) -> None:
    """With one memory for all of them, each is planned as if it were the only one: what is lacking differs, and with it
    what later outputs may refer to."""
    cache = DecisionCache(1 << 20)
    for count in data.draw(st.permutations((0, 100, 400, 1_500, 6_000))):
        messages = [{"role": "system", "content": "word " * count}, *messages_of(texts)]
        body = request([json.dumps(one) for one in messages])
        remembered, plain = plan_body(body, WIRE, policy, cache=cache), plan_body(body, WIRE, policy)
        assert remembered.edits == plain.edits
        assert [one.outcome for one in remembered.parts] == [one.outcome for one in plain.parts]


@given(repeating().map(messages_of), policies, heads)
def test_the_prompt_is_at_the_minimum_where_the_first_part_is_shortened(
    messages: list[Message], policy: Policy, head: str
) -> None:
    body = request([json.dumps(one) for one in messages], head)
    plan, located = plan_body(body, WIRE, policy), WIRE.locate(body, policy.scope)
    assert isinstance(located, Located)
    if not plan.edits:
        return
    first, enough = plan.edits[0], 1 << 40
    said = sum(said_bytes(body, start, stop, enough) for start, stop in located.before or ())
    said += said_bytes(body, located.start, first.span.start, enough)
    minimum = policy.cache_minimum_bytes(located.model)
    shortened = said + said_bytes(first.replacement, 0, len(first.replacement), enough)
    assert shortened >= minimum or said + said_bytes(body, first.span.start, first.span.stop, enough) >= FAR * minimum


def test_a_repeat_with_which_the_prompt_gets_to_the_minimum_is_named_as_far_as_it_need_not_stay() -> None:
    texts = [log(60), "\n".join(f"line {number} of a file that nobody shortens" for number in range(90))]
    texts = [*texts, texts[1] + "\nand one more"]
    written = [json.dumps({"role": "tool", "tool_call_id": f"c{n}", "content": text}) for n, text in enumerate(texts)]
    sizes = []
    for tokens in (0, 1_900, 2_100, 9_000):
        plan = plan_body(request(written), WIRE, replace(EAGER, cache_minimum_tokens=tokens, tokenizer=TOKENIZER))
        sizes.append(plan.parts[-1].outcome.decision.bytes_after)
    assert sizes[0] < 200 < sizes[1] < sizes[2] < sizes[3] == len(texts[2])


def test_the_notes_of_a_reading_are_for_one_size_of_instructions() -> None:
    """A conversation goes on under tools and a minimum that change: its replayed plan is the fresh one."""
    written = [json.dumps(one) for one in messages_of([f"{rows(30)}\n{log(25)}\n{number}" for number in range(16)])]
    cache = DecisionCache(8 << 20)
    heads = [f'"tools":{json.dumps(TOOLS[:count])},' for count in (9, 9, 0, 9, 8, 8)]
    heads = [head.ljust(max(map(len, heads))) for head in heads]
    went_on = 0
    for count in range(1, len(written) + 1):
        body = request(written[:count], heads[count % len(heads)])
        found = WIRE.locate(body, EAGER.scope, cache.readings)
        assert isinstance(found, Located)
        for tokens in (0, 2_000, 6_000):
            policy = replace(EAGER, cache_minimum_tokens=tokens)
            fresh = plan_body(body, WIRE, policy)
            plan_located(body, found, policy, None, cache)
            plan = replayed_plan(body, found, policy, cache)
            assert plan is not None
            assert plan.edits == fresh.edits
            assert [one.outcome for one in plan.parts] == [one.outcome for one in fresh.parts]
        went_on += found.notes is not None and len(found.notes.earlier) == 3
    assert went_on > 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.wire.name)
def test_on_every_wire_instructions_count_wherever_they_stand(case: WireCase) -> None:
    fixed: dict[str, dict[str, Any]] = {
        "openai_responses": {"instructions": "word " * 900, "tools": TOOLS},
        "anthropic": {"system": [{"type": "text", "text": "word " * 900}], "tools": TOOLS},
        "gemini": {"systemInstruction": {"parts": [{"text": "word " * 900}]}, "tools": TOOLS},
    }
    policy = replace(Policy(tokenizer=TOKENIZER), cache_minimum_tokens=1_000)
    more = fixed[case.wire.name]
    before = case.body([case.shortened], None, **more)
    behind = json.dumps({case.key: [case.shortened], "model": "m", **more}).encode()
    for body, edited in ((before, True), (behind, True), (case.body([case.shortened]), False)):
        plan = plan_body(body, case.wire, policy)
        assert bool(plan.edits) is edited
        assert edited or [one.outcome.decision.result for one in plan.parts] != []
        assert plan_body(body, case.wire, replace(policy, cache_minimum_tokens=0)).edits


def test_what_waits_is_shown_whole_and_may_be_referred_to() -> None:
    texts = [SHORTENED, log(60), SHORTENED, rows(200, "other"), log(60)]
    policy = replace(EAGER, cache_minimum_tokens=2_000, tokenizer=TOKENIZER)
    written = [json.dumps({"role": "tool", "tool_call_id": f"c{n}", "content": text}) for n, text in enumerate(texts)]
    first, second, third, fourth, fifth = [
        one.outcome.decision.result for one in plan_body(request(written), WIRE, policy).parts
    ]
    for waiting in (first, second, third):
        assert isinstance(waiting, Kept)
        assert waiting.reason is Reason.BEFORE_CACHE_MINIMUM
        assert waiting.detail.endswith("bytes")
        assert shown_by(waiting) is Shown.LINES
    assert isinstance(third, Kept)
    assert third.kind is Kind.REPEAT
    assert isinstance(fourth, Compressed)
    assert isinstance(fifth, Compressed)
    assert fifth.kind is Kind.LOG, "its short form was not shown before"
    alone = plan_body(request(written), WIRE, replace(policy, cache_minimum_tokens=0)).parts
    assert all(isinstance(one.outcome.decision.result, Compressed) for one in alone)

"""Law 4 for repeats, which look back: what is decided for an output follows from the messages up to it, however the
rest goes on, whoever decides, and whatever is remembered of other conversations."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from narrows.plan import (
    REACHED,
    DecisionCache,
    FoldTask,
    Forwarded,
    fold_parts,
    forwarded,
    plan_body,
    plan_located,
    task_of,
)
from narrows.policy import Kind, Scope
from narrows.wire.openai_chat import WIRE
from narrows.wire.types import Located
from tests.compressors.repeats_truth import conversations
from tests.laws.conversations import HOSTILE, Style, body_of, styles
from tests.laws.repeats import EAGER, body_with, messages_of
from tests.laws.test_law_2_square import assert_square
from tests.laws.test_law_4_stability import sent_before

caches = st.sampled_from((None, 0, 4_000, 1 << 20))


@given(conversations(), caches, st.booleans(), st.lists(st.sampled_from(HOSTILE), max_size=2))
def test_what_was_sent_is_sent_again(texts: list[str], limit: int | None, forwards: bool, hostile: list[str]) -> None:
    written = [json.dumps(one) for one in messages_of(texts)]
    middle = len(written) // 2
    written = [*written[:middle], *hostile, *written[middle:]]
    cache = None if limit is None else DecisionCache(limit)
    counts = range(1, len(written) + 1)
    sent = {
        count: sent_before(body_of(written[:count]), EAGER, cache) for count in (counts if forwards else counts[::-1])
    }
    for before, after in pairwise(counts):
        assert sent[after].startswith(sent[before])


@given(conversations(), st.data())
def test_forks_and_dropped_messages_are_conversations_of_their_own(texts: list[str], data: st.DataObject) -> None:
    """With one memory for all of them, each is planned as if it were the only one."""
    cache = DecisionCache(1 << 20)
    messages = messages_of(texts)
    forks = [messages]
    for _ in range(3):
        start = data.draw(st.integers(0, len(messages)))
        stop = data.draw(st.integers(start, len(messages)))
        forks.append([*messages[:start], *messages[stop:]])
    forks.append([*messages, *messages[1:]])
    for fork in data.draw(st.permutations(forks)):
        body = body_with(fork)
        remembered, plain = plan_body(body, WIRE, EAGER, cache=cache), plan_body(body, WIRE, EAGER)
        assert remembered.edits == plain.edits
        assert [one.outcome for one in remembered.parts] == [one.outcome for one in plain.parts]


def test_the_numbers_of_outputs_are_part_of_what_is_remembered() -> None:
    """A small output between two changes what the second says of the first, and nothing else of it."""
    cache, long = DecisionCache(1 << 20), "\n".join(f"value_{number} = {number * 7}" for number in range(60))
    for texts in ([long, long], [long, "small", long], ["small", long, long]):
        body = body_with(messages_of(texts))
        assert plan_body(body, WIRE, EAGER, cache=cache).edits == plan_body(body, WIRE, EAGER).edits != ()


@given(conversations(), st.booleans())
def test_what_is_decided_under_one_scope_is_not_taken_for_the_other(texts: list[str], latest_first: bool) -> None:
    cache, body = DecisionCache(1 << 20), body_with(messages_of(texts))
    for scope in sorted(Scope, reverse=latest_first):
        policy = replace(EAGER, scope=scope)
        assert plan_body(body, WIRE, policy, cache=cache).edits == plan_body(body, WIRE, policy).edits


@given(conversations(), st.sets(st.integers(0, 6)))
def test_a_fold_goes_on_anywhere(texts: list[str], known: set[int]) -> None:
    """From the forwarded literals of the outputs that are known, another process decides the others alike."""
    body = body_with(messages_of(texts))
    plan = plan_body(body, WIRE, EAGER)
    assert plan.encoding is not None
    items: list[Forwarded | FoldTask] = []
    expected = []
    for index, one in enumerate(plan.parts[1:]):
        if one.part.output is None or index in known:
            before = forwarded(body, one.part, one.outcome, EAGER)
            items += [] if before is None else [before]
        else:
            items.append(FoldTask(task_of(body, one.part, EAGER, plan.encoding, REACHED), one.part.output, None))
            expected.append(one.outcome)
    assert [after for _, after in fold_parts(items, None)] == expected


@given(conversations(), styles)
def test_the_square_commutes_with_repeats(texts: list[str], style: Style) -> None:
    assert_square(messages_of(texts), "gpt-4o", style, EAGER)


@given(conversations())
def test_nothing_is_referred_to_where_earlier_outputs_are_not_all_in_the_body(texts: list[str]) -> None:
    body, policy = body_with(messages_of(texts)), EAGER
    found = WIRE.locate(body, Scope.STABLE)
    assert isinstance(found, Located)
    plans = [plan_located(body, structs.replace(found, history_complete=False), policy, None)]
    plans.append(plan_body(body, WIRE, replace(policy, scope=Scope.LATEST)))
    assert all(one.outcome.decision.result.kind is not Kind.REPEAT for plan in plans for one in plan.parts)

from __future__ import annotations

import json

from narrows.core.tokens import Encoding
from narrows.plan import DecisionCache, plan_body
from narrows.policy import Policy
from narrows.wire.openai_chat import WIRE
from tests.laws.conversations import body_of, rows
from tests.laws.repeats import body_with, messages_of

O200K = Encoding("o200k_base", assumed=False)


def tool(text: object) -> str:
    return json.dumps({"role": "tool", "tool_call_id": "c", "content": text})


def test_contexts_of_many_policies_are_told_apart() -> None:
    cache = DecisionCache(0)
    policies = [Policy(min_saved_tokens=number) for number in range(100)]
    contexts = [cache.context(policy, O200K) for policy in policies * 2]
    assert len(set(contexts)) == 100
    assert contexts[:100] == contexts[100:]


def test_contexts_of_one_policy_are_told_apart_by_their_encodings() -> None:
    cache, policy = DecisionCache(0), Policy()
    encodings = (O200K, Encoding("o200k_base", assumed=True), Encoding("cl100k_base", assumed=False))
    assert len({cache.context(policy, encoding) for encoding in encodings}) == 3


def test_the_smallest_size_is_the_one_of_the_policy_asked_about() -> None:
    cache, policies = DecisionCache(0), (Policy(), Policy(json_min_bytes=7), Policy(log_min_bytes=9), Policy())
    for policy in (*policies, *policies):
        assert cache.smallest_min_bytes(policy) == policy.smallest_min_bytes


def test_the_cache_is_bounded_and_counts() -> None:
    cache = DecisionCache(40_000)
    for number in range(200):
        plan_body(body_of([tool(rows(20, f"name{number}"))]), WIRE, Policy(), cache=cache)
        assert 0 < cache.size_bytes <= 40_000
    assert (cache.hits, cache.misses) == (0, 200)
    assert 1 < len(cache) < 200
    plan = plan_body(body_of([tool(rows(20, "name199"))]), WIRE, Policy(), cache=cache)
    assert (cache.hits, plan.parts[0].replayed) == (1, True)


def test_what_was_decided_of_a_part_alone_is_remembered_for_others() -> None:
    cache, texts = DecisionCache(1 << 20), [rows(20, name) for name in "abcd"]
    plan = plan_body(body_with(messages_of(texts)), WIRE, Policy(), cache=cache)
    assert len(cache) == 7, "the first under its own key, the others also under those that name the ones before"
    assert cache.misses == 4
    (_, alone) = plan_body(body_with(messages_of(texts[3:])), WIRE, Policy(), cache=cache).parts
    assert alone.replayed
    assert alone.outcome == plan.parts[-1].outcome

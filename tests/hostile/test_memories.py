"""Long-lived memories, small and large, against none: conversations that grow, fork, are edited in the middle, cut and
mixed, under several policies, scopes and models at once. A memory may save time and never changes a plan (law 4)."""

from __future__ import annotations

import json
import random

import pytest

from narrows.plan import DecisionCache, plan_body
from narrows.policy import Level, Policy, Scope
from narrows.wire.openai_chat import WIRE
from tests.laws.conversations import CALLS, HOSTILE, TEXTS, diff, log, rows

EAGER = Policy(min_saved_tokens=1, min_saved_share=0.0)
POLICIES = (Policy(), EAGER, Policy(level=Level.LOSSLESS), Policy(level=Level.OFF), Policy(scope=Scope.LATEST))
MODELS = ('"model":"gpt-4o",', '"model":"gpt-4-turbo",', '"model":"mystery-1",', "")
LIMITS = (0, 3_000, 30_000, 1 << 20, 64 << 20)
IDS = ("call_0", "call_1", "call_é")
LONG = tuple(f"pad {number} " * 3_000 for number in range(3))
"""Longer than what stands between two places at which readings are remembered."""
STEPS = 150


class Conversations:
    """A few conversations that are changed, one a step, as clients change theirs, and as they should not."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.all = [[self.message() for _ in range(self.random.randrange(1, 8))] for _ in range(5)]

    def text(self) -> str:
        pick, number = self.random.choice, self.random.randrange
        return pick((rows(number(5, 30), pick("abc")), log(number(20, 60)), diff(number(20, 60)), *LONG, *TEXTS))

    def literal(self) -> str:
        return json.dumps(self.text(), ensure_ascii=self.random.random() < 0.5)

    def message(self) -> str:
        pick = self.random.choice
        call = {"id": pick(IDS), "function": {"name": pick(CALLS)[0], "arguments": pick(CALLS)[1]}}
        shapes = (
            lambda: f'{{"role":"tool","tool_call_id":{json.dumps(pick(IDS))},"content":{self.literal()}}}',
            lambda: f'{{"role":"tool","tool_call_id":{json.dumps(pick(IDS))},"content":{self.literal()}}}',
            lambda: json.dumps({"role": "assistant", "tool_calls": [call, call | {"id": pick(IDS)}]}),
            lambda: json.dumps({"role": "assistant", "function_call": call["function"]}),
            lambda: f'{{"role":"function","name":"{pick(CALLS)[0]}","content":{self.literal()}}}',
            lambda: f'{{"role":"user","content":[{{"type":"text","text":{self.literal()}}}]}}',
            lambda: pick(HOSTILE),
            lambda: pick(("1", "12", "-0.5", "1e5", "null", '"x"', "[]", "{}")),
        )
        return pick(shapes)()

    def step(self) -> bytes:
        """Change one conversation; the request that carries it."""
        number, share = self.random.randrange, self.random.random()
        which = number(len(self.all))
        talk = self.all[which]
        if share < 0.5 or not talk:
            talk.append(self.random.choice(("", "", " ", "\n\t")) + self.message())
        elif share < 0.65:
            talk[number(len(talk))] = self.message()
        elif share < 0.7:
            place = number(len(talk))
            talk[place] = talk[place].replace("item-3", "item-4", 1)
        elif share < 0.8:
            self.all[number(len(self.all))] = list(talk)
        elif share < 0.85:
            del talk[number(len(talk)) :]
        elif talk[-1].strip().isdigit():
            talk[-1] += "7"
        if sum(map(len, talk)) > 300_000:
            del talk[: len(talk) // 2]
        head = self.random.choice(MODELS) + self.random.choice(("", " ", '"a":"z",'))
        tail = self.random.choice(("}", ',"n":1}', ',"tools":[{"a":1}]}'))
        return f'{{{head}"messages":[{",".join(talk)}]{tail}'.encode()


@pytest.mark.parametrize("seed", range(2))
def test_memories_of_many_conversations_change_no_plan(seed: int) -> None:
    talks = Conversations(seed)
    caches = [DecisionCache(limit) for limit in LIMITS]
    edited = 0
    for _ in range(STEPS):
        body, policy = talks.step(), talks.random.choice(POLICIES)
        plain = plan_body(body, WIRE, policy)
        edited += bool(plain.edits)
        for cache, limit in zip(caches, LIMITS, strict=True):
            remembered = plan_body(body, WIRE, policy, cache=cache)
            assert remembered.edits == plain.edits
            assert (remembered.located, remembered.untouched) == (plain.located, plain.untouched)
            assert [one.outcome for one in remembered.parts] == [one.outcome for one in plain.parts]
            assert cache.size_bytes <= limit
    assert edited > STEPS // 10
    assert caches[-1].hits > STEPS

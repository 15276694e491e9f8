"""Law 4: appending messages, hostile ones included, never changes an earlier message's forwarded bytes.

Here for plans alone; tests/server holds the running gateway to it, with workers, restarts and full pools.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.plan import DecisionCache
from narrows.policy import Level, Policy
from tests.laws.conversations import (
    HOSTILE,
    SHORTENED,
    Message,
    Style,
    body_of,
    conversations,
    corpus_conversations,
    forwarded,
    log,
    rows,
    styles,
)

TAIL = "]}"
policies = st.sampled_from((Policy(), Policy(level=Level.LOSSLESS), Policy(min_saved_tokens=1, min_saved_share=0.0)))
caches = st.sampled_from((None, 0, 2_000, 1 << 20))


def sent_before(body: bytes, policy: Policy, cache: DecisionCache | None, tail: str = TAIL) -> bytes:
    """What was sent of the messages: the forwarded bytes up to the end of the last one."""
    sent = forwarded(body, policy, cache)
    assert sent.endswith(tail.encode())
    return sent[: -len(tail)]


@given(
    conversations,
    st.lists(st.one_of(conversations, st.lists(st.sampled_from(HOSTILE), max_size=2)), max_size=3),
    styles,
    policies,
    caches,
    st.booleans(),
)
def test_what_was_sent_is_sent_again(  # fmt: skip - the parameters stand in the decorator's order
    first: list[Message],
    later: list[list[Message | str]],
    style: Style,
    policy: Policy,
    limit: int | None,
    forwards: bool,
) -> None:
    messages = [style.write(message) for message in first]
    turns = [len(messages)]
    for turn in later:
        messages += [one if isinstance(one, str) else style.write(one) for one in turn]
        turns.append(len(messages))
    cache = None if limit is None else DecisionCache(limit)
    sent = {}
    for count in turns if forwards else reversed(turns):
        sent[count] = sent_before(body_of(messages[:count]), policy, cache)
    for before, after in pairwise(turns):
        assert sent[after].startswith(sent[before])


@given(
    conversations, styles, policies, st.sampled_from((']\n,"temperature":0}', '],"stream":true,"tools":[{"a":[]}]}'))
)
def test_what_stands_after_the_messages_decides_nothing(
    messages: list[Message], style: Style, policy: Policy, tail: str
) -> None:
    written = [style.write(message) for message in messages]
    plain = sent_before(body_of(written), policy, None)
    assert plain == sent_before(body_of(written, tail=tail), policy, None, tail)


@given(st.lists(st.sampled_from(HOSTILE), max_size=3), caches)
def test_hostile_messages_leave_earlier_edits_alone(hostile: list[str], limit: int | None) -> None:
    good = [json.dumps(one) for one in long_conversation(6)]
    cache = None if limit is None else DecisionCache(limit)
    alone = sent_before(body_of(good), Policy(), cache)
    assert len(alone) < len(body_of(good)) // 2
    assert sent_before(body_of(good + hostile), Policy(), cache).startswith(alone)
    assert sent_before(body_of(good), Policy(), cache) == alone


def long_conversation(turns: int) -> list[Message]:
    """Long enough that readings are remembered."""
    found: list[Message] = [{"role": "user", "content": "go"}]
    for turn in range(turns):
        call = {"id": f"c{turn}", "type": "function", "function": {"name": "list_items", "arguments": "{}"}}
        found.append({"role": "assistant", "content": None, "tool_calls": [call]})
        found.append({"role": "tool", "tool_call_id": f"c{turn}", "content": rows(60, f"n{turn}")})
    return found


def test_a_growing_conversation_with_and_without_a_memory() -> None:
    written = [json.dumps(one) for one in long_conversation(40)]
    cache = DecisionCache(8 << 20)
    sent = b""
    for count in range(1, len(written) + 1):
        body = body_of(written[:count])
        with_memory = sent_before(body, Policy(), cache)
        assert with_memory.startswith(sent)
        sent = with_memory
    assert sent == sent_before(body_of(written), Policy(), None)
    assert cache.misses == 40, "every tool message is decided once"


def test_another_worker_decides_alike() -> None:
    body = body_of([json.dumps({"role": "tool", "content": SHORTENED})] * 2)
    results = {forwarded(body, Policy(), cache) for cache in (None, DecisionCache(0), DecisionCache(1 << 20))}
    assert len(results) == 1


def deeper(levels: int, action: Callable[[], bytes]) -> bytes:
    return deeper(levels - 1, action) if levels else action()


@pytest.mark.parametrize("text", [SHORTENED, log(90)], ids=["rows", "log"])
@pytest.mark.parametrize("levels", [100, 400, 700, 850, 950, 2_000, 20_000])
@pytest.mark.parametrize("command", ["make", "cat a.json"])
def test_the_caller_s_stack_decides_nothing(command: str, levels: int, text: str) -> None:
    """Readers that recurse give up where the caller's stack ends, which differs between processes."""
    nest = "[" * levels + "]" * levels
    calls = [{"id": "c", "function": {"name": "bash", "arguments": f'{{"command":"{command}","x":{nest}}}'}}]
    texts = [text, text[:-1] + "," + nest + text[-1], text + nest, nest[:-1] + "\n" + text]
    messages = [{"role": "assistant", "tool_calls": calls}]
    messages += [{"role": "tool", "tool_call_id": "c", "content": one} for one in texts]
    body = body_of([json.dumps(message) for message in messages])
    policy = Policy(min_saved_tokens=1, min_saved_share=0.0)
    assert len({deeper(stack, lambda: forwarded(body, policy)) for stack in (0, 150, 500)}) == 1


def test_recorded_conversations_turn_by_turn(corpus: Path) -> None:
    cache = DecisionCache(64 << 20)
    edited = 0
    for name, messages in corpus_conversations(corpus):
        written = [json.dumps(message, ensure_ascii=False) for message in messages]
        sent = b""
        for count in range(1, len(written) + 1):
            now = sent_before(body_of(written[:count]), Policy(), cache)
            assert now.startswith(sent), name
            sent = now
        assert sent == sent_before(body_of(written), Policy(), None), name
        edited += len(sent) < len(body_of(written)) - len(TAIL)
    assert edited > 0

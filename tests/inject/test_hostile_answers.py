"""Any bytes as an answer: nothing is raised, every cut gives the same, and what holds no call is passed on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.inject.cases import CASES, Case, dumped
from tests.inject.checks import check_answer, check_history, exchanges_of

OF_EACH_WIRE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.injector.name)
WORDS = {
    "openai_chat": "choices delta message tool_calls function name arguments index id role content finish_reason usage "
    "completion_tokens error created",
    "anthropic": "type message content content_block index delta name input partial_json id stop_reason usage "
    "output_tokens text signature citation",
    "gemini": "candidates content parts functionCall name args partialArgs jsonPath text thought thoughtSignature "
    "finishReason usageMetadata candidatesTokenCount error id",
}
WORDY = (
    "theirs own {} { tool_calls tool_use STOP stop length assistant content_block_start content_block_delta "
    "message_delta message_stop input_json_delta citations_delta $.a"
)
VALUES: list[Any] = [*WORDY.split(), "", "\ud83d", None, True, 0, 1, -1, 1.5, 10**20]


def events(case: Case) -> st.SearchStrategy[Any]:
    keys = st.sampled_from(WORDS[case.injector.name].split())
    leaves = st.sampled_from(VALUES)
    anything = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=4), max_leaves=10
    )
    others = st.dictionaries(keys, anything, max_size=2)
    call = st.builds(lambda name, rest: {**rest, "name": name}, st.sampled_from(["theirs", "own"]), others)
    shapes = {
        "openai_chat": lambda one, other: {
            "choices": [
                {"delta": {"tool_calls": [{"index": 0, "function": one}], "content": other}, "finish_reason": other}
            ]
        },
        "anthropic": lambda one, other: {
            "type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", **one}, "x": other
        },
        "gemini": lambda one, other: {
            "candidates": [{"content": {"parts": [{"functionCall": one, "text": other}]}, "finishReason": other}]
        },
    }  # fmt: skip
    return anything | st.builds(shapes[case.injector.name], call, anything)


@OF_EACH_WIRE
@settings(max_examples=50)
@given(data=st.data())
def test_anything_is_taken(case: Case, data: st.DataObject) -> None:
    written = [json.dumps(one).encode() for one in data.draw(st.lists(events(case), max_size=5))]
    if data.draw(st.booleans()):
        written = [one.replace(b"own", b"\xff").replace(b"-1", b"9" * 5000) for one in written]
    stream = b"".join(b"data: %b\n\n" % one for one in written) if data.draw(st.booleans()) else b"".join(written[:1])
    check_answer(case, stream)


@OF_EACH_WIRE
@settings(max_examples=50)
@given(data=st.data())
def test_any_history_is_spliced_or_left(case: Case, data: st.DataObject) -> None:
    """A message that looks like the answer, but is anything, is cut into valid JSON or stays."""
    values = st.sampled_from(["a", "own", "theirs", "aown", "", None, 1, "text", "tool_use", "model", "assistant"])
    keys = st.sampled_from(["role", "content", "parts", "text", "type", "tool_calls", "functionCall", "thought", "id"])
    anything: st.SearchStrategy[Any] = st.recursive(
        values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
    )
    blocks: st.SearchStrategy[Any] = st.lists(
        st.fixed_dictionaries({"type": st.just("text"), "text": values}, optional={"x": anything}) | anything,
        max_size=3,
    )
    message: dict[str, Any] = {"role": "model" if case.key == "contents" else "assistant"}
    message |= data.draw(st.dictionaries(keys, blocks | anything, max_size=3))
    body = dumped(case.asked([case.user, message, data.draw(anything), data.draw(anything)]))
    check_history(case, body, exchanges_of(case))

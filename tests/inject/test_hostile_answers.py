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
    "openai_responses": "type response output item output_index sequence_number name arguments call_id id content text "
    "delta status error incomplete_details reason usage output_tokens encrypted_content namespace store execution",
}
WORDY = (
    "theirs own {} { tool_calls tool_use STOP stop length assistant content_block_start content_block_delta "
    "message_delta message_stop input_json_delta citations_delta $.a completed incomplete message output_text "
    "reasoning response.created response.completed response.output_item.added response.output_item.done client false "
    "response.function_call_arguments.delta function_call shell_call tool_search_call"
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
        "openai_responses": lambda one, other: {
            "type": "response.output_item.done", "output_index": 0, "item": {"type": "function_call", **one}, "x": other
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
    words = "a own theirs aown text tool_use model assistant message output_text function_call item_reference msg_61"
    values = st.sampled_from([*words.split(), "", None, 1])
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

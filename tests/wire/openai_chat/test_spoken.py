"""What people say is read as by the reader of every conversation, or left to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.policy import Scope
from narrows.wire.openai_chat.request import locate, read_any
from narrows.wire.openai_chat.spoken import read_spoken
from narrows.wire.reading import STEP_BYTES

ROLES = st.sampled_from(["user", "user", "system", "developer", "tool", "assistant", "us\\er", None])
TEXTS = st.sampled_from(["", "short", "x" * 300, 'a "quoted" \\ text', "é", "line\nline" * 60])
CONTENTS = TEXTS | st.none() | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}), max_size=2)
MESSAGE = st.fixed_dictionaries(
    {"role": ROLES, "content": st.one_of(TEXTS, TEXTS, TEXTS, CONTENTS)},
    optional={"name": TEXTS, "tool_call_id": TEXTS},
)
SPOKEN = st.fixed_dictionaries({"role": st.sampled_from(["user", "system"]), "content": TEXTS})
BODY = st.fixed_dictionaries(
    {"messages": st.lists(SPOKEN, max_size=3) | st.lists(MESSAGE, max_size=4)},
    optional={
        "model": st.sampled_from(["gpt-4o", "", "a\\b", "é", 1, None]),
        "stream": st.sampled_from([True, False, None, "true"]),
        "n": st.sampled_from([1, 2]),
        "temperature": st.just(1.0),
        "stop": st.just(["a", {"b": []}]),
    },
)


@given(BODY, st.booleans(), st.booleans(), st.sampled_from(list(Scope)))
def test_it_finds_what_is_found_in_any_conversation_or_nothing(
    value: dict[str, Any], spaced: bool, ascii_only: bool, scope: Scope
) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    body = json.dumps(value, separators=separators, ensure_ascii=ascii_only).encode()
    assert read_spoken(body) in (None, read_any(body, Scope.STABLE))
    assert locate(body, scope) == read_any(body, scope)


USER = '{"role":"user","content":"x"}'


@pytest.mark.parametrize("order", [("model", "messages", "stream"), ("stream", "messages", "model")])
def test_a_first_question_is_read_at_sight(order: tuple[str, ...]) -> None:
    messages = [{"role": "system", "content": "s" * 400}, {"content": 'u\\"' * 200, "role": "user", "name": "me"}]
    value = {"model": "gpt-4o", "messages": messages, "stream": True}
    body = json.dumps({key: value[key] for key in order}, separators=(",", ":")).encode()
    found = read_spoken(body)
    assert found is not None
    assert found == read_any(body, Scope.STABLE)
    assert json.loads(found.parts[0].span.of(body)) == messages[1]["content"]


@pytest.mark.parametrize(
    "body",
    [
        '{"model":"m","messages":[]}',
        '{"model":"m","messages":[{}]}',
        '{"model":"m","messages":{}}',
        '{"messages":[USER]}',
        '{"model":"m","model":"m","messages":[USER]}',
        '{"model":"m","messages":[{"role":"user","role":"user","content":""}]}',
        '{"model":"m","messages":[{"role":"user","content":"","content":"x"}]}',
        '{"model":"m","messages":[{"role":"user"}]}',
        '{"model":"m", "messages":[USER]}',
        '{"model":"m","messages":[USER]} ',
        '{"mod\\u0065l":"m","messages":[USER]}',
        '{"model":"m","messages":[USER]',
        '{"model":"m","messages":[USER],"more":"' + "x" * STEP_BYTES + '"}',
        '{"model":"m","messages":' + "[" * 5000,
    ],
)
def test_what_needs_care_is_left_to_others(body: str) -> None:
    assert read_spoken(body.replace("USER", USER).encode()) is None

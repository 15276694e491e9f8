"""Law 2, the square commutes: compressing bytes and then parsing = parsing and then compressing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from narrows.api import compress, compress_body
from narrows.compressors.types import Compressed, Kept, Reason
from narrows.policy import Level, Policy, Scope
from narrows.wire.types import Located
from tests.laws.conversations import (
    SHORTENED,
    Message,
    Style,
    conversations,
    corpus_conversations,
    models,
    styles,
)
from tests.laws.kinds import EVERY_SIZE

policies = st.builds(
    Policy, level=st.sampled_from((Level.LOSSLESS, Level.BALANCED)), scope=st.sampled_from(Scope)
) | st.just(EVERY_SIZE)


def assert_square(messages: list[Message], model: str, style: Style, policy: Policy) -> int:
    """Both ways round; the number of texts that were shortened on them."""
    body = style.write({"model": model, "messages": messages}).encode()
    parsed = json.loads(body)["messages"]
    by_bytes = compress_body(body, policy=policy)
    by_objects = compress(parsed, model=model, policy=policy)
    assert isinstance(by_bytes.plan.located, Located)
    assert json.loads(by_bytes.body)["messages"] == by_objects.messages
    by_pointer = {one.part.pointer: _comparable(one.outcome.decision.result) for one in by_bytes.plan.parts}
    assert by_pointer == {one.pointer: _comparable(one.decision.result) for one in by_objects.decisions}
    assert parsed == json.loads(body)["messages"]
    return len(by_bytes.plan.edits)


def _comparable(result: Compressed | Kept) -> Compressed | Kept:
    """Of what cannot be read, the detail says at which byte of the literal, and an object has no bytes."""
    if isinstance(result, Kept) and result.reason is Reason.UNREADABLE:
        return replace(result, detail="")
    return result


@given(conversations, models, styles, policies)
def test_the_square_commutes(messages: list[Message], model: str, style: Style, policy: Policy) -> None:
    assert_square(messages, model, style, policy)


@given(styles)
def test_the_square_is_not_empty(style: Style) -> None:
    messages = [{"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": SHORTENED}]}]
    assert assert_square(messages, "gpt-4o", style, Policy()) == 1


def test_the_square_commutes_over_recorded_conversations(corpus: Path) -> None:
    spaced = Style(ascii_only=True, spaces=("", " "))
    edits = 0
    for index, (_, messages) in enumerate(corpus_conversations(corpus)):
        edits += assert_square(messages, "gpt-4o", Style() if index % 2 else spaced, Policy())
    assert edits > 0

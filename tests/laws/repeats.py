"""Conversations of tool outputs that repeat each other, as requests and as forwarded."""

from __future__ import annotations

import json
from collections.abc import Sequence

from narrows.compressors.repeats import Earlier, shown_by
from narrows.compressors.types import Compressed, Decision
from narrows.core.tool_call import OutputPlace
from narrows.plan import DecisionCache, plan_body
from narrows.policy import Policy
from narrows.wire.openai_chat import WIRE
from tests.laws.conversations import Message, body_of

EAGER = Policy(min_saved_tokens=1, min_saved_share=0.0, json_min_bytes=1, log_min_bytes=1, search_min_bytes=1)
"""Lets every fold through, and every other kind as far as it goes."""
CALLS = (("bash", '{"command": "nl -ba src/main.py"}'), ("bash", '{"command": "make"}'), ("open", "{}"))


def messages_of(texts: Sequence[str]) -> list[Message]:
    """A coding agent's conversation with these outputs."""
    messages: list[Message] = [{"role": "user", "content": "go"}]
    for number, text in enumerate(texts):
        name, arguments = CALLS[number % len(CALLS)]
        call = {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": text})
    return messages


def body_with(messages: Sequence[Message]) -> bytes:
    return body_of([json.dumps(message) for message in messages])


def decisions_of(texts: Sequence[str], policy: Policy = EAGER, cache: DecisionCache | None = None) -> list[Decision]:
    """What is decided for each of the outputs, in a conversation that holds no others."""
    plan = plan_body(body_with(messages_of(texts)), WIRE, policy, cache=cache)
    return [one.outcome.decision for one in plan.parts[1:]]


def forwarded_texts(texts: Sequence[str], decisions: Sequence[Decision]) -> list[str]:
    """The outputs as the model sees them."""
    results = [decision.result for decision in decisions]
    return [one.text if isinstance(one, Compressed) else text for one, text in zip(results, texts, strict=True)]


def earlier_of(texts: Sequence[str], decisions: Sequence[Decision]) -> list[Earlier]:
    """The same as the library's arguments."""
    return [
        Earlier(text, OutputPlace(number), shown_by(decision.result))
        for number, (text, decision) in enumerate(zip(forwarded_texts(texts, decisions), decisions, strict=True), 1)
    ]

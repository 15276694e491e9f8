"""From what was noted of an exchange to its record."""

from __future__ import annotations

import pytest

from narrows.core.tokens import TOKENIZER
from narrows.plan import plan_body
from narrows.policy import Policy
from narrows.records.types import BodyDecision, Outcome
from narrows.server.story import Story
from narrows.wire.registry import wire_named
from narrows.wire.types import ResponseRecord
from tests.raw_client import chat


def story(**noted: object) -> Story:
    told = Story("id-1", 100.0, "POST", "/v1/chat/completions")
    told.ended_s = 103.0
    for name, value in noted.items():
        setattr(told, name, value)
    return told


def test_times_are_spans_and_unknown_ones_stay_unknown() -> None:
    record = story(received_s=100.5, ready_s=100.75, first_byte_s=101.0, locate_s=0.1).to_record(5000.0, None)
    assert (record.started_at, record.timings.total_s, record.timings.overhead_s) == (5100.0, 3.0, 0.25)
    assert (record.timings.first_byte_s, record.timings.locate_s) == (1.0, 0.1)
    assert (record.timings.first_chunk_s, record.timings.plan_s) == (None, None)
    assert story(ready_s=100.25).to_record(0, None).timings.overhead_s == 0.25
    assert story().to_record(0, None).timings.overhead_s is None


@pytest.mark.parametrize(
    ("body", "decision", "reason", "model", "stream"),
    [
        (chat(stream=True), BodyDecision.UNCHANGED, None, "gpt-4o", True),
        (chat(n=2), BodyDecision.UNTOUCHED, "several_choices", "gpt-4o", False),
        (b"no", BodyDecision.UNTOUCHED, "not_json", None, False),
    ],
)
def test_a_plan_is_told_in_figures(
    body: bytes, decision: BodyDecision, reason: str | None, model: str | None, stream: bool
) -> None:
    plan = plan_body(body, wire_named("openai_chat"), Policy(tokenizer=TOKENIZER))
    record = story(wire="openai_chat", plan=plan).to_record(0, None)
    assert (record.plan.decision, record.plan.reason) == (decision, reason)
    assert (record.model, record.stream) == (model, stream)


def test_a_body_without_a_plan_says_why_or_that_no_wire_knows_it() -> None:
    passed = story(wire="openai_chat", reason="no_body").to_record(0, None)
    assert (passed.plan.decision, passed.plan.reason, passed.stream) == (BodyDecision.UNTOUCHED, "no_body", None)
    assert story().to_record(0, None).plan.decision is BodyDecision.PROXIED


@pytest.mark.parametrize(
    ("outcome", "done", "told"),
    [
        (Outcome.CANCELLED, True, Outcome.ANSWERED),
        (Outcome.CANCELLED, False, Outcome.CANCELLED),
        (Outcome.TRUNCATED, True, Outcome.TRUNCATED),
    ],
)
def test_leaving_after_the_end_mark_cancels_nothing(outcome: Outcome, done: bool, told: Outcome) -> None:
    assert story(outcome=outcome).to_record(0, ResponseRecord(done=done)).outcome is told

"""Figures of real plans: of the conversations that the laws use, planned twice over one cache."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given

from narrows.compressors.types import Compressed, Reason
from narrows.plan import DecisionCache, Plan, plan_body
from narrows.policy import Kind, Level, Policy
from narrows.records.figures import MAX_LISTED, first_time_decisions, plan_figures, response_figures
from narrows.records.types import MAX_NAME_CHARS, BodyDecision, PartDecision
from narrows.wire.openai_chat import WIRE
from narrows.wire.types import Choice, Lengths, ObservedToolCall, ResponseRecord, Usage
from tests.laws.conversations import Message, conversations, rows

SECRET = "sk-live-0123456789"


def planned(*contents: str, cache: DecisionCache | None = None, **more: object) -> Plan:
    messages = [{"role": "tool", "tool_call_id": "c", "content": content} for content in contents]
    return plan_body(
        json.dumps({"model": "gpt-4o", "messages": messages, **more}).encode(), WIRE, Policy(), cache=cache
    )


@given(conversations)
def test_the_figures_add_up(messages: list[Message]) -> None:
    body = json.dumps({"model": "gpt-4o", "messages": messages}).encode()
    cache = DecisionCache(1 << 20)
    for turn in range(2):
        plan = plan_body(body, WIRE, Policy(), cache=cache)
        figures, decisions = plan_figures(plan), first_time_decisions(plan, "n-1")
        assert figures.parts == len(plan.parts)
        assert sum(figures.shortened.values()) == len(plan.edits)
        assert sum(figures.shortened.values()) + sum(figures.kept.values()) == len(plan.parts)
        assert figures.cache_misses == len(decisions)
        assert (figures.decision is BodyDecision.EDITED) == bool(plan.edits)
        assert (figures.tokens_before is None) == (not plan.edits)
        if figures.tokens_before is not None and figures.tokens_after is not None:
            assert figures.tokens_after < figures.tokens_before
        if turn:
            assert decisions == ()


def test_a_first_time_decision_says_what_was_done_and_not_to_what() -> None:
    plan = planned(rows(40, SECRET), "short", "It was the best of times. " * 100)
    shortened, kept = first_time_decisions(plan, "n-1")
    assert (shortened.decision, shortened.kind, shortened.reason) == (PartDecision.SHORTENED, Kind.JSON, None)
    assert (shortened.pointer, shortened.role, shortened.request_id) == ("/messages/0/content", "tool", "n-1")
    assert shortened.bytes_after < shortened.bytes_before
    assert shortened.encoding == "o200k_base"
    assert (kept.decision, kept.lossless, kept.encoding) == (PartDecision.KEPT, None, None)
    assert kept.reason is not None
    assert kept.reason in (Reason.UNKNOWN_KIND, Reason.NEVER_SHORTENED)
    for record in (plan_figures(plan), shortened, kept):
        written = msgspec.json.encode(record)
        assert SECRET.encode() not in written
        assert b"best of times" not in written


def test_replayed_decisions_are_hits_and_count_alike() -> None:
    cache = DecisionCache(1 << 20)
    first = plan_figures(planned(rows(40), "short", cache=cache))
    again = plan_figures(planned(rows(40), "short", cache=cache))
    assert (first.cache_hits, first.cache_misses) == (0, 1)
    assert (again.cache_hits, again.cache_misses) == (1, 0)
    assert (again.shortened, again.kept) == (first.shortened, first.kept) == ({Kind.JSON: 1}, {Reason.TOO_SMALL: 1})
    assert (again.tokens_before, again.tokens_after) == (first.tokens_before, first.tokens_after)


def test_tokens_that_nobody_counted_are_unknown_and_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = rows(40), rows(80)
    alone = plan_figures(planned(small))
    monkeypatch.setattr("narrows.core.tokens.EXACT_UP_TO_CHARACTERS", len(small))
    uncounted = plan_figures(planned(large))
    assert uncounted.shortened == {Kind.JSON: 1}
    assert (uncounted.tokens_before, uncounted.tokens_after, uncounted.encoding) == (None, None, None)
    both = plan_figures(planned(small, large))
    assert both.shortened == {Kind.JSON: 2}
    assert (both.tokens_before, both.tokens_after) == (alone.tokens_before, alone.tokens_after)


def test_an_untouched_body_says_why() -> None:
    figures = plan_figures(planned("x", n=2))
    assert (figures.decision, figures.reason, figures.parts) == (BodyDecision.UNTOUCHED, "several_choices", None)


def test_a_plan_with_everything_kept() -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "tool", "content": rows(40)}]}).encode()
    figures = plan_figures(plan_body(body, WIRE, Policy(level=Level.OFF)))
    assert figures.decision is BodyDecision.UNCHANGED
    assert (figures.kept, figures.encoding, figures.cache_misses) == ({Reason.POLICY_OFF: 1}, None, 0)


def test_an_answer_becomes_lengths_and_counts() -> None:
    calls = (ObservedToolCall("a", "f", SECRET), ObservedToolCall("b", "g", ""))
    figures = response_figures(
        ResponseRecord(
            id="chatcmpl-1",
            model="gpt-4o",
            choices=(
                Choice(0, "assistant", SECRET, "hmm", "no", calls, "stop"),
                Choice(1, "assistant", "four", finish_reason=None),
            ),
            usage=Usage(10, 5, 15, 4, 2),
            chunks=7,
            done=True,
            errors=("overloaded",),
            unparsed=1,
            dropped="lagging",
        )
    )
    assert (figures.text_chars, figures.reasoning_chars, figures.refusal_chars) == (len(SECRET) + 4, 3, 2)
    assert (figures.choices, figures.tool_calls, figures.finish_reasons) == (2, 2, ("stop",))
    assert (figures.input_tokens, figures.output_tokens) == (10, 5)
    assert (figures.cached_tokens, figures.reasoning_tokens) == (4, 2)
    assert (figures.chunks, figures.done, figures.errors, figures.unparsed) == (7, True, ("overloaded",), 1)
    assert figures.dropped == "lagging"
    assert SECRET.encode() not in msgspec.json.encode(figures)


def test_unknown_usage_is_absent() -> None:
    assert response_figures(ResponseRecord()).input_tokens is None


def test_what_the_upstream_names_is_bounded() -> None:
    long = "x" * 10_000
    record = ResponseRecord(
        id=long, model=long, choices=(Choice(0, finish_reason=long),) * 100, errors=(long, "\ud83d") * 100
    )
    figures = response_figures(record)
    assert figures.id == figures.model == figures.finish_reasons[0] == "x" * MAX_NAME_CHARS
    assert len(figures.finish_reasons) == len(figures.errors) == MAX_LISTED
    assert msgspec.json.encode(figures)


def test_compressed_is_what_the_test_bodies_become() -> None:
    (part,) = planned(rows(40)).parts
    assert isinstance(part.outcome.decision.result, Compressed)


def test_lengths_that_were_counted_are_told_like_those_of_texts() -> None:
    counted = response_figures(ResponseRecord(choices=(Choice(0, counted=Lengths(9, 8, 7)), Choice(1, text="four"))))
    assert (counted.text_chars, counted.reasoning_chars, counted.refusal_chars) == (13, 8, 7)

"""Turns a plan and an observed answer into their figures: counts, sums and lengths, and no text."""

from __future__ import annotations

from narrows.compressors.types import Compressed, Reason
from narrows.plan import Plan, PlannedPart, Settled, took_work
from narrows.records.types import (
    MAX_NAME_CHARS,
    BodyDecision,
    DecisionRecord,
    PartDecision,
    PlanFigures,
    ResponseFigures,
    short_name,
)
from narrows.wire.types import ResponseRecord, Usage

MAX_LISTED = 16
"""So many finish reasons and errors of one answer are listed."""

_EDITED, _UNCHANGED = BodyDecision.EDITED, BodyDecision.UNCHANGED
_NO_USAGE = Usage()


def plan_figures(plan: Plan) -> PlanFigures:
    """What the plan came to, for the exchange's record."""
    if plan.untouched is not None:
        return PlanFigures(decision=BodyDecision.UNTOUCHED, reason=plan.untouched.reason)
    tally = plan.tally
    known = tally.counted > 0
    encoding = plan.encoding if known else None
    return PlanFigures(
        decision=_EDITED if tally.shortened else _UNCHANGED,
        parts=tally.parts + sum([count for _, count in plan.settled]),
        shortened=dict(tally.shortened),
        kept=_added(plan.settled, tally.kept),
        tokens_before=tally.tokens_before if known else None,
        tokens_after=tally.tokens_after if known else None,
        encoding=encoding.name if encoding is not None else None,
        encoding_assumed=encoding.assumed if encoding is not None else None,
        cache_hits=tally.replayed,
        cache_misses=tally.made,
    )


def _added(settled: Settled, kept: Settled) -> dict[Reason, int]:
    found = dict(settled)
    for reason, count in kept:
        found[reason] = found.get(reason, 0) + count
    return found


def first_time_decisions(plan: Plan, request_id: str) -> tuple[DecisionRecord, ...]:
    """A record of each decision that work was done for, and that was not replayed."""
    if not plan.tally.made:
        return ()
    fresh = [one for one in plan.parts if not one.replayed and took_work(one.outcome.decision.result)]
    return tuple([_decision_record(one, request_id) for one in fresh])


def _decision_record(planned: PlannedPart, request_id: str) -> DecisionRecord:
    part, decision = planned.part, planned.outcome.decision
    result = decision.result
    counted = decision.tokens_before is not None
    return DecisionRecord(
        decision=PartDecision.SHORTENED if isinstance(result, Compressed) else PartDecision.KEPT,
        kind=result.kind,
        reason=None if isinstance(result, Compressed) else result.reason,
        lossless=result.lossless if isinstance(result, Compressed) else None,
        bytes_before=decision.bytes_before,
        bytes_after=decision.bytes_after,
        tokens_before=decision.tokens_before,
        tokens_after=decision.tokens_after,
        encoding=decision.encoding if counted else None,
        encoding_assumed=decision.encoding_assumed if counted else None,
        role=part.role,
        pointer=part.pointer,
        request_id=request_id,
    )


def response_figures(record: ResponseRecord) -> ResponseFigures:
    """The record without its texts."""
    usage, choices, errors = record.usage or _NO_USAGE, record.choices, record.errors
    text = reasoning = refusal = calls = 0
    finish_reasons: tuple[str, ...] = ()
    for choice in choices:
        text += len(choice.text)
        reasoning += len(choice.reasoning)
        refusal += len(choice.refusal)
        counted = choice.counted
        if counted is not None:
            text += counted.text
            reasoning += counted.reasoning
            refusal += counted.refusal
        calls += len(choice.tool_calls)
        reason = choice.finish_reason
        if reason and len(finish_reasons) < MAX_LISTED:
            finish_reasons += (short_name(reason),)
    return ResponseFigures(
        id=_name(record.id),
        model=_name(record.model),
        finish_reasons=finish_reasons,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        choices=len(choices),
        text_chars=text,
        reasoning_chars=reasoning,
        refusal_chars=refusal,
        tool_calls=calls,
        chunks=record.chunks,
        done=record.done,
        errors=tuple(map(short_name, errors[:MAX_LISTED])) if errors else (),
        unparsed=record.unparsed,
        dropped=record.dropped,
    )


def _name(text: str | None) -> str | None:
    return text if text is None or (len(text) <= MAX_NAME_CHARS and text.isascii()) else short_name(text)

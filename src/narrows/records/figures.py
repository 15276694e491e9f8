"""Turns a plan and an observed answer into their figures: counts, sums and lengths, and no text."""

from __future__ import annotations

from narrows.compressors.types import Compressed, Kept, Reason
from narrows.plan import Plan, PlannedPart
from narrows.policy import Kind
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

WITHOUT_WORK = frozenset({Reason.POLICY_OFF, Reason.UNREADABLE, Reason.TOO_SMALL})
"""Decisions that a look at a part's size or fault makes, again on every turn: they are counted, and nothing more."""

MAX_LISTED = 16
"""So many finish reasons and errors of one answer are listed."""

_EDITED, _UNCHANGED = BodyDecision.EDITED, BodyDecision.UNCHANGED
_NO_USAGE = Usage()


def plan_figures(plan: Plan) -> PlanFigures:
    """What the plan came to, for the exchange's record."""
    if plan.untouched is not None:
        return PlanFigures(decision=BodyDecision.UNTOUCHED, reason=plan.untouched.reason)
    shortened: dict[Kind, int] = {}
    kept: dict[Reason, int] = dict(plan.settled)
    hits = misses = 0
    counted: list[tuple[int, int]] = []
    for planned in plan.parts:
        decision = planned.outcome.decision
        result = decision.result
        if isinstance(result, Compressed):
            shortened[result.kind] = shortened.get(result.kind, 0) + 1
            if decision.tokens_before is not None and decision.tokens_after is not None:
                counted.append((decision.tokens_before, decision.tokens_after))
        else:
            kept[result.reason] = kept.get(result.reason, 0) + 1
        if planned.replayed:
            hits += 1
        elif _took_work(result):
            misses += 1
    edited = bool(shortened)
    encoding = plan.encoding if counted else None
    return PlanFigures(
        decision=_EDITED if edited else _UNCHANGED,
        parts=len(plan.parts) + sum(count for _, count in plan.settled),
        shortened=shortened,
        kept=kept,
        tokens_before=sum(before for before, _ in counted) if counted else None,
        tokens_after=sum(after for _, after in counted) if counted else None,
        encoding=encoding.name if encoding is not None else None,
        encoding_assumed=encoding.assumed if encoding is not None else None,
        cache_hits=hits,
        cache_misses=misses,
    )


def first_time_decisions(plan: Plan, request_id: str) -> tuple[DecisionRecord, ...]:
    """A record of each decision that work was done for, and that was not replayed."""
    fresh = [planned for planned in plan.parts if not planned.replayed and _took_work(planned.outcome.decision.result)]
    return tuple([_decision_record(planned, request_id) for planned in fresh]) if fresh else ()


def _took_work(result: Compressed | Kept) -> bool:
    return isinstance(result, Compressed) or result.reason not in WITHOUT_WORK


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
    usage = record.usage or _NO_USAGE
    text = reasoning = refusal = calls = 0
    finish_reasons: list[str] = []
    for choice in record.choices:
        text += len(choice.text)
        reasoning += len(choice.reasoning)
        refusal += len(choice.refusal)
        calls += len(choice.tool_calls)
        if choice.finish_reason and len(finish_reasons) < MAX_LISTED:
            finish_reasons.append(short_name(choice.finish_reason))
    return ResponseFigures(
        id=_name(record.id),
        model=_name(record.model),
        finish_reasons=tuple(finish_reasons),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        choices=len(record.choices),
        text_chars=text,
        reasoning_chars=reasoning,
        refusal_chars=refusal,
        tool_calls=calls,
        chunks=record.chunks,
        done=record.done,
        errors=tuple(map(short_name, record.errors[:MAX_LISTED])),
        unparsed=record.unparsed,
        dropped=record.dropped,
    )


def _name(text: str | None) -> str | None:
    return text if text is None or (len(text) <= MAX_NAME_CHARS and text.isascii()) else short_name(text)

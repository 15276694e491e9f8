"""Records to test with."""

from __future__ import annotations

from typing import Any

from narrows.compressors.types import Reason
from narrows.policy import Kind
from narrows.records.types import (
    BodyDecision,
    DecisionRecord,
    ExchangeRecord,
    Outcome,
    PartDecision,
    PlanFigures,
    ResponseFigures,
    Timings,
)
from narrows.wire.types import Role

TIMINGS = Timings(total_s=1.5, overhead_s=0.0003, locate_s=0.0001, plan_s=0.0002, first_byte_s=0.25, first_chunk_s=0.5)
EDITED = PlanFigures(
    decision=BodyDecision.EDITED,
    parts=5,
    shortened={Kind.LOG: 2},
    kept={Reason.TOO_SMALL: 2, Reason.GATE: 1},
    tokens_before=900,
    tokens_after=300,
    encoding="o200k_base",
    encoding_assumed=False,
    cache_hits=1,
    cache_misses=2,
)


def response(**changes: Any) -> ResponseFigures:
    """What was observed of a plain answer."""
    figures: dict[str, Any] = {
        "id": "chatcmpl-1",
        "model": "gpt-4o-2024",
        "finish_reasons": ("stop",),
        "input_tokens": 1_000,
        "output_tokens": 20,
        "choices": 1,
        "text_chars": 80,
        "reasoning_chars": 0,
        "refusal_chars": 0,
        "tool_calls": 0,
        "chunks": 22,
        "done": True,
        "unparsed": 0,
    }
    return ResponseFigures(**(figures | changes))


def exchange(**changes: Any) -> ExchangeRecord:
    """A streamed exchange in which two logs were shortened."""
    fields: dict[str, Any] = {
        "request_id": "n-1",
        "started_at": 1_800_000_000.25,
        "method": "POST",
        "path": "/v1/chat/completions",
        "outcome": Outcome.ANSWERED,
        "wire": "openai_chat",
        "model": "gpt-4o",
        "stream": True,
        "status": 200,
        "request_bytes": 4_000,
        "forwarded_bytes": 1_500,
        "response_bytes": 700,
        "timings": TIMINGS,
        "plan": EDITED,
        "response": response(),
    }
    return ExchangeRecord(**(fields | changes))


def proxied(**changes: Any) -> ExchangeRecord:
    """An exchange on a path that no wire knows."""
    plain: dict[str, Any] = {"path": "/v1/models", "method": "GET", "wire": "", "model": None, "stream": None}
    figures: dict[str, Any] = {
        "request_bytes": 0,
        "forwarded_bytes": 0,
        "response": None,
        "timings": Timings(total_s=0.1, overhead_s=0.0),
    }
    record = {**plain, **figures, **changes}
    shown = {name: getattr(exchange(), name) for name in ExchangeRecord.__struct_fields__ if name != "plan"}
    return ExchangeRecord(**(shown | record))


def decision(**changes: Any) -> DecisionRecord:
    """The first-time decision that shortened a log."""
    fields: dict[str, Any] = {
        "request_id": "n-1",
        "decision": PartDecision.SHORTENED,
        "kind": Kind.LOG,
        "lossless": False,
        "bytes_before": 3_000,
        "bytes_after": 1_000,
        "tokens_before": 900,
        "tokens_after": 300,
        "encoding": "o200k_base",
        "encoding_assumed": False,
        "role": Role.TOOL,
        "pointer": "/messages/3/content",
    }
    return DecisionRecord(**(fields | changes))

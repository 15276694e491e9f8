"""What is noted about an exchange while it runs, and the record it becomes; figures and names only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from narrows.plan import Plan
from narrows.records.figures import plan_figures, response_figures
from narrows.records.types import (
    PROXIED,
    AgentCallFigures,
    AgentFigures,
    BodyDecision,
    ExchangeRecord,
    Outcome,
    PlanFigures,
    Timings,
)
from narrows.wire.types import ResponseRecord

if TYPE_CHECKING:
    from narrows.server.agents.traffic import ModelCall

_ANSWERED, _CANCELLED = Outcome.ANSWERED, Outcome.CANCELLED


class Story(Struct, gc=False):
    """Times are `perf_counter` seconds, or None where that point was not reached. `received_s`: the request's last
    byte had come; `ready_s`: it could go upstream. `locate_s` and `plan_s` are durations. `reason`: why the body was
    not planned, where a wire knows its path. `asked`: model and stream, where an agent was asked. `model_call` is told
    what was observed, where an agent asks a model."""

    request_id: str
    started_s: float
    method: str
    path: str
    wire: str = ""
    reason: str | None = None
    plan: Plan | None = None
    received_s: float | None = None
    ready_s: float | None = None
    locate_s: float | None = None
    plan_s: float | None = None
    first_byte_s: float | None = None
    first_chunk_s: float | None = None
    ended_s: float = 0.0
    request_bytes: int = 0
    forwarded_bytes: int = 0
    response_bytes: int = 0
    status: int | None = None
    outcome: Outcome = _ANSWERED
    error_code: str | None = None
    key: str | None = None
    limit: str | None = None
    asked: tuple[str, bool] | None = None
    agent: AgentFigures | None = None
    agent_call: AgentCallFigures | None = None
    model_call: ModelCall | None = None

    def to_record(self, clock_offset_s: float, response: ResponseRecord | None) -> ExchangeRecord:
        """The record; `clock_offset_s` added to its times gives seconds since the epoch.

        A client that leaves after it has seen the answer's own end mark has not cancelled anything.
        """
        outcome = self.outcome
        if outcome is _CANCELLED and response is not None and response.done:
            outcome = _ANSWERED
        model, stream = self._asked()
        return ExchangeRecord(
            request_id=self.request_id,
            started_at=self.started_s + clock_offset_s,
            method=self.method,
            path=self.path,
            timings=self._timings(),
            wire=self.wire,
            model=model,
            stream=stream,
            status=self.status,
            outcome=outcome,
            error_code=self.error_code,
            key=self.key,
            limit=self.limit,
            request_bytes=self.request_bytes,
            forwarded_bytes=self.forwarded_bytes,
            response_bytes=self.response_bytes,
            plan=self._plan_figures(),
            agent=self.agent,
            agent_call=self.agent_call,
            response=None if response is None else response_figures(response),
        )

    def _asked(self) -> tuple[str | None, bool | None]:
        if self.asked is not None:
            return self.asked
        found = None if self.plan is None else self.plan.located or self.plan.untouched
        return (None, None) if found is None else (found.model, found.stream)

    def _plan_figures(self) -> PlanFigures:
        if self.plan is not None:
            return plan_figures(self.plan)
        if self.wire and self.asked is None:
            return PlanFigures(decision=BodyDecision.UNTOUCHED, reason=self.reason)
        return PROXIED

    def _timings(self) -> Timings:
        started_s = self.started_s
        received_s = started_s if self.received_s is None else self.received_s
        return Timings(
            total_s=self.ended_s - started_s,
            overhead_s=None if self.ready_s is None else self.ready_s - received_s,
            locate_s=self.locate_s,
            plan_s=self.plan_s,
            first_byte_s=None if self.first_byte_s is None else self.first_byte_s - started_s,
            first_chunk_s=None if self.first_chunk_s is None else self.first_chunk_s - started_s,
        )

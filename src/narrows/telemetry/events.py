"""The events that are logged, one class each: its name, its severity, its fields and what they mean.

`EVENTS` is the one table of the log: lines are encoded from its classes, and docs/logging.md is checked against it. The
two that speak of traffic are the records themselves (`records.types`). A field that does not apply, or is not known, is
absent from the line. No field holds a body, a header or a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from narrows.records.types import DecisionRecord, ExchangeRecord
from narrows.settings import LogLevel


def _is(meaning: str) -> Meta:
    return Meta(description=meaning)


class LoggedEvent(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    """A line of the log, without its time and level, which the log adds."""


class Started(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="started"):
    """The gateway listens. Another `policy_version` than at the last start rewrites live prefixes once."""

    version: Annotated[str, _is("of narrows")]
    address: Annotated[str, _is("where it listens")]
    upstream: Annotated[str, _is("where it forwards to, without credentials")]
    policy_version: Annotated[str, _is("digest of everything an edit depends on but the conversation")]
    level: Annotated[str, _is("the policy's level")]
    scope: Annotated[str, _is("the policy's scope")]
    classifier: Annotated[str, _is("the classifier in force, with its version")]


class Stopping(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="stopping"):
    """The gateway takes no new connections, and lets exchanges end."""

    in_flight: Annotated[int, _is("exchanges that have not ended")]
    drain_timeout_s: Annotated[float, _is("seconds they are given")]


class Stopped(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="stopped"):
    """The gateway is closed."""

    aborted: Annotated[int, _is("exchanges that did not end in time")]


class PlanningWorkerLost(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="planning_worker_lost"):
    """A planning process died; it is replaced, and its work is done again."""

    lost: Annotated[int, _is("how many were lost since the start")]


class InternalError(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="internal_error"):
    """A fault of ours. The exception's message is left out: it could quote a body."""

    request_id: Annotated[str | None, _is("the request at hand, if any")] = None
    exception: Annotated[str, _is("the exception's type")]
    place: Annotated[str, _is("innermost file, line and function of ours")]


@dataclass(frozen=True, slots=True)
class EventRow:
    """A row of the table."""

    type: type[Struct]
    level: LogLevel

    @property
    def name(self) -> str:
        return str(self.type.__struct_config__.tag)


EVENTS: tuple[EventRow, ...] = (
    EventRow(ExchangeRecord, LogLevel.INFO),
    EventRow(DecisionRecord, LogLevel.INFO),
    EventRow(Started, LogLevel.INFO),
    EventRow(Stopping, LogLevel.INFO),
    EventRow(Stopped, LogLevel.INFO),
    EventRow(PlanningWorkerLost, LogLevel.WARNING),
    EventRow(InternalError, LogLevel.ERROR),
)
"""Every event; an exchange that was refused, cancelled or truncated is a warning."""

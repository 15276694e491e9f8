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
    proxy: Annotated[str | None, _is("host and port of the proxy on the way there, if there is one")] = None
    keys: Annotated[int | None, _is("how many gateway keys there are, where clients need one")] = None
    policy_version: Annotated[str, _is("digest of everything an edit depends on but the conversation")]
    level: Annotated[str, _is("the policy's level")]
    scope: Annotated[str, _is("the policy's scope")]
    classifier: Annotated[str, _is("the classifier in force, with its version")]
    workers: Annotated[int | None, _is("gateway processes on the port, where there are several")] = None


class Stopping(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="stopping"):
    """The gateway takes no new connections, and lets exchanges end."""

    in_flight: Annotated[int, _is("exchanges that have not ended")]
    drain_timeout_s: Annotated[float, _is("seconds they are given")]


class Stopped(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="stopped"):
    """The gateway is closed."""

    aborted: Annotated[int, _is("exchanges that did not end in time")]


class SettingsReloaded(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="settings_reloaded"):
    """Settings were read anew; exchanges in flight end with those they began with."""

    changed: Annotated[tuple[str, ...], _is("settings whose new values are in force")]
    waiting: Annotated[tuple[str, ...], _is("settings whose new values wait for a restart")] = ()
    note: Annotated[str | None, _is("what that restart will do")] = None


class SettingsRejected(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="settings_rejected"):
    """Settings were read anew and cannot be used; the last good ones stay in force."""

    problems: Annotated[tuple[str, ...], _is("every problem, with its place and what to write there")]


class Restarting(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="restarting"):
    """New workers are ready to take over: one after another, or, where the policy is another, all at once."""

    policy_version: Annotated[str, _is("of the new workers")]
    policy_version_before: Annotated[str, _is("of the old ones")]
    together: Annotated[bool, _is("whether all are replaced at once")]
    waiting: Annotated[tuple[str, ...], _is("settings that only a stop and a new start can change")] = ()
    note: Annotated[str | None, _is("what another policy does to live conversations")] = None


class Restarted(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="restarted"):
    """Every worker has been replaced; the old ones end what they have begun."""

    policy_version: Annotated[str, _is("now in force")]


class RestartRefused(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="restart_refused"):
    """A restart that was asked for is not done, or not to its end; workers that serve go on."""

    problems: Annotated[tuple[str, ...], _is("why")]


class WorkerLost(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="worker_lost"):
    """A worker ended without having been told to; another one takes over its connections, and it is replaced."""

    lost_worker: Annotated[int, _is("its number")]
    pid: Annotated[int, _is("its process id")]
    status: Annotated[int, _is("its exit status; negative for the signal that ended it")]
    restart_in_s: Annotated[float, _is("seconds until it is replaced; they double while it keeps ending")]
    lost: Annotated[int, _is("how many were lost since the start")]


class WorkerReplaced(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="worker_replaced"):
    """A new worker serves in the place of a lost one."""

    new_worker: Annotated[int, _is("its number")]
    pid: Annotated[int, _is("its process id")]


class PlanningWorkerLost(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="planning_worker_lost"):
    """A planning process died; it is replaced, and its work is done again."""

    lost: Annotated[int, _is("how many were lost since the start")]


class InternalError(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="internal_error"):
    """A fault of ours. The exception's message is left out: it could quote a body."""

    request_id: Annotated[str | None, _is("the request at hand, if any")] = None
    exception: Annotated[str, _is("the exception's type")]
    place: Annotated[str, _is("innermost file, line and function of ours")]


class PrefixRefused(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="prefix_refused"):
    """The model's server found another conversation before a replayed thinking block than the one it was made in. That
    comes of a gateway that joined a conversation which was under way, or of another policy since: what was forwarded
    before is forwarded otherwise now."""

    request_id: Annotated[str, _is("the request at hand")]
    note: Annotated[str, _is("what to do")]


class AgentProcessEnded(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="agent_process_ended"):
    """The process of an agent has ended by itself, or had to be ended for what it wrote. It is started again when it is
    next needed. The lines are the agent's own words, whatever it writes there."""

    agent: Annotated[str, _is("the agent, as the settings name it")]
    status: Annotated[int | None, _is("the process's status, 128 and more for a signal")] = None
    last_lines: Annotated[tuple[str, ...], _is("the last lines of its standard error, each cut to 400 characters")] = ()


class AgentRunMoved(LoggedEvent, frozen=True, kw_only=True, omit_defaults=True, tag="agent_run_moved"):
    """A run of an agent has gone from one state to another."""

    agent: Annotated[str, _is("the agent, as the settings name it")]
    run: Annotated[str, _is("the id of the request that the run began with, or went on with after a rest")]
    session: Annotated[str, _is("the session's name")]
    before: Annotated[str, _is("the state that it has left")]
    state: Annotated[str, _is("the state that it is in")]


class AgentToolsUnheard(LoggedEvent, frozen=True, kw_only=True, tag="agent_tools_unheard"):
    """An agent has answered, and none of its model calls has carried the tools of its client, which are offered on
    these. Either they do not come in at the agent's address in the gateway, or none of them is known to work on the
    answer. Told once for each agent; `narrows_agent_tools_unheard_total` counts them all."""

    agent: Annotated[str, _is("the agent, as the settings name it")]
    run: Annotated[str, _is("the id of the request that the run began with, or went on with after a rest")]
    session: Annotated[str, _is("the session's name")]
    model_calls: Annotated[int, _is("model calls of this run that the gateway has seen")]
    note: Annotated[str, _is("what to do")]


SEND_CALLS_HERE = (
    "have the agent send its model calls to the address that docs/agents.md names for its `correlation`, or offer it no"
    " tools"
)
"""What helps where an agent's model calls carry no tools, as there are none."""
KNOW_CALLS = (
    "see `agent_call` in the records of this run's model calls: those under another key than `calls_key`, without tools"
    " where the agent has some, or to one of `background_models` carry none"
)
"""What helps where there are some."""

AFRESH = "start a new conversation, or send `x-narrows-policy: off` with every request of this one"
"""What helps where a prefix was refused."""


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
    EventRow(SettingsReloaded, LogLevel.INFO),
    EventRow(SettingsRejected, LogLevel.ERROR),
    EventRow(Restarting, LogLevel.WARNING),
    EventRow(Restarted, LogLevel.INFO),
    EventRow(RestartRefused, LogLevel.ERROR),
    EventRow(WorkerLost, LogLevel.ERROR),
    EventRow(WorkerReplaced, LogLevel.INFO),
    EventRow(PlanningWorkerLost, LogLevel.WARNING),
    EventRow(PrefixRefused, LogLevel.WARNING),
    EventRow(AgentProcessEnded, LogLevel.ERROR),
    EventRow(AgentRunMoved, LogLevel.DEBUG),
    EventRow(AgentToolsUnheard, LogLevel.WARNING),
    EventRow(InternalError, LogLevel.ERROR),
)
"""Every event; an exchange that was refused, cancelled or truncated is a warning."""

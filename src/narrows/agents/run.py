"""What a run is, what may happen to it, and what it wants done.

A run is a turn of an agent. It is a value; `machine.handle` makes the next one of it and an event, and says by commands
what the shell is to do. Time comes in events alone: `at_s` is seconds of one clock that never goes back.

Where the agent calls tools of its client, a run has several *legs*, one for each request that takes part in it: all but
the last end with the calls, and the request that brings their outputs begins the next. Meanwhile the agent either rests
at its server, which needs nothing of us; or it is held up, as a request that it made is held open here, for so long and
no longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from narrows.agents.deltas import OnRevision, Sent
from narrows.agents.observation import AgentCall, Finish, Observation, StepText, Usage
from narrows.errors import GatewayError


class RunState(StrEnum):
    """Where a run stands. The last four are terminal, and each run enters one of them exactly once."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    REQUIRES_ACTION = "requires_action"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_LIVE_ENDS = frozenset({RunState.FAILED, RunState.CANCELLED, RunState.EXPIRED})

TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    RunState.QUEUED: _LIVE_ENDS | {RunState.IN_PROGRESS},
    RunState.IN_PROGRESS: _LIVE_ENDS | {RunState.REQUIRES_ACTION, RunState.COMPLETED},
    RunState.REQUIRES_ACTION: _LIVE_ENDS | {RunState.IN_PROGRESS},
    RunState.COMPLETED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
    RunState.EXPIRED: frozenset(),
}
"""Every step that a run may take; there are no others."""


class OnDisconnect(StrEnum):
    """What becomes of a run whose client has left."""

    CANCEL = "cancel"
    DETACH = "detach"
    GRACE = "grace"


class OnWaiting(StrEnum):
    """What is done about a step that waits for a person. Nothing is approved but by the client's own word."""

    DENY = "deny"
    ASK = "ask"
    ERROR = "error"


class TimeoutFinish(StrEnum):
    """What an answer ends with whose time is over when a part of it has been said."""

    ERROR = "error"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class RunRules:
    """What a run depends on beside its events. The clocks: until there is a place, until the agent has begun, without a
    change, without one while a tool runs, and in all, for each leg; and how long an agent is held up between two.
    `polls_s`: from how long to how long between two looks; `backoff_s`: at most, while looks fail. `failures` looks
    that failed in a row, or `failing_s` of them, end the run. `tools`: the names of those that the client declared;
    `parallel_calls`: whether it takes more than one call at a time; `reasoning`: whether it wants the model's."""

    queue_s: float = 30.0
    first_event_s: float = 120.0
    idle_s: float = 120.0
    tool_idle_s: float = 600.0
    total_s: float = 1800.0
    hold_s: float = 600.0
    polls_s: tuple[float, float] = (0.1, 0.4)
    backoff_s: float = 2.0
    failures: int = 5
    failing_s: float = 15.0
    grace_s: float = 60.0
    on_disconnect: OnDisconnect = OnDisconnect.CANCEL
    on_waiting: OnWaiting = OnWaiting.DENY
    on_revision: OnRevision = OnRevision.APPEND
    timeout_finish: TimeoutFinish = TimeoutFinish.ERROR
    tools: frozenset[str] = frozenset()
    parallel_calls: bool = True
    reasoning: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands. `accepted_s`: when its leg began; `progressed_s`: when something last changed; `begun`: the
    agent has been given what the leg brings; `failing`: looks that failed in a row, since `failing_since_s`;
    `waiting_s`: what was waited before the next look; `refused`: steps that waited for a person, and were denied, or
    asked about; `detached`: nobody reads; `read_s`: when somebody last did.

    `calls`: those of its client's tools that the agent waits for, of which the leg ends with the first `asked`;
    `unasked`: calls that the client is to be asked for before the agent hears of anything; `held`: they hold the agent
    up; `rests`: the leg is over, and the run is not; `resumed`: it has had a leg before this one, and `continued`: in
    the same turn of its backend, whose texts and usage go on. `said`: what this leg has sent; `reasoned`:
    the same of reasoning, by `thought`; `told`: the usage that legs before it told of; `usage`: this leg's."""

    state: RunState = RunState.QUEUED
    accepted_s: float = 0.0
    progressed_s: float = 0.0
    begun: bool = False
    using_tool: bool = False
    mark: str = ""
    texts: tuple[StepText, ...] = ()
    usage: Usage | None = None
    told: Usage | None = None
    sent: Sent = field(default_factory=Sent)
    said: str = ""
    thought: Sent = field(default_factory=Sent)
    reasoned: str = ""
    waiting_s: float = 0.0
    failing: int = 0
    failing_since_s: float = 0.0
    refused: frozenset[int] = frozenset()
    detached: bool = False
    read_s: float = 0.0
    calls: tuple[AgentCall, ...] = ()
    asked: int = 0
    unasked: tuple[AgentCall, ...] = ()
    held: bool = False
    rests: bool = False
    resumed: bool = False
    continued: bool = False

    @property
    def over(self) -> bool:
        """Whether it is in a terminal state."""
        return not TRANSITIONS[self.state]

    @property
    def leg_over(self) -> bool:
        """Whether nothing more of this leg happens."""
        return self.over or self.rests


RESTED = Run(state=RunState.REQUIRES_ACTION, rests=True)
"""A run whose agent rests at its server: that is all there is to know of it."""


# What may happen


@dataclass(frozen=True, slots=True)
class Admitted:
    """It has its session and a place among those that run."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Begun:
    """The backend has been given the message, or is about to have it."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Observed:
    """The backend was looked at."""

    at_s: float
    observation: Observation


@dataclass(frozen=True, slots=True)
class LookFailed:
    """A look failed in a way that the next may not; `why` is for the client if none succeeds."""

    at_s: float
    why: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The run cannot go on."""

    at_s: float
    error: GatewayError


@dataclass(frozen=True, slots=True)
class ReaderLeft:
    """The client has left."""

    at_s: float


@dataclass(frozen=True, slots=True)
class ReaderAsked:
    """Somebody has asked how a run stands whose client has left."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """The gateway ends."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Stirred:
    """The agent's model has been at work for it, last at `at_s`: it is about to have news."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Called:
    """The agent has called tools of its client, and is held up until it has their outputs."""

    at_s: float
    calls: tuple[AgentCall, ...]


@dataclass(frozen=True, slots=True)
class Resumed:
    """The client has brought the outputs: the next leg begins."""

    at_s: float


Event = (
    Admitted
    | Begun
    | Observed
    | LookFailed
    | GaveUp
    | ReaderLeft
    | ReaderAsked
    | Stopped
    | Ticked
    | Stirred
    | Called
    | Resumed
)


# What is to be done


@dataclass(frozen=True, slots=True)
class Begin:
    """Give the agent its message, or the outputs that it waits for."""


@dataclass(frozen=True, slots=True)
class Look:
    """Look at the backend, after so many seconds; `last`: as it is now, and without delay, as the leg ends with it."""

    after_s: float
    last: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """The agent has begun: an answer may be opened."""


@dataclass(frozen=True, slots=True)
class Emit:
    """More of the answer; `thought`: of the reasoning before it."""

    text: str
    thought: bool = False


@dataclass(frozen=True, slots=True)
class Complete:
    """The answer is complete; `text` is the whole of this leg's."""

    text: str
    finish: Finish
    usage: Usage | None
    revised: bool
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """The leg ends with these calls; `text` is all that was sent before them."""

    text: str
    calls: tuple[AgentCall, ...]
    usage: Usage | None
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Tell:
    """There is no answer, or no end of it."""

    error: GatewayError


@dataclass(frozen=True, slots=True)
class Refuse:
    """Say no to a step that waits for a person."""

    step: int


@dataclass(frozen=True, slots=True)
class Consult:
    """Have the client asked about a step that waits for a person."""

    step: int


@dataclass(frozen=True, slots=True)
class CancelBackend:
    """Stop the agent, and wait until it has."""


@dataclass(frozen=True, slots=True)
class Release:
    """Let go of the session and the place; it is the last command of a leg. `completed`: the turn may be built on."""

    completed: bool


Command = Begin | Look | Open | Emit | Complete | Ask | Tell | Refuse | Consult | CancelBackend | Release

"""What a backend says of a run when it is asked, whatever its protocol.

A backend's texts are snapshots: each holds what its step says by now, from its start. A figure that the backend does
not give is None and never zero (tenet 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from narrows.errors import GatewayError


class Finish(StrEnum):
    """Why an answer ended, as Chat Completions says it."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class StepText:
    """The text of one step of the answer; `terminal`: the step is over."""

    index: int
    text: str
    terminal: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of all model calls of a run that belong to its answer."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over, and its texts are the answer."""

    finish: Finish


@dataclass(frozen=True, slots=True)
class Broken:
    """The run is over, and there is no answer."""

    error: GatewayError


@dataclass(frozen=True, slots=True)
class AgentCall:
    """A call of a client's tool, as the agent's side knows it. `id`: its own name of the call, empty where it has none;
    `arguments`: JSON text as the model wrote it; `signature`: opaque, goes back to the model with the call."""

    id: str
    name: str
    arguments: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Paused:
    """The run goes on when the client has answered these calls, all of them."""

    calls: tuple[AgentCall, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at a run. `mark` is equal to the former look's exactly where nothing has changed since. `working`: the
    agent has begun. `using_tool`: a step that is not text is under way. `waiting`: the steps that wait for a person."""

    mark: str
    texts: tuple[StepText, ...] = ()
    working: bool = False
    using_tool: bool = False
    waiting: tuple[int, ...] = ()
    outcome: Finished | Broken | Paused | None = None
    usage: Usage | None = None

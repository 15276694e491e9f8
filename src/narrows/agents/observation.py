"""What a backend says of a run when it is asked, whatever its protocol.

A backend's texts are snapshots: each holds what its step says by now, from its start. A figure that the backend does
not give is None and never zero (tenet 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum

from narrows.errors import GatewayError


class Finish(StrEnum):
    """Why an answer ended, as Chat Completions says it."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"


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

    def plus(self, other: Usage) -> Usage:
        """Both together; what one of them does not know is the other's."""
        return self._with(other, lambda mine, theirs: mine + theirs, lambda theirs: theirs)

    def beyond(self, told: Usage) -> Usage:
        """What is to be told where so much of it has been told already."""
        return self._with(told, lambda mine, theirs: max(mine - theirs, 0), lambda _: None)

    def _with(
        self, other: Usage, both: Callable[[int, int], int], theirs_alone: Callable[[int | None], int | None]
    ) -> Usage:
        found: list[int | None] = []
        for name in (field.name for field in fields(self)):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine is None:
                found.append(theirs_alone(theirs))
            else:
                found.append(mine if theirs is None else both(mine, theirs))
        return Usage(*found)


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
    agent has begun. `using_tool`: a step that is not text is under way. `waiting`: the steps that wait for a person.
    `thoughts`: what the model reasoned, by the steps whose texts it came to."""

    mark: str
    texts: tuple[StepText, ...] = ()
    working: bool = False
    using_tool: bool = False
    waiting: tuple[int, ...] = ()
    outcome: Finished | Broken | Paused | None = None
    usage: Usage | None = None
    thoughts: tuple[StepText, ...] = ()

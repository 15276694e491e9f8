"""What a backend offers, whatever its protocol, and what it is given.

A backend never sees a client, and nothing of a run is kept in it: what belongs to a turn hangs on its `Turn`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from narrows.agents.observation import Observation


class ConversationLost(Exception):  # named for what happened
    """The backend does not know the conversation; nothing was sent to it."""


class LookFailed(Exception):  # named for what happened
    """A look at the run failed in a way that the next may not."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for an agent. `id` is the message's own, by which a backend knows one that is sent twice; `steps`: how
    many steps the conversation must have, where that is known."""

    text: str
    id: str
    steps: int | None = None
    max_output_tokens: int | None = None


class Turn(Protocol):
    """One message and its answer."""

    @property
    def steps(self) -> int | None:
        """How many steps the conversation has by now, where that is known."""
        ...

    async def look(self, wait_s: float) -> Observation:
        """The run as it stands, or, where the backend can hold the question, as soon as it has changed, within
        `wait_s` seconds.

        Raises:
            LookFailed: the next look may succeed.
            GatewayError: none will.
        """
        ...

    async def refuse(self, step: int) -> None:
        """Say no to a step that waits for a person.

        Raises:
            GatewayError: it could not be said.
        """
        ...

    async def cancel(self) -> None:
        """Stop the agent, and return when it has stopped; nothing happens where it has already.

        Raises:
            GatewayError: it could not be told.
        """
        ...

    async def close(self) -> None:
        """Let go of what the turn holds here; the agent hears nothing of it."""
        ...


class Backend(Protocol):
    """A server of agents. `holds_looks`: it can hold the question for news, so that looks need no pause."""

    @property
    def holds_looks(self) -> bool: ...

    async def start(self) -> str:
        """A new conversation's name.

        Raises:
            GatewayError: there is none.
        """
        ...

    async def send(self, conversation: str, message: Outgoing) -> Turn:
        """Begin a turn. Where this raises before the message has left, the error says so (`may_have_acted` is False).

        Raises:
            ConversationLost: there is no such conversation (any more).
            GatewayError: the message cannot be sent.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Posted(Protocol):
    """What a server answered."""

    @property
    def status(self) -> int: ...

    @property
    def body(self) -> bytes: ...


class Poster(Protocol):
    """Sends a request to the backend's server: `upstream.calling` does."""

    async def post(self, path: str, fields: Sequence[tuple[str, str]], body: bytes, timeout_s: float) -> Posted:
        """The answer, whole.

        Raises:
            UpstreamError: there is none.
        """
        ...

    def close(self) -> None: ...


class Credentials(Protocol):
    """Where a backend's token comes from."""

    async def token(self, *, again: bool = False) -> str:
        """The token; `again`: read anew. Empty where none is needed.

        Raises:
            GatewayError: there is none; the message says which setting is to be looked at.
        """
        ...

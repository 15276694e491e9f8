"""What a backend offers, whatever its protocol, and what it is given.

A backend never sees a client, and nothing of a run is kept in it: what belongs to a turn hangs on its `Turn`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from narrows.agents.observation import Observation
from narrows.agents.request import Image
from narrows.agents.tools import CallOutput, ClientTool


def own_name(conversation: str) -> str:
    """What the agent itself calls a conversation: all, or what follows the space where a backend has put something of
    its own before that."""
    return conversation.partition(" ")[2] or conversation


class ConversationLost(Exception):  # named for what happened
    """The backend does not know the conversation; nothing was sent to it."""


class LookFailed(Exception):  # named for what happened
    """A look at the run failed in a way that the next may not."""


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """Where an agent's own model calls of one conversation are to go: a base URL without a slash at its end, such as
    `http://127.0.0.1:8787/narrows/agents/coder/TOKEN/v1`, the key to show there, and which wire to speak, in the words
    of cascade/1, `openai-chat`, `gemini` or `anthropic`; or `openai-responses`."""

    base_url: str
    api_key: str
    wire: str = "openai-chat"


@dataclass(frozen=True, slots=True)
class ToolServer:
    """An MCP server, by streamable HTTP, that has a client's tools for one conversation, such as
    `http://127.0.0.1:8787/narrows/agents/coder/s/TOKEN/mcp`. The address is a secret, as it has the token in it; no
    other field is needed."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for an agent. `id` is the message's own, by which a backend knows one that is sent twice; `steps`: how
    many steps the conversation must have, where that is known; `tools`: the client's, for a backend that offers them
    to its agent itself; `images`: in the order of the lines in the text that stand for them, for one that takes any.
    `tool_server` is with each message of a conversation with tools, for a backend that takes one: it is what `start`
    was given as long as both the conversation and this process last, and another after a restart. So a backend that
    takes a conversation up again, as its agent has been started anew, has what to tell it there; and one whose agent
    was told another tells it this one before the message. `endpoint` draws another place for the conversation's model
    calls, and has the one before forgotten, for a backend that can tell its agent only when it starts it anew."""

    text: str
    id: str
    steps: int | None = None
    max_output_tokens: int | None = None
    tools: tuple[ClientTool, ...] = ()
    images: tuple[Image, ...] = ()
    tool_server: ToolServer | None = None
    endpoint: Callable[[], ModelEndpoint | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person says to a step that waits for one; `answer`: to a question."""

    allow: bool
    answer: str = ""


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

    def question(self, step: int) -> str:
        """What a step asks that waits for a person, as JSON: `kind`, which is `command`, `question` or `permission`,
        and `asked`, in the server's own form."""
        ...

    def decide(self, step: int, verdict: Verdict) -> None:
        """Tell a step that waits for a person what was decided. That it could not be told, a look will raise."""
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
    """A server of agents. `holds_looks`: it can hold the question for news, so that looks need no pause. `pauses`: it
    offers a client's tools to its agent, and its runs end `Paused` where the agent calls one. `takes_tool_server`: its
    agent can be told an MCP server for each conversation; a call of a tool there is none of the backend's business, and
    its turn goes on meanwhile. `takes_images`: messages may hold some. `takes_limits`: they may say how many tokens the
    answer may have."""

    @property
    def holds_looks(self) -> bool: ...

    @property
    def pauses(self) -> bool: ...

    @property
    def takes_tool_server(self) -> bool: ...

    @property
    def takes_images(self) -> bool: ...

    @property
    def takes_limits(self) -> bool: ...

    async def start(self, endpoint: ModelEndpoint | None = None, tools: ToolServer | None = None) -> str:
        """A new conversation's name. `endpoint`: where its model calls are to go, for a backend that can be told;
        `tools`: the client's, for one that takes a tool server. Either may be asked before this returns.

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

    async def resume(self, conversation: str, outputs: Sequence[CallOutput], message: Outgoing) -> Turn:
        """Go on with a run that is paused: the outputs of all its calls. `message` has no text, but the id and the
        limits of this turn. For backends that pause; nothing but the arguments is needed, so it works after a restart.

        Raises:
            ConversationLost: there is no such conversation, or it does not wait for these calls (any more).
            GatewayError: they cannot be given.
        """
        ...

    async def close(self) -> None:
        """Let go of connections, and end what it has started."""
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

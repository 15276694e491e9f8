"""A session of an agent, and the digests by which it is known again.

The history of a session is a chain of digests, one for each prefix, seeded with the owner, the agent, the model and the
client's tools, over every message, system texts included: to leave those out means to continue one prompt's session
under another. Assistant messages are digested as they were emitted, text and tool calls, so a client that sends back
what it was given is known again, in whatever form it writes a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from blake3 import blake3
from msgspec.json import encode

from narrows.agents.calls import Outputs, PendingCall
from narrows.agents.request import Message


class SessionUse(StrEnum):
    """How a request came to its session."""

    NEW = "new"
    """There was no history."""
    REUSED = "reused"
    """The agent knows the history, and was told what is new."""
    RESUMED = "resumed"
    """The request brought the outputs that the agent waits for."""
    RETOLD = "retold"
    """No session has this history (it was edited, or its session is gone): a fresh one was told all of it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for a session. `owner`: whose request it is; `name`: the session that it names, or empty; `digests`:
    of each prefix of its messages; `has_answers`: whether some of them are an assistant's; `tools`: the digest of the
    client's tools; `outputs`: those at its end."""

    owner: str
    agent: str
    name: str
    digests: tuple[bytes, ...]
    has_answers: bool
    tools: bytes = b""
    outputs: Outputs | None = None


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a session is called if it is a fresh one: the name that its client is told, and the `id`, which no client
    knows, and no other session has."""

    name: str
    id: str


@dataclass(slots=True, eq=False, weakref_slot=True)
class Session:
    """A conversation with an agent. `key`: the digest of its history, empty where it has none that a client knows;
    `conversation`: the backend's name of it, empty where it has none yet; `steps`: how many steps the backend had when
    its last turn ended, if that is known; `id`: see `Fresh`; `tools`: the digest of those that it has; `calls`: those
    that it waits for, and `outputs`: what has come for them; `held`: its agent is held up meanwhile, by a request to
    this process; `token`: the digest of the token under which its model calls come in, empty where they do not;
    `exchanges`: what stands in these calls of its client's tools, as whoever puts it there writes it."""

    owner: str
    agent: str
    name: str
    named: bool
    used_s: float
    key: bytes = b""
    conversation: str = ""
    steps: int | None = None
    id: str = ""
    tools: bytes = b""
    calls: tuple[PendingCall, ...] = ()
    outputs: dict[str, str] = field(default_factory=dict)
    held: bool = False
    leased: bool = False
    token: bytes = b""
    exchanges: list[bytes] = field(default_factory=list)

    @property
    def place(self) -> tuple[str, str, str]:
        """Under which it is found."""
        return self.owner, self.agent, self.name


@dataclass(frozen=True, slots=True)
class Lease:
    """A session in use. `known`: how many of the request's messages its agent knows."""

    session: Session
    use: SessionUse
    known: int = 0


def prefix_digests(
    owner: str, agent: str, model: str, messages: Sequence[Message], tools: bytes = b""
) -> tuple[bytes, ...]:
    """The digest of each prefix of the messages, the shortest first. `tools`: the digest of the client's."""
    digest = blake3(encode((owner, agent, model, tools) if tools else (owner, agent, model))).digest()
    found = []
    for message in messages:
        digest = chained(digest, message)
        found.append(digest)
    return tuple(found)


def chained(before: bytes, message: Message) -> bytes:
    """The digest of a history that goes on with `message`."""
    calls = [call.id for call in message.calls]
    text = message.text.encode(errors="surrogatepass")
    said = encode((message.role, len(text), calls, message.call_id))
    if message.images:
        said += blake3(encode([(image.media_type, image.data) for image in message.images])).digest()
    return blake3(before + said + text).digest()

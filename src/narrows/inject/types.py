"""The values that offering a client's tools on an agent's model traffic is spoken of in.

Expected outcomes are values: a body into which nothing is inserted says why (`NotInserted`), an answer whose calls do
not count says why (`Dropped`, `Broken`). What must be replayed identically is an `Exchange`: bytes, made once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from narrows.agents.observation import AgentCall
from narrows.core.edits import Edit


@dataclass(frozen=True, slots=True)
class Offer:
    """A session's tools as a wire declares them, made once: the same bytes in each of its requests.

    `names`: what a tool is called on the wire -> what its client calls it. `one_at_a_time`: the model is asked not to
    make several calls in one answer, where the wire can say so.
    """

    wire: str
    declarations: tuple[bytes, ...]
    names: Mapping[str, str]
    one_at_a_time: bool = True


class Obstacle(StrEnum):
    """Why nothing was inserted into a request."""

    NOT_READABLE = "not_readable"
    """It is not one JSON object in UTF-8."""
    DUPLICATE_KEY = "duplicate_key"
    """A key that matters here stands twice: which one counts is not ours to decide."""
    NOT_AN_ARRAY = "not_an_array"
    """What should hold tools or messages is something else."""
    NAME_CLASH = "name_clash"
    """The agent has a tool of its own with such a name."""
    SEVERAL_CHOICES = "several_choices"
    """It asks for several answers at once."""
    LEGACY_FUNCTIONS = "legacy_functions"
    """It declares functions in the way that does not go together with tools."""
    STORED = "stored"
    """What was said before is kept by the model's server, and does not stand in it."""
    BACKGROUND = "background"
    """Its answer is fetched later, in another way."""


@dataclass(frozen=True, slots=True)
class Inserted:
    """The edits of a request that declare the tools."""

    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class NotInserted:
    """The request stays as it is; `detail` names the key, the tool, or the byte."""

    obstacle: Obstacle
    detail: str = ""


class Withheld(Struct, frozen=True):
    """An answer that ended normally with calls of the client's tools, whose arguments are JSON.

    `mixed`: the agent's own calls stand beside them, behind `leading` of the client's; they are withheld too. `said`:
    what the agent has been shown of this answer, in the wire's own pieces. `elements`: the client's calls as the wire
    writes them. `answer`: the whole message of the model, as it goes back to it.
    """

    calls: tuple[AgentCall, ...]
    mixed: bool
    leading: int
    said: tuple[str, ...]
    elements: tuple[bytes, ...]
    answer: bytes


class Passed(Struct, frozen=True):
    """An answer without a call of the client's tools: the agent has all of it."""


class Dropped(Struct, frozen=True):
    """The answer ended otherwise than with its calls, such as by its length: the agent has all of it but them, and they
    must not be executed."""

    reason: str


class Broken(Struct, frozen=True):
    """The answer cannot be gone on with: cut off, an error, or arguments that are not JSON. The agent has what was
    shown, and no end; its answer must be cut short as well."""

    reason: str


Outcome = Passed | Withheld | Dropped | Broken


class Place(Struct, frozen=True):
    """After the first `count` messages of a conversation, which `digest` names."""

    count: int
    digest: bytes


class Exchange(Struct, frozen=True):
    """One exchange that the agent does not know of: the client's calls and what its tools answered.

    It stands in the agent's answer that followed `place`, after what was `said` there since the exchange before it.
    `elements` and `results` are as the wire writes calls and outputs, `answer` is the model's whole message. `mixed`:
    the agent made its own calls in the same message, behind `leading` of the client's, and went on by itself.
    """

    wire: str
    place: Place
    said: tuple[str, ...]
    mixed: bool
    leading: int
    elements: tuple[bytes, ...]
    results: tuple[bytes, ...]
    answer: bytes


@dataclass(frozen=True, slots=True)
class Spliced:
    """The edits that put exchanges into a later request, and the exchanges whose place was not found there."""

    edits: tuple[Edit, ...]
    missing: tuple[Exchange, ...] = ()


class AnswerFilter(Protocol):
    """Passes on an answer without the calls of the client's tools, and goes on with the next one as the same answer.

    It takes decoded bytes: an answer with a Content-Encoding is decoded before.
    """

    @property
    def outcome(self) -> Outcome | None:
        """What became of the answer; None before its end."""
        ...

    @property
    def held_bytes(self) -> int:
        """How much of the answer stays here at the moment."""
        ...

    def receive_data(self, data: bytes) -> bytes:
        """What of the answer, up to these bytes, the agent gets now."""
        ...

    def receive_eof(self) -> bytes:
        """The same at the answer's end. From here on there is an `outcome`."""
        ...

    def release(self) -> bytes:
        """What of a withheld answer is the agent's own, its calls and its end: for a mixed one, once the client's tools
        have answered."""
        ...

    def go_on(self) -> None:
        """The bytes that come next are those of the follow-up's answer."""
        ...

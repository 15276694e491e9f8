"""The values that every wire speaks in.

A wire is one request/response format. Its request side finds the parts of a body that may be edited (`locate`), its
response side observes the bytes going back (`observer`). Everything here is frozen except the observer.

What is made for every request is a msgspec struct, several times as fast to make as a frozen dataclass; `Untouched` is
none, because to ask whether a value is a struct of another class takes ten times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from narrows.core.edits import Span
from narrows.core.effort import Effort
from narrows.core.tool_call import OutputPlace, ToolCall
from narrows.errors import GatewayError
from narrows.policy import Scope
from narrows.wire.reading import Notes, ReadingMemory


class Role(StrEnum):
    """Whose text a part is."""

    TOOL = "tool"
    USER = "user"
    OBSERVATION = "observation"
    """A tool's output that the client sends as a user's text, known by the frame around it (`core/frames`)."""


PREFIX_MISMATCH = "prefix_mismatch"
"""How a record names the refusal of a replayed block whose conversation is not the one it was made in."""


class Refusal(StrEnum):
    """Why a whole body is forwarded untouched. DESIGN section 3: few, and each as small as the fault."""

    NOT_JSON = "not_json"
    NOT_UTF8 = "not_utf8"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_KEY = "duplicate_key"
    """A duplicate top-level `messages`, `model` or `n`: which one wins is not ours to decide."""
    TOO_DEEP = "too_deep"
    NO_MESSAGES = "no_messages"
    SEVERAL_CHOICES = "several_choices"
    """`n` is over 1, or not a number we can read."""
    ENCODED = "encoded"
    """The body has a Content-Encoding, a signature or a digest."""


class Part(Struct, frozen=True, gc=False):
    """One JSON string literal that may be replaced.

    `span` covers the literal with its quotes. `fault`: the part cannot be read, and why; it is then kept. `pointer` is
    its RFC 6901 JSON pointer. `tool_call` is the call that produced a tool's output, where earlier messages name it.
    """

    pointer: str
    message_index: int
    role: Role
    span: Span
    tool_call: ToolCall | None = None
    fault: str | None = None
    digest: bytes | None = None
    """`core.digest.part_digest` of the part; None where it is too small to be worth remembering."""
    output: OutputPlace | None = None
    """Where a tool's output stands among all; None for other text, and where it is too small to be referred to."""
    chain: bytes | None = None
    """`core.digest.chain_digest` up to this part; None where no `output` stands before it."""


class Located(Struct, frozen=True, gc=False):
    """The parts of a body, in the order of its bytes, and what the gateway needs to know of the rest.

    `history_complete`: every tool output that the model reads before these parts stands in the body. Where some are
    stored elsewhere, they cannot be counted, and no part refers to an earlier one. `notes`, where what was read is
    kept, are about the first of these parts (`earlier`) and about all of them (`own`). `before` are the values that the
    model reads before the first item, which begins at the byte `start` or behind it: instructions, tools; None where
    more stands before it than is in the body.
    """

    parts: tuple[Part, ...]
    message_count: int
    model: str | None = None
    stream: bool = False
    history_complete: bool = True
    notes: Notes | None = None
    before: tuple[tuple[int, int], ...] | None = ()
    start: int = 0


@dataclass(frozen=True, slots=True)
class Untouched:
    """A body that is forwarded as it came, and why. What could still be read of it is here for the record."""

    reason: Refusal
    detail: str = ""
    model: str | None = None
    stream: bool = False


class Usage(Struct, frozen=True, gc=False):
    """Token counts as the model's server reported them; None means unknown, never zero (tenet 3)."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class ObservedToolCall(Struct, frozen=True, gc=False):
    """A function call that the model made; `arguments` is the joined text, never parsed."""

    id: str
    name: str
    arguments: str


class Lengths(Struct, frozen=True, gc=False):
    """How many characters came of texts that were not kept."""

    text: int
    reasoning: int
    refusal: int


class Choice(Struct, frozen=True, gc=False):
    """One choice of an answer, assembled. Where its texts were only `counted` they are empty here, and so may the
    arguments of its calls be."""

    index: int
    role: str = ""
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ObservedToolCall, ...] = ()
    finish_reason: str | None = None
    counted: Lengths | None = None


class ResponseRecord(Struct, frozen=True, gc=False):
    """What an observer made out of a response. `done`: the wire's own end mark was seen. `unparsed` counts events or
    bodies that could not be read; `dropped` says why the observer stopped early, where it did."""

    id: str | None = None
    model: str | None = None
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    usage_seen: int = 0
    chunks: int = 0
    done: bool = False
    errors: tuple[str, ...] = ()
    unparsed: int = 0
    dropped: str | None = None


class ResponseObserver(Protocol):
    """Reads a copy of a response body's decoded bytes. It may raise; the shell then drops it (law 8)."""

    def receive_data(self, data: bytes) -> None: ...

    def receive_eof(self) -> None: ...

    def record(self) -> ResponseRecord: ...


class Wire(Protocol):
    """One format."""

    @property
    def name(self) -> str:
        """As in logs, metrics and the library: `openai_chat`."""
        ...

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is this wire's; `path` has no query and is relative to the upstream's base path."""
        ...

    def model_in(self, path: str) -> str | None:
        """The model that the path of a request names, on a wire whose bodies name none."""
        ...

    def locate(
        self, body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
    ) -> Located | Untouched:
        """The parts of a request body. With a `memory` the same, sooner: what was read of a conversation before is not
        read again.

        Raises:
            OutOfEffortError: there is more to read than the `effort` allows; without one nothing is ever raised.
        """
        ...

    def observer(self, content_type: str, *, texts: bool = True) -> ResponseObserver:
        """An observer for a response of this media type (event stream or whole JSON body). Without `texts` it counts
        their characters, and what it holds does not grow with an answer's length."""
        ...

    def whole(self, body: bytes) -> ResponseRecord | None:
        """What an observer would say of an answer with this whole JSON body, sooner; None where one has to be asked,
        as for every long body: this takes a moment at most."""
        ...

    def error_body(self, error: GatewayError) -> dict[str, object]:
        """An error of ours as this wire's clients read errors: a JSON object."""
        ...

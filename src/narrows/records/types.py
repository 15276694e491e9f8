"""What is remembered of an exchange: figures, names and times; never a body, a header value, a key or a text.

That is a rule of shape, not of care: no field is meant for a message, and what others wrote and we repeat (paths, model
names, finish reasons, error codes) is cut to a name's length. An unknown number is None, never zero (tenet 3).

The records are msgspec structs where the rest of the house uses dataclasses, because one of each is made for every
exchange: a frozen dataclass of this width costs eight times as much, and needs a conversion to be written as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import force_setattr

from narrows.compressors.types import Reason
from narrows.policy import Kind
from narrows.wire.types import Role

MAX_NAME_CHARS = 128
MAX_PATH_CHARS = 256


class BodyDecision(StrEnum):
    """What was done with a request's body."""

    EDITED = "edited"
    """At least one part was shortened."""
    UNCHANGED = "unchanged"
    """It was planned, and every part was kept."""
    UNTOUCHED = "untouched"
    """It was forwarded without a plan, though a wire knows the path; the reason says why."""
    PROXIED = "proxied"
    """No wire knows the path."""


class Outcome(StrEnum):
    """How an exchange ended."""

    ANSWERED = "answered"
    """The upstream's answer, whatever its status, was forwarded to its end."""
    REFUSED = "refused"
    """The gateway answered with an error of its own; `error_code` says which."""
    CANCELLED = "cancelled"
    """The client left before the end."""
    TRUNCATED = "truncated"
    """The upstream's answer broke off, and was passed on broken off."""


class DecisionRecord(Struct, frozen=True, kw_only=True, gc=False):
    """One decision that was made for the first time. Sizes are UTF-8 bytes of the decoded text.

    `reason` is None where the text was shortened; `pointer` is the part's RFC 6901 JSON pointer in the request.
    """

    request_id: str
    pointer: str
    role: Role
    kind: Kind
    reason: Reason | None = None
    lossless: bool | None = None
    bytes_before: int = 0
    bytes_after: int = 0
    tokens_before: int | None = None
    tokens_after: int | None = None
    encoding: str = ""
    encoding_assumed: bool = False


class PlanFigures(Struct, frozen=True, kw_only=True):
    """What a plan came to. `reason` explains BodyDecision.UNTOUCHED, and is empty otherwise.

    `shortened` counts by kind, `kept` by reason. Token counts are sums over the shortened parts alone, because a kept
    part need not be counted; both are None where nothing was shortened. `cache_hits` are decisions replayed from the
    cache, `cache_misses` those that were made for this exchange.
    """

    decision: BodyDecision
    reason: str = ""
    parts: int = 0
    shortened: Mapping[Kind, int] = field(default_factory=dict)
    kept: Mapping[Reason, int] = field(default_factory=dict)
    tokens_before: int | None = None
    tokens_after: int | None = None
    encoding: str = ""
    encoding_assumed: bool = False
    cache_hits: int = 0
    cache_misses: int = 0
    decisions: tuple[DecisionRecord, ...] = ()


PROXIED = PlanFigures(decision=BodyDecision.PROXIED)


class ResponseFigures(Struct, frozen=True, kw_only=True, gc=False):
    """A ResponseRecord without its texts; `errors` are codes, never messages. Lengths are characters."""

    id: str | None = None
    model: str | None = None
    choices: int = 0
    text_chars: int = 0
    reasoning_chars: int = 0
    refusal_chars: int = 0
    tool_calls: int = 0
    finish_reasons: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    chunks: int = 0
    done: bool = False
    errors: tuple[str, ...] = ()
    unparsed: int = 0
    dropped: str | None = None


class Timings(Struct, frozen=True, kw_only=True, gc=False):
    """Seconds. `locate_s` and `plan_s` are spent on the request's body. `first_byte_s` runs from the request's first
    byte to the first of the upstream's answer, `first_chunk_s` to the first of its body, `total_s` to the end of the
    exchange. `overhead_s` is what the gateway added by itself: from the request's last byte until it was ready to go
    upstream.
    """

    total_s: float
    overhead_s: float = 0.0
    locate_s: float | None = None
    plan_s: float | None = None
    first_byte_s: float | None = None
    first_chunk_s: float | None = None


class ExchangeRecord(Struct, frozen=True, kw_only=True):
    """One request and its answer. `started_at` is seconds since the epoch; `path` has no query, and an overlong one is
    cut here, as is `model`; `wire` is empty where no wire knows the path, `status` None where no status was sent. Bytes
    are those of the bodies as they went over the network.
    """

    request_id: str
    started_at: float
    method: str
    path: str
    timings: Timings
    wire: str = ""
    model: str | None = None
    stream: bool = False
    status: int | None = None
    outcome: Outcome = Outcome.ANSWERED
    error_code: str | None = None
    request_bytes: int = 0
    forwarded_bytes: int = 0
    response_bytes: int = 0
    plan: PlanFigures = PROXIED
    response: ResponseFigures | None = None

    def __post_init__(self) -> None:
        if len(self.path) > MAX_PATH_CHARS:
            force_setattr(self, "path", self.path[:MAX_PATH_CHARS])
        if self.model is not None and len(self.model) > MAX_NAME_CHARS:
            force_setattr(self, "model", self.model[:MAX_NAME_CHARS])

"""What is to be done with a request, decided from its head alone.

Only a request whose path a wire knows, which has a body, and whose body nothing forbids us to read or change, is held
and planned. Every other request is passed on as it comes in. Two of our own fields are read here: `x-narrows-policy`,
by which a client sets the level for one request (the same one throughout a conversation, or its prefix changes), and
`x-narrows-loop`, the mark we put on what we send: a request that arrives with our own mark has come round in a circle.
The mark is a field of its own and not `Via`, as common servers switch compression off for requests with a `Via`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from narrows.core.headers import field_values
from narrows.core.http1 import NoBody, RequestHead
from narrows.errors import LoopDetected, MalformedRequest
from narrows.policy import Level, Policy
from narrows.upstream.target import Target
from narrows.wire.registry import wire_for
from narrows.wire.types import Refusal, Wire

POLICY_FIELD = b"x-narrows-policy"
LOOP_FIELD = b"x-narrows-loop"


class PassReason(StrEnum):
    """Why a body is streamed and not planned, where a wire knows the path. `Refusal.ENCODED` is the other reason."""

    NO_BODY = "no_body"
    POLICY_OFF = "policy_off"
    NO_TRANSFORM = "no_transform"
    """The client said `Cache-Control: no-transform`."""
    TRAILERS = "trailers"
    """The body came in chunks with trailer fields, which may speak of its bytes."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What admission depends on beside the head. `policies` are the settings' policy at each level; `drop`: the fields
    that are read here, and so by nobody behind."""

    target: Target
    policies: Mapping[Level, Policy]
    default_level: Level
    loop_mark: bytes
    drop: frozenset[bytes] = frozenset({POLICY_FIELD})


@dataclass(frozen=True, slots=True)
class Planned:
    """Hold the whole body, plan it by this wire and policy. `drop`: our own fields to take out of the head. `model`:
    what the path names, on a wire whose bodies name none."""

    wire: Wire
    policy: Policy
    drop: frozenset[bytes]
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """Pass the body on as it comes. `wire` knows the path (its answer is observed) or is None."""

    wire: Wire | None
    reason: PassReason | Refusal | None
    drop: frozenset[bytes]


def admit(head: RequestHead, origin_form: bytes, rules: Rules) -> Planned | Passed:
    """What to do with a request of this head.

    Raises:
        LoopDetected: it carries our own mark.
        MalformedRequest: its `x-narrows-policy` is no level.
    """
    fields = head.fields
    lowered = b"\n" + fields.lower()
    level = rules.default_level
    drop = _DROP_NOTHING
    if b"\nx-narrows-" in lowered:
        if rules.loop_mark in field_values(fields, LOOP_FIELD):
            raise LoopDetected(
                "this request has been through this gateway before: the upstream leads back to it;"
                " set --upstream to the model's own server"
            )
        level = _asked_level(field_values(fields, POLICY_FIELD)) or level
        drop = rules.drop
    if head.expect_continue:
        drop |= _DROP_EXPECT
    path = rules.target.relative_path(origin_form)
    wire = wire_for(head.method.decode(), path)
    if wire is None:
        return Passed(None, None, drop)
    reason = _pass_reason(head, lowered, level)
    if reason is not None:
        return Passed(wire, reason, drop)
    return Planned(wire, rules.policies[level], drop, wire.model_in(path))


_DROP_NOTHING: frozenset[bytes] = frozenset()
_DROP_EXPECT = frozenset({b"expect"})
"""We answer the expectation ourselves: the bytes it holds back are already on their way to us."""

_SEALED = (
    b"\ncontent-encoding:",
    b"\ndigest:",
    b"\ncontent-digest:",
    b"\nrepr-digest:",
    b"\ncontent-md5:",
    b"\nsignature:",
    b"\nsignature-input:",
    b"\nx-amz-content-sha256:",
    b"aws4-hmac",
)
"""Fields that speak of the body's exact bytes (RFC 9530, RFC 9421, AWS Signature Version 4), or of a coding of them."""


def _pass_reason(head: RequestHead, lowered: bytes, level: Level) -> PassReason | Refusal | None:
    if isinstance(head.framing, NoBody):
        return PassReason.NO_BODY
    if level is Level.OFF:
        return PassReason.POLICY_OFF
    if b"\ncache-control:" in lowered and _says_no_transform(head.fields):
        return PassReason.NO_TRANSFORM
    if any(mark in lowered for mark in _SEALED):
        return Refusal.ENCODED
    return None


def _says_no_transform(fields: bytes) -> bool:
    directives = b",".join(field_values(fields, b"cache-control")).lower().split(b",")
    return b"no-transform" in (directive.strip() for directive in directives)


def _asked_level(values: tuple[bytes, ...]) -> Level | None:
    if not values:
        return None
    try:
        (value,) = values
        return Level(value.decode("latin-1").lower())
    except ValueError:
        raise MalformedRequest(
            f"x-narrows-policy must be given once, as one of: {', '.join(Level)}; "
            "leave it out for the gateway's own level",
            param="x-narrows-policy",
        ) from None

"""Bounds that protect the gateway and are nobody's business to set; the ones that are stand in the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Times are seconds, sizes bytes.

    `head_timeout_s`: from a head's first byte to its last. `keep_alive_s`: a client connection between two requests.
    `linger_s`, `linger_bytes`: how long, and for how much, the rest of a refused request is read and thrown away, so
    that its client gets to read the answer. `pipelined_bytes`: what a client may send ahead while it waits.
    `pending_bytes`: a streamed body's bytes that wait for the connection to the upstream. `replay_bytes`: a streamed
    body up to this size is kept until the answer begins, in case a pooled connection turns out to be dead.
    `stale_s`: a pooled connection that closes unanswered within this time of a request was dead when it was taken; one
    that closes later may have acted on the request.
    """

    head_timeout_s: float = 30.0
    keep_alive_s: float = 120.0
    linger_s: float = 2.0
    linger_bytes: int = 64 << 20
    pipelined_bytes: int = 64 << 10
    pending_bytes: int = 256 << 10
    replay_bytes: int = 64 << 10
    stale_s: float = 2.0

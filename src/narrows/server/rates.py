"""How much each key may use: requests in flight, requests per minute, body bytes per minute.

Pure: time is an argument, in seconds of any clock that never goes back. Per minute means a token bucket: it holds a
minute's worth, is full at first, and fills evenly. So a key that was quiet may use a minute's worth at once, and at
most twice the limit can pass within one minute; in the long run the limit is met exactly. It takes two numbers for
each key, where an exact window would take one for each request.

A body that has begun is never cut for a limit. What it takes beyond the bucket is a debt, which later requests wait
for. Neither is an agent's run: what it asks its model for is counted, and never refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from narrows.errors import RateLimited
from narrows.settings import KeyLimits

MINUTE_S = 60.0
IN_FLIGHT_RETRY_S = 1
"""When one request ends cannot be known; this is what OpenAI's SDKs would wait by themselves."""
_ROUNDING_S = 1e-6
"""Floating point may leave a bucket so far behind what it should hold."""


class Limit(StrEnum):
    """Which limit a request is over."""

    IN_FLIGHT = "in_flight"
    REQUESTS = "requests"
    BODY_BYTES = "body_bytes"


@dataclass(frozen=True, slots=True)
class Over:
    """A request that may not pass now; it may in `retry_after_s` whole seconds, if nothing else does before it."""

    limit: Limit
    allowed: int
    retry_after_s: int


_WHAT = {
    Limit.IN_FLIGHT: "requests in progress at once; wait for one to end",
    Limit.REQUESTS: "requests a minute; wait as long as Retry-After says",
    Limit.BODY_BYTES: "bytes of request bodies a minute; wait as long as Retry-After says",
}


def refusal(name: str, over: Over) -> RateLimited:
    """What the client is told."""
    message = f"the gateway key {name} may have {over.allowed} {_WHAT[over.limit]}"
    return RateLimited(message, retry_after_s=over.retry_after_s)


class Bucket:
    """`per_minute` of something: starts full, fills evenly, never holds more than a minute's worth."""

    __slots__ = ("_at_s", "_level", "per_minute")

    def __init__(self, per_minute: int, now_s: float) -> None:
        self.per_minute = per_minute
        self._level = float(per_minute)
        self._at_s = now_s

    def wait_s(self, amount: float, now_s: float) -> float:
        """Seconds until `amount` can be taken, 0 if it can now. More than the bucket holds needs it full; nothing needs
        nothing, whatever the debt."""
        per_minute = self.per_minute
        if now_s > self._at_s:
            self._level = min(self._level + (now_s - self._at_s) * per_minute / MINUTE_S, per_minute)
            self._at_s = now_s
        if amount <= self._level or not amount:
            return 0.0
        wait_s = (min(amount, per_minute) - self._level) * MINUTE_S / per_minute
        return wait_s if wait_s > _ROUNDING_S else 0.0

    def take(self, amount: float) -> None:
        """Take `amount`, into debt if there is less."""
        self._level -= amount


class Allowance:
    """What one key has used of its limits. Every request that `begin` lets through and gives a place in flight must be
    ended by `end`, once."""

    __slots__ = ("_bytes", "_max_in_flight", "_requests", "in_flight")

    def __init__(self, limits: KeyLimits, now_s: float) -> None:
        self._max_in_flight = limits.max_in_flight or 0
        self._requests = Bucket(limits.requests_per_minute, now_s) if limits.requests_per_minute else None
        self._bytes = Bucket(limits.body_bytes_per_minute, now_s) if limits.body_bytes_per_minute else None
        self.in_flight = 0

    def begin(self, body_bytes: int | None, now_s: float, *, place: bool = True) -> Over | None:
        """Take what a request needs, or nothing and say which limit it is over. `body_bytes` is None for a body whose
        size is not known yet: it begins if anything is left, and `add` takes what comes. `place`: it needs one in
        flight."""
        if place and self._max_in_flight and self.in_flight >= self._max_in_flight:
            return Over(Limit.IN_FLIGHT, self._max_in_flight, IN_FLIGHT_RETRY_S)
        requests, body = self._requests, self._bytes
        wait_s = 0.0 if requests is None else requests.wait_s(1, now_s)
        if requests is not None and wait_s:
            return _over(Limit.REQUESTS, requests, wait_s)
        wait_s = 0.0 if body is None else body.wait_s(1 if body_bytes is None else body_bytes, now_s)
        if body is not None and wait_s:
            return _over(Limit.BODY_BYTES, body, wait_s)
        if requests is not None:
            requests.take(1)
        if body is not None and body_bytes:
            body.take(body_bytes)
        self.in_flight += place
        return None

    def count(self, body_bytes: int) -> None:
        """Take for a request that is not refused, into debt if there is less; it has no place in flight."""
        if self._requests is not None:
            self._requests.take(1)
        self.add(body_bytes)

    def add(self, body_bytes: int) -> None:
        """Take for more of a body whose size was not known."""
        if self._bytes is not None:
            self._bytes.take(body_bytes)

    def end(self) -> None:
        """A request has ended, however it did."""
        self.in_flight -= 1


def _over(limit: Limit, bucket: Bucket, wait_s: float) -> Over:
    return Over(limit, bucket.per_minute, max(math.ceil(wait_s - _ROUNDING_S), 1))

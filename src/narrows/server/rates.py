"""How much each key may use: requests in flight, requests per minute, body bytes per minute.

Pure: time is an argument, in seconds of any clock that never goes back. Per minute means a token bucket: it holds a
minute's worth, is full at first, and fills evenly. So a key that was quiet may use a minute's worth at once, and at
most twice the limit can pass within one minute; in the long run the limit is met exactly. It takes two numbers for
each key, where an exact window would take one for each request.

A body that has begun is never cut for a limit. What it takes beyond the bucket is a debt, which later requests wait
for.
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
        if not amount:
            return 0.0
        self._fill(now_s)
        wait_s = (min(amount, self.per_minute) - self._level) * MINUTE_S / self.per_minute
        return wait_s if wait_s > _ROUNDING_S else 0.0

    def take(self, amount: float, now_s: float) -> None:
        """Take `amount`, into debt if there is less."""
        self._fill(now_s)
        self._level -= amount

    def _fill(self, now_s: float) -> None:
        elapsed_s = max(now_s - self._at_s, 0.0)
        self._at_s = max(now_s, self._at_s)
        self._level = min(self._level + elapsed_s * self.per_minute / MINUTE_S, float(self.per_minute))


class Allowance:
    """What one key has used of its limits. Every request that `begin` lets through must be ended by `end`, once."""

    __slots__ = ("_bytes", "_max_in_flight", "_requests", "in_flight")

    def __init__(self, limits: KeyLimits, now_s: float) -> None:
        self._max_in_flight = limits.max_in_flight or 0
        self._requests = Bucket(limits.requests_per_minute, now_s) if limits.requests_per_minute else None
        self._bytes = Bucket(limits.body_bytes_per_minute, now_s) if limits.body_bytes_per_minute else None
        self.in_flight = 0

    def begin(self, body_bytes: int | None, now_s: float) -> Over | None:
        """Take what a request needs, or nothing and say which limit it is over. `body_bytes` is None for a body whose
        size is not known yet: it begins if anything is left, and `add` takes what comes."""
        over = self._over(1 if body_bytes is None else body_bytes, now_s)
        if over is not None:
            return over
        if self._requests is not None:
            self._requests.take(1, now_s)
        if body_bytes:
            self.add(body_bytes, now_s)
        self.in_flight += 1
        return None

    def add(self, body_bytes: int, now_s: float) -> None:
        """Take for more of a body whose size was not known."""
        if self._bytes is not None:
            self._bytes.take(body_bytes, now_s)

    def end(self) -> None:
        """A request has ended, however it did."""
        self.in_flight -= 1

    def _over(self, body_bytes: int, now_s: float) -> Over | None:
        if self._max_in_flight and self.in_flight >= self._max_in_flight:
            return Over(Limit.IN_FLIGHT, self._max_in_flight, IN_FLIGHT_RETRY_S)
        for limit, bucket, amount in (
            (Limit.REQUESTS, self._requests, 1),
            (Limit.BODY_BYTES, self._bytes, body_bytes),
        ):
            wait_s = 0.0 if bucket is None else bucket.wait_s(amount, now_s)
            if bucket is not None and wait_s > 0:
                return Over(limit, bucket.per_minute, max(math.ceil(wait_s - _ROUNDING_S), 1))
        return None

"""Time limits for many connections by one coarse tick, instead of a timer for each.

A timer for every phase of every request would cost more than parsing it. Each watched object carries a `deadline_s` on
the loop's clock, which is moved by plain assignment; a tick looks at all of them, four times a second. A limit is thus
met late by a quarter of a second at most, which none of them minds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

TICK_S = 0.25
NEVER_S = float("inf")


class Watched(Protocol):
    """Something with a time limit."""

    deadline_s: float

    def expired(self) -> None:
        """The deadline has passed; called once a tick until it is moved or the object is dropped."""
        ...


class Deadlines:
    """The tick over `watched`, which may change at any time; `each_tick` is called with the loop's time as well."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, watched: Collection[Watched], each_tick: Callable[[float], None]
    ) -> None:
        self._watched = watched
        self._loop = loop
        self._each_tick = each_tick
        self._timer = loop.call_later(TICK_S, self._tick)

    def stop(self) -> None:
        """No more ticks."""
        self._timer.cancel()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK_S, self._tick)
        now_s = self._loop.time()
        for late in [watched for watched in self._watched if watched.deadline_s < now_s]:
            late.expired()
        self._each_tick(now_s)

"""Time limits for many connections by one coarse tick, instead of a timer for each.

A timer for every phase of every request would cost more than parsing it. Each watched object carries a `deadline_s` on
the loop's clock, which is moved by plain assignment; a tick looks at all of them, four times a second. A limit is thus
met late by a quarter of a second, which none of them minds.

A process that has not run for a while, because its machine was busy, asleep or moved elsewhere, has not read either:
what came in time still waits in the system, and an event loop may run its timers before it reads. So a tick that comes
late tells nobody; what is late at the next one is.
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
        self._due_s = 0.0
        self._wind()

    def stop(self) -> None:
        """No more ticks."""
        self._timer.cancel()

    def _wind(self) -> None:
        self._due_s = self._loop.time() + TICK_S
        self._timer = self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        now_s = self._loop.time()
        on_time = now_s < self._due_s + TICK_S
        self._wind()
        if on_time:
            for late in [watched for watched in self._watched if watched.deadline_s < now_s]:
                late.expired()
        self._each_tick(now_s)

"""What is done after the bytes have gone: observing answers, and telling the stories of exchanges that have ended.

Bytes are written to the client first. Their copies queue here, and are read in a later turn of the event loop (with
uvloop, what is written leaves at the end of the turn, so reading at once would hold it back). A turn ends after a
moment, but not before it has done half of what was there, or a busy loop would never catch up. An answer whose copies
pile up is no longer observed, and says so in its record; its bytes go on (law 8).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter

from narrows.core.http1 import ResponseHead
from narrows.server.observing import Dropped, ResponseTee
from narrows.server.story import Story
from narrows.wire.types import ResponseRecord, Wire

TURN_S = 0.001
"""After so long in one turn the rest waits for the next; only when things are told depends on it."""
MAX_QUEUED_BYTES = 32 << 20

Tell = Callable[[Story, ResponseRecord | None], None]


class Afterwards:
    """A queue of copies and stories, worked off between other things. `tell` is given each story with its answer;
    `clock` gives seconds."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, tell: Tell, *, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._loop = loop
        self._tell = tell
        self._clock = clock
        self._queue: deque[tuple[ResponseTee | None, bytes | Story]] = deque()
        self._queued_bytes = 0
        self._scheduled = False

    def tee(self, wire: Wire, head: ResponseHead) -> ResponseTee:
        """What observes an answer of this head."""
        return ResponseTee(wire, head)

    def observe(self, tee: ResponseTee, data: bytes) -> None:
        """Observe bytes that have been written."""
        if self._queued_bytes > MAX_QUEUED_BYTES:
            tee.drop(Dropped.LAGGING)
            return
        self._queued_bytes += len(data)
        self._queue.append((tee, data))
        self._schedule()

    def tell(self, tee: ResponseTee | None, story: Story) -> None:
        """Tell a story that has ended, once everything of its answer has been observed."""
        self._queue.append((tee, story))
        self._schedule()

    def finish(self) -> None:
        """Do everything that is left, now."""
        while self._queue:
            self._work()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        self._scheduled = False
        until_s = self._clock() + TURN_S
        may_wait = len(self._queue) // 2
        try:
            while self._queue:
                tee, item = self._queue.popleft()
                if isinstance(item, Story):
                    self._tell(item, None if tee is None else tee.finish())
                elif tee is not None:
                    self._queued_bytes -= len(item)
                    tee.receive_data(item)
                if len(self._queue) <= may_wait and self._clock() >= until_s:
                    break
        finally:
            if self._queue:
                self._schedule()

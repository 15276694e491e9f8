"""What is done after the bytes have gone: observing answers, and telling the stories of exchanges that have ended.

Bytes are written to the client first. Their copies stay with the answer's tee, and are read in a later turn of the
event loop (with uvloop, what is written leaves at the end of the turn, so reading at once would hold it back): when
there are enough of them, when the answer is over, and a few times a second, so that a slow stream's copies do not pile
up. A turn ends after a moment, but not before it has done half of what had to be done, or a busy loop would never catch
up; the slow streams' copies, of which there may be thousands, are read in what is left of each turn.
Where unread copies pile up all the same, an answer is no longer observed, and says so in its record; its bytes go on
(law 8).
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
MAX_HELD_BYTES = 32 << 20

Tell = Callable[[Story, ResponseRecord | None], None]


class Afterwards:
    """Copies to be read and stories to be told, between other things. `tell` is given each story with its answer;
    `clock` gives seconds. `held_bytes` counts copies that have not been read."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, tell: Tell, *, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._loop = loop
        self._tell = tell
        self._clock = clock
        self._queue: deque[tuple[ResponseTee | None, Story | None]] = deque()
        self._holding: set[ResponseTee] = set()
        self._unhurried: deque[ResponseTee] = deque()
        self._scheduled = False
        self.held_bytes = 0

    def tee(self, wire: Wire, head: ResponseHead) -> ResponseTee:
        """What observes an answer of this head: its story tells how long its texts are, and never what they say."""
        return ResponseTee(wire, head, texts=False)

    def observe(self, tee: ResponseTee, data: bytes) -> None:
        """Observe bytes that have been written."""
        if self.held_bytes > MAX_HELD_BYTES:
            self.held_bytes -= tee.held_bytes
            tee.drop(Dropped.LAGGING)
            return
        before = tee.held_bytes
        enough = tee.hold(data)
        self.held_bytes += tee.held_bytes - before
        if enough:
            self._queue.append((tee, None))
            self._schedule()
        elif not before:
            self._holding.add(tee)

    def tell(self, tee: ResponseTee | None, story: Story) -> None:
        """Tell a story that has ended, once everything of its answer has been observed."""
        self._queue.append((tee, story))
        self._schedule()

    def tell_whole(self, wire: Wire | None, head: ResponseHead, data: bytes, story: Story) -> None:
        """Tell a story whose answer was written in one piece, its body being `data`."""
        tee = None
        if wire is not None:
            tee = self.tee(wire, head)
            if data and self.held_bytes > MAX_HELD_BYTES:
                tee.drop(Dropped.LAGGING)
            elif data:
                tee.hold(data)
                self.held_bytes += len(data)
        self._queue.append((tee, story))
        if not self._scheduled:
            self._schedule()

    def read_held(self) -> None:
        """Have everything read that is held; called a few times a second."""
        if self._holding:
            self._unhurried.extend(self._holding)
            self._holding.clear()
            self._schedule()

    def finish(self) -> None:
        """Do everything that is left, now."""
        self.read_held()
        while self._queue or self._unhurried:
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
                self._do(*self._queue.popleft())
                if len(self._queue) <= may_wait and self._clock() >= until_s:
                    break
            while self._unhurried:
                self._do(self._unhurried.popleft(), None)
                if self._clock() >= until_s:
                    break
        finally:
            if self._queue or self._unhurried:
                self._schedule()

    def _do(self, tee: ResponseTee | None, story: Story | None) -> None:
        if tee is not None:
            self.held_bytes -= tee.held_bytes
            self._holding.discard(tee)
        if story is not None:
            self._tell(story, None if tee is None else tee.finish())
        elif tee is not None:
            tee.read()

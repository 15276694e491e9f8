"""Many time limits, one tick."""

from __future__ import annotations

import asyncio
import socket
import time

from narrows.server.deadlines import NEVER_S, Deadlines


class Thing:
    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self.expirations = 0

    def expired(self) -> None:
        self.expirations += 1
        self.deadline_s = NEVER_S


async def test_what_is_late_is_told_and_nothing_else() -> None:
    loop = asyncio.get_running_loop()
    ticks: list[float] = []
    late, later, never = Thing(loop.time()), Thing(loop.time() + 1000), Thing(NEVER_S)
    things = {late, later, never}
    deadlines = Deadlines(loop, things, ticks.append)
    async with asyncio.timeout(60):
        while len(ticks) < 2:
            await asyncio.sleep(0.01)
    assert [thing.expirations for thing in (late, later, never)] == [1, 0, 0]
    later.deadline_s = 0
    async with asyncio.timeout(60):
        while not later.expirations:
            await asyncio.sleep(0.01)
    deadlines.stop()
    seen = len(ticks)
    await asyncio.sleep(0.4)
    assert len(ticks) == seen


async def test_the_watched_may_leave_while_they_are_told() -> None:
    loop = asyncio.get_running_loop()
    things: set[Leaving] = set()

    class Leaving(Thing):
        def expired(self) -> None:
            things.discard(self)

    things.update(Leaving(0) for _ in range(5))
    deadlines = Deadlines(loop, things, lambda _: None)
    async with asyncio.timeout(60):
        while things:
            await asyncio.sleep(0.01)
    deadlines.stop()


async def test_after_a_pause_of_the_process_what_waits_in_the_system_is_read_first() -> None:
    """A thing whose time passed while nothing ran, and whose bytes were there all the while, is not told."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    ticks: list[float] = []
    spoken_to, silent = Thing(NEVER_S), Thing(NEVER_S)
    deadlines = Deadlines(loop, {spoken_to, silent}, ticks.append)

    def read() -> None:
        ours.recv(1)
        spoken_to.deadline_s = loop.time() + 1000

    loop.add_reader(ours, read)
    while not ticks:
        await asyncio.sleep(0.01)
    spoken_to.deadline_s = silent.deadline_s = loop.time() + 0.5
    theirs.send(b"x")
    time.sleep(1)  # the pause
    async with asyncio.timeout(60):
        while not silent.expirations:
            await asyncio.sleep(0.01)
    assert spoken_to.expirations == 0
    deadlines.stop()
    loop.remove_reader(ours)
    ours.close()
    theirs.close()

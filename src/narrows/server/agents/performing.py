"""Performs one leg of a run: hands events to the machine, does what it commands, and hands it what comes of that.

At most one thing is under way for a run, the wait for a place, the beginning, or a look; it ends in an event. Beside it
only the clock, the client's leaving, a call that holds the agent up, and the gateway's end can happen, and they
interrupt it; but a call waits until the agent has its message. The agent is cancelled within a limit, awaited, and not
by halves: nothing that happens meanwhile breaks the cancel off.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import uniform
from typing import Protocol, assert_never

from narrows.agents import machine
from narrows.agents.calls import PendingCall
from narrows.agents.observation import AgentCall
from narrows.agents.run import (
    Admitted,
    Ask,
    Begin,
    Begun,
    Called,
    CancelBackend,
    Command,
    Complete,
    Consult,
    Emit,
    Event,
    GaveUp,
    Look,
    LookFailed,
    Observed,
    Open,
    ReaderAsked,
    ReaderLeft,
    Refuse,
    Release,
    Resumed,
    Run,
    RunRules,
    RunState,
    Stirred,
    Stopped,
    Tell,
    Ticked,
)
from narrows.backends import types as backends
from narrows.errors import GatewayError
from narrows.server.agents.traffic import RunTraffic

CANCEL_TIMEOUT_S = 5.0
HELD_LOOK_S = 15.0
LAST_LOOK_S = 0.5
"""For the look before a leg ends with calls, which only sees whether there is more text."""
LONGEST_UNHEARD_S = 0.4
"""Between two looks, where nothing is known to ask for the next."""
_JITTER = 0.2


class Reader(Protocol):
    """Whom a run tells."""

    def open(self) -> None:
        """The agent has begun."""
        ...

    def text(self, text: str, *, thought: bool = False) -> None: ...

    def complete(self, answer: Complete) -> None: ...

    def ask(self, answer: Ask, calls: tuple[PendingCall, ...]) -> None: ...

    def tell(self, error: GatewayError) -> None: ...


@dataclass(frozen=True, slots=True)
class Part:
    """What a leg is made of beside its rules. `begin` gives the agent its message, or what it waits for; `release` lets
    go of the session, with what the client has been told as the answer, and gives the calls that wait now; `streams`:
    it is told piece by piece; `traffic`: the agent's model calls; `consult` has the client asked about a step;
    `moved` is told from which state to which the run goes."""

    places: asyncio.Semaphore
    begin: Callable[[], Awaitable[backends.Turn]]
    holds_looks: Callable[[], bool]
    release: Callable[[Run, backends.Turn | None, str], tuple[PendingCall, ...]]
    streams: bool
    traffic: RunTraffic
    consult: Callable[[backends.Turn, int], None]
    moved: Callable[[RunState, RunState], None]


class Performance:
    """A leg being performed; `before`: the run that goes on with it, where there is one."""

    def __init__(self, part: Part, rules: RunRules, reader: Reader, before: Run | None = None) -> None:
        self._part = part
        self.rules = rules
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        now_s = self._loop.time()
        self.run = Run(accepted_s=now_s) if before is None else machine.handle(before, Resumed(now_s), rules)[0]
        self._turn: backends.Turn | None = None
        self._has_place = False
        self._heeded_s = 0.0
        self._released = False
        self._calls: list[AgentCall] = []
        self._interrupts: deque[Event] = deque()
        self._interrupted = asyncio.Event()
        self._work: asyncio.Task[Event] | None = None

    def reader_left(self) -> None:
        """The client is gone."""
        self._interrupt(ReaderLeft(self._loop.time()))

    def reader_asked(self) -> None:
        """Somebody asks how it stands, after its client has left."""
        if self.run.detached:
            self._interrupt(ReaderAsked(self._loop.time()))

    def stop(self) -> None:
        """The gateway ends."""
        self._interrupt(Stopped(self._loop.time()))

    def called(self, calls: tuple[AgentCall, ...]) -> None:
        """The agent has called tools of its client, and waits for their outputs."""
        self._calls += calls
        self._interrupted.set()

    def give_up(self, error: GatewayError) -> None:
        """The run cannot go on."""
        self._interrupt(GaveUp(self._loop.time(), error))

    async def perform(self) -> None:
        """Do it, to its end."""
        try:
            self._work = self._loop.create_task(self._admit())
            while not self.run.leg_over:
                event = await self._next()
                self._heed_traffic()
                await self._handle(event)
        finally:
            await self._drop_work()
            if not self.run.leg_over:
                await self._do(CancelBackend())
            self._release()
            if self._turn is not None and not (self.run.rests and self.run.held):
                await self._turn.close()

    # Events

    def _interrupt(self, event: Event) -> None:
        self._interrupts.append(event)
        self._interrupted.set()

    async def _next(self) -> Event:
        """What happens next."""
        work = self._work
        if not self._interrupts and not (self._calls and self.run.begun):
            self._interrupted.clear()
            limit_s = max(machine.next_clock(self.run, self.rules) - self._loop.time(), 0.0)
            interrupted = asyncio.ensure_future(self._interrupted.wait())
            waited = {interrupted} if work is None else {interrupted, work}
            await asyncio.wait(waited, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            interrupted.cancel()
        if work is not None and work.done():
            self._work = None
            return work.result()
        if self._interrupts:
            await self._drop_work()
            if self._turn is not None and not self.run.begun:
                return Begun(self._loop.time())  # it was sent just as it was broken off
            return self._interrupts.popleft()
        if self._calls and self.run.begun:
            await self._drop_work()
            calls, self._calls = tuple(self._calls), []
            return Called(self._loop.time(), calls)
        return Ticked(self._loop.time())

    def _heed_traffic(self) -> None:
        """What has passed since the last event is news of the run, and progress."""
        last_s = self._part.traffic.last_s
        if last_s > self._heeded_s:
            self._heeded_s = last_s
            self.run, _ = machine.handle(self.run, Stirred(last_s), self.rules)

    async def _drop_work(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _admit(self) -> Event:
        await self._part.places.acquire()
        self._has_place = True
        return Admitted(self._loop.time())

    async def _begin(self) -> Event:
        try:
            self._turn = await self._part.begin()
        except GatewayError as error:
            return GaveUp(self._loop.time(), error)
        return Begun(self._loop.time())

    async def _look(self, after_s: float, *, last: bool) -> Event:
        assert self._turn is not None
        holds, traffic = self._part.holds_looks() and not last, self._part.traffic
        if after_s and not (holds and not self.run.failing):
            await self._pause(after_s * uniform(1 - _JITTER, 1))  # jitter is no secret
        traffic.looking()
        try:
            async with asyncio.timeout(LAST_LOOK_S if last else None):
                seen = await self._turn.look(HELD_LOOK_S if holds else 0.0)
        except (backends.LookFailed, TimeoutError) as error:
            return LookFailed(self._loop.time(), str(error))
        except GatewayError as error:
            return GaveUp(self._loop.time(), error)
        if last or seen.outcome is not None:
            await traffic.settle()
            seen = replace(seen, usage=traffic.figures().usage or seen.usage)
        return Observed(self._loop.time(), seen)

    async def _pause(self, after_s: float) -> None:
        """Wait before a look. News cuts it short, but no wait after a look that failed."""
        if self.run.failing:
            await asyncio.sleep(after_s)
        else:
            traffic = self._part.traffic
            await traffic.pause(after_s if traffic.heard else min(after_s, LONGEST_UNHEARD_S))

    # Commands

    async def _handle(self, event: Event) -> None:
        before = self.run.state
        self.run, commands = machine.handle(self.run, event, self.rules)
        if self.run.state is not before:
            self._part.moved(before, self.run.state)
        if self.run.leg_over:
            await self._drop_work()
        elif isinstance(event, ReaderLeft | ReaderAsked) and self._work is None:  # take up again what was broken off
            commands = (*commands, Look(self.run.waiting_s, last=bool(self.run.calls)))
        for command in commands:
            await self._do(command)

    async def _do(self, command: Command) -> None:
        match command:
            case Begin():
                self._work = self._loop.create_task(self._begin())
            case Look(after_s, last):
                self._work = self._loop.create_task(self._look(after_s, last=last))
            case Open():
                self._reader.open()
            case Emit(text, thought):
                self._reader.text(text, thought=thought)
            case Complete() | Ask() | Tell():
                self._answer(command)
            case Refuse(step):
                assert self._turn is not None
                self._turn.decide(step, backends.Verdict(allow=False))
            case Consult(step):
                assert self._turn is not None
                self._part.consult(self._turn, step)
            case CancelBackend():
                await self._said(lambda turn: turn.cancel())
            case Release():
                self._release()
            case _:
                assert_never(command)

    def _answer(self, answer: Complete | Ask | Tell) -> None:
        """End the leg. The session is let go of first, so that its client finds it when it asks again."""
        match answer:
            case Complete(text):
                self._release(None if self._part.streams else text)
                self._reader.complete(answer)
            case Ask():
                self._reader.ask(answer, self._release())
            case Tell(error):
                self._release()
                self._reader.tell(error)
            case _:
                assert_never(answer)

    async def _said(self, say: Callable[[backends.Turn], Awaitable[None]]) -> None:
        if self._turn is not None:
            await within_limit(say(self._turn))

    def _release(self, said: str | None = None) -> tuple[PendingCall, ...]:
        if self._released:
            return ()
        self._released = True
        if self._has_place:
            self._part.places.release()
        return self._part.release(self.run, self._turn, self.run.said if said is None else said)


async def within_limit(saying: Awaitable[None]) -> None:
    """Tell a backend, within a limit; what is wrong with it then shows in the next look, or never matters."""
    try:
        async with asyncio.timeout(CANCEL_TIMEOUT_S):
            await saying
    except (GatewayError, TimeoutError):
        pass

"""The runs of an agent that are held up between two legs: their agent has made a request that is kept open here, until
its client brings the outputs of the tools that it called.

Whoever keeps that request is given the outputs, or the error for which there will be none, exactly once. A run that is
held up too long is ended as the machine says, and so is one whose agent has given up by itself, and the oldest where
there are too many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from time import time

from narrows.agents import machine
from narrows.agents.calls import PendingCall
from narrows.agents.observation import AgentCall
from narrows.agents.run import CancelBackend, Event, GaveUp, Run, RunRules, RunState, Stopped, Tell, Ticked
from narrows.agents.session import Session
from narrows.agents.sessions import Sessions
from narrows.agents.tools import CallOutput, ClientTool
from narrows.backends.types import Turn
from narrows.errors import AgentOverloaded, AgentUnavailable, GatewayError
from narrows.server.agents.performing import within_limit
from narrows.server.agents.traffic import RunTraffic

RECHECK_S = 1.0
"""How often a run is looked at again whose time is over while its client waits for a place to bring the outputs."""

Deliver = Callable[[tuple[CallOutput, ...] | GatewayError], None]
"""Takes the outputs of calls, in the calls' order, or why there are none. It returns at once, and raises nothing."""


@dataclass(frozen=True, slots=True)
class HeldCalls:
    """Calls that one request of the agent's made, and how it gets their outputs."""

    calls: tuple[AgentCall, ...]
    deliver: Deliver


@dataclass(slots=True, eq=False)
class Parked:
    """A run that is held up. `held`: the calls that its client knows of; `later`: more of them, for the next leg;
    `turn`: its backend's, which goes on; `tools`: those that its client offers; `traffic`: the agent's model calls."""

    session: Session
    run: Run
    rules: RunRules
    turn: Turn
    tools: tuple[ClientTool, ...]
    traffic: RunTraffic
    held: list[HeldCalls]
    later: list[HeldCalls]
    timer: asyncio.TimerHandle | None = field(default=None)

    @property
    def waiting_calls(self) -> int:
        """How many calls wait for their outputs."""
        return sum(len(one.calls) for one in (*self.held, *self.later))


class Parking:
    """All such runs of an agent, at most `limit`, by the ids of their sessions. `ended` is told of each that ends here,
    and in which state it was before."""

    def __init__(self, limit: int, sessions: Sessions, ended: Callable[[Parked, RunState], None]) -> None:
        self._limit = limit
        self._sessions = sessions
        self._ended = ended
        self._parked: dict[str, Parked] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._parked)

    def find(self, session_id: str) -> Parked | None:
        """The run of this session, if it is held up."""
        return self._parked.get(session_id)

    def park(self, parked: Parked) -> None:
        """Keep a run until it is taken, or its time is over."""
        self._parked[parked.session.id] = parked
        self._watch(parked)
        if len(self._parked) > self._limit:
            oldest = next((one for one in self._parked.values() if not one.session.leased), parked)
            error = AgentOverloaded("too many runs of this agent wait for the outputs of tools")
            self._end(oldest, GaveUp(asyncio.get_running_loop().time(), error))

    def take(self, session: Session) -> Parked | None:
        """The session's run, which goes on now."""
        parked = self._parked.pop(session.id, None)
        if parked is not None and parked.timer is not None:
            parked.timer.cancel()
        return parked

    def end(self, session_id: str, error: GatewayError) -> bool:
        """The agent waits no longer, for this reason. Whether it had waited."""
        parked = self._parked.get(session_id)
        if parked is None:
            return False
        self._end(parked, GaveUp(asyncio.get_running_loop().time(), error))
        return True

    def let_go(self) -> None:
        """End those whose clients are not back, as no request will come any more."""
        for parked in list(self._parked.values()):
            if not parked.session.leased:
                self._end(parked, Stopped(asyncio.get_running_loop().time()))

    def end_left(self) -> None:
        """End runs whose clients have gone on without them, so that their sessions are no more."""
        for parked in [parked for parked in self._parked.values() if not parked.session.held]:
            self.end(parked.session.id, AgentUnavailable("the client has gone on without the output"))

    async def close(self) -> None:
        """End all of them, as the gateway ends."""
        for parked in list(self._parked.values()):
            self._end(parked, Stopped(asyncio.get_running_loop().time()))
        await asyncio.gather(*self._ending)

    def _watch(self, parked: Parked) -> None:
        loop = asyncio.get_running_loop()
        at_s = machine.next_clock(parked.run, parked.rules)
        if at_s < inf:
            parked.timer = loop.call_at(max(at_s, loop.time()), self._tick, parked)

    def _tick(self, parked: Parked) -> None:
        loop = asyncio.get_running_loop()
        if parked.session.leased:  # its client has come in time, and waits for a place
            parked.timer = loop.call_later(RECHECK_S, self._tick, parked)
        else:
            self._end(parked, Ticked(loop.time()))

    def _end(self, parked: Parked, event: Event) -> None:
        """End a run at once; what its agent has to be told is told after that."""
        before = parked.run.state
        parked.run, commands = machine.handle(parked.run, event, parked.rules)
        if not parked.run.over:
            self._watch(parked)
            return
        self.take(parked.session)
        self._sessions.expire(parked.session, time())
        self._ended(parked, before)
        cancels = any(isinstance(command, CancelBackend) for command in commands)
        told = [command.error for command in commands if isinstance(command, Tell)]
        ended = told[0] if told else AgentUnavailable("the run is over")
        for held in (*parked.held, *parked.later):
            held.deliver(ended)
        task = asyncio.get_running_loop().create_task(_let_go(parked.turn, cancels=cancels))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _let_go(turn: Turn, *, cancels: bool) -> None:
    if cancels:
        await within_limit(turn.cancel())
    await turn.close()


def outputs_for(held: Sequence[HeldCalls], pending: Sequence[PendingCall], by_id: dict[str, str]) -> None:
    """Deliver the outputs of these calls, each to the request that made it."""
    left = iter(pending)
    for one in held:
        calls = [next(left) for _ in one.calls]
        one.deliver(call_outputs(calls, by_id))


def call_outputs(pending: Sequence[PendingCall], by_id: dict[str, str]) -> tuple[CallOutput, ...]:
    """The outputs of calls, as the agent's side knows them."""
    return tuple(
        CallOutput(one.call.id, one.call.name, one.call.arguments, by_id[one.id], one.call.signature) for one in pending
    )

"""The transitions of a run: an event comes in, the next run and what is to be done come out.

Whatever happens, a run ends in one terminal state, once, and its last command is `Release`; events after that do
nothing. An end of a run whose agent may be at work cancels the agent, except where the client has left and the rules
let it go on. A clock that runs out is an error and never an answer: nobody could tell a made-up `stop` from a real one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from narrows.agents.deltas import OnRevision, advance, answer_text
from narrows.agents.observation import Broken, Finished, Observation, Paused
from narrows.agents.run import (
    TRANSITIONS,
    ActionNeeded,
    ActionTaken,
    Admitted,
    Begin,
    Begun,
    CancelBackend,
    Command,
    Complete,
    Emit,
    Event,
    GaveUp,
    Look,
    LookFailed,
    Observed,
    OnDisconnect,
    OnWaiting,
    Open,
    ReaderLeft,
    Refuse,
    Release,
    Run,
    RunRules,
    RunState,
    Stopped,
    Tell,
    Ticked,
)
from narrows.errors import AgentFailed, AgentTimeout, AgentUnavailable, AgentWaiting, GatewayError

_GROWTH = 1.5
Step = tuple[Run, tuple[Command, ...]]


class NoSuchTransitionError(Exception):
    """A run was asked to take a step that the table does not have: a defect of ours."""


def handle(run: Run, event: Event, rules: RunRules) -> Step:
    """The next run, and what is to be done, in this order."""
    if run.over:
        return run, ()
    match event:
        case Admitted(at_s):
            return replace(_moved(run, RunState.IN_PROGRESS), progressed_s=at_s), (Begin(),)
        case Begun(at_s):
            return replace(run, begun=True, progressed_s=at_s), (Look(0.0),)
        case Observed(at_s, observation):
            return _observed(run, at_s, observation, rules)
        case LookFailed(at_s, why):
            return _look_failed(run, at_s, why, rules)
        case GaveUp(_, error):
            return _ended(run, RunState.FAILED, error)
        case ReaderLeft() | Stopped():
            return _left(run, event, rules)
        case Ticked(at_s):
            return _ticked(run, at_s, rules)
        case ActionNeeded() | ActionTaken():
            return _action(run, event)
        case _:
            assert_never(event)


def next_clock(run: Run, rules: RunRules) -> float:
    """When the first of the clocks runs out, on the events' clock."""
    return min(at_s for at_s, _ in _clocks(run, rules))


def _clocks(run: Run, rules: RunRules) -> tuple[tuple[float, str], ...]:
    total = (run.accepted_s + rules.total_s, f"had not ended within {rules.total_s:g} s")
    if run.state is RunState.QUEUED:
        return total, (run.accepted_s + rules.queue_s, f"had no place for another run within {rules.queue_s:g} s")
    if run.state is not RunState.IN_PROGRESS:
        return (total,)
    if not run.mark:
        return total, (run.progressed_s + rules.first_event_s, f"had not begun within {rules.first_event_s:g} s")
    idle_s = rules.tool_idle_s if run.using_tool else rules.idle_s
    return total, (run.progressed_s + idle_s, f"has shown no progress for {idle_s:g} s")


def _moved(run: Run, state: RunState) -> Run:
    if state not in TRANSITIONS[run.state]:
        raise NoSuchTransitionError(f"{run.state} -> {state}")
    return replace(run, state=state)


def _observed(run: Run, at_s: float, seen: Observation, rules: RunRules) -> Step:
    if run.state is not RunState.IN_PROGRESS:
        return run, ()
    changed = seen.mark != run.mark
    opens = seen.working or bool(seen.texts) or isinstance(seen.outcome, Finished)
    delta_of, piece = advance(run.sent, seen.texts, ended=isinstance(seen.outcome, Finished))
    run = replace(
        run,
        mark=seen.mark if seen.working or seen.outcome is not None or run.mark else "",
        progressed_s=at_s if changed else run.progressed_s,
        using_tool=seen.using_tool,
        texts=seen.texts,
        usage=seen.usage,
        sent=delta_of,
        failing=0,
    )
    commands: list[Command] = [Open()] if opens else []
    if isinstance(seen.outcome, Broken):
        return _ended(run, RunState.FAILED, seen.outcome.error, cancel=False)
    if run.sent.revised and rules.on_revision is OnRevision.ERROR:
        return _ended(run, RunState.FAILED, AgentFailed("the agent changed a text of which a part had been sent"))
    if piece:
        commands.append(Emit(piece))
    if isinstance(seen.outcome, Paused):
        return _ended(run, RunState.FAILED, AgentFailed("the agent calls a client's tool, and none was offered"))
    if isinstance(seen.outcome, Finished):
        whole = Complete(answer_text(run.texts), seen.outcome.finish, run.usage, run.sent.revised)
        return _moved(run, RunState.COMPLETED), (*commands, whole, Release(completed=True))
    asked = tuple(step for step in seen.waiting if step not in run.refused)
    if asked and rules.on_waiting is OnWaiting.ERROR:
        return _ended(run, RunState.FAILED, AgentWaiting("the agent waits for a person's permission or answer"))
    run = replace(run, refused=run.refused.union(asked), waiting_s=_next_wait(run, changed, rules))
    return run, (*commands, *map(Refuse, asked), Look(run.waiting_s))


def _next_wait(run: Run, changed: bool, rules: RunRules) -> float:
    shortest_s, longest_s = rules.polls_s
    return shortest_s if changed or not run.waiting_s else min(run.waiting_s * _GROWTH, longest_s)


def _look_failed(run: Run, at_s: float, why: str, rules: RunRules) -> Step:
    since_s = run.failing_since_s if run.failing else at_s
    failing = run.failing + 1
    if failing >= rules.failures or at_s - since_s >= rules.failing_s:
        return _ended(run, RunState.FAILED, AgentUnavailable(f"{why}; it was asked {failing} times"))
    wait_s = min(rules.polls_s[0] * 2**failing, rules.backoff_s)
    return replace(run, failing=failing, failing_since_s=since_s, waiting_s=0.0), (Look(wait_s),)


def _action(run: Run, event: ActionNeeded | ActionTaken) -> Step:
    if isinstance(event, ActionNeeded):
        return replace(_moved(run, RunState.REQUIRES_ACTION), progressed_s=event.at_s), ()
    return replace(_moved(run, RunState.IN_PROGRESS), progressed_s=event.at_s, waiting_s=0.0), (Look(0.0),)


def _left(run: Run, event: ReaderLeft | Stopped, rules: RunRules) -> Step:
    if isinstance(event, Stopped):
        return _ended(run, RunState.CANCELLED, AgentUnavailable("the gateway stops; send it to the next one"))
    if rules.on_disconnect is OnDisconnect.DETACH and run.begun:
        return replace(run, detached=True), ()
    return _ended(run, RunState.CANCELLED, None)


def _ticked(run: Run, at_s: float, rules: RunRules) -> Step:
    out = [said for until_s, said in _clocks(run, rules) if at_s >= until_s]
    if not out:
        return run, ()
    then = "; it has been told to stop" if run.begun else "; it was given nothing to do"
    return _ended(run, RunState.EXPIRED, AgentTimeout(f"the agent {out[0]}{then}"))


def _ended(run: Run, state: RunState, error: GatewayError | None, *, cancel: bool = True) -> Step:
    """End without an answer."""
    commands: list[Command] = []
    if cancel and run.begun:
        commands.append(CancelBackend())
    if error is not None:
        error.may_have_acted = error.may_have_acted or run.begun
        commands.append(Tell(error))
    return _moved(run, state), (*commands, Release(completed=False))

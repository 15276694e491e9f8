"""The transitions of a run: an event comes in, the next run and what is to be done come out.

Whatever happens, a run ends in one terminal state, once, and its last command is `Release`; events after that do
nothing. An end of a run whose agent may be at work cancels the agent, except where the client has left and the rules
let it go on. A clock that runs out is an error and never an answer: nobody could tell a made-up `stop` from a real one.
Only where the rules ask for it, an answer of which a part has been said ends by its length, and the run has expired.

A leg that ends with calls releases as well, and then the run rests. A client that leaves meanwhile changes nothing, as
nobody is expected to be there, and one that has left before can find the calls; where the agent is held up, it is for
`hold_s` at most. A next leg that ends before the agent has been given the outputs has done nothing: the run rests on,
and they may be sent again.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import assert_never

from narrows.agents.deltas import OnRevision, advance, answer_text
from narrows.agents.observation import Broken, Finish, Finished, Observation, Paused
from narrows.agents.run import (
    TRANSITIONS,
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
    OnDisconnect,
    OnWaiting,
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
    TimeoutFinish,
)
from narrows.agents.tools import APPROVAL_TOOL
from narrows.errors import AgentFailed, AgentTimeout, AgentUnavailable, AgentWaiting, DownstreamError, GatewayError

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
            return _admitted(run, at_s, rules)
        case Begun() | Stirred():
            return _at_work(run, event)
        case Observed() | LookFailed() | Called():
            return _looked(run, event, rules) if run.state is RunState.IN_PROGRESS else (run, ())
        case GaveUp(_, error):
            return _ended(run, RunState.FAILED, error)
        case ReaderLeft() | Stopped():
            return _left(run, event, rules)
        case ReaderAsked(at_s):
            return replace(run, read_s=at_s), ()
        case Ticked(at_s):
            return _ticked(run, at_s, rules)
        case Resumed(at_s):
            return _resumed(run, at_s), ()
        case _:
            assert_never(event)


def next_clock(run: Run, rules: RunRules) -> float:
    """When the first of the clocks runs out, on the events' clock."""
    return min([_grace_until(run, rules), *(at_s for at_s, _ in _clocks(run, rules))])


def _clocks(run: Run, rules: RunRules) -> tuple[tuple[float, str], ...]:
    if run.rests:
        hold = run.progressed_s + rules.hold_s, f"waited {rules.hold_s:g} s for the outputs of tools"
        return (hold,) if run.held else ()
    total = (
        run.accepted_s + rules.total_s,
        f"had not ended within {rules.total_s:g} s (total_timeout_s, or `timeout`)",
    )
    if run.state is not RunState.IN_PROGRESS:
        return total, (
            run.accepted_s + rules.queue_s,
            f"had no place for another run within {rules.queue_s:g} s (queue_timeout_s)",
        )
    if not run.mark:
        return total, (
            run.progressed_s + rules.first_event_s,
            f"had not begun within {rules.first_event_s:g} s (first_event_timeout_s)",
        )
    idle_s, name = rules.idle_s, "idle_timeout_s"
    if run.using_tool:
        idle_s, name = rules.tool_idle_s, "tool_idle_timeout_s"
    return total, (run.progressed_s + idle_s, f"has shown no progress for {idle_s:g} s ({name})")


def _moved(run: Run, state: RunState) -> Run:
    if state not in TRANSITIONS[run.state]:
        raise NoSuchTransitionError(f"{run.state} -> {state}")
    return replace(run, state=state)


def _at_work(run: Run, event: Begun | Stirred) -> Step:
    if isinstance(event, Begun):
        return replace(run, begun=True, progressed_s=event.at_s), (Look(0.0),)
    return replace(run, progressed_s=max(run.progressed_s, event.at_s), waiting_s=0.0), ()


def _admitted(run: Run, at_s: float, rules: RunRules) -> Step:
    if run.unasked:
        asked = run.unasked if rules.parallel_calls else run.unasked[:1]
        return replace(run, rests=True, asked=len(asked)), (Ask("", asked, None), Release(completed=False))
    return replace(_moved(run, RunState.IN_PROGRESS), progressed_s=at_s), (Begin(),)


def _looked(run: Run, event: Observed | LookFailed | Called, rules: RunRules) -> Step:
    """What the agent does, by its own server's word or by what it asks others."""
    match event:
        case Observed(at_s, observation):
            return _observed(run, at_s, observation, rules)
        case LookFailed() if run.calls:
            return _asking(run, event.at_s, rules, [])
        case LookFailed(at_s, why):
            return _look_failed(run, at_s, why, rules)
        case Called(_, calls):
            return replace(run, calls=run.calls + calls, held=True), (Look(0.0, last=True),)
        case _:
            assert_never(event)


def _observed(run: Run, at_s: float, seen: Observation, rules: RunRules) -> Step:
    changed, ended = seen.mark != run.mark, isinstance(seen.outcome, Finished | Paused)
    opens = seen.working or bool(seen.texts) or ended
    sent, piece = advance(run.sent, seen.texts, ended=ended)
    thought, reason = advance(run.thought, seen.thoughts if rules.reasoning else (), ended=ended)
    run = replace(
        run,
        mark=seen.mark if seen.working or seen.outcome is not None or run.mark else "",
        progressed_s=at_s if changed else run.progressed_s,
        using_tool=seen.using_tool,
        texts=seen.texts,
        usage=seen.usage if seen.usage is None or run.told is None else seen.usage.beyond(run.told),
        sent=sent,
        said=run.said + piece,
        thought=thought,
        reasoned=run.reasoned + reason,
        failing=0,
    )
    commands: list[Command] = [Open()] if opens else []
    if isinstance(seen.outcome, Broken):
        return _ended(run, RunState.FAILED, seen.outcome.error, cancel=False)
    if run.sent.revised and rules.on_revision is OnRevision.ERROR:
        return _ended(run, RunState.FAILED, AgentFailed("the agent changed a text of which a part had been sent"))
    if reason:
        commands.append(Emit(reason, thought=True))
    if piece:
        commands.append(Emit(piece))
    if isinstance(seen.outcome, Finished):
        text = run.said if run.continued else answer_text(run.texts)
        whole = Complete(text, seen.outcome.finish, run.usage, run.sent.revised, run.reasoned)
        return _moved(run, RunState.COMPLETED), (*commands, whole, Release(completed=True))
    if isinstance(seen.outcome, Paused):
        return _asking(replace(run, calls=seen.outcome.calls, held=False), at_s, rules, commands)
    if run.calls:
        return _asking(run, at_s, rules, commands)
    return _go_on(run, seen, rules, commands, changed=changed)


def _go_on(run: Run, seen: Observation, rules: RunRules, commands: list[Command], *, changed: bool) -> Step:
    asked = tuple(step for step in seen.waiting if step not in run.refused)
    asks = rules.on_waiting is OnWaiting.ASK and APPROVAL_TOOL in rules.tools
    if asked and rules.on_waiting is not OnWaiting.DENY and not asks:
        how = f"; offer the tool {APPROVAL_TOOL} to be asked" if rules.on_waiting is OnWaiting.ASK else ""
        return _ended(run, RunState.FAILED, AgentWaiting(f"the agent waits for a person's permission or answer{how}"))
    run = replace(run, refused=run.refused.union(asked), waiting_s=_next_wait(run, changed, rules))
    return run, (*commands, *(Consult(step) if asks else Refuse(step) for step in asked), Look(run.waiting_s))


def _asking(run: Run, at_s: float, rules: RunRules, commands: list[Command]) -> Step:
    """End the leg with the agent's calls."""
    unknown = sorted({call.name for call in run.calls} - rules.tools)
    if unknown or not run.calls:
        what = ", ".join(unknown) or "none"
        return _ended(run, RunState.FAILED, AgentFailed(f"the agent called a tool that its client has not: {what}"))
    asked = run.calls if rules.parallel_calls else run.calls[:1]
    run = replace(_moved(run, RunState.REQUIRES_ACTION), progressed_s=at_s, rests=True, asked=len(asked))
    pieces = (command for command in commands if not isinstance(command, Open))  # to ask opens, and may need no text
    return run, (*pieces, Ask(run.said, asked, run.usage, run.reasoned), Release(completed=False))


def _resumed(run: Run, at_s: float) -> Run:
    if not run.rests:
        raise NoSuchTransitionError(f"{run.state} -> the next leg")
    new = Run(state=run.state, accepted_s=at_s, progressed_s=at_s, resumed=True, unasked=run.unasked)
    if not run.held:
        return new
    told = run.told if run.usage is None else run.usage if run.told is None else run.told.plus(run.usage)
    sent = replace(run.sent, anything=False)  # a message of its own: no blank line stands before its first text
    new = replace(new, thought=replace(run.thought, anything=False))
    return replace(new, continued=True, mark=run.mark, texts=run.texts, told=told, sent=sent, refused=run.refused)


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


def _left(run: Run, event: ReaderLeft | Stopped, rules: RunRules) -> Step:
    if isinstance(event, Stopped):
        return _ended(run, RunState.CANCELLED, AgentUnavailable("the gateway stops; send it to the next one"))
    if run.rests:
        return run, ()
    if rules.on_disconnect is not OnDisconnect.CANCEL and run.begun:
        return replace(run, detached=True, read_s=event.at_s), ()
    return _ended(run, RunState.CANCELLED, None)


def _grace_until(run: Run, rules: RunRules) -> float:
    """When a run that nobody reads is no longer waited for."""
    waits = run.detached and not run.rests and rules.on_disconnect is OnDisconnect.GRACE
    return run.read_s + rules.grace_s if waits else inf


def _ticked(run: Run, at_s: float, rules: RunRules) -> Step:
    if at_s >= _grace_until(run, rules):
        return _ended(run, RunState.CANCELLED, None)
    out = [said for until_s, said in _clocks(run, rules) if at_s >= until_s]
    if not out:
        return run, ()
    if rules.timeout_finish is TimeoutFinish.LENGTH and run.said and run.state is RunState.IN_PROGRESS:
        cut_off = Complete(run.said, Finish.LENGTH, run.usage, run.sent.revised, run.reasoned)
        return _moved(run, RunState.EXPIRED), (CancelBackend(), cut_off, Release(completed=False))
    then = "; it has been told to stop" if run.begun else "; it was given nothing to do"
    return _ended(run, RunState.EXPIRED, AgentTimeout(f"the agent {out[0]}{then}"))


def _ended(run: Run, state: RunState, error: GatewayError | None, *, cancel: bool = True) -> Step:
    """End without an answer."""
    commands: list[Command] = []
    acted = run.begun or (error is not None and error.may_have_acted)
    if cancel and run.begun:
        commands.append(CancelBackend())
    if error is not None:
        error.may_have_acted = acted
        commands.append(Tell(error))
    if run.resumed and not acted and not run.rests and not isinstance(error, DownstreamError):
        return replace(run, state=RunState.REQUIRES_ACTION, rests=True), (*commands, Release(completed=False))
    return replace(_moved(run, state), begun=acted), (*commands, Release(completed=False))

"""Playbooks: what happens to a run, event by event, and what it wants done each time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.agents.deltas import OnRevision
from narrows.agents.machine import NoSuchTransitionError, handle, next_clock
from narrows.agents.observation import Broken, Finish, Finished, Observation, StepText, Usage
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

RULES = RunRules()


def seen(at_s: float, text: str = "", *, mark: str = "", over: bool = False, **more: Any) -> Observed:
    texts = (StepText(1, text, over),) if text else ()
    return Observed(at_s, Observation(mark or f"{text}{over}", texts, **{"working": True, **more}))


def played(*events: Event, rules: RunRules = RULES, run: Run | None = None) -> tuple[Run, list[list[Command]]]:
    run, told = run or Run(), []
    for event in events:
        run, commands = handle(run, event, rules)
        told.append(list(commands))
    return run, told


def begun(*events: Event, rules: RunRules = RULES) -> tuple[Run, list[list[Command]]]:
    """The same after a run has begun; what was told before is left out."""
    run, _ = played(Admitted(0.0), Begun(0.0), rules=rules)
    return played(*events, rules=rules, run=run)


def told_error(commands: list[Command]) -> GatewayError:
    (error,) = [command.error for command in commands if isinstance(command, Tell)]
    return error


def test_an_answer_in_two_pieces() -> None:
    end = seen(0.5, "Hello", over=True, outcome=Finished(Finish.STOP), usage=Usage(5, 2))
    run, told = played(Admitted(0.0), Begun(0.1), seen(0.2, "Hel"), end)
    assert run.state is RunState.COMPLETED
    assert told == [
        [Begin()],
        [Look(0.0)],
        [Open(), Emit("Hel"), Look(0.1)],
        [Open(), Emit("lo"), Complete("Hello", Finish.STOP, Usage(5, 2), False), Release(completed=True)],
    ]


def test_an_empty_answer_is_an_answer() -> None:
    run, told = begun(seen(0.2), seen(0.3, outcome=Finished(Finish.STOP)))
    assert run.state is RunState.COMPLETED
    assert told[-1] == [Open(), Complete("", Finish.STOP, None, False), Release(completed=True)]


def test_looks_grow_apart_while_nothing_changes_and_come_back() -> None:
    same = [seen(at_s, "a") for at_s in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)]
    _, told = begun(*same, seen(7.0, "ab"))
    waits = [command.after_s for commands in told for command in commands if isinstance(command, Look)]
    assert waits == pytest.approx([0.1, 0.15, 0.225, 0.3375, 0.4, 0.4, 0.1])


def test_looks_that_fail_back_off_and_end_the_run_at_the_fifth() -> None:
    run, told = begun(*(LookFailed(at_s, "503") for at_s in (1.0, 1.2, 1.4, 1.6, 1.8)))
    assert told[:4] == [[Look(0.2)], [Look(0.4)], [Look(0.8)], [Look(1.6)]]
    assert run.state is RunState.FAILED
    error = told_error(told[4])
    assert isinstance(error, AgentUnavailable)
    assert "503" in error.message
    assert told[4][0] == CancelBackend()


def test_looks_that_fail_for_fifteen_seconds_end_the_run() -> None:
    run, _ = begun(LookFailed(1.0, "x"), LookFailed(16.0, "x"))
    assert run.state is RunState.FAILED


def test_a_look_that_succeeds_forgives_those_before() -> None:
    failing = [LookFailed(1.0, "x")] * 4
    run, _ = begun(*failing, seen(2.0, "a"), *failing)
    assert run.state is RunState.IN_PROGRESS


def test_an_error_of_the_agent_fails_the_run_in_its_words_and_cancels_nothing() -> None:
    run, told = begun(seen(1.0, "Half"), seen(2.0, "Half", outcome=Broken(AgentFailed("no quota"))))
    assert run.state is RunState.FAILED
    error = told_error(told[-1])
    assert error.message == "no quota"
    assert error.may_have_acted
    assert [type(command) for command in told[-1]] == [Tell, Release]


def test_time_runs_out_as_an_error_and_never_as_an_answer() -> None:
    run, told = begun(seen(1.0, "Half"), Ticked(2000.0))
    assert run.state is RunState.EXPIRED
    assert [type(command) for command in told[-1]] == [CancelBackend, Tell, Release]
    error = told_error(told[-1])
    assert isinstance(error, AgentTimeout)
    assert error.may_have_acted


@pytest.mark.parametrize(
    ("events", "limit_s"),
    [
        ((), 120.0),
        ((seen(10.0, "a"),), 130.0),
        ((seen(10.0, "a", using_tool=True),), 610.0),
        ((seen(10.0, "a"), seen(1795.0, "ab")), 1800.0),
    ],
)
def test_each_clock(events: tuple[Event, ...], limit_s: float) -> None:
    run, _ = begun(*events)
    assert next_clock(run, RULES) == limit_s
    assert handle(run, Ticked(limit_s - 0.001), RULES) == (run, ())
    assert handle(run, Ticked(limit_s), RULES)[0].state is RunState.EXPIRED


def test_a_run_that_gets_no_place_has_done_nothing() -> None:
    run, (told,) = played(Ticked(30.0))
    assert run.state is RunState.EXPIRED
    assert [type(command) for command in told] == [Tell, Release]
    assert not told_error(told).may_have_acted


def test_a_client_that_leaves_cancels_the_agent() -> None:
    run, told = begun(seen(1.0, "Half"), ReaderLeft(1.1))
    assert run.state is RunState.CANCELLED
    assert told[-1] == [CancelBackend(), Release(completed=False)]


def test_a_client_that_leaves_before_the_agent_has_begun_cancels_nothing() -> None:
    for events in ((), (Admitted(0.0),)):
        run, told = played(*events, ReaderLeft(1.0))
        assert (run.state, told[-1]) == (RunState.CANCELLED, [Release(completed=False)])


def test_a_detached_run_goes_on_and_completes() -> None:
    rules = RunRules(on_disconnect=OnDisconnect.DETACH)
    run, told = begun(seen(1.0, "Half"), ReaderLeft(1.1), rules=rules)
    assert (run.state, run.detached, told[-1]) == (RunState.IN_PROGRESS, True, [])
    run, _ = played(seen(2.0, "Half.", over=True, outcome=Finished(Finish.STOP)), rules=rules, run=run)
    assert run.state is RunState.COMPLETED


def test_a_step_that_waits_for_a_person_is_refused_once() -> None:
    waiting = seen(1.0, "a", waiting=(3,))
    _, told = begun(waiting, waiting, seen(2.0, "a", waiting=(3, 5)))
    assert [[command for command in commands if isinstance(command, Refuse)] for commands in told] == [
        [Refuse(3)],
        [],
        [Refuse(5)],
    ]


def test_a_step_that_waits_for_a_person_can_be_an_error() -> None:
    run, told = begun(seen(1.0, waiting=(3,)), rules=RunRules(on_waiting=OnWaiting.ERROR))
    assert run.state is RunState.FAILED
    assert isinstance(told_error(told[0]), AgentWaiting)
    assert told[0][0] == CancelBackend()


def test_a_revised_text_can_be_an_error() -> None:
    rules = RunRules(on_revision=OnRevision.ERROR)
    run, told = begun(seen(1.0, "one"), seen(2.0, "two", over=True), rules=rules)
    assert run.state is RunState.FAILED
    assert isinstance(told_error(told[-1]), AgentFailed)
    assert not any(isinstance(command, Emit) for command in told[-1])


def test_the_gateways_end_cancels_the_agent() -> None:
    run, told = begun(seen(1.0, "Half"), Stopped(1.1))
    assert run.state is RunState.CANCELLED
    assert [type(command) for command in told[-1]] == [CancelBackend, Tell, Release]


def test_a_run_that_needs_its_client_does_not_look_and_goes_on_after() -> None:
    run, told = begun(ActionNeeded(1.0), seen(2.0, "late"), ActionTaken(3.0))
    assert told == [[], [], [Look(0.0)]]
    assert run.state is RunState.IN_PROGRESS
    assert next_clock(replace(run, state=RunState.REQUIRES_ACTION), RULES) == RULES.total_s


def test_what_the_table_does_not_have_is_a_defect() -> None:
    with pytest.raises(NoSuchTransitionError):
        handle(Run(), ActionNeeded(0.0), RULES)


EVENTS = st.one_of(
    st.builds(Begun, st.just(1.0)),
    st.builds(seen, st.floats(0, 10), st.sampled_from(["", "a", "ab", "b"]), over=st.booleans()),
    st.builds(
        seen,
        st.floats(0, 10),
        st.sampled_from(["", "a", "ab"]),
        outcome=st.sampled_from([Finished(Finish.STOP), Finished(Finish.LENGTH), Broken(AgentFailed("x"))]),
    ),
    st.builds(LookFailed, st.floats(0, 30), st.just("x")),
    st.builds(lambda at_s: GaveUp(at_s, AgentFailed("x")), st.floats(0, 10)),
    st.builds(ReaderLeft, st.floats(0, 10)),
    st.builds(Stopped, st.floats(0, 10)),
    st.builds(Ticked, st.floats(0, 3000)),
)


@given(st.lists(EVENTS, max_size=12), st.sampled_from(OnDisconnect))
def test_whatever_happens_a_run_ends_once(events: list[Event], on_disconnect: OnDisconnect) -> None:
    rules = RunRules(on_disconnect=on_disconnect)
    run, _ = played(Admitted(0.0), rules=rules)
    released = completed = 0
    for event in [*events, Ticked(1e9)]:
        before = run.state
        run, commands = handle(run, event, rules)
        assert run.state is before or run.state in TRANSITIONS[before]
        if commands and isinstance(commands[-1], Release):
            released += 1
        completed += sum(isinstance(command, Complete) for command in commands)
        assert not any(isinstance(command, Release) for command in commands[:-1])
    assert run.over
    assert released == 1
    assert completed == (run.state is RunState.COMPLETED)

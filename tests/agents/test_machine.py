"""Playbooks: what happens to a run, event by event, and what it wants done each time."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.agents.deltas import OnRevision, answer_text
from narrows.agents.machine import NoSuchTransitionError, handle, next_clock
from narrows.agents.observation import AgentCall, Broken, Finish, Finished, Observation, Paused, StepText, Usage
from narrows.agents.run import (
    RESTED,
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
from narrows.errors import AgentFailed, AgentTimeout, AgentUnavailable, AgentWaiting, GatewayError, ToolCallExpired

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


CUT_OFF = replace(RULES, timeout_finish=TimeoutFinish.LENGTH)


def test_an_answer_whose_time_is_over_may_end_by_its_length() -> None:
    """Where the settings ask for it; the agent is told to stop, and nobody builds on the turn."""
    usage = Usage(1, 2)
    run, told = begun(seen(1.0, "Half"), Ticked(RULES.idle_s + 1), rules=CUT_OFF)
    assert told[-1] == [CancelBackend(), Complete("Half", Finish.LENGTH, None, False), Release(completed=False)]
    assert run.state is RunState.EXPIRED
    _, told = begun(seen(1.0, "Half", usage=usage), Ticked(RULES.total_s), rules=CUT_OFF)
    assert Complete("Half", Finish.LENGTH, usage, False) in told[-1]


@pytest.mark.parametrize("events", [(), (seen(1.0),), (seen(1.0, thoughts=(StepText(1, "Hm", False),)),)])
def test_one_that_has_said_nothing_is_a_time_out_all_the_same(events: tuple[Event, ...]) -> None:
    run, told = begun(*events, Ticked(RULES.total_s), rules=CUT_OFF)
    assert isinstance(told_error(told[-1]), AgentTimeout)
    assert run.state is RunState.EXPIRED


def test_a_run_that_waits_for_tools_is_not_cut_off_by_its_length() -> None:
    rules = replace(CUT_OFF, tools=frozenset({"f"}))
    run, _ = begun(seen(1.0, "Half"), Called(2.0, (AgentCall("1", "f", "{}"),)), seen(3.0, "Half"), rules=rules)
    assert run.rests
    _, (told,) = played(Ticked(3.0 + RULES.hold_s), rules=rules, run=run)
    assert isinstance(told_error(told), AgentTimeout)


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


@pytest.mark.parametrize("asked", [False, True])
def test_reasoning_goes_out_before_the_text_and_only_where_it_was_asked_for(asked: bool) -> None:
    thoughts = [(StepText(1, text, False),) for text in ("Hm", "Hm, so")]
    end = seen(0.4, "Hello", over=True, outcome=Finished(Finish.STOP), thoughts=thoughts[1])
    first = seen(0.2, mark="1", thoughts=thoughts[0])
    _, told = begun(first, seen(0.3, "Hel", thoughts=thoughts[1]), end, rules=RunRules(reasoning=asked))
    pieces = [(one.text, one.thought) for commands in told for one in commands if isinstance(one, Emit)]
    assert [piece for piece in pieces if not piece[1]] == [("Hel", False), ("lo", False)]
    assert [text for text, thought in pieces if thought] == (["Hm", ", so"] if asked else [])
    assert not asked or pieces[:3] == [("Hm", True), (", so", True), ("Hel", False)]
    (whole,) = [one for one in told[-1] if isinstance(one, Complete)]
    assert (whole.text, whole.reasoning) == ("Hello", "Hm, so" if asked else "")


def test_an_empty_answer_is_an_answer() -> None:
    run, told = begun(seen(0.2), seen(0.3, outcome=Finished(Finish.STOP)))
    assert run.state is RunState.COMPLETED
    assert told[-1] == [Open(), Complete("", Finish.STOP, None, False), Release(completed=True)]


def test_looks_grow_apart_while_nothing_changes_and_come_back() -> None:
    same = [seen(at_s, "a") for at_s in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)]
    _, told = begun(*same, seen(7.0, "ab"))
    waits = [command.after_s for commands in told for command in commands if isinstance(command, Look)]
    assert waits == pytest.approx([0.1, 0.15, 0.225, 0.3375, 0.4, 0.4, 0.1])


def test_a_model_at_work_is_progress_and_brings_the_looks_together_again() -> None:
    run, _ = begun(seen(0, "a"), seen(1, "a"), seen(2, "a"))
    assert run.waiting_s > RULES.polls_s[0]
    stirred, told = played(Stirred(100.0), run=run)
    assert told == [[]]
    assert next_clock(stirred, RULES) == 100.0 + RULES.idle_s
    after, told = played(seen(101, "a"), run=stirred)
    assert told == [[Open(), Look(RULES.polls_s[0])]]
    assert after.progressed_s == 100.0, "a look that shows nothing new is no progress"
    assert played(Stirred(1.0), run=stirred)[0].progressed_s == 100.0


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


def test_a_run_under_grace_goes_on_for_as_long_as_somebody_asks() -> None:
    rules = RunRules(on_disconnect=OnDisconnect.GRACE, grace_s=10.0)
    run, told = begun(seen(1.0, "Half"), ReaderLeft(2.0), rules=rules)
    assert (run.state, run.detached, told[-1], next_clock(run, rules)) == (RunState.IN_PROGRESS, True, [], 12.0)
    run, told = played(Ticked(11.9), ReaderAsked(11.9), Ticked(21.8), rules=rules, run=run)
    assert (run.state, told) == (RunState.IN_PROGRESS, [[], [], []])
    gone, told = played(Ticked(21.9), rules=rules, run=run)
    assert (gone.state, told[-1]) == (RunState.CANCELLED, [CancelBackend(), Release(completed=False)])
    run, _ = played(seen(21.8, "Half.", over=True, outcome=Finished(Finish.STOP)), rules=rules, run=run)
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


def test_a_client_that_can_be_asked_about_such_a_step_is_asked_once() -> None:
    rules = RunRules(on_waiting=OnWaiting.ASK, tools=frozenset({APPROVAL_TOOL}))
    waiting = seen(1.0, "a", waiting=(3, 4))
    run, told = begun(waiting, waiting, rules=rules)
    assert [[command for command in commands if isinstance(command, Consult | Refuse)] for commands in told] == [
        [Consult(3), Consult(4)],
        [],
    ]
    assert not run.leg_over


def test_a_client_that_cannot_be_asked_is_told_by_which_tool_it_could() -> None:
    run, told = begun(seen(1.0, waiting=(3,)), rules=RunRules(on_waiting=OnWaiting.ASK, tools=frozenset({"weather"})))
    assert run.state is RunState.FAILED
    assert isinstance(told_error(told[0]), AgentWaiting)
    assert APPROVAL_TOOL in str(told_error(told[0]))
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


# Legs


RULES_F = RunRules(tools=frozenset("f"))
CALL, OTHER = AgentCall("1", "f", "{}"), AgentCall("2", "f", "[]")


def test_a_run_that_rests_ends_its_leg_with_the_calls() -> None:
    end = seen(0.5, "Hello", over=False, outcome=Paused((CALL, OTHER)), usage=Usage(5, 2))
    run, told = begun(seen(0.2, "Hel"), end, rules=RULES_F)
    assert told[-1] == [Emit("lo"), Ask("Hello", (CALL, OTHER), Usage(5, 2)), Release(completed=False)]
    assert (run.state, run.leg_over, run.over, run.held) == (RunState.REQUIRES_ACTION, True, False, False)
    for event in (ReaderLeft(1.0), seen(2.0, "late"), LookFailed(3.0, "x"), Called(3.0, (CALL,)), Ticked(1e9)):
        assert handle(run, event, RULES_F) == (run, ())
    assert next_clock(run, RULES_F) == inf


def test_the_next_leg_of_a_run_that_rests_is_all_there_is_to_it() -> None:
    run, told = played(
        Resumed(100.0),
        Admitted(101.0),
        Begun(102.0),
        seen(103.0, "done", over=True, outcome=Finished(Finish.STOP), usage=Usage(7, 1)),
        rules=RULES_F,
        run=RESTED,
    )
    assert told[:3] == [[], [Begin()], [Look(0.0)]]
    assert told[3][1:] == [Emit("done"), Complete("done", Finish.STOP, Usage(7, 1), False), Release(completed=True)]
    assert run.state is RunState.COMPLETED


def test_a_run_that_is_held_up_looks_once_more_and_asks() -> None:
    run, told = begun(seen(0.2, "Hel"), Called(0.3, (CALL,)), Called(0.4, (OTHER,)), seen(0.5, "Hello"), rules=RULES_F)
    assert told[1:3] == [[Look(0.0, last=True)]] * 2
    assert told[3] == [Emit("lo"), Ask("Hello", (CALL, OTHER), None), Release(completed=False)]
    assert (run.state, run.held, run.leg_over) == (RunState.REQUIRES_ACTION, True, True)


def test_a_run_that_is_held_up_asks_even_if_the_look_fails() -> None:
    _, told = begun(Called(0.3, (CALL,)), LookFailed(0.4, "x"), rules=RULES_F)
    assert told[-1] == [Ask("", (CALL,), None), Release(completed=False)]


def test_a_leg_of_a_run_that_was_held_up_begins_where_the_last_one_ended() -> None:
    one = seen(0.5, "Hello", usage=Usage(5, 2))
    run, _ = begun(Called(0.3, (CALL,)), one, rules=RULES_F)
    whole = (StepText(1, "Hello, you", True), StepText(2, "Bye", True))
    end = Observed(104.0, Observation("end", whole, outcome=Finished(Finish.STOP), usage=Usage(9, 3, 1)))
    _, told = played(Resumed(100.0), Admitted(101.0), Begun(102.0), end, rules=RULES_F, run=run)
    assert told[-1] == [
        Open(),
        Emit(", you\n\nBye"),
        Complete(", you\n\nBye", Finish.STOP, Usage(4, 1, 1), False),
        Release(completed=True),
    ]


def test_a_leg_has_only_the_reasoning_that_came_in_it() -> None:
    rules = replace(RULES_F, reasoning=True)
    before, after = (StepText(1, "Hm", True),), (StepText(1, "Hm", True), StepText(2, "So.", True))
    run, told = begun(Called(0.3, (CALL,)), seen(0.5, "Hello", over=True, thoughts=before), rules=rules)
    (ask,) = [one for one in told[-1] if isinstance(one, Ask)]
    assert ask.reasoning == "Hm"
    texts = (StepText(1, "Hello", True), StepText(2, "Bye", True))
    end = Observation("x", texts, outcome=Finished(Finish.STOP), thoughts=after)
    _, told = played(Resumed(1.0), Admitted(1.0), Begun(1.0), Observed(2.0, end), rules=rules, run=run)
    assert [one for one in told[-1] if isinstance(one, Emit)] == [Emit("So.", thought=True), Emit("Bye")]
    (whole,) = [one for one in told[-1] if isinstance(one, Complete)]
    assert (whole.text, whole.reasoning) == ("Bye", "So.")


def test_a_leg_begins_with_no_blank_line() -> None:
    run, _ = begun(Called(0.3, (CALL,)), seen(0.5, "Hello", over=True), rules=RULES_F)
    whole = (StepText(1, "Hello", True), StepText(2, "Bye", False))
    _, told = played(
        Resumed(1.0), Admitted(1.0), Begun(1.0), Observed(2.0, Observation("x", whole)), rules=RULES_F, run=run
    )
    assert told[-1][1] == Emit("Bye")


def test_a_client_that_wants_one_call_at_a_time_is_asked_for_the_first() -> None:
    rules = replace(RULES_F, parallel_calls=False)
    run, told = begun(seen(0.5, "Hello", outcome=Paused((CALL, OTHER))), rules=rules)
    assert told[-1][1] == Ask("Hello", (CALL,), None)
    assert (run.calls, run.asked) == ((CALL, OTHER), 1)


@pytest.mark.parametrize(("parallel", "asked"), [(False, (CALL,)), (True, (CALL, OTHER))])
def test_calls_that_the_client_has_not_been_asked_for_come_before_the_agent(
    parallel: bool, asked: tuple[AgentCall, ...]
) -> None:
    rules = replace(RULES_F, parallel_calls=parallel)
    before = replace(RESTED, unasked=(CALL, OTHER))
    run, told = played(Resumed(1.0), Admitted(1.0), rules=rules, run=before)
    assert told == [[], [Ask("", asked, None), Release(completed=False)]]
    assert (run.state, run.leg_over, run.begun, run.asked) == (RunState.REQUIRES_ACTION, True, False, len(asked))


@pytest.mark.parametrize("calls", [(AgentCall("1", "g", ""),), (CALL, AgentCall("1", "g", "")), ()])
@pytest.mark.parametrize("held", [True, False])
def test_only_tools_that_the_client_declared_are_called(calls: tuple[AgentCall, ...], held: bool) -> None:
    if held and not calls:
        return  # nobody holds an agent up for nothing
    event = Called(0.3, calls) if held else seen(0.3, outcome=Paused(calls))
    run, told = begun(event, LookFailed(0.4, "x"), rules=RULES_F)
    assert run.state is RunState.FAILED
    error = next(command.error for commands in told for command in commands if isinstance(command, Tell))
    assert isinstance(error, AgentFailed)
    assert ("g" if calls else "none") in error.message
    assert error.may_have_acted


def test_a_run_that_is_held_up_too_long_expires_and_its_agent_is_cancelled() -> None:
    run, _ = begun(Called(0.3, (CALL,)), seen(10.0), rules=RULES_F)
    assert next_clock(run, RULES_F) == 610.0
    assert handle(run, Ticked(609.9), RULES_F) == (run, ())
    run, commands = handle(run, Ticked(610.0), RULES_F)
    assert run.state is RunState.EXPIRED
    assert [type(command) for command in commands] == [CancelBackend, Tell, Release]


@pytest.mark.parametrize(
    ("event", "state"),
    [(Stopped(1.0), RunState.CANCELLED), (GaveUp(1.0, AgentFailed("it left")), RunState.FAILED)],
)
def test_what_ends_a_run_that_is_held_up(event: Event, state: RunState) -> None:
    run, _ = begun(Called(0.3, (CALL,)), seen(0.5), rules=RULES_F)
    assert handle(run, ReaderLeft(0.9), RULES_F) == (run, ())
    run, commands = handle(run, event, RULES_F)
    assert run.state is state
    assert [type(command) for command in commands] == [CancelBackend, Tell, Release]


@pytest.mark.parametrize(
    "events",
    [
        [Ticked(1e6)],
        [Stopped(1.0)],
        [ReaderLeft(1.0)],
        [Admitted(1.0), GaveUp(2.0, AgentUnavailable("x"))],
        [Admitted(1.0), ReaderLeft(2.0)],
        [Admitted(1.0), Ticked(1e6)],
    ],
)
@pytest.mark.parametrize("held", [True, False])
def test_a_next_leg_that_gave_the_agent_nothing_leaves_the_run_at_rest(events: list[Event], held: bool) -> None:
    run = begun(Called(0.3, (CALL,)), seen(0.5), rules=RULES_F)[0] if held else RESTED
    run, told = played(Resumed(0.9), *events, rules=RULES_F, run=run)
    assert (run.state, run.leg_over) == (RunState.REQUIRES_ACTION, True)
    assert told[-1][-1] == Release(completed=False)
    assert CancelBackend() not in told[-1]
    assert not any(command.error.may_have_acted for command in told[-1] if isinstance(command, Tell))


@pytest.mark.parametrize(
    ("error", "cancels"), [(ToolCallExpired("x"), False), (AgentUnavailable("x", may_have_acted=True), False)]
)
def test_a_next_leg_that_cannot_be_repeated_ends_the_run(error: GatewayError, cancels: bool) -> None:
    run, told = played(Resumed(0.9), Admitted(1.0), GaveUp(2.0, error), rules=RULES_F, run=RESTED)
    assert run.state is RunState.FAILED
    assert (CancelBackend() in told[-1]) is cancels


@pytest.mark.parametrize("policy", [OnDisconnect.DETACH, OnDisconnect.GRACE])
def test_a_run_whose_client_has_left_asks_all_the_same(policy: OnDisconnect) -> None:
    """The client, or whoever asks how the session stands, finds the calls."""
    rules = RunRules(on_disconnect=policy, tools=frozenset("f"))
    run, told = begun(ReaderLeft(0.1), seen(0.2, outcome=Paused((CALL,))), rules=rules)
    assert told[-1] == [Ask("", (CALL,), None), Release(completed=False)]
    assert next_clock(run, rules) == inf
    run, _ = begun(ReaderLeft(0.1), Called(0.2, (CALL,)), seen(0.3), rules=rules)
    assert next_clock(run, rules) == 600.3


def test_a_run_that_rests_has_said_all_that_it_will_say() -> None:
    texts = (StepText(1, "one \ud83d", False), StepText(2, "two", False))
    _, told = begun(Observed(0.1, Observation("x", texts, outcome=Paused((CALL,)))), rules=RULES_F)
    assert told[-1][:2] == [Emit("one \ud83d\n\ntwo"), Ask("one \ud83d\n\ntwo", (CALL,), None)]


def test_what_the_table_does_not_have_is_a_defect() -> None:
    with pytest.raises(NoSuchTransitionError):
        handle(Run(), Resumed(0.0), RULES)
    with pytest.raises(NoSuchTransitionError):
        handle(Run(state=RunState.IN_PROGRESS), Admitted(0.0), RULES)


@given(st.lists(st.text("ab\ud83d\ude00", max_size=4), min_size=1, max_size=6), st.data())
def test_the_legs_of_a_run_say_together_what_one_leg_would(texts: list[str], data: st.DataObject) -> None:
    """Texts grow, step by step; the run is held up any number of times, at any place."""
    whole = tuple(StepText(at, text, True) for at, text in enumerate(texts))
    looks = [
        (*whole[:step], StepText(step, texts[step][:size], False))
        for step in range(len(texts))
        for size in range(len(texts[step]) + 1)
    ]
    end = Observation("end", whole, outcome=Finished(Finish.STOP))
    next_leg = (Resumed(0.0), Admitted(0.0), Begun(0.0))
    run, _ = played(Admitted(0.0), Begun(0.0), rules=RULES_F)
    legs = [""]
    for at, look in enumerate(looks):
        event: Event = Observed(0.0, Observation(str(at), look))
        if data.draw(st.booleans()):
            run, told = played(Called(0.0, (CALL,)), event, *next_leg, rules=RULES_F, run=run)
            (asked,) = [command for commands in told for command in commands if isinstance(command, Ask)]
            legs[-1] += "".join(command.text for commands in told for command in commands if isinstance(command, Emit))
            assert asked.text == legs[-1]
            legs.append("")
        else:
            run, (commands,) = played(event, rules=RULES_F, run=run)
            legs[-1] += "".join(command.text for command in commands if isinstance(command, Emit))
    run, (commands,) = played(Observed(0.0, end), rules=RULES_F, run=run)
    legs[-1] += "".join(command.text for command in commands if isinstance(command, Emit))
    (complete,) = [command for command in commands if isinstance(command, Complete)]
    assert complete.text == legs[-1]
    rest = answer_text(end.texts)
    for at, leg in enumerate(legs):
        if at and leg and rest.startswith("\n\n") and not leg.startswith("\n\n"):
            rest = rest.removeprefix("\n\n")
        assert rest.startswith(leg)
        rest = rest[len(leg) :]
    assert rest == ""


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
    st.builds(ReaderAsked, st.floats(0, 10)),
    st.builds(Stopped, st.floats(0, 10)),
    st.builds(Ticked, st.floats(0, 3000)),
    st.builds(Called, st.floats(0, 10), st.sampled_from([(CALL,), (AgentCall("", "g", ""),)])),
    st.builds(seen, st.floats(0, 10), outcome=st.just(Paused((CALL,)))),
    st.builds(Stirred, st.floats(0, 3000)),
)


@given(st.lists(EVENTS, max_size=12), st.sampled_from(OnDisconnect))
def test_whatever_happens_a_run_ends_once(events: list[Event], on_disconnect: OnDisconnect) -> None:
    rules = RunRules(on_disconnect=on_disconnect, tools=frozenset("f"))
    run, _ = played(Admitted(0.0), rules=rules)
    released = completed = asked = 0
    for event in [*events, Ticked(1e9)]:
        if run.rests:
            break
        before = run.state
        run, commands = handle(run, event, rules)
        asked += sum(isinstance(command, Ask) for command in commands)
        assert run.state is before or run.state in TRANSITIONS[before]
        if commands and isinstance(commands[-1], Release):
            released += 1
        completed += sum(isinstance(command, Complete) for command in commands)
        assert not any(isinstance(command, Release) for command in commands[:-1])
    assert run.leg_over
    assert released == 1
    assert completed == (run.state is RunState.COMPLETED)
    assert asked == (run.state is RunState.REQUIRES_ACTION)

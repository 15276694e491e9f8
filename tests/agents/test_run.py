from __future__ import annotations

import pytest

from narrows.agents.run import TRANSITIONS, Run, RunState

TERMINAL = {RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED, RunState.EXPIRED}


def test_every_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(RunState)


@pytest.mark.parametrize("state", RunState)
def test_terminal_states_are_left_for_nothing(state: RunState) -> None:
    assert Run(state=state).over is (state in TERMINAL)
    assert bool(TRANSITIONS[state]) is (state not in TERMINAL)


def test_every_live_state_can_end_by_failure_cancel_and_time() -> None:
    for state in set(RunState) - TERMINAL:
        assert TRANSITIONS[state] >= {RunState.FAILED, RunState.CANCELLED, RunState.EXPIRED}


def test_only_what_is_in_progress_completes() -> None:
    assert [state for state in RunState if RunState.COMPLETED in TRANSITIONS[state]] == [RunState.IN_PROGRESS]

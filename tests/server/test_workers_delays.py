"""The waits before a worker is replaced."""

from __future__ import annotations

from narrows.server.workers.delays import FIRST_S, LONGEST_S, STEADY_S, Delays


def test_each_failure_waits_twice_as_long_up_to_the_longest() -> None:
    delays = Delays()
    waits = [delays.after(1, 0.0), *(delays.again(1) for _ in range(9))]
    assert waits == [min(FIRST_S * 2**at, LONGEST_S) for at in range(10)]
    assert delays.after(2, 0.0) == FIRST_S, "another seat has waits of its own"


def test_a_worker_that_served_long_is_replaced_as_soon_as_the_first() -> None:
    delays = Delays()
    assert [delays.after(1, 1.0), delays.after(1, 1.0)] == [FIRST_S, 2 * FIRST_S]
    assert delays.after(1, STEADY_S + 1) == FIRST_S
    assert delays.again(1) == 2 * FIRST_S

"""The bytes held at once have one bound."""

from __future__ import annotations

from narrows.server.budget import ByteBudget


def test_what_does_not_fit_is_not_counted() -> None:
    budget = ByteBudget(10)
    assert budget.take(6)
    assert not budget.take(5)
    assert (budget.held, budget.has_room(4), budget.has_room(5)) == (6, True, False)
    assert budget.take(4)
    budget.give_back(6)
    assert (budget.held, budget.has_room(6)) == (4, True)


def test_what_is_held_already_is_counted_past_the_bound() -> None:
    budget = ByteBudget(10)
    budget.hold(12)
    assert (budget.held, budget.take(1)) == (12, False)
    budget.give_back(12)
    assert budget.take(10)

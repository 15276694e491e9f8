"""What steps of a cache do to bills, on conversations that can be reckoned by hand."""

from __future__ import annotations

import pytest

from bench.quality.bill import Block, Contract, Match, Request
from bench.quality.steps import IN_FRONT, drawn

STEPS = Contract("in steps", Match.PREFIX, minimum=100, read=0.0, step=128)


def talk(first: int) -> list[Request]:
    """Two requests: a message of so many tokens, and one of ten behind it."""
    said = [Block(f"{first}", first), Block("more", 10)]
    return [said[:1], said]


def test_a_little_less_can_cost_a_step() -> None:
    found = drawn([(talk(1280), talk(1270))], STEPS)
    assert (found.bills, found.above) == (len(IN_FRONT), 2), "with 0 and 8 tokens in front"
    assert found.highest == pytest.approx((1270 + 128 - 10 + 10) / (1280 + 10))
    assert found.bill < 1


def test_more_than_a_step_never_does() -> None:
    assert drawn([(talk(1280), talk(1100))], STEPS).above == 0


def test_short_conversations_do_not_count_and_what_stays_costs_the_same() -> None:
    assert drawn([(talk(150), talk(140))], STEPS).bills == 0
    found = drawn([(talk(1280), talk(1280))], STEPS)
    assert (found.bill, found.above, found.highest) == (1.0, 0, 1.0)

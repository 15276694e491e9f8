from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narrows.agents.observation import Usage

COUNTS = st.none() | st.integers(0, 9)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS)


@given(USAGES, USAGES)
def test_what_two_legs_tell_is_together_what_was_used(told: Usage, later: Usage) -> None:
    """`told` in one leg and the rest in the next: nothing is told twice, and nothing that is known is lost."""
    whole = Usage(
        *(
            None if more is None else more + (one or 0)
            for one, more in zip(_figures(told), _figures(later), strict=True)
        )
    )
    assert _figures(whole.beyond(told)) == _figures(later)


@given(USAGES, USAGES)
def test_a_sum_knows_what_either_knows(one: Usage, other: Usage) -> None:
    for a, b, both in zip(_figures(one), _figures(other), _figures(one.plus(other)), strict=True):
        assert both == (None if a is None and b is None else (a or 0) + (b or 0))


def test_a_figure_that_has_gone_back_is_never_below_zero() -> None:
    assert Usage(1, 5).beyond(Usage(3, 2)) == Usage(0, 3)


def _figures(usage: Usage) -> tuple[int | None, ...]:
    return usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens

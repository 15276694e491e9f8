"""A tally is of its parts alone, wherever it was gone on from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors.types import Compressed, Decision, Kept, Reason
from narrows.core.edits import Span
from narrows.plan.tally import NOTHING, PlannedPart, Tally, tally_of, took_work
from narrows.plan.tasks import PartOutcome
from narrows.policy import Kind
from narrows.wire.types import Part, Role

PART = Part("/messages/0/content", 0, Role.TOOL, Span(0, 9))

kept = st.sampled_from(Reason).map(Kept)
shortened = st.sampled_from(Kind).map(lambda kind: Compressed(kind, "short", True, ""))
tokens = st.one_of(st.none(), st.integers(0, 99))
decisions = st.builds(Decision, st.one_of(kept, shortened), st.just(90), st.just(20), tokens, tokens)
parts = st.lists(
    st.builds(lambda decision, replayed: PlannedPart(PART, PartOutcome(decision, None), replayed), decisions,
              st.booleans())
)  # fmt: skip


def unordered(tally: Tally) -> tuple[object, ...]:
    return dict(tally.shortened), dict(tally.kept), tally.parts, tally.replayed, tally.made, tally.counted


@given(parts, parts)
def test_going_on_counts_as_counting_at_once(first: list[PlannedPart], second: list[PlannedPart]) -> None:
    whole, stepwise = tally_of([*first, *second]), tally_of(second, tally_of(first))
    assert unordered(stepwise) == unordered(whole)
    assert (stepwise.tokens_before, stepwise.tokens_after) == (whole.tokens_before, whole.tokens_after)


@given(parts)
def test_every_part_is_counted_once(planned: list[PlannedPart]) -> None:
    tally = tally_of(planned)
    assert tally.parts == len(planned)
    assert sum(dict(tally.shortened).values()) + sum(dict(tally.kept).values()) == len(planned)
    assert tally.replayed == sum(one.replayed for one in planned)
    fresh = [one for one in planned if not one.replayed]
    assert tally.made == sum(took_work(one.outcome.decision.result) for one in fresh)


def test_no_parts_are_nothing() -> None:
    assert tally_of([]) == NOTHING

"""What a plan comes to, in numbers; kept with the plan of a conversation's first parts, and gone on from."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from narrows.compressors.types import Compressed, Kept, Reason
from narrows.core.edits import Edit
from narrows.plan.minimum import REACHED, Reach
from narrows.plan.tasks import PartOutcome
from narrows.policy import Kind
from narrows.wire.types import Part

_WITHOUT_WORK = frozenset({Reason.POLICY_OFF, Reason.UNREADABLE, Reason.TOO_SMALL})
"""Decisions that a look at a part's size or fault makes, again on every turn: they are counted, and nothing more."""


class PlannedPart(Struct, frozen=True, gc=False):
    """A part with its outcome. `replayed`: the outcome was remembered, not computed for this body."""

    part: Part
    outcome: PartOutcome
    replayed: bool


class Tally(Struct, frozen=True, gc=False):
    """Parts counted by what became of them. `shortened` and `kept` are by kind and by reason; `replayed` counts
    outcomes that were remembered, `made` those that took work now. `tokens_before` and `tokens_after` are those of
    the `counted` shortened parts whose tokens are known."""

    parts: int = 0
    shortened: tuple[tuple[Kind, int], ...] = ()
    kept: tuple[tuple[Reason, int], ...] = ()
    replayed: int = 0
    made: int = 0
    counted: int = 0
    tokens_before: int = 0
    tokens_after: int = 0


NOTHING = Tally()


class Replayed(Struct, frozen=True, gc=False):
    """The plan of a conversation's parts, or of the first of them, from what is remembered, and what the prompts before
    them lacked. `size_bytes`: about what it takes in memory, with the texts of its edits."""

    parts: tuple[PlannedPart, ...] = ()
    edits: tuple[Edit, ...] = ()
    tally: Tally = NOTHING
    size_bytes: int = 0
    reach: Reach = REACHED


def took_work(result: Compressed | Kept) -> bool:
    """Whether the part had to be read for it."""
    return isinstance(result, Compressed) or result.reason not in _WITHOUT_WORK


def tally_of(planned: Iterable[PlannedPart], before: Tally = NOTHING) -> Tally:
    """`before`, and these parts."""
    shortened, kept = dict(before.shortened) if before.shortened else {}, dict(before.kept) if before.kept else {}
    parts, replayed, made = before.parts, before.replayed, before.made
    counted, tokens_before, tokens_after = before.counted, before.tokens_before, before.tokens_after
    for one in planned:
        parts += 1
        decision = one.outcome.decision
        result = decision.result
        if isinstance(result, Compressed):
            shortened[result.kind] = shortened.get(result.kind, 0) + 1
            if decision.tokens_before is not None and decision.tokens_after is not None:
                counted += 1
                tokens_before += decision.tokens_before
                tokens_after += decision.tokens_after
        else:
            kept[result.reason] = kept.get(result.reason, 0) + 1
        if one.replayed:
            replayed += 1
        elif took_work(result):
            made += 1
    return Tally(
        parts, tuple(shortened.items()), tuple(kept.items()), replayed, made, counted, tokens_before, tokens_after
    )

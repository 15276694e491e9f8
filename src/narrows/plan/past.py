"""Tool outputs after others: each is held against those before it in the same body, as they are forwarded.

That makes a fold over the parts in order. What it needs of a part whose outcome is known is the literal that goes
upstream, so it can be gone on with anywhere, by whoever is given the outputs within the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from narrows.compressors.repeats import (
    FLOOR_BYTES,
    WINDOW_BYTES,
    WINDOW_OUTPUTS,
    Before,
    Earlier,
    Shelf,
    Shown,
    shown_by,
)
from narrows.compressors.types import Classifier, Compressed, Kept
from narrows.core import jsonstr
from narrows.core.edits import Span
from narrows.core.tool_call import OutputPlace
from narrows.plan.tasks import PartOutcome, PartTask, decide_part, outcome_of
from narrows.policy import Policy, Scope
from narrows.wire.types import Located, Part

_STABLE = Scope.STABLE


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A tool output that later ones may refer to: the literal that goes upstream, of a text of `size_bytes`."""

    literal: bytes
    place: OutputPlace
    shown: Shown
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FoldTask:
    """The work that a tool output is after others: at `place`, and with what was decided for it `alone`, if that is
    known already."""

    task: PartTask
    place: OutputPlace
    alone: PartOutcome | None


def may_refer(located: Located, policy: Policy) -> bool:
    """Whether tool outputs may refer to earlier ones: where all that stands before them stays as it is forwarded."""
    return located.history_complete and policy.scope is _STABLE


def forwarded(body: bytes, part: Part, outcome: PartOutcome, policy: Policy) -> Forwarded | None:
    """A part as later ones may refer to it; None where they may not."""
    decision = outcome.decision
    shown = Shown.NOTHING if part.output is None else shown_by(decision.result)
    if part.output is None or shown is Shown.NOTHING or decision.bytes_before < _least_bytes(policy):
        return None
    literal = part.span.of(body) if outcome.replacement is None else outcome.replacement
    return Forwarded(literal, part.output, shown, decision.bytes_after)


def _least_bytes(policy: Policy) -> int:
    return max(policy.repeat_min_bytes, FLOOR_BYTES)


class Past:
    """The tool outputs before a part, put on a shelf when the first part asks for them."""

    def __init__(self) -> None:
        self._waiting: list[Forwarded] = []
        self._shelf: Shelf | None = None

    def add(self, output: Forwarded | None) -> None:
        """The next output, if it may be referred to."""
        if output is not None:
            self._waiting.append(output)

    def before(self, place: OutputPlace) -> Before:
        """What the output at `place` may refer to; what is loaded when, is as in `decide_part`."""
        from narrows.compressors.registry import readable

        if self._shelf is None:
            self._shelf, self._waiting = Shelf(), within_window(self._waiting)
        for one in self._waiting:
            self._shelf.add(readable(Earlier(jsonstr.decode(one.literal), one.place, one.shown)))
        self._waiting = []
        return Before(self._shelf, place)


def within_window(outputs: Sequence[Forwarded]) -> list[Forwarded]:
    """The last of these that the next output may refer to, and perhaps some before."""
    held, first = 0, max(0, len(outputs) - WINDOW_OUTPUTS)
    for index in range(len(outputs) - 1, first - 1, -1):
        held += outputs[index].size_bytes
        if held > WINDOW_BYTES:
            return list(outputs[index + 1 :])
    return list(outputs[first:])


def fold_part(task: PartTask, alone: PartOutcome, before: Before) -> PartOutcome:
    """The outcome of a tool output after others; what raises, and what is loaded when, is as in `decide_part`."""
    from narrows.compressors.registry import COMPRESSORS, Registry

    if isinstance(alone.decision.result, Kept) and shown_by(alone.decision.result) is Shown.NOTHING:
        return alone
    text = jsonstr.decode(task.literal)
    before = replace(before, least_bytes=max(0, task.lacking - jsonstr.AROUND_BYTES))
    decision = Registry(COMPRESSORS).fold(text, alone.decision, task.policy, task.encoding, before)
    if decision is alone.decision:
        return alone
    outcome = outcome_of(task, decision)
    too_short = outcome.replacement is None and isinstance(decision.result, Compressed)
    return alone if too_short and alone.replacement is not None else outcome


def fold_parts(
    items: Sequence[Forwarded | FoldTask], classifier: Classifier | None
) -> list[tuple[PartOutcome, PartOutcome]]:
    """For each task of a conversation, in order, what is decided for the part alone and after the outputs before it;
    these are all among `items`, decided or as tasks."""
    past, found = Past(), []
    for item in items:
        if isinstance(item, Forwarded):
            past.add(item)
            continue
        task = item.task
        alone = item.alone or decide_part(task, classifier)
        outcome = fold_part(task, alone, past.before(item.place))
        found.append((alone, outcome))
        part = Part("", 0, task.role, Span(0, len(task.literal)), output=item.place)
        past.add(forwarded(task.literal, part, outcome, task.policy))
    return found

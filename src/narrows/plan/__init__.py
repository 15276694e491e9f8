"""From a request body to its edits: locate the parts, decide each, put the new literals where the old ones stand.

What is decided for a part alone is a pure function of its `PartTask`: the literal, its role, the tool call that
produced it, the policy and the encoding (`tasks`). A tool output's outcome depends also on the outputs before it, as
they are forwarded: what they show already is named instead (`past`). So the first may be computed anywhere (a worker
process, another replica, after a restart) and remembered under the task's digest, the second in the parts' order, and
under a running digest; `plan_body` is the plain composition that every other arrangement must equal (law 4).

Nothing here depends on the size of the body or on the clock; what a part's prompt lacks to be cached, on what stands
before the part (`minimum`). A part too small for any kind is neither decoded nor hashed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from narrows.compressors.types import Classifier, Kept, Reason
from narrows.core.digest import call_digest, part_digest
from narrows.core.edits import Edit
from narrows.core.tokens import Encoding, encoding_for_model
from narrows.plan.cache import DecisionCache
from narrows.plan.minimum import REACHED, Reach, reach_of
from narrows.plan.past import FoldTask, Forwarded, Past, fold_part, fold_parts, forwarded, may_refer, within_window
from narrows.plan.tally import NOTHING, PlannedPart, Replayed, Tally, tally_of, took_work
from narrows.plan.tasks import PartOutcome, PartTask, context_of, decide_part, marked, part_key, stays
from narrows.policy import Level, Policy
from narrows.wire.types import Located, Part, Untouched, Wire

__all__ = [
    "MANY_PARTS",
    "REACHED",
    "DecisionCache",
    "FoldTask",
    "Forwarded",
    "PartOutcome",
    "PartTask",
    "Past",
    "Plan",
    "PlannedPart",
    "Reach",
    "Settled",
    "Tally",
    "assemble",
    "condensed",
    "decide_part",
    "fold_part",
    "fold_parts",
    "forwarded",
    "keys_of",
    "may_refer",
    "part_key",
    "plan_body",
    "plan_located",
    "reach_in",
    "replayed_plan",
    "tally_of",
    "task_of",
    "tasks_of",
    "took_work",
    "untouched_plan",
    "within_window",
]

MANY_PARTS = 2_000
"""From so many on, `condensed` counts the parts that need no work, and lists them no more."""

Settled = tuple[tuple[Reason, int], ...]
"""How many parts stay without work, by why."""


class Plan(Struct, frozen=True, gc=False):
    """Everything that was decided about a body. `untouched` says why, where the whole body stays as it is; otherwise
    `located` and `encoding` are there. `apply_edits(body, plan.edits)` is what goes upstream. `settled` counts parts
    that stay and are not among `parts`, because the body was condensed. `tally` sums up `parts`."""

    parts: tuple[PlannedPart, ...]
    edits: tuple[Edit, ...]
    located: Located | None
    untouched: Untouched | None
    encoding: Encoding | None
    settled: Settled = ()
    tally: Tally = NOTHING


def plan_body(
    body: bytes,
    wire: Wire,
    policy: Policy,
    *,
    classifier: Classifier | None = None,
    cache: DecisionCache | None = None,
    model: str | None = None,
) -> Plan:
    """Locate, decide, assemble. With a `cache` the same plan, sooner. `model` takes the place of the one that the body
    names."""
    located = wire.locate(body, policy.scope, cache.readings if cache is not None else None)
    if isinstance(located, Untouched):
        return untouched_plan(located)
    if model is not None:
        located = replace(located, model=model)
    return plan_located(body, located, policy, classifier, cache)


def plan_located(
    body: bytes, located: Located, policy: Policy, classifier: Classifier | None, cache: DecisionCache | None = None
) -> Plan:
    """The plan of a body that is located already."""
    encoding, past, refers = encoding_for_model(located.model), Past(), may_refer(located, policy)
    reach = reach_in(body, located, policy)
    outcomes: list[PartOutcome] = []
    replayed: list[bool] = []
    for part, key in zip(located.parts, keys_of(body, located, policy, reach, cache), strict=True):
        remembered = None
        if isinstance(key, PartOutcome):
            outcome = key
        elif cache is not None and (remembered := cache.get(key)):
            outcome = remembered
        else:
            task = task_of(body, part, policy, encoding, reach)
            outcome = _alone(task, key, classifier, cache)
            if refers and part.chain and part.output:
                outcome = fold_part(task, outcome, past.before(part.output))
            if cache is not None:
                cache.put(key, outcome)
        if refers:
            past.add(forwarded(body, part, outcome, policy))
        outcomes.append(outcome)
        replayed.append(remembered is not None)
    return assemble(located, outcomes, replayed)


def _alone(task: PartTask, key: bytes, classifier: Classifier | None, cache: DecisionCache | None) -> PartOutcome:
    """What is decided of a part for itself; remembered under its own key, where that is another than `key`."""
    if cache is None:
        return decide_part(task, classifier)
    own = part_key(task)
    outcome = cache.peek(own) or decide_part(task, classifier)
    if own != key:
        cache.put(own, outcome)
    return outcome


def replayed_plan(
    body: bytes, located: Located, policy: Policy, cache: DecisionCache, settled: Settled = ()
) -> Plan | None:
    """The plan, where the cache knows every outcome that takes work; `settled` as `condensed` gave it.

    One pass over the parts and nothing else: all parts of a conversation but the newest come again on every turn. Those
    that were planned on the turn before are taken from the notes of the reading that knows them.
    """
    encoding, minimum_bytes = cache.encoding(located.model), cache.cache_minimum_bytes(policy, located.model)
    context, refers, notes = cache.context(policy, encoding), may_refer(located, policy), located.notes
    if notes is None:
        reach = reach_of(body, located, policy, minimum_bytes, refers=refers) if minimum_bytes else REACHED
        planned = _replayed_parts(body, located.parts, _Under(policy, context, refers, reach), cache)
        if planned is None:
            return None
        edits = [Edit(one.part.span, one.outcome.replacement) for one in planned if one.outcome.replacement is not None]
        return Plan(tuple(planned), tuple(edits), located, None, encoding, settled, tally_of(planned))
    noted_as = context, refers, minimum_bytes
    before = notes.earlier.get(noted_as)
    if not isinstance(before, Replayed):
        before = _NOTHING_YET
    reach = before.reach
    if minimum_bytes and (before is _NOTHING_YET or not reach.holds_for(body, located)):
        reach = reach_of(body, located, policy, minimum_bytes, refers=refers)
        if reach.said != before.reach.said:
            before = _NOTHING_YET
    planned = _replayed_parts(body, located.parts[len(before.parts) :], _Under(policy, context, refers, reach), cache)
    if planned is None:
        return None
    new = [Edit(one.part.span, one.outcome.replacement) for one in planned if one.outcome.replacement is not None]
    size = before.size_bytes + _PLANNED_BYTES * len(planned) + sum([len(edit.replacement) for edit in new])
    replayed = Replayed((*before.parts, *planned), (*before.edits, *new), tally_of(planned, before.tally), size, reach)
    notes.own[noted_as] = replayed
    notes.own_bytes += size + reach.size_bytes
    return Plan(replayed.parts, replayed.edits, located, None, encoding, settled, replayed.tally)


class _Under(Struct, frozen=True, gc=False):
    """What the outcomes of all parts depend on: a policy, the context that it makes, whether parts may refer to earlier
    ones, and what the prompt lacks."""

    policy: Policy
    context: bytes
    refers: bool
    reach: Reach


def _replayed_parts(
    body: bytes, parts: Sequence[Part], under: _Under, cache: DecisionCache
) -> list[PlannedPart] | None:
    """The parts with their outcomes; None where the cache lacks one."""
    policy, context, refers, reach = under.policy, under.context, under.refers, under.reach
    level, smallest, recall, until = policy.level, cache.smallest_min_bytes(policy), cache.get, reach.until
    chained = marked(context, reach.behind) if reach.behind else context
    planned: list[PlannedPart] = []
    for part in parts:
        span = part.span
        size = span.stop - span.start - 2
        if size < smallest or part.fault is not None or level is _OFF:
            kept = _kept_without_work(part, level, smallest)
            assert kept is not None
            planned.append(PlannedPart(part, stays(kept, size), replayed=False))
            continue
        if span.start < until:
            key = _key_before(body, part, under)
        elif refers and part.chain:
            key = chained + part.chain
        else:
            key = context + (part.digest or _digest(body, part))
        outcome = recall(key)
        if outcome is None:
            return None
        planned.append(PlannedPart(part, outcome, replayed=True))
    return planned


_NOTHING_YET = Replayed()
_PLANNED_BYTES = 100
"""About what a planned part takes in memory beside the part and the text of its edit."""


def untouched_plan(untouched: Untouched) -> Plan:
    """The plan of a body that stays as it is."""
    return Plan((), (), None, untouched, None)


def _key_before(body: bytes, part: Part, under: _Under) -> bytes:
    """The key of a part with work at which the prompt may lack something."""
    context, mark = under.context, under.reach.marks.get(part.span.start)
    if mark is not None:
        context = marked(context, mark)
    return context + ((under.refers and part.chain) or part.digest or _digest(body, part))


def reach_in(body: bytes, located: Located, policy: Policy) -> Reach:
    """What the prompts before the parts of a body lack. It is asked for once for a whole body, and not for some of its
    parts: what is lacking at the first says also what later ones may refer to."""
    minimum_bytes = policy.cache_minimum_bytes(located.model)
    return reach_of(body, located, policy, minimum_bytes, refers=may_refer(located, policy))


def tasks_of(body: bytes, located: Located, policy: Policy) -> tuple[PartTask | PartOutcome, ...]:
    """For each part the work to be done, or at once the outcome where none is needed.

    Such an outcome's sizes are the literal's without its quotes, because it is not decoded.
    """
    encoding, smallest, reach = (
        encoding_for_model(located.model),
        policy.smallest_min_bytes,
        reach_in(body, located, policy),
    )
    return tuple(
        _without_work(part, policy.level, smallest) or task_of(body, part, policy, encoding, reach)
        for part in located.parts
    )


def keys_of(
    body: bytes, located: Located, policy: Policy, reach: Reach, cache: DecisionCache | None = None
) -> tuple[PartOutcome | bytes, ...]:
    """As `tasks_of`, but keys of the outcomes: the parts carry their digests. A tool output after others has a key that
    names them too, and what their prompts lacked. A `cache` remembers what all keys under one policy share."""
    encoding, smallest = encoding_for_model(located.model), policy.smallest_min_bytes
    context = context_of(policy, encoding) if cache is None else cache.context(policy, encoding)
    under = _Under(policy, context, may_refer(located, policy), reach)
    return tuple(_without_work(part, policy.level, smallest) or _key(body, part, under) for part in located.parts)


def _key(body: bytes, part: Part, under: _Under) -> bytes:
    if part.span.start < under.reach.until:
        return _key_before(body, part, under)
    context = under.context
    if not (under.refers and part.chain):
        return context + (part.digest or _digest(body, part))
    return (marked(context, under.reach.behind) if under.reach.behind else context) + part.chain


def condensed(located: Located, policy: Policy) -> tuple[Located, Settled]:
    """A body of very many parts without those that need no work, and how many those are; any other as it is.

    What needs no work is never edited, so the edits are the same. It spares callers hundreds of thousands of objects.
    """
    if len(located.parts) <= MANY_PARTS:
        return located, ()
    smallest = policy.smallest_min_bytes
    kept = [_kept_without_work(part, policy.level, smallest) for part in located.parts]
    parts = tuple(part for part, kept_so in zip(located.parts, kept, strict=True) if kept_so is None)
    settled = Counter(one.reason for one in kept if one is not None)
    return replace(located, parts=parts, notes=None), tuple(settled.items())


def task_of(body: bytes, part: Part, policy: Policy, encoding: Encoding, reach: Reach) -> PartTask:
    """The work that a part of `body` is, whether or not it is needed."""
    lacking = reach.lacking.get(part.span.start, 0)
    return PartTask(part.span.of(body), part.role, part.tool_call, policy, encoding, lacking)


def _digest(body: bytes, part: Part) -> bytes:
    return part_digest(part.span.of(body), part.role, call_digest(part.tool_call))


def _without_work(part: Part, level: Level, smallest_min_bytes: int) -> PartOutcome | None:
    kept = _kept_without_work(part, level, smallest_min_bytes)
    return None if kept is None else stays(kept, _size_bytes(part))


def _kept_without_work(part: Part, level: Level, smallest_min_bytes: int) -> Kept | None:
    if level is _OFF:
        return _POLICY_OFF
    if part.fault is not None:
        return Kept(Reason.UNREADABLE, detail=part.fault)
    if _size_bytes(part) < smallest_min_bytes:
        return _TOO_SMALL
    return None


def _size_bytes(part: Part) -> int:
    """Of the literal without its quotes."""
    span = part.span
    return span.stop - span.start - 2


_OFF = Level.OFF
_POLICY_OFF = Kept(Reason.POLICY_OFF)
_TOO_SMALL = Kept(Reason.TOO_SMALL)


def assemble(
    located: Located, outcomes: Sequence[PartOutcome], replayed: Sequence[bool], settled: Settled = ()
) -> Plan:
    """The plan of a body from the outcomes of its parts, in the parts' order; `settled` as `condensed` gave it."""
    parts = tuple(map(PlannedPart, located.parts, outcomes, replayed))
    edits = tuple(
        Edit(planned.part.span, planned.outcome.replacement)
        for planned in parts
        if planned.outcome.replacement is not None
    )
    return Plan(parts, edits, located, None, encoding_for_model(located.model), settled, tally_of(parts))

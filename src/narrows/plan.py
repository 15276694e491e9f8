"""From a request body to its edits: locate the parts, decide each, put the new literals where the old ones stand.

A part's outcome is a pure function of its `PartTask`: the literal, its role, the tool call that produced it, the policy
and the encoding. So it may be computed anywhere (a worker process, another replica, after a restart) and remembered
under the task's digest; `plan_body` is the plain composition that every other arrangement must equal (law 4).

Nothing here depends on the size of the body or on the clock. A part too small for any kind is neither decoded nor
hashed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from sys import getsizeof

from blake3 import blake3

from narrows.compressors.registry import compress_text
from narrows.compressors.types import Classifier, Compressed, Decision, Kept, Reason
from narrows.core import jsonstr
from narrows.core.digest import call_digest, part_digest
from narrows.core.edits import Edit
from narrows.core.lru import BoundedMemory
from narrows.core.tokens import Encoding, encoding_for_model
from narrows.core.tool_call import ToolCall
from narrows.policy import Level, Policy
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, Part, Role, Untouched, Wire

OUTCOME_BYTES = 400
"""What an outcome takes in memory beside its texts: three small objects and their numbers."""

MANY_PARTS = 2_000
"""From so many on, `condensed` counts the parts that need no work, and lists them no more."""

Settled = tuple[tuple[Reason, int], ...]
"""How many parts stay without work, by why."""

CONTEXTS = 64
"""Policies and encodings in use at a time: a handful."""


@dataclass(frozen=True, slots=True)
class PartTask:
    """All that a part's outcome depends on, apart from the classifier, whose version the policy names."""

    literal: bytes
    role: Role
    tool_call: ToolCall | None
    policy: Policy
    encoding: Encoding


@dataclass(frozen=True, slots=True)
class PartOutcome:
    """What was decided, and the JSON literal to put in the old one's place (None: the part stays)."""

    decision: Decision
    replacement: bytes | None


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """A part with its outcome. `replayed`: the outcome was remembered, not computed for this body."""

    part: Part
    outcome: PartOutcome
    replayed: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that was decided about a body. `untouched` says why, where the whole body stays as it is; otherwise
    `located` and `encoding` are there. `apply_edits(body, plan.edits)` is what goes upstream. `settled` counts parts
    that stay and are not among `parts`, because the body was condensed."""

    parts: tuple[PlannedPart, ...]
    edits: tuple[Edit, ...]
    located: Located | None
    untouched: Untouched | None
    encoding: Encoding | None
    settled: Settled = ()


class DecisionCache:
    """Outcomes by `part_key`, and what was read of conversations, bounded by bytes together. It belongs to one
    process and one thread; all it holds are results of pure functions."""

    def __init__(self, limit_bytes: int) -> None:
        self._outcomes: BoundedMemory[PartOutcome] = BoundedMemory(limit_bytes - limit_bytes // 4)
        self.readings = ReadingMemory(limit_bytes // 4)
        self._contexts: dict[tuple[Policy, Encoding], bytes] = {}

    def context(self, policy: Policy, encoding: Encoding) -> bytes:
        """The part of a key that all parts of a body share."""
        known = self._contexts.get((policy, encoding))
        if known is None:
            if len(self._contexts) >= CONTEXTS:
                self._contexts.clear()
            known = self._contexts[policy, encoding] = _context(policy, encoding)
        return known

    def get(self, key: bytes) -> PartOutcome | None:
        """The remembered outcome of the task with this key."""
        return self._outcomes.get(key)

    def put(self, key: bytes, outcome: PartOutcome) -> None:
        """Remember an outcome."""
        result = outcome.decision.result
        held = result.text if isinstance(result, Compressed) else result.detail
        self._outcomes.put(key, outcome, getsizeof(held) + len(outcome.replacement or b"") + OUTCOME_BYTES)

    @property
    def hits(self) -> int:
        """How often `get` found an outcome."""
        return self._outcomes.hits

    @property
    def misses(self) -> int:
        """How often it did not."""
        return self._outcomes.misses

    @property
    def size_bytes(self) -> int:
        """About what is held."""
        return self._outcomes.size_bytes + self.readings.size_bytes

    def __len__(self) -> int:
        return len(self._outcomes)


def plan_body(
    body: bytes,
    wire: Wire,
    policy: Policy,
    *,
    classifier: Classifier | None = None,
    cache: DecisionCache | None = None,
) -> Plan:
    """Locate, decide, assemble. With a `cache` the same plan, sooner."""
    located = wire.locate(body, policy.scope, cache.readings if cache is not None else None)
    if isinstance(located, Untouched):
        return untouched_plan(located)
    encoding = encoding_for_model(located.model)
    outcomes: list[PartOutcome] = []
    replayed: list[bool] = []
    for part, key in zip(located.parts, keys_of(body, located, policy, cache), strict=True):
        remembered = None
        if isinstance(key, PartOutcome):
            outcome = key
        elif cache is not None and (remembered := cache.get(key)):
            outcome = remembered
        else:
            outcome = decide_part(task_of(body, part, policy, encoding), classifier)
            if cache is not None:
                cache.put(key, outcome)
        outcomes.append(outcome)
        replayed.append(remembered is not None)
    return assemble(located, outcomes, replayed)


def untouched_plan(untouched: Untouched) -> Plan:
    """The plan of a body that stays as it is."""
    return Plan((), (), None, untouched, None)


def tasks_of(body: bytes, located: Located, policy: Policy) -> tuple[PartTask | PartOutcome, ...]:
    """For each part the work to be done, or at once the outcome where none is needed.

    Such an outcome's sizes are the literal's without its quotes, because it is not decoded.
    """
    encoding, smallest = encoding_for_model(located.model), policy.smallest_min_bytes
    return tuple(
        _without_work(part, policy.level, smallest) or task_of(body, part, policy, encoding) for part in located.parts
    )


def keys_of(
    body: bytes, located: Located, policy: Policy, cache: DecisionCache | None = None
) -> tuple[PartOutcome | bytes, ...]:
    """As `tasks_of`, but the tasks' keys, which cost less: the parts carry their digests. A `cache` remembers what all
    keys under one policy share."""
    encoding, smallest = encoding_for_model(located.model), policy.smallest_min_bytes
    context = _context(policy, encoding) if cache is None else cache.context(policy, encoding)
    return tuple(
        _without_work(part, policy.level, smallest) or context + (part.digest or _digest(body, part))
        for part in located.parts
    )


def condensed(located: Located, policy: Policy) -> tuple[Located, Settled]:
    """A body of very many parts without those that need no work, and how many those are; any other as it is.

    What needs no work is never edited, so the edits are the same. It spares callers hundreds of thousands of objects.
    """
    if len(located.parts) <= MANY_PARTS:
        return located, ()
    smallest = policy.smallest_min_bytes
    kept = [_kept_without_work(part, policy.level, smallest) for part in located.parts]
    parts = tuple(part for part, kept_so in zip(located.parts, kept, strict=True) if kept_so is None)
    return replace(located, parts=parts), tuple(Counter(one.reason for one in kept if one is not None).items())


def task_of(body: bytes, part: Part, policy: Policy, encoding: Encoding) -> PartTask:
    """The work that a part of `body` is, whether or not it is needed."""
    return PartTask(part.span.of(body), part.role, part.tool_call, policy, encoding)


def _digest(body: bytes, part: Part) -> bytes:
    return part_digest(part.span.of(body), part.role, call_digest(part.tool_call))


def _without_work(part: Part, level: Level, smallest_min_bytes: int) -> PartOutcome | None:
    kept = _kept_without_work(part, level, smallest_min_bytes)
    return None if kept is None else _stays(kept, _size_bytes(part))


def _kept_without_work(part: Part, level: Level, smallest_min_bytes: int) -> Kept | None:
    if level is Level.OFF:
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


_POLICY_OFF = Kept(Reason.POLICY_OFF)
_TOO_SMALL = Kept(Reason.TOO_SMALL)


def _stays(kept: Kept, size_bytes: int) -> PartOutcome:
    return PartOutcome(Decision(kept, size_bytes, size_bytes), None)


def part_key(task: PartTask) -> bytes:
    """A digest of everything the outcome depends on; equal keys have equal outcomes."""
    digest = part_digest(task.literal, task.role, call_digest(task.tool_call))
    return _context(task.policy, task.encoding) + digest


def _context(policy: Policy, encoding: Encoding) -> bytes:
    assumed = "assumed" if encoding.assumed else "known"
    return blake3(f"{policy.version} {encoding.name} {assumed}".encode()).digest(length=16)


def decide_part(task: PartTask, classifier: Classifier | None) -> PartOutcome:
    """The outcome of one part. Whatever the text, nothing is raised but MemoryError, which says something about the
    machine and not about the text, and must never become a decision."""
    try:
        text = jsonstr.decode(task.literal)
    except ValueError as error:
        return _stays(Kept(Reason.UNREADABLE, detail=str(error)), len(task.literal) - 2)
    decision = compress_text(
        text,
        task.tool_call,
        task.policy,
        task.encoding,
        grammar_only=task.role is Role.USER,
        classifier=classifier,
    )
    if isinstance(decision.result, Kept):
        return PartOutcome(decision, None)
    return PartOutcome(decision, jsonstr.encode_like(task.literal, decision.result.text))


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
    return Plan(parts, edits, located, None, encoding_for_model(located.model), settled)

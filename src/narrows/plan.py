"""From a request body to its edits: locate the parts, decide each, put the new literals where the old ones stand.

A part's outcome is a pure function of its `PartTask`: the literal, its role, the tool call that produced it, the policy
and the encoding. So it may be computed anywhere (a worker process, another replica, after a restart) and remembered
under the task's digest; `plan_body` is the plain composition that every other arrangement must equal (law 4).

Nothing here depends on the size of the body or on the clock. A part too small for any kind is neither decoded nor
hashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blake3 import blake3

from narrows.compressors.registry import compress_text
from narrows.compressors.types import Classifier, Compressed, Decision, Kept, Reason
from narrows.core import jsonstr
from narrows.core.edits import Edit
from narrows.core.lru import BoundedMemory
from narrows.core.tokens import Encoding, encoding_for_model
from narrows.core.tool_call import ToolCall
from narrows.policy import Level, Policy
from narrows.wire.types import Located, Part, Role, Untouched, Wire


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
    `located` and `encoding` are there. `apply_edits(body, plan.edits)` is what goes upstream."""

    parts: tuple[PlannedPart, ...]
    edits: tuple[Edit, ...]
    located: Located | None
    untouched: Untouched | None
    encoding: Encoding | None


class DecisionCache:
    """Outcomes by `part_key`, bounded by bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._memory: BoundedMemory[PartOutcome] = BoundedMemory(limit_bytes)

    def get(self, key: bytes) -> PartOutcome | None:
        """The remembered outcome of the task with this key."""
        return self._memory.get(key)

    def put(self, key: bytes, outcome: PartOutcome) -> None:
        """Remember an outcome; a longer memory would be no better, because forgetting changes no answer."""
        result = outcome.decision.result
        held = len(result.text) if isinstance(result, Compressed) else len(result.detail)
        self._memory.put(key, outcome, held + len(outcome.replacement or b"") + OUTCOME_BYTES)

    @property
    def hits(self) -> int:
        return self._memory.hits

    @property
    def misses(self) -> int:
        return self._memory.misses

    @property
    def size_bytes(self) -> int:
        return self._memory.size_bytes

    def __len__(self) -> int:
        return len(self._memory)


OUTCOME_BYTES = 400
"""What an outcome takes beside its texts: three small objects and their numbers."""


def plan_body(
    body: bytes,
    wire: Wire,
    policy: Policy,
    *,
    classifier: Classifier | None = None,
    cache: DecisionCache | None = None,
) -> Plan:
    """Locate, decide, assemble. With a `cache` the same plan, sooner."""
    located = wire.locate(body, policy.scope)
    if isinstance(located, Untouched):
        return untouched_plan(located)
    outcomes: list[PartOutcome] = []
    replayed: list[bool] = []
    for task in tasks_of(body, located, policy):
        remembered = None
        if isinstance(task, PartOutcome):
            outcome = task
        elif cache is None:
            outcome = decide_part(task, classifier)
        else:
            key = part_key(task)
            remembered = cache.get(key)
            outcome = remembered or decide_part(task, classifier)
            if remembered is None:
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
    encoding = encoding_for_model(located.model)
    return tuple(_task_of(body, part, policy, encoding) for part in located.parts)


def _task_of(body: bytes, part: Part, policy: Policy, encoding: Encoding) -> PartTask | PartOutcome:
    size_bytes = len(part.span) - 2
    if policy.level is Level.OFF:
        return _stays(Kept(Reason.POLICY_OFF), size_bytes)
    if part.fault is not None:
        return _stays(Kept(Reason.UNREADABLE, detail=part.fault), size_bytes)
    if size_bytes < policy.smallest_min_bytes:
        return _stays(Kept(Reason.TOO_SMALL), size_bytes)
    return PartTask(part.span.of(body), part.role, part.tool_call, policy, encoding)


def _stays(kept: Kept, size_bytes: int) -> PartOutcome:
    return PartOutcome(Decision(kept, size_bytes, size_bytes), None)


def part_key(task: PartTask) -> bytes:
    """Thirty-two bytes over everything the outcome depends on; equal keys have equal outcomes."""
    call = task.tool_call
    assumed = "assumed" if task.encoding.assumed else "known"
    context = [task.policy.version, task.encoding.name, assumed, task.role]
    if call is not None:
        context += [call.name, call.arguments]
    digest = blake3()
    for text in context:
        encoded = text.encode(errors="surrogatepass")
        digest.update(b"%d:%b" % (len(encoded), encoded))
    digest.update(b"\n")
    digest.update(task.literal)
    return digest.digest()


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


def assemble(located: Located, outcomes: Sequence[PartOutcome], replayed: Sequence[bool]) -> Plan:
    """The plan of a body from the outcomes of its parts, in the parts' order."""
    parts = tuple(map(PlannedPart, located.parts, outcomes, replayed))
    edits = tuple(
        Edit(planned.part.span, planned.outcome.replacement)
        for planned in parts
        if planned.outcome.replacement is not None
    )
    return Plan(parts, edits, located, None, encoding_for_model(located.model))

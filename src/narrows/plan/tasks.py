"""A part as work: what it is decided from, what is decided, and the key under which that is remembered."""

from __future__ import annotations

from dataclasses import dataclass

from blake3 import blake3
from msgspec import Struct
from msgspec.structs import replace

from narrows.compressors.types import Classifier, Decision, Kept, Reason
from narrows.core import jsonstr
from narrows.core.digest import call_digest, part_digest
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.policy import Policy
from narrows.wire.types import Role


@dataclass(frozen=True, slots=True)
class PartTask:
    """All that a part's outcome depends on, apart from the classifier, whose version the policy names. `lacking`: the
    bytes that the prompt before it lacks to be cached (`minimum`)."""

    literal: bytes
    role: Role
    tool_call: ToolCall | None
    policy: Policy
    encoding: Encoding
    lacking: int = 0


class PartOutcome(Struct, frozen=True, gc=False):
    """What was decided, and the JSON literal to put in the old one's place (None: the part stays)."""

    decision: Decision
    replacement: bytes | None


def part_key(task: PartTask) -> bytes:
    """A digest of everything the outcome depends on; equal keys have equal outcomes."""
    digest = part_digest(task.literal, task.role, call_digest(task.tool_call))
    context = context_of(task.policy, task.encoding)
    return (marked(context, b"%d" % task.lacking) if task.lacking else context) + digest


def context_of(policy: Policy, encoding: Encoding) -> bytes:
    """Sixteen bytes over what all parts of a body share."""
    assumed = "assumed" if encoding.assumed else "known"
    return blake3(f"{policy.version} {encoding.name} {assumed}".encode()).digest(length=16)


def marked(context: bytes, mark: bytes) -> bytes:
    """The context of parts that depend on more: on what the prompts before them, and before what they may refer to,
    lack."""
    return blake3(context + mark).digest(length=16)


def decide_part(task: PartTask, classifier: Classifier | None) -> PartOutcome:
    """The outcome of one part. Whatever the text, nothing is raised but MemoryError, which says something about the
    machine and not about the text, and must never become a decision.

    The compressors are loaded with the first part that is decided: the process that serves decides none, and its start
    would take a third longer."""
    from narrows.compressors.registry import compress_text

    try:
        text = jsonstr.decode(task.literal)
    except ValueError as error:
        return stays(Kept(Reason.UNREADABLE, detail=str(error)), len(task.literal) - 2)
    decision = compress_text(
        text,
        task.tool_call,
        task.policy,
        task.encoding,
        grammar_only=task.role is Role.USER,
        classifier=classifier,
    )
    return outcome_of(task, decision)


def outcome_of(task: PartTask, decision: Decision) -> PartOutcome:
    """What is done about a part after it was decided; a prompt that would still lack something stays as it is."""
    result = decision.result
    if isinstance(result, Kept):
        return PartOutcome(decision, None)
    said = decision.bytes_after + jsonstr.AROUND_BYTES
    if said >= task.lacking:
        return PartOutcome(decision, jsonstr.encode_like(task.literal, result.text))
    kept = Kept(Reason.BEFORE_CACHE_MINIMUM, result.kind, f"{said} of {task.lacking} bytes")
    size, tokens = decision.bytes_before, decision.tokens_before
    return PartOutcome(replace(decision, result=kept, bytes_after=size, tokens_after=tokens), None)


def stays(kept: Kept, size_bytes: int) -> PartOutcome:
    """The outcome of a part that is kept."""
    return PartOutcome(Decision(kept, size_bytes, size_bytes), None)

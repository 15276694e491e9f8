"""Reads what a cascade server says of a run: statuses, steps, and when a run is over.

The format is proto3's JSON: 64-bit integers are strings, zero and empty fields are left out, names may be in snake
case, and an enum value that is not known stays text and never means success. Steps at or below the turn's base are
history.

A run is over when all of these hold: the status is IDLE (twice in a row where status and steps are asked for by two
calls); the run had begun, which a status other than IDLE or a step of the answer shows; and the newest answer step is
terminal, or the newest of both is an error. A text may be empty. A RUNNING status with all steps terminal is a run that
goes on. IDLE without anything for `NEVER_BEGAN_S` is a run that never began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from narrows.agents.observation import Broken, Finish, Finished, Observation, StepText, Usage
from narrows.errors import AgentError, AgentFailed, AgentOverloaded, AgentRateLimited

IDLE: Final = "CASCADE_RUN_STATUS_IDLE"
_STEP: Final = "CORTEX_STEP_STATUS_"
_TYPE: Final = "CORTEX_STEP_TYPE_"
_STOP: Final = "STOP_REASON_"
TERMINAL: Final = frozenset(
    _STEP + word for word in ("DONE", "INVALID", "CLEARED", "CANCELED", "ERROR", "INTERRUPTED", "HALTED")
)
_STOPPED: Final = frozenset({"STOP_PATTERN", "END_TURN", "STOP_SEQUENCE"})
_NOT_WORK: Final = frozenset(
    _TYPE + word for word in ("USER_INPUT", "PLANNER_RESPONSE", "ERROR_MESSAGE", "CHECKPOINT", "EPHEMERAL_MESSAGE")
)
NEVER_BEGAN_S: Final = 10.0
RETRY_AFTER_S: Final = 5

Json = Mapping[str, Any]


def get(fields: Json, name: str) -> Any:
    """A field by its camel-case name, in either case; None where it is left out."""
    if name in fields:
        return fields[name]
    return fields.get("".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name))


def inner(fields: Json, *names: str) -> Json:
    """An object inside objects; empty where one of them is left out."""
    for name in names:
        found = get(fields, name)
        fields = found if isinstance(found, Mapping) else {}
    return fields


def whole(value: object) -> int | None:
    """An integer, which proto3 writes as a string where it has 64 bits; None for what is none."""
    if isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An answer about a run: its status, some of its steps by index, and how many there are."""

    status: str
    steps: Mapping[int, Json]
    total: int
    version: str = ""


def snapshot(answer: Json, offset: int) -> Snapshot:
    """What an answer with steps says; steps without an index are counted from `offset`, proto3 leaving a zero out."""
    steps: dict[int, Json] = {}
    for place, step in enumerate(get(answer, "steps") or ()):
        if isinstance(step, Mapping):
            index = whole(get(step, "index"))
            steps[offset + place if index is None else index] = step
    total = whole(get(answer, "numTotalSteps")) or 0
    return Snapshot(
        str(get(answer, "status") or ""),
        steps,
        max(total, max(steps, default=-1) + 1),
        str(get(answer, "version") or ""),
    )


@dataclass(slots=True)
class TurnReader:
    """Follows one turn. `base`: the last index before its answer; `looks_needed`: how often IDLE must be seen in a row;
    `offset`: from which step on the next look must ask."""

    base: int
    begun_s: float
    looks_needed: int = 1
    steps: dict[int, Json] = field(default_factory=dict)
    total: int = 0
    _idle_looks: int = 0
    _was_busy: bool = False
    _mark: str = ""
    _changed_s: float = 0.0

    def __post_init__(self) -> None:
        self._changed_s = self.begun_s

    @property
    def began(self) -> bool:
        """Whether the agent has been seen at work."""
        return self._was_busy

    @property
    def offset(self) -> int:
        """The first step that may still change."""
        first = self.base + 1
        while (step := self.steps.get(first)) is not None and get(step, "status") in TERMINAL:
            first += 1
        return first

    def read(self, seen: Snapshot, at_s: float) -> Observation:
        """What a snapshot, and those before it, say of the run."""
        self.steps.update((index, step) for index, step in seen.steps.items() if index > self.base)
        self.total = max(self.total, seen.total)
        idle = seen.status == IDLE
        self._idle_looks = self._idle_looks + 1 if idle else 0
        self._was_busy = self._was_busy or bool(seen.status and not idle)
        texts = tuple(self._texts())
        ordered = [self.steps[index] for index in sorted(self.steps)]
        thoughts = tuple(self._thoughts())
        mark = repr((seen.status, texts, thoughts, [get(step, "status") for step in ordered]))
        if mark != self._mark:
            self._mark, self._changed_s = mark, at_s
        return Observation(
            mark=mark,
            texts=texts,
            working=self._was_busy or bool(texts),
            using_tool=any(_is_work(step) and get(step, "status") not in TERMINAL for step in ordered),
            waiting=tuple(
                index for index in sorted(self.steps) if get(self.steps[index], "status") == _STEP + "WAITING"
            ),
            outcome=self._outcome(ordered, at_s),
            usage=_usage(ordered),
            thoughts=thoughts,
        )

    def _texts(self) -> list[StepText]:
        found = []
        for index in sorted(self.steps):
            step = self.steps[index]
            if _is(step, "PLANNER_RESPONSE"):
                over = get(step, "status") in TERMINAL
                said = inner(step, "plannerResponse")
                text = str(get(said, "response") or "")
                found.append(StepText(index, str(get(said, "modifiedResponse") or text) if over else text, over))
        return found

    def _thoughts(self) -> list[StepText]:
        """What the answer steps reason."""
        found = []
        for index in sorted(self.steps):
            said = inner(self.steps[index], "plannerResponse")
            if thinking := str(get(said, "thinking") or ""):
                over = get(self.steps[index], "status") in TERMINAL
                found.append(StepText(index, thinking, over))
        return found

    def _outcome(self, ordered: Sequence[Json], at_s: float) -> Finished | Broken | None:
        if not self._idle_looks:
            return None
        answers = [step for step in ordered if _is(step, "PLANNER_RESPONSE") or _is(step, "ERROR_MESSAGE")]
        if not answers:
            if at_s - self._changed_s < NEVER_BEGAN_S:
                return None
            said = "ended without an answer" if self._was_busy else f"did not start within {NEVER_BEGAN_S:g} s"
            return Broken(AgentFailed(f"the agent {said}"))
        newest = answers[-1]
        if self._idle_looks < self.looks_needed:
            return None
        if _is(newest, "ERROR_MESSAGE"):
            return Broken(failure(newest))
        return _ending(newest) if get(newest, "status") in TERMINAL else None


def _is(step: Json, kind: str) -> bool:
    return bool(get(step, "type") == _TYPE + kind)


def _is_work(step: Json) -> bool:
    return get(step, "type") not in _NOT_WORK


def _ending(step: Json) -> Finished | Broken:
    """How the newest answer step ended. A step that is DONE and gives no reason has ended by itself; a reason that is
    not known is never taken for success."""
    reason = str(get(inner(step, "plannerResponse"), "stopReason") or "").removeprefix(_STOP)
    status = str(get(step, "status")).removeprefix(_STEP)
    if reason == "MAX_TOKENS":
        return Finished(Finish.LENGTH)
    if status == "DONE" and reason in {*_STOPPED, ""}:
        return Finished(Finish.STOP)
    return Broken(AgentFailed(f"the agent's answer ended as {status}, by {reason or 'nothing that it names'}"))


def failure(step: Json) -> AgentError:
    """The error that an error step tells, in its own words."""
    error = inner(step, "errorMessage", "error")
    named = ("userErrorMessage", "shortError", "modelErrorMessage", "fullError", "details")
    words = next((str(get(error, name)) for name in named if get(error, name)), "it does not say why")
    said = f"the agent failed: {words}"
    match whole(get(error, "errorCode")):
        case 429:
            return AgentRateLimited(said, retry_after_s=RETRY_AFTER_S)
        case 503:
            return AgentOverloaded(said, retry_after_s=RETRY_AFTER_S)
        case _:
            return AgentFailed(said)


def _usage(ordered: Sequence[Json]) -> Usage | None:
    """The sum over the steps of the answer; summaries (CHECKPOINT) are another model's. Where an answer step does not
    say, the sum is not known."""
    found = Usage(0, 0, 0, 0)
    counted = False
    for step in ordered:
        if not _is(step, "PLANNER_RESPONSE"):
            continue
        said = inner(step, "metadata", "modelUsage")
        if not said:
            return None
        counted = True
        figures = {name: whole(get(said, name)) or 0 for name in _FIGURES}  # proto3 leaves a zero out
        found = Usage(
            (found.input_tokens or 0) + figures["inputTokens"],
            (found.output_tokens or 0) + figures["outputTokens"],
            (found.cached_tokens or 0) + figures["cacheReadTokens"],
            (found.reasoning_tokens or 0) + figures["thinkingOutputTokens"],
        )
    return found if counted else None


_FIGURES: Final = ("inputTokens", "outputTokens", "cacheReadTokens", "thinkingOutputTokens")

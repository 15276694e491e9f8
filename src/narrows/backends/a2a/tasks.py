"""Reads an A2A task: from the events of a stream, or from the task as a whole when it is asked for.

The answer is the text of the artifacts, each a step of its own, in the order in which they came. A task that has none
and is completed has its answer in the status message, and one that requires input has its question there, after the
artifacts. A status message of a task at work is no part of the answer. A task that goes on after it had required input
still has what it said before: the reader is begun with that, and shows what is new. Parts that are reasoning are kept
apart from the text of their artifact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from a2a.types.a2a_pb2 import Artifact, StreamResponse, Task, TaskState, TaskStatus
from google.protobuf import struct_pb2

from narrows.agents.observation import Broken, Finish, Finished, Paused, StepText, Usage
from narrows.backends.a2a.parts import calls_in, said_by, text_in, thought_in, usage_in
from narrows.errors import AgentCredentials, AgentFailed

_NOT_BEGUN: Final = frozenset({TaskState.TASK_STATE_UNSPECIFIED, TaskState.TASK_STATE_SUBMITTED})
Outcome = Finished | Broken | Paused


@dataclass(slots=True)
class _Artifact:
    """What an artifact says, and reasons, by now, of that `old` and `old_thought` before this turn, and what it says it
    has cost."""

    text: str = ""
    old: str = ""
    thought: str = ""
    old_thought: str = ""
    over: bool = False
    usage: Usage | None = None

    @property
    def new(self) -> str:
        return self.text.removeprefix(self.old)


@dataclass(slots=True)
class TaskReader:
    """Follows one turn. `task`: the task's id, once it is known; `context`: the conversation's name as the server says
    it; `outcome`: how the turn ended."""

    task: str = ""
    context: str = ""
    working: bool = False
    outcome: Outcome | None = None
    _artifacts: dict[str, _Artifact] = field(default_factory=dict)
    _closing: str = ""
    _usage: Usage | None = None
    _before: TaskStatus | None = None

    @property
    def texts(self) -> tuple[StepText, ...]:
        """The answer by now."""
        found = [
            StepText(place, one.new, one.over or self.outcome is not None)
            for place, one in enumerate(self._artifacts.values())
            if one.new
        ]
        return (*found, *([StepText(len(self._artifacts), self._closing, True)] if self._closing else []))

    @property
    def thoughts(self) -> tuple[StepText, ...]:
        """What was reasoned by now."""
        said = [one.thought.removeprefix(one.old_thought) for one in self._artifacts.values()]
        over = [one.over or self.outcome is not None for one in self._artifacts.values()]
        return tuple(StepText(place, one, over[place]) for place, one in enumerate(said) if one)

    @property
    def usage(self) -> Usage | None:
        """What the task, or else each of its artifacts of this turn, says it has cost."""
        if self._usage is not None:
            return self._usage
        given = [one.usage for one in self._artifacts.values() if one.usage is not None and one.new]
        return _total(given) if given else None

    def begin_after(self, task: Task) -> None:
        """Take the task as it stands before this turn."""
        self.task, self.context = task.id, task.context_id
        self._before = task.status
        for artifact in task.artifacts:
            text, thought = text_in(artifact.parts), thought_in(artifact.parts)
            self._artifacts[artifact.artifact_id] = _Artifact(text, text, thought, thought, over=True)

    def take(self, event: StreamResponse) -> None:
        """Take an event."""
        match event.WhichOneof("payload"):
            case "task":
                self.take_task(event.task)
            case "message":
                self.context = event.message.context_id or self.context
                self._closing = said_by(event.message)
                self._usage = usage_in(event.message.metadata)
                self.working, self.outcome = True, Finished(Finish.STOP)
            case "status_update":
                update = event.status_update
                self.task, self.context = update.task_id, update.context_id or self.context
                self._status(update.status, update.metadata)
            case "artifact_update":
                changed = event.artifact_update
                self.task, self.context = changed.task_id, changed.context_id or self.context
                self._artifact(changed.artifact, append=changed.append, last=changed.last_chunk)
                self.working = True
            case _:
                pass

    def take_task(self, task: Task) -> None:
        """Take the task as it stands."""
        self.task, self.context = task.id, task.context_id or self.context
        for artifact in task.artifacts:
            self._artifact(artifact, append=False, last=False)
        self._status(task.status, task.metadata)

    def _artifact(self, artifact: Artifact, *, append: bool, last: bool) -> None:
        text, thought = text_in(artifact.parts), thought_in(artifact.parts)
        known = self._artifacts.setdefault(artifact.artifact_id, _Artifact())
        known.text = known.text + text if append else text
        known.thought = known.thought + thought if append else thought
        known.over = last
        known.usage = usage_in(artifact.metadata) or known.usage

    def _status(self, status: TaskStatus, metadata: struct_pb2.Struct) -> None:
        if status == self._before:
            return  # it has not gone on yet
        self._before = None
        self._usage = usage_in(metadata) or usage_in(status.message.metadata) or self._usage
        self.working = self.working or status.state not in _NOT_BEGUN
        words = said_by(status.message)
        match status.state:
            case TaskState.TASK_STATE_COMPLETED:
                self._closing = "" if any(one.new for one in self._artifacts.values()) else words
                self.outcome = Finished(Finish.STOP)
            case TaskState.TASK_STATE_INPUT_REQUIRED:
                calls = calls_in(status.message.parts, self.task)
                self._closing = words
                self.outcome = Paused(calls) if calls else Finished(Finish.STOP)
            case TaskState.TASK_STATE_FAILED:
                self.outcome = Broken(AgentFailed(f"the agent failed: {words or 'it does not say why'}"))
            case TaskState.TASK_STATE_REJECTED:
                self.outcome = Broken(AgentFailed(f"the agent refuses the task: {words or 'it does not say why'}"))
            case TaskState.TASK_STATE_CANCELED:
                self.outcome = Broken(AgentFailed(f"the agent's task was cancelled{words and ': '}{words}"))
            case TaskState.TASK_STATE_AUTH_REQUIRED:
                self.outcome = Broken(
                    AgentCredentials(f"the agent asks for a login that nobody here can give it: {words or 'no word'}")
                )
            case _:
                pass


def _total(given: Iterable[Usage]) -> Usage:
    found = list(given)
    rows = [(one.input_tokens, one.output_tokens, one.cached_tokens, one.reasoning_tokens) for one in found]
    sums = [None if None in column else sum(filter(None, column)) for column in zip(*rows, strict=True)]
    return Usage(*sums)

"""Agents that speak the cascade protocol: conversations of steps, started by one call and watched by others.

Two dialects. `cascade/1` names itself by Health: its Send is idempotent and guarded by the number of steps, and one
call gives status and steps as one snapshot and can be held until there is news. A classic server knows neither Health
nor any of that: its status is asked for first and its steps after, and what has to be known of a conversation is read
just before Send.

Send may answer only when the run has ended, so it is not waited for: looking begins at once, and the first index of the
answer follows from the number of steps before. A Send that fails fails the run; where the server cannot have taken the
message, the error says so. Annotations are set before Send, as an executor may wait for them; their failure is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from narrows.agents.observation import Observation
from narrows.agents.tools import CallOutput
from narrows.backends.cascade.calls import CallFailed, Calls
from narrows.backends.cascade.steps import Snapshot, TurnReader, get, snapshot, whole
from narrows.backends.cascade.waiting import asked_by, interaction
from narrows.backends.types import ConversationLost, LookFailed, ModelEndpoint, Outgoing, ToolServer, Verdict
from narrows.errors import (
    AgentError,
    AgentFailed,
    AgentOverloaded,
    AgentRateLimited,
    AgentUnavailable,
    GatewayError,
    SessionBusy,
    SessionDiverged,
)

CLASSIC_LOOKS = 2
SEND_GRACE_S = 1.0
"""For how long a cancel waits for a message that is on its way."""
MAX_PAGES = 1000
_RETRY_AFTER_S = 5
_PASSING = frozenset({"unavailable", "resource_exhausted", "internal", "unknown", "deadline_exceeded", "aborted"})
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class CascadeOptions:
    """How conversations are begun. `model`: which of the server's models, or empty; `source`: as whom."""

    model: str = ""
    source: str = "CORTEX_TRAJECTORY_SOURCE_SDK"


class CascadeBackend:
    """One server."""

    def __init__(self, calls: Calls, options: CascadeOptions, clock: Clock) -> None:
        self._calls = calls
        self._options = options
        self._clock = clock
        self._classic: bool | None = None

    @property
    def holds_looks(self) -> bool:
        """Whether it is known to speak cascade/1."""
        return self._classic is False

    @property
    def pauses(self) -> bool:
        """The protocol has no tools but the agent's own."""
        return False

    @property
    def takes_tool_server(self) -> bool:
        """The protocol has no place for one."""
        return False

    @property
    def takes_images(self) -> bool:
        """They go beside the text, as media."""
        return True

    @property
    def takes_limits(self) -> bool:
        """Its planner's configuration has a place for one."""
        return True

    async def start(
        self,
        endpoint: ModelEndpoint | None = None,
        tools: ToolServer | None = None,  # noqa: ARG002 # takes none
    ) -> str:
        classic = await self._know_dialect()
        request: dict[str, Any] = {"source": self._options.source}
        if endpoint is not None and not classic:
            place = {"baseUrl": endpoint.base_url, "wire": endpoint.wire, "apiKey": endpoint.api_key}
            request["modelEndpoint"] = {name: value for name, value in place.items() if value}
        try:
            answer = await self._start_call(request)
        except CallFailed as error:
            raise _as_error(error) from error
        name = get(answer, "cascadeId")
        if not isinstance(name, str) or not name:
            raise AgentFailed("StartCascade: the answer names no conversation")
        return name

    async def _start_call(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Begin. A server that lets nobody say where its model calls go is asked without it: they name the conversation
        in a header all the same."""
        try:
            return await self._calls.call("StartCascade", request)
        except CallFailed as error:
            if error.code != "permission_denied" or "modelEndpoint" not in request:
                raise
        return await self._calls.call("StartCascade", {"source": request["source"]})

    async def send(self, conversation: str, message: Outgoing) -> CascadeTurn:
        classic = await self._know_dialect()
        try:
            count = await self._count(conversation, classic)
        except CallFailed as error:
            if error.code == "not_found":
                raise ConversationLost from None
            raise _as_error(error) from error
        if message.steps is not None and count != message.steps:
            raise SessionDiverged(
                f"the agent's conversation has {count} steps, and had {message.steps} after its last turn here:"
                " somebody else has used it; name another session"
            )
        annotations = {"cascadeIds": [conversation], "annotations": {"archived": False}, "mergeAnnotations": True}
        with suppress(CallFailed, AgentUnavailable):  # some servers do not know the call, and none needs its success
            await self._calls.call("UpdateConversationAnnotations", annotations)
        request: dict[str, Any] = {
            "cascadeId": conversation,
            "items": [{"text": message.text}],
            "cascadeConfig": {"plannerConfig": self._planner_config(message)},
        }
        if message.images:
            request["media"] = [{"mimeType": image.media_type, "inlineData": image.data} for image in message.images]
        if not classic:
            request |= {"clientMessageId": message.id, "expectedStepCount": count}
        reader = TurnReader(count - 1, self._clock(), CLASSIC_LOOKS if classic else 1)
        return CascadeTurn(self._calls, conversation, request, reader, self._clock)

    async def resume(self, conversation: str, outputs: Sequence[CallOutput], message: Outgoing) -> CascadeTurn:  # noqa: ARG002 # the protocol's
        raise AgentFailed("a cascade agent does not wait for a client's tools")

    async def close(self) -> None:
        self._calls.close()

    def _planner_config(self, message: Outgoing) -> dict[str, Any]:
        config: dict[str, Any] = {"requestedModel": {"model": self._options.model}} if self._options.model else {}
        if message.max_output_tokens is not None:
            config["maxOutputTokens"] = message.max_output_tokens
        return config

    async def _know_dialect(self) -> bool:
        """Whether the server is a classic one."""
        if self._classic is None:
            try:
                health = await self._calls.call("Health", {})
                self._classic = not str(get(health, "protocol") or "").startswith("cascade/")
            except CallFailed as error:
                if error.code not in {"unimplemented", "not_found"}:
                    raise _as_error(error) from error
                self._classic = True
        return self._classic

    async def _count(self, conversation: str, classic: bool) -> int:
        """How many steps the conversation has."""
        if classic:
            answer = await self._calls.call("GetCascadeTrajectory", {"cascadeId": conversation})
            steps = get(answer, "trajectory") or {}
            listed = get(steps, "steps") or () if isinstance(steps, Mapping) else ()
            return max(whole(get(answer, "numTotalSteps")) or 0, len(listed))
        answer = await self._calls.call("GetCascadeTrajectorySteps", {"cascadeId": conversation, "pageSize": 1})
        return snapshot(answer, 0).total


class CascadeTurn:
    """A message that has been sent, and the run that answers it."""

    def __init__(
        self, calls: Calls, conversation: str, request: dict[str, Any], reader: TurnReader, clock: Clock
    ) -> None:
        self._calls = calls
        self._conversation = conversation
        self._reader = reader
        self._clock = clock
        self._version = ""
        self._classic = "clientMessageId" not in request
        self._deciding: list[asyncio.Task[None]] = []
        self._sending = asyncio.create_task(self._send(request))

    @property
    def steps(self) -> int | None:
        return self._reader.total or None

    async def look(self, wait_s: float) -> Observation:
        self._heed_send()
        for telling in self._deciding:
            if telling.done():
                telling.result()
        try:
            seen = await (self._two_calls() if self._classic else self._one_call(wait_s))
        except CallFailed as error:
            if error.code in _PASSING:
                raise LookFailed(str(error)) from error
            if error.code == "not_found":
                raise AgentFailed(
                    "the agent's server does not know the conversation any more, as after a restart of it; ask again,"
                    " and a new one is told everything"
                ) from error
            raise _as_error(error) from error
        except AgentUnavailable as error:
            raise LookFailed(error.message) from error
        self._heed_send()
        return self._reader.read(seen, self._clock())

    def question(self, step: int) -> str:
        return asked_by(self._reader.steps.get(step, {}))

    def decide(self, step: int, verdict: Verdict) -> None:
        said = interaction(self._reader.steps.get(step, {}), verdict)
        said |= {"trajectoryId": self._conversation, "stepIndex": step}
        telling = self._tell("HandleCascadeUserInteraction", {"interaction": said})
        self._deciding.append(asyncio.create_task(telling))

    async def cancel(self) -> None:
        """A message on its way is waited for, or its run would begin after this; one that was refused has no run, and
        what runs in its conversation is somebody else's."""
        if not self._reader.began:
            await asyncio.wait({self._sending}, timeout=SEND_GRACE_S)
        if not self._was_refused():
            await self._tell("CancelCascadeInvocation", {})

    async def close(self) -> None:
        tasks = (self._sending, *self._deciding)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell(self, method: str, request: dict[str, Any]) -> None:
        try:
            await self._calls.call(method, {"cascadeId": self._conversation, **request})
        except CallFailed as error:
            raise _as_error(error) from error

    async def _send(self, request: dict[str, Any]) -> None:
        """Send, and once more where the server knows a message again by its id."""
        try:
            await self._calls.call("SendUserCascadeMessage", request, held_s=0.0)
        except AgentUnavailable:
            if self._classic:
                raise
            await self._calls.call("SendUserCascadeMessage", request, held_s=0.0)

    def _was_refused(self) -> bool:
        done = self._sending.done() and not self._sending.cancelled()
        return done and isinstance(self._sending.exception(), CallFailed)

    def _heed_send(self) -> None:
        """Raise what Send has failed with."""
        if self._sending.done() and not self._sending.cancelled():
            error = self._sending.exception()
            if isinstance(error, CallFailed):
                if error.code == "failed_precondition":
                    raise SessionBusy("the agent is still at work on another message", retry_after_s=_RETRY_AFTER_S)
                if error.code in {"aborted", "not_found"}:
                    raise SessionDiverged(f"the agent's conversation has changed: {error.words or error.code}")
                raise _as_error(error)
            if error is not None and not (isinstance(error, AgentUnavailable) and self._reader.began):
                raise error

    async def _one_call(self, wait_s: float) -> Snapshot:
        """Status and steps as one snapshot, in as many pages as the server makes of it."""
        offset = self._reader.offset
        asked: dict[str, Any] = {"cascadeId": self._conversation, "stepOffset": offset}
        # A Send that fails must be heard of at once: nothing is held before it has answered, or the agent has begun.
        may_hold = bool(wait_s and self._version) and (self._sending.done() or self._reader.began)
        held_s = wait_s if may_hold else None
        held = {"sinceVersion": self._version, "waitMs": int(wait_s * 1000)} if may_hold else {}
        seen = snapshot(await self._calls.call("GetCascadeTrajectorySteps", asked | held, held_s=held_s), offset)
        self._version = seen.version
        return await self._further(seen, lambda page: page.total > max(page.steps, default=-1) + 1)

    async def _two_calls(self) -> Snapshot:
        """The status, and then the steps: the other way round a run could end between the two."""
        told = await self._calls.call("GetCascadeTrajectory", {"cascadeId": self._conversation})
        offset = self._reader.offset
        asked = {"cascadeId": self._conversation, "stepOffset": offset}
        seen = snapshot(await self._calls.call("GetCascadeTrajectorySteps", asked), offset)
        size = len(seen.steps)
        seen = await self._further(seen, lambda page: len(page.steps) >= size)
        return Snapshot(
            str(get(told, "status") or ""), seen.steps, max(seen.total, whole(get(told, "numTotalSteps")) or 0)
        )

    async def _further(self, first: Snapshot, more: Callable[[Snapshot], bool]) -> Snapshot:
        """The further pages; a page of nothing new is the last."""
        steps, total, page = dict(first.steps), first.total, first
        for _ in range(MAX_PAGES):
            if not page.steps or not more(page):
                break
            offset = max(page.steps) + 1
            asked = {"cascadeId": self._conversation, "stepOffset": offset}
            page = snapshot(await self._calls.call("GetCascadeTrajectorySteps", asked), offset)
            if not page.steps.keys() - steps.keys():
                break
            steps.update(page.steps)
            total = max(total, page.total)
        return Snapshot(first.status, steps, total, first.version)


def _as_error(error: CallFailed) -> GatewayError:
    """What a server's error is to a client."""
    said = f"{error}"
    found: AgentError
    match error.code:
        case "resource_exhausted":
            found = AgentRateLimited(said, retry_after_s=_RETRY_AFTER_S)
        case "unavailable":
            found = AgentOverloaded(said, retry_after_s=_RETRY_AFTER_S)
        case _:
            found = AgentFailed(said)
    return found

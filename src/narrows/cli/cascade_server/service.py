"""The calls of the reference server: from a method and its JSON to an answer's, or to Connect's error.

The classic dialect is the same server with less: no Health, no version, no held questions, no ids of messages, and an
unknown conversation answered as classic servers do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from narrows.cli.cascade_server.conversation import IDLE, Conversation, Json
from narrows.cli.cascade_server.model import Model
from narrows.cli.cascade_server.script import Script, Sending, TurnScript
from narrows.errors import SettingsError

STATUSES: Mapping[str, int] = {
    "invalid_argument": 400,
    "failed_precondition": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "aborted": 409,
    "resource_exhausted": 429,
    "internal": 500,
    "unknown": 500,
    "unimplemented": 501,
    "unavailable": 503,
    "deadline_exceeded": 504,
}
MAX_HOLD_S = 30.0
OUR_WIRE = "openai-chat"
CANCEL_WITHIN_S = 2.0


class Refusal(Exception):
    """An error as Connect writes it."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status or STATUSES.get(code, 500)


class Service:
    """All conversations. `instances`: how often it has (as if) started."""

    def __init__(self, script: Script, model: Model | None, *, classic: bool = False) -> None:
        self.conversations: dict[str, Conversation] = {}
        self.instances = 1
        self.calls: list[tuple[str, Json]] = []
        self._script = script
        self._model = model
        self._classic = classic
        self._begun: list[Conversation] = []
        self._models: list[Model] = []
        self._methods = {
            "StartCascade": self._start,
            "UpdateConversationAnnotations": self._annotate,
            "SendUserCascadeMessage": self._send,
            "GetCascadeTrajectorySteps": self._steps,
            "GetCascadeTrajectory": self._trajectory,
            "CancelCascadeInvocation": self._cancel,
            "HandleCascadeUserInteraction": self._decide,
        }
        if not classic:
            self._methods["Health"] = self._health

    async def call(self, method: str, request: Json) -> Json:
        """The answer to a call.

        Raises:
            Refusal: it is refused.
        """
        self.calls.append((method, request))
        for refused in self._script.failures:
            if refused.method == method and refused.times > 0:
                refused.times -= 1
                raise Refusal(refused.code, refused.message)
        perform = self._methods.get(method)
        if perform is None:
            raise Refusal("unimplemented", f"{method} is not implemented", 404 if self._classic else None)
        answer: Json = without_zeros(await perform(request))
        return answer

    async def close(self) -> None:
        """End every run."""
        for conversation in self._begun:
            await conversation.cancel()
        for model in self._models:
            model.close()

    def restart(self, keep: bool) -> None:
        """Be a new instance."""
        self.instances += 1
        before = self.conversations
        self.conversations = before if keep else {}
        for conversation in before.values():
            conversation.wake()

    def _of(self, request: Json) -> Conversation:
        found = self.conversations.get(str(request.get("cascadeId", "")))
        if found is None:
            if self._classic:
                raise Refusal("unknown", "trajectory not found")
            raise Refusal("not_found", "there is no such conversation")
        return found

    def _version(self, conversation: Conversation) -> str:
        return f"{self.instances}.{conversation.number}"

    async def _health(self, request: Json) -> Json:  # noqa: ARG002 # it has nothing in it
        return {"status": "SERVING", "protocol": "cascade/1", "instanceId": f"instance-{self.instances}"}

    async def _start(self, request: Json) -> Json:
        model = self._model_at(request.get("modelEndpoint"))
        conversation = Conversation(f"cascade-{len(self._begun) + 1}", model, self.restart)
        self._begun.append(conversation)
        self.conversations[conversation.name] = conversation
        told: Json = {"cascadeId": conversation.name}
        return told if self._classic else told | {"version": self._version(conversation)}

    def _model_at(self, endpoint: Any) -> Model | None:
        """The model of a conversation that says where its model calls are to go."""
        if self._model is None or self._classic or not isinstance(endpoint, Mapping):
            return self._model
        if endpoint.get("wire", OUR_WIRE) != OUR_WIRE:
            raise Refusal("invalid_argument", f"this server speaks {OUR_WIRE} with its model, and nothing else")
        try:
            model = self._model.elsewhere(str(endpoint.get("baseUrl", "")), str(endpoint.get("apiKey", "")))
        except SettingsError as error:
            raise Refusal("invalid_argument", f"modelEndpoint: {error}") from None
        self._models.append(model)
        return model

    async def _annotate(self, request: Json) -> Json:
        for name in request.get("cascadeIds", ()):
            self._of({"cascadeId": name})
        return {}

    async def _send(self, request: Json) -> Json:
        conversation = self._of(request)
        text = "\n".join(str(item.get("text", "")) for item in request.get("items", ()))
        media = [dict(one) for one in request.get("media", ()) if isinstance(one, Mapping)]
        content = text + "".join(f"\n{one.get('mimeType')} {one.get('inlineData')}" for one in media)
        message = str(request.get("clientMessageId", ""))
        if not self._classic and message in conversation.sent:
            before, answer = conversation.sent[message]
            if before != content:
                raise Refusal("invalid_argument", "this clientMessageId was another message's")
            return answer | {"duplicate": True}
        if conversation.busy:
            raise Refusal("failed_precondition", "a run is in progress")
        if request.get("expectedStepCount", len(conversation.steps)) != len(conversation.steps):
            raise Refusal("aborted", f"the conversation has {len(conversation.steps)} steps")
        script = self._script.turns.pop(0) if self._script.turns else TurnScript()
        run = conversation.begin(text, media, script)
        answer = {"stepIndex": len(conversation.steps) - 1, "version": self._version(conversation)}
        conversation.sent[message] = content, answer
        if script.send is Sending.BLOCKING:
            await asyncio.wait({run})
        return {} if self._classic else answer

    async def _steps(self, request: Json) -> Json:
        conversation = self._of(request)
        hold_s = min(float(request.get("waitMs", 0)) / 1000, MAX_HOLD_S)
        if not self._classic and hold_s and request.get("sinceVersion") == self._version(conversation):
            await conversation.news(conversation.number, hold_s)
            conversation = self._of(request)
        offset = int(request.get("stepOffset", 0))
        size = int(request.get("pageSize") or self._script.page_size)
        steps = conversation.steps[offset : offset + size]
        if self._classic:
            return {"steps": [{name: value for name, value in step.items() if name != "index"} for step in steps]}
        return {"steps": steps, **self._state(conversation), "version": self._version(conversation)}

    async def _trajectory(self, request: Json) -> Json:
        conversation = self._of(request)
        return {"trajectory": {"cascadeId": conversation.name}, **self._state(conversation)}

    def _state(self, conversation: Conversation) -> Json:
        return {"status": conversation.status, "numTotalSteps": len(conversation.steps)}

    async def _cancel(self, request: Json) -> Json:
        conversation = self._of(request)
        if conversation.status != IDLE or conversation.busy:
            try:
                async with asyncio.timeout(CANCEL_WITHIN_S):
                    await conversation.cancel()
            except TimeoutError:
                pass
        return {}

    async def _decide(self, request: Json) -> Json:
        conversation = self._of(request)
        said = request.get("interaction", {})
        allowed = said.get("permission", {}).get("allow") or said.get("runCommand", {}).get("confirm")
        conversation.decide(int(said.get("stepIndex", 0)), bool(allowed))
        return {}


def without_zeros(value: Any) -> Any:
    """As proto3 writes JSON: without fields that are zero or empty."""
    if isinstance(value, dict):
        shown = {name: without_zeros(one) for name, one in value.items()}
        return {name: one for name, one in shown.items() if one not in (0, "", False, None)}
    return [without_zeros(one) for one in value] if isinstance(value, list) else value

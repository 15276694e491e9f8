"""A conversation of the reference server: its steps, its status, and the run that adds to them.

Whatever changes gives a new version, and wakes whoever holds a question about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from narrows.cli.cascade_server.model import Model, ModelFailed, Said
from narrows.cli.cascade_server.script import Act, Doing, TurnScript
from narrows.errors import UpstreamError

IDLE = "CASCADE_RUN_STATUS_IDLE"
RUNNING = "CASCADE_RUN_STATUS_RUNNING"
CANCELING = "CASCADE_RUN_STATUS_CANCELING"
_CUT = "STOP_REASON_CLIENT_STREAM_ERROR"
_STEP = "CORTEX_STEP_STATUS_"
_TYPE = "CORTEX_STEP_TYPE_"
_FINISHES = {"length": "STOP_REASON_MAX_TOKENS", "stop": "STOP_REASON_STOP_PATTERN"}
_SUMMARY = "Say in one line what this conversation is about."

Json = dict[str, Any]


class Conversation:
    """One conversation. `restart` is the server's, for scripts that ask for it."""

    def __init__(self, name: str, model: Model | None, restart: Callable[[bool], None]) -> None:
        self.name = name
        self.steps: list[Json] = []
        self.status = IDLE
        self.number = 0
        self.sent: dict[str, tuple[str, Json]] = {}
        self._model = model
        self._restart = restart
        self._messages: list[Json] = []
        self._news = asyncio.Event()
        self._answered = asyncio.Event()
        self._verdicts: dict[int, bool] = {}
        self._run: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a run is in progress."""
        return self._run is not None and not self._run.done()

    async def news(self, known: int, limit_s: float) -> None:
        """Wait until something has changed since version `known`, or the time is up."""
        try:
            async with asyncio.timeout(limit_s):
                while self.number == known:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass

    def wake(self) -> None:
        """Answer whoever holds a question."""
        self._change()

    def begin(self, text: str, media: Sequence[Json], script: TurnScript) -> asyncio.Task[None]:
        """Add a user's message, with the pictures that came beside it, and begin the run that answers it."""
        urls = [f"data:{one.get('mimeType')};base64,{one.get('inlineData')}" for one in media]
        images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        self._messages.append(
            {"role": "user", "content": [{"type": "text", "text": text}, *images] if images else text}
        )
        self._add("USER_INPUT", "DONE", userInput={"items": [{"text": text}]})
        self._run = asyncio.create_task(self._perform(script))
        return self._run

    async def cancel(self) -> None:
        """Stop the run, if there is one."""
        if self._run is None or self._run.done():
            return
        self._change(CANCELING)
        self._run.cancel()
        await asyncio.gather(self._run, return_exceptions=True)

    def decide(self, step: int, verdict: bool) -> None:
        """A person's word about a step that waits."""
        self._verdicts[step] = verdict
        self._answered.set()

    # The run

    async def _perform(self, script: TurnScript) -> None:
        try:
            await asyncio.sleep(script.idle_s)
            self._change(RUNNING)
            for doing in script.do:
                await asyncio.sleep(script.pace_s)
                await self._do(doing, script.pace_s)
        except asyncio.CancelledError:
            self._break_off()
        except (ModelFailed, UpstreamError) as error:
            self._fail(str(error), 0)
        finally:
            self._change(IDLE)

    async def _do(self, doing: Doing, pace_s: float) -> None:
        match doing.act:
            case Act.MODEL:
                await self._ask_model()
            case Act.TEXT:
                await self._say(doing, pace_s)
            case Act.TOOL:
                step = self._add(doing.type, "RUNNING")
                await asyncio.sleep(pace_s)
                self._set(step, "DONE")
            case Act.WAIT:
                await self._wait(doing)
            case Act.ERROR:
                self._fail(doing.message, doing.code)
            case Act.SUMMARY:
                await self._summarise()
            case _:
                await self._rest(doing)

    async def _rest(self, doing: Doing) -> None:
        """The acts that are no work of the agent."""
        if doing.act is Act.PAUSE:
            await asyncio.sleep(doing.s)
        elif doing.act is Act.HANG:
            await asyncio.Event().wait()
        elif doing.act is Act.INTRUDE:
            self._add("USER_INPUT", "DONE", userInput={"items": [{"text": doing.text}]})
        elif doing.act is Act.RESTART:
            self._restart(doing.keep)

    async def _say(self, doing: Doing, pace_s: float) -> None:
        step = self._add("PLANNER_RESPONSE", "GENERATING", plannerResponse={})
        for text in doing.texts:
            step["plannerResponse"] = {"response": text, "thinking": doing.thinking}
            self._change()
            await asyncio.sleep(pace_s)
        said = {
            "thinking": doing.thinking,
            "response": doing.texts[-1] if doing.texts else "",
            "stopReason": doing.stop,
        }
        step["plannerResponse"] = said | {"modifiedResponse": doing.modified}
        self._set(step, "DONE")
        self._messages.append({"role": "assistant", "content": doing.modified or str(said["response"])})

    async def _ask_model(self) -> None:
        if self._model is None:
            self._fail("the server was started without a model; give it --model-url", 0)
            return
        step = self._add("PLANNER_RESPONSE", "GENERATING", plannerResponse={})
        said = Said()
        async for said in self._model.ask(self._messages, self.name):
            step["plannerResponse"] = {"response": said.text}
            self._change()
        reason = _FINISHES.get(said.finish, f"STOP_REASON_{said.finish.upper()}")
        step["plannerResponse"] = {"response": said.text, "stopReason": reason}
        step["metadata"] = _metadata(said)
        self._set(step, "DONE")
        self._messages.append({"role": "assistant", "content": said.text})

    async def _summarise(self) -> None:
        if self._model is not None:
            asked = [*self._messages, {"role": "user", "content": _SUMMARY}]
            said = [said async for said in self._model.ask(asked, self.name, small=True)]
            self._add("CHECKPOINT", "DONE", metadata=_metadata(said[-1]))

    async def _wait(self, doing: Doing) -> None:
        step = self._add(doing.type, "WAITING", requestedInteraction={"permission": {"what": doing.message}})
        while step["index"] not in self._verdicts:
            self._answered.clear()
            await self._answered.wait()
        self._set(step, "DONE" if self._verdicts[step["index"]] else "CANCELED")

    def _fail(self, message: str, code: int) -> None:
        error = {"userErrorMessage": message, "errorCode": code}
        self._add("ERROR_MESSAGE", "DONE", errorMessage={"error": error})

    def _break_off(self) -> None:
        """A cancelled step is DONE, and its stop reason says that it is not."""
        for step in self.steps:
            if step["status"] in {_STEP + "GENERATING", _STEP + "RUNNING", _STEP + "WAITING"}:
                if "plannerResponse" in step:
                    step["plannerResponse"] = {**step["plannerResponse"], "stopReason": _CUT}
                self._set(step, "DONE")

    # Changes

    def _add(self, kind: str, status: str, **said: Any) -> Json:
        step = {"index": len(self.steps), "type": _TYPE + kind, "status": _STEP + status, **said}
        self.steps.append(step)
        self._change()
        return step

    def _set(self, step: Json, status: str) -> None:
        step["status"] = _STEP + status
        self._change()

    def _change(self, status: str | None = None) -> None:
        self.status = status or self.status
        self.number += 1
        self._news.set()


def _metadata(said: Said) -> Json:
    """A model's figures as the protocol writes them: 64-bit integers as strings."""
    usage = said.usage
    if not usage:
        return {}
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    figures = {
        "inputTokens": usage.get("prompt_tokens", 0),
        "outputTokens": usage.get("completion_tokens", 0),
        "cacheReadTokens": cached,
        "thinkingOutputTokens": thought,
    }
    return {"modelUsage": {name: str(count) for name, count in figures.items() if count}}

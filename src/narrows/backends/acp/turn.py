"""One prompt to an ACP agent and its answer.

A watcher asks for the prompt's result, and meanwhile updates come. A turn is over with the result, which says why;
where an agent answers at once and says by an update that it is idle, as in version 2 of the protocol, with that.

A question for permission is a step that waits for a person. It is answered by the option that allows or rejects once,
and never by one that holds for longer; where the agent does not offer that, and at a cancel, as cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from acp import AGENT_METHODS
from acp.schema import CancelNotification, ImageContentBlock, PromptRequest, TextContentBlock
from msgspec.json import encode

from narrows.agents.observation import Broken, Finished, Observation, Usage
from narrows.backends.acp.peer import CANCELLED, AcpPeer
from narrows.backends.acp.updates import FINISHES, AnswerReader, Json, idle_reason, usage_of
from narrows.backends.news import News
from narrows.backends.types import Outgoing, Verdict
from narrows.errors import AgentFailed, GatewayError

MAX_ANSWER_CHARS: Final = 8 * 1024 * 1024
"""Of an answer and its reasoning; an agent that says more has lost its way."""
MAX_WAITING: Final = 256
"""Questions for permission, at once; more are answered as cancelled."""
CANCEL_TIMEOUT_S: Final = 4.0


class AcpTurn:
    """A turn whose prompt is being asked. `left` is called at its close, with True where the agent goes on though it
    was told to stop: then nothing more can be asked in its session."""

    steps: int | None = None
    """A session does not count its steps."""

    def __init__(self, peer: AcpPeer, session: str, message: Outgoing, left: Callable[[bool], None]) -> None:
        self._peer = peer
        self._session = session
        self._left = left
        self._reader = AnswerReader()
        self._news = News()
        self._began = False
        self._over = asyncio.Event()
        self._idle: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._flooded = asyncio.Event()
        self._asked: dict[int, Json] = {}
        self._questions = 0
        self._verdicts: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._cancelled = False
        self._outcome: Finished | Broken | None = None
        self._usage: Usage | None = None
        self._lost = False
        peer.listen(session, self)
        self._news.watch(self._follow(PromptRequest(session_id=session, prompt=_content(message))))

    async def look(self, wait_s: float) -> Observation:
        if self._outcome is None:
            await self._news.wait(wait_s)
        return self._news.seen(
            self._reader, self._outcome, self._usage, began=self._began, waiting=tuple(self._verdicts)
        )

    def question(self, step: int) -> str:
        asked = self._asked.get(step, {})
        call = asked.get("toolCall")
        kind = "command" if isinstance(call, Mapping) and call.get("kind") == "execute" else "permission"
        shown = {name: value for name, value in asked.items() if name not in {"sessionId", "_meta"}}
        return encode({"kind": kind, "asked": shown}).decode()

    def decide(self, step: int, verdict: Verdict) -> None:
        self._answer(step, _chosen(self._asked.get(step, {}), "allow_once" if verdict.allow else "reject_once"))

    async def cancel(self) -> None:
        self._cancelled = True
        for step in tuple(self._verdicts):
            self._answer(step, CANCELLED)
        if not self._over.is_set():
            await self._stop()

    async def close(self) -> None:
        for step in tuple(self._verdicts):
            self._answer(step, CANCELLED)
        lost = self._lost or not self._over.is_set()
        await self._news.close()
        self._peer.leave(self._session, self)
        self._left(lost)

    # What the agent says by itself

    def update(self, update: Json) -> None:
        """Something new in the session."""
        if self._over.is_set():
            return
        reason = idle_reason(update)
        if reason is not None and not self._idle.done():
            self._idle.set_result(reason)
        news = self._reader.take(update)
        if news or not self._began:
            self._began = True
            self._news.tell()
        if self._reader.size > MAX_ANSWER_CHARS:
            self._flooded.set()

    async def permission(self, asked: Json) -> Mapping[str, Any]:
        """The answer to a question for permission, as soon as somebody has decided."""
        if self._cancelled or self._over.is_set() or len(self._verdicts) >= MAX_WAITING:
            return CANCELLED
        step = self._questions
        self._questions += 1
        self._asked[step] = asked
        verdict: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._verdicts[step] = verdict
        self._began = True
        self._news.tell()
        return await verdict

    def _answer(self, step: int, answer: Mapping[str, Any]) -> None:
        verdict = self._verdicts.pop(step, None)
        self._asked.pop(step, None)
        if verdict is not None and not verdict.done():
            verdict.set_result(answer)
            self._news.tell()

    # Watching

    async def _follow(self, request: PromptRequest) -> None:
        try:
            self._outcome = await self._ended(request)
        finally:
            self._over.set()
        self._news.tell()

    async def _ended(self, request: PromptRequest) -> Finished | Broken:
        asking = asyncio.ensure_future(self._peer.ask("session_prompt", request, None))
        flooded = asyncio.ensure_future(self._flooded.wait())
        try:
            await asyncio.wait({asking, flooded}, return_when=asyncio.FIRST_COMPLETED)
            if flooded.done():
                self._lost = True
                await self._peer.tell("session_cancel", CancelNotification(session_id=self._session))
                raise AgentFailed(f"the agent has said more than {MAX_ANSWER_CHARS} characters; it was told to stop")
            result = asking.result()
            self._usage = usage_of(result)
            reason = result.get("stopReason")
            return self._concluded(await self._idles() if reason is None else str(reason))
        except GatewayError as error:
            error.may_have_acted = True
            raise
        finally:
            asking.cancel()
            flooded.cancel()
            await asyncio.gather(asking, flooded, return_exceptions=True)

    async def _idles(self) -> str:
        """Why the agent is idle, once it is."""
        gone = asyncio.ensure_future(self._peer.gone())
        try:
            await asyncio.wait((self._idle, gone), return_when=asyncio.FIRST_COMPLETED)
            if not self._idle.done():
                raise await self._peer.lost(AGENT_METHODS["session_prompt"])
            return self._idle.result()
        finally:
            gone.cancel()

    def _concluded(self, reason: str) -> Finished | Broken:
        if reason in FINISHES:
            return Finished(FINISHES[reason])
        if reason == "cancelled":
            return Broken(AgentFailed("the agent failed: its run was cancelled"))
        return Broken(AgentFailed(f"the agent has stopped for a reason that is not known here: {reason[:100]}"))

    async def _stop(self) -> None:
        """Have the agent stop, and wait until it has, or for as long as one may wait."""
        await self._peer.tell("session_cancel", CancelNotification(session_id=self._session))
        with suppress(TimeoutError):
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                await self._over.wait()
        self._lost = self._lost or not self._over.is_set()


def _content(message: Outgoing) -> list[Any]:
    blocks: list[Any] = [TextContentBlock(type="text", text=message.text)]
    blocks += [ImageContentBlock(type="image", mime_type=image.media_type, data=image.data) for image in message.images]
    return blocks


def _chosen(asked: Json, kind: str) -> Mapping[str, Any]:
    """The answer that selects the option of this kind."""
    options = asked.get("options")
    for option in options if isinstance(options, list) else ():
        if isinstance(option, Mapping) and option.get("kind") == kind and isinstance(option.get("optionId"), str):
            return {"outcome": {"outcome": "selected", "optionId": option["optionId"]}}
    return CANCELLED

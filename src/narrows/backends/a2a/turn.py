"""One message to an A2A agent and its answer, which is a task, or a single message.

A watcher sends the message and reads the stream of its events. Where the server does not stream, it answers at once and
the task is asked for; the same is done where a stream breaks off, since the task goes on without it.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any, Final, cast

from a2a.client.client import Client, ClientCallContext
from a2a.types.a2a_pb2 import CancelTaskRequest, GetTaskRequest, SendMessageRequest
from a2a.utils.errors import TaskNotCancelableError, TaskNotFoundError

from narrows.agents.observation import Observation
from narrows.backends.a2a.failures import READABLE, as_error
from narrows.backends.a2a.tasks import TaskReader
from narrows.backends.news import News
from narrows.backends.types import Verdict
from narrows.errors import AgentFailed, AgentOverloaded, AgentRateLimited, AgentUnavailable

POLLS_S: Final = (0.1, 2.0)
GROWTH: Final = 1.5
NAME_GRACE_S: Final = 1.0
"""For how long a cancel waits to learn the task's name."""


class A2ATurn:
    """A turn whose message is being sent. `before`: the tasks that the conversation had."""

    def __init__(
        self,
        client: Client,
        request: SendMessageRequest,
        reader: TaskReader,
        context: ClientCallContext,
        before: int | None,
    ) -> None:
        self._client = client
        self._request = request
        self._reader = reader
        self._context = context
        self._before = before
        self._named = asyncio.Event()
        self._news = News()
        self._news.watch(self._follow())

    @property
    def steps(self) -> int | None:
        """How many tasks the conversation has."""
        if self._before is None:
            return None
        return self._before + (1 if self._reader.task and not self._request.message.task_id else 0)

    async def look(self, wait_s: float) -> Observation:
        reader = self._reader
        if reader.outcome is None:
            await self._news.wait(wait_s)
        return Observation(
            mark=self._news.mark,
            texts=reader.texts,
            working=reader.working,
            outcome=reader.outcome,
            usage=reader.usage if reader.outcome is not None else None,
            thoughts=reader.thoughts,
        )

    def question(self, step: int) -> str:  # noqa: ARG002 # the protocol's
        """No step is ever shown as waiting."""
        return "{}"

    def decide(self, step: int, verdict: Verdict) -> None:
        """No step is ever shown as waiting."""

    async def cancel(self) -> None:
        reader = self._reader
        if reader.outcome is not None:
            return
        if not reader.task:
            await asyncio.wait({named := asyncio.ensure_future(self._named.wait())}, timeout=NAME_GRACE_S)
            named.cancel()
        if not reader.task:
            return
        try:
            self._take_task(await self._client.cancel_task(CancelTaskRequest(id=reader.task)))
        except (TaskNotCancelableError, TaskNotFoundError):
            pass  # it is over
        except READABLE as error:
            raise as_error("CancelTask", error) from error

    async def close(self) -> None:
        await self._news.close()

    # Watching

    async def _follow(self) -> None:
        wanted = self._request.message.context_id
        try:
            events = cast(Any, self._client.send_message(self._request, context=self._context))  # a generator
            async with aclosing(events):
                async for event in events:
                    self._reader.take(event)
                    self._tell()
                    if self._reader.outcome is not None or self._reader.context not in {"", wanted}:
                        break
        except READABLE as error:
            failure = as_error("SendMessage", error)
            if not self._reader.task:
                raise failure from error
            self._news.trouble(failure.message)
        if self._reader.context not in {"", wanted}:
            raise AgentFailed(
                "the agent's server has put the message into a conversation of its own: it must keep the contextId that"
                " it is given"
            )
        if not self._reader.task and self._reader.outcome is None:
            raise AgentUnavailable("SendMessage: the answer holds neither a task nor a message", may_have_acted=True)
        await self._poll()

    async def _poll(self) -> None:
        """Ask for the task until it has ended; whoever looks decides when to give up."""
        wait_s, seen = POLLS_S[0], self._seen()
        while self._reader.outcome is None:
            await asyncio.sleep(wait_s)
            try:
                self._reader.take_task(
                    await self._client.get_task(GetTaskRequest(id=self._reader.task, history_length=0))
                )
            except TaskNotFoundError as error:
                raise AgentFailed("the agent's server does not know its task any more") from error
            except READABLE as error:
                failure = as_error("GetTask", error)
                if not isinstance(failure, AgentUnavailable | AgentOverloaded | AgentRateLimited):
                    raise failure from error
                self._news.trouble(failure.message)
            now = self._seen()
            wait_s = POLLS_S[0] if now != seen else min(wait_s * GROWTH, POLLS_S[1])
            if now != seen or self._reader.outcome is not None:
                seen = now
                self._tell()

    def _seen(self) -> tuple[object, ...]:
        return self._reader.texts, self._reader.thoughts, self._reader.working

    def _take_task(self, task: Any) -> None:
        self._reader.take_task(task)
        self._tell()

    def _tell(self) -> None:
        if self._reader.task:
            self._named.set()
        self._news.tell()

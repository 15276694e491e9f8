"""One message to a LangGraph thread and its answer: a run in the background, or several where the agent's own tools
are run between them.

A watcher joins the run's stream, from its start on, since a run keeps its events; where the stream is cut, it is joined
again after the last event that came. When it ends, the run and the thread's state say how.

Client tools pause natively. A run that offers some stops before the node `tools`. What then waits is

* the agent's own calls alone: the run goes on, by another with no input;
* a client's alone: the turn is paused;
* both: the message is put into the state with the agent's own calls alone, these are run, and then it is put back
  whole. So the model sees one message with all of its calls and all of their outputs, and the client is asked once.

Anything else that a graph stops for waits for a person, and nobody can be asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from langgraph_sdk.client import LangGraphClient

from narrows.agents.observation import Broken, Finished, Observation, Paused, Usage
from narrows.backends.langgraph.failures import answered, asking, failure_words, passes
from narrows.backends.langgraph.messages import (
    AnswerReader,
    Json,
    after,
    calls_of,
    finish_of,
    messages_of,
    pending,
    usage_of,
)
from narrows.backends.news import News
from narrows.backends.types import Verdict
from narrows.errors import AgentFailed, AgentRateLimited, AgentWaiting, GatewayError

TOOLS_NODE: Final = "tools"
FROM_THE_START: Final = "-1"
REJOIN_S: Final = 0.2
_LIVE: Final = frozenset({"pending", "running"})
_INPUT_OF_STATE: Final = ("id", "type", "content", "name", "tool_calls", "additional_kwargs", "response_metadata")
Outcome = Finished | Broken | Paused


@dataclass(frozen=True, slots=True)
class Course:
    """What every run of a turn is started with. `mark`: the id of the last message before the answer; `offered`: the
    names of the client's tools."""

    thread: str
    assistant: str
    configurable: Mapping[str, Any]
    mark: str
    offered: frozenset[str]


class LangGraphTurn:
    """A turn whose first run has been started."""

    steps: int | None = None
    """A thread does not count its steps."""

    def __init__(self, client: LangGraphClient, course: Course, run: str) -> None:
        self._client = client
        self._course = course
        self._run = run
        self._reader = AnswerReader()
        self._news = News()
        self._began = False
        self._cancelled = False
        self._outcome: Outcome | None = None
        self._usage: Usage | None = None
        self._news.watch(self._follow())

    async def look(self, wait_s: float) -> Observation:
        if self._outcome is None:
            await self._news.wait(wait_s)
        return self._news.seen(self._reader, self._outcome, self._usage, began=self._began)

    def question(self, step: int) -> str:  # noqa: ARG002 # the protocol's
        """No step is ever shown as waiting."""
        return "{}"

    def decide(self, step: int, verdict: Verdict) -> None:
        """No step is ever shown as waiting."""

    async def cancel(self) -> None:
        self._cancelled = True
        if self._outcome is None:
            await self._stop_run()
            await self._news.ended()

    async def close(self) -> None:
        await self._news.close()

    async def _stop_run(self) -> None:
        try:
            async with asking("cancelling the run"):
                await self._client.runs.cancel(self._course.thread, self._run, wait=True)
        except AgentFailed as error:
            if answered(error) != 404:  # a run that is over is not there to be cancelled
                raise

    # Watching

    async def _follow(self) -> None:
        """Follow run after run, until one ends the turn."""
        while self._outcome is None:
            status = await self._join()
            outcome = await self._concluded(status)
            if outcome is not None:
                self._outcome = outcome
                self._news.tell()

    async def _join(self) -> str:
        """Read a run's stream to its end, and return the run's status."""
        last = FROM_THE_START
        while True:
            try:
                async with asking("joining the run"):
                    async for part in self._client.runs.join_stream(
                        self._course.thread, self._run, stream_mode=["messages-tuple"], last_event_id=last
                    ):
                        last = part.id or last
                        self._take(part.event, part.data)
            except GatewayError as error:
                if not passes(error):
                    raise
                self._news.trouble(error.message)
            run = await self._patiently("GET run", lambda: self._client.runs.get(self._course.thread, self._run))
            if run.get("status") not in _LIVE:
                return str(run.get("status"))
            await asyncio.sleep(REJOIN_S)

    def _take(self, event: str, data: object) -> None:
        began, self._began = self._began, True
        new = False
        if event.startswith("messages") and isinstance(data, list) and data and isinstance(data[0], Mapping):
            new = self._reader.stream(data[0])
        if new or not began:
            self._news.tell()

    async def _state(self) -> Json:
        return await self._patiently("GET state", lambda: self._client.threads.get_state(self._course.thread))

    async def _patiently(self, what: str, ask: Callable[[], Awaitable[Any]]) -> Json:
        """What the server answers, in the end; whoever looks decides when to give up."""
        while True:
            try:
                async with asking(what):
                    return dict(await ask())
            except GatewayError as error:
                if not passes(error):
                    raise
                self._news.trouble(error.message)
            await asyncio.sleep(REJOIN_S)

    async def _concluded(self, status: str) -> Outcome | None:
        """What the end of a run is to the turn; None where another run goes on."""
        state = await self._state()
        if status in {"error", "timeout"}:
            return Broken(_failed(state, status))
        listed = messages_of(state)
        answer = after(listed, self._course.mark)
        if answer is None:
            return Broken(
                AgentFailed("the thread's state has lost the message: its graph must keep `messages` by their ids")
            )
        self._reader.settle(answer)
        self._usage = usage_of(answer)
        self._news.tell()
        if self._cancelled:
            return Broken(AgentFailed("the run was cancelled"))
        ahead = state.get("next") or []
        if not ahead:
            return Finished(finish_of(answer)) if status == "success" else Broken(_failed(state, status))
        message, waiting = pending(answer)
        if TOOLS_NODE in ahead and waiting and self._course.offered:
            return await self._pause(message, waiting)
        return Broken(_stopped(state, ahead, status))

    async def _pause(self, message: Json, waiting: Sequence[Json]) -> Paused | None:
        clients = [call for call in waiting if call.get("name") in self._course.offered]
        if not clients:
            await self._go_on()
            return None
        if len(clients) < len(waiting):
            await self._run_own(message, waiting)
        return Paused(tuple(self._reader.call(call) for call in clients))

    async def _go_on(self, *, after_tools: bool = False) -> None:
        """Start another run, which goes on from where the thread stands."""
        self._run = await start_run(self._client, self._course, None, after_tools=after_tools)
        if self._cancelled:
            await self._stop_run()

    async def _run_own(self, message: Json, waiting: Sequence[Json]) -> None:
        """Run the agent's own calls of a message that calls a client's tools too."""
        thread = self._course.thread
        own = [call for call in waiting if call.get("name") not in self._course.offered]
        done = [call for call in calls_of(message) if call not in waiting]
        whole = {name: message[name] for name in _INPUT_OF_STATE if name in message}
        if "usage_metadata" in message:
            whole["usage_metadata"] = message["usage_metadata"]
        extra = {
            name: value for name, value in (message.get("additional_kwargs") or {}).items() if name != "tool_calls"
        }
        async with asking("splitting the calls"):
            narrowed = {**whole, "tool_calls": [*done, *own], "additional_kwargs": extra}
            await self._client.threads.update_state(thread, {"messages": [narrowed]})
        await self._go_on(after_tools=True)
        status = await self._join()
        async with asking("joining the calls"):
            await self._client.threads.update_state(thread, {"messages": [whole]}, as_node=TOOLS_NODE)
        if status in {"error", "timeout"} or self._cancelled:
            raise _failed(await self._state(), status)


async def start_run(
    client: LangGraphClient, course: Course, message: Mapping[str, Any] | None, *, after_tools: bool = False
) -> str:
    """Start a run in the background, and return its id; without a message it goes on from where the thread stands.
    `after_tools`: it stops after the node `tools`, and not before.

    Raises:
        GatewayError: the server refuses it; `answered` says with which status, 404 where there is no such thread.
    """
    stops = [TOOLS_NODE] if course.offered else None
    async with asking("POST run"):
        run = await client.runs.create(
            course.thread,
            course.assistant,
            input=None if message is None else {"messages": [message]},
            config={"configurable": dict(course.configurable)},
            stream_mode=["messages-tuple"],
            stream_resumable=True,
            interrupt_before=None if after_tools else stops,
            interrupt_after=stops if after_tools else None,
            multitask_strategy="reject",
        )
        return str(run["run_id"])


def _failed(state: Json, status: str) -> GatewayError:
    words = failure_words(state, status)
    if "RateLimitError" in words:
        return AgentRateLimited(f"the agent failed: {words}", retry_after_s=5)
    return AgentFailed(f"the agent failed: {words}")


def _stopped(state: Json, ahead: Sequence[object], status: str) -> GatewayError:
    """A graph that stopped before its end, and not for a client's tool."""
    interrupts = state.get("interrupts") or []
    asked = [str(one.get("value")) for one in interrupts if isinstance(one, Mapping)]
    if status == "interrupted" and not asked:
        return AgentFailed("the agent failed: somebody cancelled its run")
    words = f": {'; '.join(asked)}" if asked else ""
    return AgentWaiting(f"the agent waits for a person before {', '.join(map(str, ahead))}{words}")

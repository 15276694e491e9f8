"""What a turn's watcher has to tell, and how a look waits for it.

A turn whose server streams is followed by a task of its own. What the task learns stands in a reader; here stands only
that there is something new, and what went wrong: trouble that may pass is told by one look, an end of the watching by
every look after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Protocol

from narrows.agents.observation import Broken, Finished, Observation, Paused, StepText, Usage
from narrows.backends.types import LookFailed


class Reading(Protocol):
    """What of an answer has been read. `using_tool`: a step that is not text is under way."""

    @property
    def texts(self) -> tuple[StepText, ...]: ...

    @property
    def thoughts(self) -> tuple[StepText, ...]: ...

    @property
    def using_tool(self) -> bool: ...


class News:
    """Between one watcher and the looks at what it sees. `mark` changes with every piece of news."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._count = 0
        self._trouble = ""
        self._watching: asyncio.Task[None] | None = None

    @property
    def mark(self) -> str:
        """Another word after each piece of news."""
        return str(self._count)

    def seen(
        self,
        reading: Reading,
        outcome: Finished | Broken | Paused | None,
        usage: Usage | None,
        *,
        began: bool,
        waiting: tuple[int, ...] = (),
    ) -> Observation:
        """What a look sees by now. `began`: the agent has; `waiting`: the steps that wait for a person."""
        return Observation(
            mark=self.mark,
            texts=reading.texts,
            working=began,
            using_tool=reading.using_tool or bool(waiting),
            waiting=waiting,
            outcome=outcome,
            usage=usage,
            thoughts=reading.thoughts,
        )

    def watch(self, watcher: Coroutine[Any, Any, None]) -> None:
        """Run the watcher."""
        self._watching = asyncio.create_task(watcher)
        self._watching.add_done_callback(lambda _: self._changed.set())

    def tell(self) -> None:
        """There is something new."""
        self._count += 1
        self._changed.set()

    def trouble(self, why: str) -> None:
        """It could not be seen; it will be tried again."""
        self._trouble = why
        self._changed.set()

    async def wait(self, wait_s: float) -> None:
        """Return with the next news, or after `wait_s`.

        Raises:
            LookFailed: there is trouble.
            GatewayError: what the watcher has ended with.
        """
        if wait_s and not self._changed.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
        watching = self._watching
        over = watching is not None and watching.done()
        if not over:
            self._changed.clear()
        if over and watching is not None and not watching.cancelled():
            watching.result()
        if self._trouble:
            why, self._trouble = self._trouble, ""
            raise LookFailed(why)

    async def ended(self) -> None:
        """Wait until the watcher has ended, however it does."""
        if self._watching is not None:
            await asyncio.wait({self._watching})

    async def close(self) -> None:
        """End the watcher."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

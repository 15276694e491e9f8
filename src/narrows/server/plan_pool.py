"""The planning processes, started when first needed and started anew when one dies.

A process that dies takes the whole executor with it, and every job in it; each job is then tried again on a new one, a
bounded number of times. Jobs are pure, so trying again is safe, and what they decide does not depend on it. When it
does not help, or the machine is out of something, the answer is `Overloaded`, never a decision (law 4).
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar, cast

from narrows.errors import Overloaded
from narrows.server import plan_worker

ATTEMPTS = 3
STUCK_S = 60.0
"""With jobs outstanding and none ending for so long, the processes are taken for stuck, and killed."""

_Result = TypeVar("_Result")


class _Context(SpawnContext):
    """Remembers the processes it starts, so that they can be killed through no one's private attributes."""

    def __init__(self) -> None:
        self.started: list[SpawnProcess] = []

    def Process(  # type: ignore[override]  # noqa: N802  # executors call it; the stubs want the class itself
        self, *args: Any, **kwargs: Any
    ) -> SpawnProcess:
        process = SpawnProcess(*args, **kwargs)
        self.started = [old for old in self.started if old.is_alive() or old.pid is None]
        self.started.append(process)
        return process


class PlanPool:
    """`lost` counts executors that broke; `running` jobs that have been given out and not come
    back; `closed`: no more are taken."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.lost = 0
        self.running = 0
        self._executor: ProcessPoolExecutor | None = None
        self._context = _Context()
        self._progress_s = 0.0
        self._allowed: asyncio.Event | None = None
        self.closed = False

    async def run(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """Call `function` in a planning process.

        Raises:
            Overloaded: the processes keep dying, or cannot be started, or are out of memory.
        """
        loop = asyncio.get_running_loop()
        if self._allowed is not None:
            await self._allowed.wait()
        for _ in range(ATTEMPTS):
            if self.closed:
                break
            if not self.running:
                self._progress_s = loop.time()
            self.running += 1
            executor = None
            try:
                executor = self._started()
                return await _result_of(executor.submit(function, *arguments))
            except (BrokenProcessPool, OSError):
                self._discard(executor)
            except MemoryError:
                continue
            finally:
                self.running -= 1
                self._progress_s = loop.time()
        raise Overloaded("the planning processes cannot be used at the moment; try again", retry_after_s=1)

    @property
    def held_back(self) -> bool:
        """Whether jobs wait for `allow`."""
        return self._allowed is not None

    def hold_back(self) -> None:
        """Let jobs wait, because it is not known yet whether the processes can do them."""
        self._allowed = self._allowed or asyncio.Event()

    def allow(self) -> None:
        """They can."""
        if self._allowed is not None:
            self._allowed.set()
            self._allowed = None

    def check(self, now_s: float) -> None:
        """Kill the processes if they are stuck; their jobs are then tried again."""
        if self.running and now_s - self._progress_s > STUCK_S:
            self._progress_s = now_s
            self.kill()

    def kill(self) -> None:
        """End every planning process at once."""
        for process in self._context.started:
            if process.pid is not None and process.is_alive():
                process.kill()

    def process_ids(self) -> tuple[int, ...]:
        """The planning processes that are alive."""
        started = (process.pid for process in self._context.started if process.is_alive())
        return tuple(pid for pid in started if pid is not None)

    def close(self) -> None:
        """No more jobs; the processes end at once, for nobody waits for them any more."""
        self.closed = True
        self.allow()
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)
        self.kill()

    def _started(self) -> ProcessPoolExecutor:
        if self._executor is None:
            context = cast(multiprocessing.context.BaseContext, self._context)
            self._executor = ProcessPoolExecutor(self.workers, mp_context=context, initializer=plan_worker.start)
        return self._executor

    def _discard(self, executor: ProcessPoolExecutor | None) -> None:
        """Let go of an executor that broke; the first of its jobs to notice does it for all."""
        if executor is not None and executor is self._executor:
            self._executor = None
            self.lost += 1
            executor.shutdown(wait=False)


async def _result_of(job: Future[_Result]) -> _Result:
    """What the job returns or raises. A caller that is cancelled leaves the job alone: an executor that breaks answers
    to all its jobs, and cannot bear one that was cancelled in its hands."""
    loop = asyncio.get_running_loop()
    answered = loop.create_future()

    def wake() -> None:
        if not answered.done():
            answered.set_result(None)

    def tell(_: Future[_Result]) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(wake)

    job.add_done_callback(tell)
    await answered
    return job.result()

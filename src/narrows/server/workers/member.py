"""A worker as its supervisor sees it: a process, a channel, and what it has said last."""

from __future__ import annotations

import asyncio
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from contextlib import suppress

from msgspec import Struct

from narrows.server.workers.channel import Channel, open_channel
from narrows.server.workers.messages import (
    Accepting,
    Answer,
    Gather,
    Prepared,
    Report,
    Retired,
    ToSupervisor,
    Unusable,
)
from narrows.telemetry.sheets import Sheet

PREPARED_WITHIN_S = 120.0


class NotPreparedError(Exception):
    """A worker ended, or was ended, before it could accept; `problems` in words, `status` of its process."""

    def __init__(self, problems: tuple[str, ...], status: int) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.status = status


class Member:
    """Worker `number` (from 1). `leaving`: it was told to end; `accepts`: the descriptors it is to accept from;
    `status`: its process's, once that has ended."""

    def __init__(self, number: int, process: Process, channel: Channel[ToSupervisor]) -> None:
        self.number = number
        self.pid = process.pid
        self.leaving = False
        self.accepts: tuple[int, ...] = ()
        self.served_since_s = 0.0
        self.status: int | None = None
        self.retired = asyncio.Event()
        self.figures: Sheet = []
        self._gone = asyncio.Event()
        self._process = process
        self._channel = channel
        self._prepared: asyncio.Future[Prepared] = asyncio.get_running_loop().create_future()
        self._accepting = asyncio.Condition()
        self._accepting_from: tuple[int, ...] = ()
        self._answers: dict[int, asyncio.Future[Report]] = {}
        self._problems: tuple[str, ...] = ()

    def send(self, message: Struct) -> None:
        self._channel.send(message)

    async def prepared(self) -> Prepared:
        """What it says when it could accept.

        Raises:
            NotPreparedError: it ended instead, or did not come so far in time.
        """
        try:
            async with asyncio.timeout(PREPARED_WITHIN_S):
                return await asyncio.shield(self._prepared)
        except TimeoutError:
            self.kill()
            raise NotPreparedError((f"worker {self.number} was not ready within {PREPARED_WITHIN_S:g} s",), 1) from None

    async def accepting(self, descriptors: tuple[int, ...], within_s: float) -> bool:
        """Whether it accepts from these, once it says so, has ended, or time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s), self._accepting:
                await self._accepting.wait_for(lambda: self._accepting_from == descriptors or self.status is not None)
        return self._accepting_from == descriptors and self.status is None

    async def gone_within(self, limit_s: float) -> bool:
        """Whether its process ends in that time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gone.wait(), limit_s)
        return self._gone.is_set()

    def ask(self, question: Struct, number: int) -> asyncio.Future[Report]:
        """Its report, when it comes."""
        self._answers = {key: one for key, one in self._answers.items() if not one.done()}
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._channel.send(question)
        return answer

    async def listen(self, gather: Callable[[Member, Gather], None]) -> int:
        """Hear what it says until its process has ended; the exit status."""
        while (message := await self._channel.receive()) is not None:
            await self._heard(message, gather)
        status = await self._process.wait()
        if not self._prepared.done():
            problems = self._problems or (f"worker {self.number} ended with status {status}; its log says why",)
            self._prepared.set_exception(NotPreparedError(problems, status))
            self._prepared.exception()  # it may be that nobody asks
        self.status = status
        self.retired.set()
        self._gone.set()
        async with self._accepting:
            self._accepting.notify_all()
        self._channel.close()
        return status

    def kill(self) -> None:
        """End it at once."""
        self.leaving = True
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _heard(self, message: ToSupervisor, gather: Callable[[Member, Gather], None]) -> None:
        match message:
            case Prepared():
                if not self._prepared.done():
                    self._prepared.set_result(message)
            case Unusable(problems):
                self._problems = problems
            case Accepting(descriptors):
                async with self._accepting:
                    self._accepting_from = descriptors
                    self._accepting.notify_all()
            case Retired():
                self.retired.set()
            case Gather():
                gather(self, message)
            case Answer(number, report):
                if report.figures is not None:
                    self.figures = report.figures
                waiting = self._answers.pop(number, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(report)


async def launched(command: Sequence[str], number: int, listeners: Sequence[socket.socket]) -> Member:
    """A worker's process, started by `command` and the descriptor of its end of the channel.

    Raises:
        NotPreparedError: the system starts no process.
    """
    ours, theirs = socket.socketpair()
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            str(theirs.fileno()),
            stdin=DEVNULL,
            pass_fds=(theirs.fileno(), *(listener.fileno() for listener in listeners)),
        )
    except OSError as error:
        ours.close()
        raise NotPreparedError((f"worker {number} cannot be started: {error}",), 1) from None
    finally:
        theirs.close()
    return Member(number, process, await open_channel(ours, ToSupervisor))

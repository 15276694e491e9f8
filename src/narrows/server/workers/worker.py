"""A worker: a whole gateway that accepts, reloads, retires and ends when its supervisor says so.

It dies with its supervisor, but not at once: when the channel ends it drains like at a SIGTERM. A SIGTERM of its own is
taken, for service managers send it to every process of a service.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from dataclasses import replace

from msgspec import Raw

from narrows.classifiers import Proof, check_loadable
from narrows.core.tokens import TOKENIZER
from narrows.errors import SettingsError
from narrows.server.agents.handing_over import Arrivals, Elsewhere
from narrows.server.app import Among, RunningGateway, build
from narrows.server.workers.channel import Channel, open_channel
from narrows.server.workers.messages import (
    Accept,
    Accepting,
    Allow,
    Answer,
    Ask,
    Begin,
    Document,
    Gathered,
    Prepared,
    Reload,
    Report,
    Retire,
    Retired,
    Stop,
    Subject,
    ToWorker,
    Unusable,
)
from narrows.server.workers.together import Workers
from narrows.settings import Settings, reloaded, restarted

BAD_SETTINGS = 2

Read = Callable[[Document], Settings]
"""Settings from a document and from what surrounds the process; raises SettingsError."""


async def work(end: socket.socket, read: Read) -> int:
    """Be the worker at this end of a socket pair until told to stop; the exit status."""
    channel: Channel[ToWorker] = await open_channel(end, ToWorker)
    begin = await channel.receive()
    if not isinstance(begin, Begin):
        return 0  # the supervisor has gone, or has no use for us any more
    try:
        worker = await _prepared(begin, channel, read)
    except SettingsError as error:
        channel.send(Unusable(error.problems))
        await channel.flushed()
        return BAD_SETTINGS
    await worker.run()
    return 0


async def _prepared(begin: Begin, channel: Channel[ToWorker], read: Read) -> Worker:
    given = read(begin.document)
    settings = replace(given, host=begin.host, port=begin.port, workers=begin.workers)
    classifier = check_loadable(settings.classifier.value)
    if begin.prove:
        await asyncio.to_thread(Proof(settings.classifier.value).wait)
    policy = settings.policy(classifier, TOKENIZER)
    elsewhere = None
    if begin.agents_give >= 0 and settings.agents:
        elsewhere = Elsewhere(socket.socket(fileno=begin.agents_give), settings.agents, settings.own_prefix)
    running = build(settings, policy, among=Among(begin.worker, begin.loop_mark, elsewhere))
    if begin.held_back:
        running.gateway.planner.pool.hold_back()
    channel.send(Prepared(policy.version, restarted(settings, given).waiting))
    return Worker(begin, channel, running, read)


class Worker:
    """The gateway `running`, under the supervisor at the other end of `channel`."""

    def __init__(self, begin: Begin, channel: Channel[ToWorker], running: RunningGateway, read: Read) -> None:
        self._begin = begin
        self._channel = channel
        self._running = running
        self._read = read
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._takings: set[asyncio.Task[None]] = set()
        self._workers = Workers(channel)
        self._arrivals = None
        if begin.agents_take >= 0:
            self._arrivals = Arrivals(socket.socket(fileno=begin.agents_take), self._take_over)
        running.gateway.speak_together(self._workers)

    async def run(self) -> None:
        """Do what the supervisor says until the end."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stop)
        listening = asyncio.create_task(self._listen())
        await self._ended.wait()
        listening.cancel()
        self._channel.send(Answer(0, self._report(Subject.METRICS)))
        await self._channel.flushed()
        self._channel.close()
        if listening.done() and not listening.cancelled():
            listening.result()  # what it could not do is the end of the process

    async def _listen(self) -> None:
        try:
            while (message := await self._channel.receive()) is not None:
                await self._told(message)
        finally:  # one that hears nothing more must not go on
            self._stop()

    async def _told(self, message: ToWorker) -> None:
        match message:
            case Accept(descriptors):
                await self._accept(descriptors)
            case Allow():
                self._running.gateway.planner.pool.allow()
            case Reload(document):
                self._reload(document)
            case Retire(idle_grace_s, wholly):
                self._take_no_more()
                self._running.retire(idle_grace_s)
                self._spawn_retiring(idle_grace_s if wholly else None)
            case Stop():
                self._stop()
            case Ask(question, subject):
                self._channel.send(Answer(question, self._report(subject)))
            case Gathered():
                self._workers.gathered(message)
            case Begin():
                pass  # it has begun

    async def _accept(self, descriptors: tuple[int, ...]) -> None:
        listeners = [socket.socket(fileno=os.dup(descriptor)) for descriptor in descriptors]
        await self._running.listen_on(listeners)
        for listener in listeners:
            listener.close()
        if self._arrivals is not None:
            self._arrivals.begin()
        self._channel.send(Accepting(descriptors))

    def _take_over(self, connection: socket.socket, read: bytes) -> None:
        self._takings.add(self._spawn(self._running.take_over(connection, read)))

    def _reload(self, document: Document) -> None:
        """The supervisor has judged the document; one that cannot be used here all the same changes nothing."""
        gateway = self._running.gateway
        try:
            self._running.reload(reloaded(gateway.settings, self._read(document)).settings)
        except SettingsError as error:
            gateway.fault(error, None)

    def _spawn_retiring(self, wholly_after_s: float | None) -> None:
        async def retire() -> None:
            if wholly_after_s is not None:
                await asyncio.sleep(wholly_after_s)
                self._running.retire(0.0)
            self._channel.send(Retired())
            await self._close()

        self._spawn(retire())

    def _stop(self) -> None:
        """Drain and end. Being told twice is usual (a service manager tells every process) and hurries nothing: the
        supervisor kills where somebody insists."""
        if self._running.gateway.elsewhere is not None:
            self._running.gateway.elsewhere.stops = True
        self._spawn(self._close())

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._takings.discard)
        return task

    def _take_no_more(self) -> None:
        if self._arrivals is not None:
            self._arrivals.stop()

    async def _close(self) -> None:
        self._take_no_more()
        await asyncio.gather(*self._takings)  # whoever has been taken is served to the end
        await self._running.close()
        self._ended.set()

    def _report(self, subject: Subject) -> Report:
        gateway = self._running.gateway
        return Report(
            worker=self._begin.worker,
            pid=os.getpid(),
            state="draining" if gateway.draining else "serving",
            reasons=gateway.not_ready() if subject is Subject.READINESS else None,
            figures=gateway.figures() if subject is Subject.METRICS else None,
            exchanges=Raw(gateway.telling.ring.to_json() if subject is Subject.EXCHANGES else b"null"),
        )

"""Several processes that serve, and this one, which watches over them. What can be wrong with a start is found here, as
it is for a gateway of one process: the settings and the address before any worker is started, the classifier beside
it, once for all."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from narrows.cli.configuration import flag_words, read_document, read_settings, settings_file
from narrows.cli.failure import OK, UNUSABLE, Failure
from narrows.cli.serve import WORKER_FLAG, Start, cannot_listen, start_lines
from narrows.errors import SettingsError
from narrows.server.announcing import standard_log, started
from narrows.server.file_watch import EVERY_S, FileWatch
from narrows.server.workers.launching import Surroundings
from narrows.server.workers.listeners import Listeners
from narrows.server.workers.member import NotPreparedError
from narrows.server.workers.messages import Document
from narrows.server.workers.supervisor import Supervisor
from narrows.settings import Settings
from narrows.telemetry.log import EventLog
from narrows.upstream.tls import client_context

_ENDING = (signal.SIGTERM, signal.SIGINT)


def run(start: Start) -> int:
    """Watch over workers until a signal ends them."""
    return asyncio.run(_supervise(start))


async def _supervise(start: Start) -> int:
    try:
        listeners = Listeners(start.settings.host, start.settings.port, start.settings.workers)
    except OSError as error:
        raise Failure(cannot_listen(start.settings, error)) from None
    log = standard_log(start.settings, worker=0)
    settings = replace(start.settings, port=listeners.port)
    supervisor = Supervisor(settings, read_document(start.arguments), listeners, log, _surroundings(start))
    over = asyncio.Event()
    _act_on_signals(supervisor, over)
    try:
        failed = await _until_over(start, supervisor, log, over)
        await supervisor.stop()
    finally:
        await supervisor.kill()
        listeners.close()
        await asyncio.to_thread(log.close)
    if failed is not None:
        raise failed
    return OK


async def _until_over(
    start: Start, supervisor: Supervisor, log: EventLog, over: asyncio.Event
) -> SettingsError | Failure | None:
    """Start the workers, and wait for the end; what the start failed by."""
    starting, stopped = asyncio.create_task(supervisor.start()), asyncio.create_task(over.wait())
    await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        return None
    error = starting.exception()
    if isinstance(error, NotPreparedError):
        unusable = error.status == UNUSABLE
        return SettingsError(error.problems) if unusable else Failure("; ".join(error.problems))
    starting.result()
    _announce(start, supervisor, log)
    watching = asyncio.create_task(_watch(start, supervisor))
    proving = asyncio.create_task(asyncio.to_thread(start.proof.wait))
    try:
        await asyncio.wait({proving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if proving.done() and isinstance(unproven := proving.exception(), SettingsError):
            return unproven
        if proving.done():
            proving.result()
            supervisor.allow()
            await stopped
    finally:
        watching.cancel()
        start.proof.stop()
        await asyncio.gather(proving, return_exceptions=True)
    return None


def _announce(start: Start, supervisor: Supervisor, log: EventLog) -> None:
    settings = supervisor.settings
    log.event(started(settings, start.policy, settings.port, settings.workers))
    if settings.logs_as_text(terminal=sys.stderr.isatty()):
        print(start_lines(settings, start.policy, settings.port), file=sys.stderr, flush=True)


def _act_on_signals(supervisor: Supervisor, over: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        if over.is_set():
            for member in supervisor.members:
                member.kill()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        over.set()

    for number in _ENDING:
        loop.add_signal_handler(number, stop, number)
    loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
    loop.add_signal_handler(signal.SIGUSR2, supervisor.restart)


async def _watch(start: Start, supervisor: Supervisor) -> None:
    watch = FileWatch(settings_file(start.arguments))
    while True:
        await asyncio.sleep(EVERY_S)
        if watch.changed():
            supervisor.reload()


def _surroundings(start: Start) -> Surroundings:
    arguments = start.arguments

    def read(document: Document) -> Settings:
        settings = read_settings(arguments, document=document).settings
        client_context(settings.ca_bundle)
        return settings

    # `python -m` looks for modules here first; a gateway that was not started so does not want that of its workers.
    isolated = [] if sys.path[:1] in ([""], [str(Path.cwd())]) else ["-P"]
    command = (sys.executable, *isolated, "-m", "narrows", "serve", *flag_words(arguments), WORKER_FLAG)
    return Surroundings(command, lambda: read_document(arguments), read)

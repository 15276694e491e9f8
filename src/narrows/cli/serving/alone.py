"""One process that serves. It listens while the classifier is still being tried, because that takes longer than all
the rest of the start: until it is proven `/readyz` says so, and what needs planning waits; where it fails, the start
has failed, and the process ends."""

from __future__ import annotations

import asyncio
import signal
import sys

from narrows.cli.configuration import read_settings, settings_file
from narrows.cli.failure import OK, Failure
from narrows.cli.serve import Start, cannot_listen, start_lines
from narrows.cli.serving.event_loop import loop_factory
from narrows.errors import SettingsError
from narrows.server.announcing import settings_reloaded
from narrows.server.app import RunningGateway, serve, tune_process
from narrows.server.file_watch import EVERY_S, FileWatch
from narrows.settings import reloaded
from narrows.telemetry.events import RestartRefused, SettingsRejected

_ENDING = (signal.SIGTERM, signal.SIGINT)


def run(start: Start) -> int:
    """Serve until a signal ends it."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_serve(start))


async def _serve(start: Start) -> int:
    settings = start.settings
    try:
        gateway = await serve(settings, start.policy, held_back=True)
    except OSError as error:
        raise Failure(cannot_listen(settings, error)) from None
    if settings.logs_as_text(terminal=sys.stderr.isatty()):  # in a JSON log the event `started` says it
        print(start_lines(settings, start.policy, gateway.port), file=sys.stderr, flush=True)
    tune_process()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _ENDING:
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, start, gateway)
    loop.add_signal_handler(signal.SIGUSR2, _cannot_restart, gateway)
    watching = asyncio.create_task(_watch(start, gateway))
    proving = asyncio.create_task(_prove(start, gateway, stop))
    await stop.wait()
    watching.cancel()
    for number in _ENDING:
        loop.remove_signal_handler(number)  # a second one finds the default action again, which is to die
    failed = proving.done() and proving.exception() is not None
    start.proof.stop()
    await gateway.close(drain_timeout_s=0 if failed else None)
    (proven,) = await asyncio.gather(proving, return_exceptions=True)
    if failed and isinstance(proven, SettingsError):
        raise proven
    return OK


async def _prove(start: Start, gateway: RunningGateway, stop: asyncio.Event) -> None:
    """Let the gateway plan once the classifier is proven, or stop it."""
    try:
        await asyncio.to_thread(start.proof.wait)
    except SettingsError:
        stop.set()
        raise
    gateway.gateway.planner.pool.allow()


async def _watch(start: Start, gateway: RunningGateway) -> None:
    watch = FileWatch(settings_file(start.arguments))
    while True:
        await asyncio.sleep(EVERY_S)
        if watch.changed():
            _reload(start, gateway)


def _reload(start: Start, gateway: RunningGateway) -> None:
    """Read the settings anew; those that cannot be used change nothing."""
    log = gateway.gateway.telling.log
    try:
        change = reloaded(gateway.gateway.settings, read_settings(start.arguments).settings)
        gateway.reload(change.settings)
    except SettingsError as error:
        log.event(SettingsRejected(problems=error.problems))
        return
    log.event(settings_reloaded(change))


def _cannot_restart(gateway: RunningGateway) -> None:
    gateway.gateway.telling.log.event(
        RestartRefused(
            problems=("a gateway of one process cannot be replaced without a gap; start it with --workers 2 or more",)
        )
    )

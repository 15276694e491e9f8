"""The composition root: from settings and a policy to a gateway that listens, and back.

Nothing below reads the environment, and nothing beside this module knows all the parts. A gateway that stops takes no
new connection, closes idle ones at once, lets exchanges in progress end within `drain_timeout_s`, and then ends the
rest.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from secrets import token_hex
from typing import Any

from narrows.policy import Level, Policy
from narrows.records.ring import ExchangeRing
from narrows.server.admission import Rules
from narrows.server.allocator import keep_freed_memory
from narrows.server.deadlines import Deadlines
from narrows.server.downstream import Downstream
from narrows.server.gateway import Gateway, Telling
from narrows.server.limits import Limits
from narrows.server.plan_pool import PlanPool
from narrows.server.planner import Planner
from narrows.settings import Settings
from narrows.telemetry.events import Started, Stopped, Stopping
from narrows.telemetry.log import EventLog
from narrows.telemetry.metrics import Metrics
from narrows.upstream.connection import Connection
from narrows.upstream.pool import Pool
from narrows.upstream.proxying import asked_through, proxy_for
from narrows.upstream.target import parse_target
from narrows.upstream.tls import client_context

_BACKLOG = 1024
_GC_THRESHOLD = 50_000
_DRAIN_STEP_S = 0.02
DEFAULT_LIMITS = Limits()


class RunningGateway:
    """A gateway that listens on `port`."""

    def __init__(self, gateway: Gateway, server: asyncio.Server, deadlines: Deadlines, *, owns_log: bool) -> None:
        self.gateway = gateway
        self._server = server
        self._deadlines = deadlines
        self._owns_log = owns_log
        self._handler_before = gateway.loop.get_exception_handler()
        gateway.loop.set_exception_handler(self._on_fault)
        self._closing: asyncio.Task[None] | None = None
        self.port: int = server.sockets[0].getsockname()[1]

    async def close(self, drain_timeout_s: float | None = None) -> None:
        """Drain and stop; `drain_timeout_s` is the settings' if not given. A second call waits for the first."""
        if self._closing is None:
            limit_s = self.gateway.settings.drain_timeout_s if drain_timeout_s is None else drain_timeout_s
            self._closing = asyncio.create_task(self._close(limit_s))
        await asyncio.shield(self._closing)

    async def _close(self, limit_s: float) -> None:
        gateway, log = self.gateway, self.gateway.telling.log
        gateway.draining = True
        self._server.close()
        log.event(Stopping(in_flight=gateway.in_flight, drain_timeout_s=limit_s))
        for downstream in tuple(gateway.downstreams):
            downstream.drain()
        gateway.pool.close()
        until_s = gateway.loop.time() + limit_s
        while gateway.downstreams and gateway.loop.time() < until_s:
            await asyncio.sleep(_DRAIN_STEP_S)
        aborted = gateway.in_flight
        for downstream in tuple(gateway.downstreams):
            downstream.abort()
        await asyncio.sleep(0)
        gateway.planner.close()
        self._deadlines.stop()
        gateway.afterwards.finish()
        gateway.loop.set_exception_handler(self._handler_before)
        log.event(Stopped(aborted=aborted))
        if self._owns_log:
            await asyncio.to_thread(log.close)

    def _on_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A fault in one of our protocols goes to our log; the loop has closed the connection. Others are not ours."""
        error = context.get("exception")
        if isinstance(context.get("protocol"), (Downstream, Connection)) and isinstance(error, Exception):
            self.gateway.fault(error, None)
        elif self._handler_before is not None:
            self._handler_before(loop, context)
        else:
            loop.default_exception_handler(context)


async def serve(
    settings: Settings, policy: Policy, *, limits: Limits = DEFAULT_LIMITS, log: EventLog | None = None
) -> RunningGateway:
    """Start a gateway; `policy` is what the settings make with the classifier and the tokenizer in force. Without a
    `log` of the caller's it writes one to standard error.

    Raises:
        SettingsError: the upstream or the CA bundle cannot be used.
        OSError: the address cannot be listened on.
    """
    target = parse_target(settings.upstream)
    proxy = proxy_for(target, settings.upstream_proxy, settings.no_proxy)
    target = asked_through(target, proxy)
    tls = client_context(settings.ca_bundle) if target.tls else None
    policies = {level: replace(policy, level=level) for level in Level}
    rules = Rules(target, policies, policy.level, token_hex(8).encode())
    metrics = Metrics(version=version("narrows"), policy_version=policy.version)
    telling = Telling(metrics, log or _standard_log(settings), ExchangeRing())
    planner = Planner(PlanPool(settings.plan_workers), settings)
    pool = Pool(target, tls, settings.connect_timeout_s, proxy)
    gateway = Gateway(settings, rules, pool, planner, telling, limits)
    deadlines = Deadlines(gateway.loop, gateway.downstreams, gateway.each_tick)
    server = await gateway.loop.create_server(
        lambda: Downstream(gateway), settings.host, settings.port, backlog=_BACKLOG
    )
    running = RunningGateway(gateway, server, deadlines, owns_log=log is None)
    telling.log.event(_started(settings, policy, running.port))
    return running


def tune_process() -> None:
    """Settle the process for serving: what has been loaded is no garbage, and freed memory is kept."""
    keep_freed_memory()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


def _standard_log(settings: Settings) -> EventLog:
    text = settings.logs_as_text(terminal=sys.stderr.isatty())
    return EventLog(sys.stderr.buffer, time.time, level=settings.log_level, text=text)


def _started(settings: Settings, policy: Policy, port: int) -> Started:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return Started(
        version=version("narrows"),
        address=f"{host}:{port}",
        upstream=settings.upstream,
        policy_version=policy.version,
        level=policy.level,
        scope=policy.scope,
        classifier=policy.classifier,
    )

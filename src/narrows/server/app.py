"""The composition root: from settings and a policy to a gateway that listens, and back.

Nothing below reads the environment, and nothing beside this module knows all the parts. A gateway that stops takes no
new connection, closes idle ones at once, lets exchanges in progress end within `drain_timeout_s`, and then ends the
rest.
"""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from narrows.policy import Level, Policy
from narrows.records.ring import ExchangeRing
from narrows.server.admission import POLICY_FIELD, Rules
from narrows.server.agents.asking import SESSION_FIELD
from narrows.server.allocator import keep_freed_memory
from narrows.server.announcing import log_as, new_loop_mark, standard_log, started
from narrows.server.deadlines import Deadlines
from narrows.server.downstream import Downstream
from narrows.server.gateway import Gateway, Telling
from narrows.server.limits import Limits
from narrows.server.plan_pool import PlanPool
from narrows.server.planner import Planner
from narrows.settings import Settings, local_url
from narrows.telemetry.events import Stopped, Stopping
from narrows.telemetry.log import EventLog
from narrows.telemetry.metrics import Metrics
from narrows.upstream.connection import Connection
from narrows.upstream.pool import Pool, PoolCounts
from narrows.upstream.proxying import asked_through, proxy_for
from narrows.upstream.target import parse_target
from narrows.upstream.tls import client_context

if TYPE_CHECKING:
    from narrows.server.agents.handing_over import Elsewhere

BACKLOG = 1024
"""Connections that the system keeps until they are accepted."""
NOWHERE = "http://no-upstream.invalid"
"""Stands for the upstream of a gateway that has agents alone; nothing is ever sent there (RFC 6761 section 6.4)."""
_GC_THRESHOLD = 50_000
_DRAIN_STEP_S = 0.02
DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Among:
    """The place of a gateway among several: its `number`, the `loop_mark` that they share and by which they know their
    own requests, and the process that has the agents, where that is another."""

    number: int | None = None
    loop_mark: str = ""
    elsewhere: Elsewhere | None = None


ALONE = Among()


class RunningGateway:
    """A gateway that runs, and listens on `port` once it has been told to."""

    def __init__(self, gateway: Gateway, *, owns_log: bool) -> None:
        self.gateway = gateway
        self.port = 0
        self._servers: list[asyncio.Server] = []
        self._deadlines = Deadlines(gateway.loop, gateway.downstreams, self._tick)
        self._owns_log = owns_log
        self._handler_before = gateway.loop.get_exception_handler()
        gateway.loop.set_exception_handler(self._on_fault)
        self._closing: asyncio.Task[None] | None = None
        self._tell_agents()

    async def listen_at(self, host: str, port: int) -> None:
        """Accept connections at an address.

        Raises:
            OSError: it cannot be listened on.
        """
        self._listening(await self.gateway.loop.create_server(self._accepted, host, port, backlog=BACKLOG))

    async def listen_on(self, listeners: Sequence[socket.socket]) -> None:
        """Accept connections from exactly these sockets, which stay the caller's: what they queue outlives us."""
        self._stop_listening()
        for listener in listeners:
            own = listener.dup()
            own.setblocking(False)
            self._listening(await self.gateway.loop.create_server(self._accepted, sock=own, backlog=BACKLOG))

    def reload(self, settings: Settings) -> None:
        """Serve what begins from now on with these settings, as far as they differ in nothing that needs a restart.

        Raises:
            SettingsError: the upstream or the CA bundle cannot be used; then nothing has changed.
        """
        before = self.gateway
        pool = _pool(settings, before.pool.counts)
        self.gateway = before.renewed(settings, replace(before.rules, target=pool.target), pool)
        self.gateway.planner.use(settings)
        if self._owns_log:
            log_as(self.gateway.telling.log, settings)
        for downstream in tuple(self.gateway.downstreams):
            downstream.serve_under(self.gateway)
        before.pool.close()
        self._tell_agents()

    def retire(self, idle_grace_s: float) -> None:
        """Accept nothing more, for others do; connections without an exchange close after a grace, and answers say
        that theirs does."""
        self._stop_listening()
        self.gateway.life.draining = True
        self.gateway.life.idle_grace_s = idle_grace_s
        for downstream in tuple(self.gateway.downstreams):
            downstream.drain()

    async def close(self, drain_timeout_s: float | None = None) -> None:
        """Drain and stop; `drain_timeout_s` is the settings' if not given. A second call waits for the first. One that
        retired keeps the grace it gives."""
        if self._closing is None:
            limit_s = self.gateway.settings.drain_timeout_s if drain_timeout_s is None else drain_timeout_s
            self._closing = asyncio.create_task(self._close(limit_s))
        await asyncio.shield(self._closing)

    async def _close(self, limit_s: float) -> None:
        gateway, log = self.gateway, self.gateway.telling.log
        if not gateway.draining:
            gateway.life.stopping = True
            self.retire(0.0)
        self._let_go()
        log.event(Stopping(in_flight=gateway.in_flight, drain_timeout_s=limit_s))
        gateway.pool.close()
        until_s = gateway.loop.time() + limit_s
        while gateway.downstreams and gateway.loop.time() < until_s:
            await asyncio.sleep(_DRAIN_STEP_S)
            self._let_go()
        aborted = gateway.in_flight
        for downstream in tuple(gateway.downstreams):
            downstream.end()
        await asyncio.sleep(0)
        if gateway.agents is not None:
            await gateway.agents.close()
        gateway.planner.close()
        self._deadlines.stop()
        gateway.afterwards.finish()
        gateway.loop.set_exception_handler(self._handler_before)
        log.event(Stopped(aborted=aborted))
        if self._owns_log:
            await asyncio.to_thread(log.close)

    def _let_go(self) -> None:
        """What waits for a client's request, since before or only now, waits in vain."""
        if self.gateway.agents is not None:
            self.gateway.agents.let_go()

    async def take_over(self, connection: socket.socket, read: bytes) -> None:
        """Serve a client that another process has handed over, of whose connection it has read these bytes."""
        with suppress(OSError):  # it has left meanwhile
            await self.gateway.loop.connect_accepted_socket(lambda: _HandedOver(self.gateway, read), connection)

    def _accepted(self) -> Downstream:
        return Downstream(self.gateway)

    def _listening(self, server: asyncio.Server) -> None:
        self._servers.append(server)
        self.port = server.sockets[0].getsockname()[1]
        self._tell_agents()

    def _tell_agents(self) -> None:
        """Where their model calls can come in; what is not listened on here may be by workers that hand over."""
        gateway, settings = self.gateway, self.gateway.settings
        if gateway.agents is not None:
            url = local_url(settings.host, self.port or settings.port) + settings.own_prefix
            gateway.agents.reached_at(url, lends_key=bool(settings.upstream_key), has_keys=bool(settings.keys))

    def _stop_listening(self) -> None:
        while self._servers:
            self._servers.pop().close()

    def _tick(self, now_s: float) -> None:
        self.gateway.each_tick(now_s)

    def discard(self) -> None:
        """Let go of what never listened."""
        self._deadlines.stop()
        self.gateway.loop.set_exception_handler(self._handler_before)

    def _on_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A fault in one of our protocols goes to our log; the loop has closed the connection. Others are not ours."""
        error = context.get("exception")
        if isinstance(context.get("protocol"), (Downstream, Connection)) and isinstance(error, Exception):
            self.gateway.fault(error, None)
        elif self._handler_before is not None:
            self._handler_before(loop, context)
        else:
            loop.default_exception_handler(context)


class _HandedOver(Downstream):
    """A client's connection of which some bytes were read before there was this."""

    def __init__(self, gateway: Gateway, read: bytes) -> None:
        super().__init__(gateway)
        self._read_before = read

    def drain(self) -> None:
        """It is no idle connection before what was read of it has been looked at."""
        if not self._read_before:
            super().drain()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        read, self._read_before = self._read_before, b""
        self.data_received(read)


async def serve(
    settings: Settings,
    policy: Policy,
    *,
    limits: Limits = DEFAULT_LIMITS,
    log: EventLog | None = None,
    held_back: bool = False,
) -> RunningGateway:
    """Start a gateway that listens where the settings say. `held_back`: its planning waits to be allowed.

    Raises:
        SettingsError: the upstream or the CA bundle cannot be used.
        OSError: the address cannot be listened on.
    """
    running = build(settings, policy, limits=limits, log=log)
    if held_back:
        running.gateway.planner.pool.hold_back()
    try:
        await running.listen_at(settings.host, settings.port)
    except OSError:
        running.discard()
        raise
    running.gateway.telling.log.event(started(settings, policy, running.port))
    return running


def build(
    settings: Settings,
    policy: Policy,
    *,
    limits: Limits = DEFAULT_LIMITS,
    log: EventLog | None = None,
    among: Among = ALONE,
) -> RunningGateway:
    """A gateway that does not listen yet; `policy` is what the settings make with the classifier and the tokenizer in
    force. Without a `log` of the caller's it writes one to standard error. `among` which others it serves.

    Raises:
        SettingsError: the upstream or the CA bundle cannot be used.
    """
    pool = _pool(settings)
    policies = {level: replace(policy, level=level) for level in Level}
    read_here = {POLICY_FIELD, SESSION_FIELD} if settings.agents else {POLICY_FIELD}
    loop_mark = (among.loop_mark or new_loop_mark()).encode()
    rules = Rules(pool.target, policies, policy.level, loop_mark, frozenset(read_here))
    metrics = Metrics(version=version("narrows"), policy_version=policy.version)
    telling = Telling(metrics, log or standard_log(settings, among.number), ExchangeRing())
    planner = Planner(PlanPool(settings.plan_workers), settings)
    gateway = Gateway(settings, rules, pool, planner, telling, limits)
    gateway.elsewhere = among.elsewhere
    if among.elsewhere is None:
        gateway.serve_agents()
    return RunningGateway(gateway, owns_log=log is None)


def tune_process() -> None:
    """Settle the process for serving: what has been loaded is no garbage, and freed memory is kept."""
    keep_freed_memory()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


def _pool(settings: Settings, counts: PoolCounts | None = None) -> Pool:
    target = parse_target(settings.upstream or NOWHERE)
    proxy = proxy_for(target, settings.upstream_proxy, settings.no_proxy)
    target = asked_through(target, proxy)
    tls = client_context(settings.ca_bundle) if target.tls else None
    return Pool(target, tls, settings.connect_timeout_s, proxy, counts)

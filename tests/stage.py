"""Gateways under test in front of one scripted upstream, which must be found whole afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from narrows.core.tokens import TOKENIZER
from narrows.records.types import ExchangeRecord
from narrows.server.app import RunningGateway, serve
from narrows.server.deadlines import TICK_S
from narrows.server.limits import Limits
from narrows.telemetry.log import EventLog
from tests.gateways import settings_for
from tests.raw_client import RawClient, raw_client
from tests.scripted_upstream import ScriptedUpstream

PATIENT = Limits(linger_s=60.0, stale_s=60.0)
"""A busy machine may take seconds for what takes milliseconds here, and no test is about that."""


class Lines:
    """A log that is kept."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes, /) -> None:
        self.written += data

    def flush(self) -> None: ...


class Stage:
    """Gateways in front of one scripted upstream, and clients of them."""

    def __init__(self, upstream: ScriptedUpstream, stack: AsyncExitStack) -> None:
        self.upstream = upstream
        self.stack = stack
        self.log = Lines()
        self.gateways: list[RunningGateway] = []

    async def gateway(
        self, *, limits: Limits | None = None, upstream: str | None = None, **changes: Any
    ) -> RunningGateway:
        settings = settings_for(self.upstream.url if upstream is None else upstream, **changes)
        policy = settings.policy("none", TOKENIZER)
        log = EventLog(self.log, lambda: 0.0, text=False)
        gateway = await serve(settings, policy, limits=limits or PATIENT, log=log)
        self.gateways.append(gateway)
        return gateway

    async def client(self, gateway: RunningGateway) -> RawClient:
        return await self.stack.enter_async_context(raw_client(gateway.port))

    async def pass_time(self, seconds: float) -> None:
        """Let the clock of everything on this loop go forward, and the gateways look at it. A test of a limit gives one
        that no machine is too slow for, waits until everything is where it should be, and lets the time pass here."""
        loop = asyncio.get_running_loop()
        before = loop.time
        loop.time = lambda: before() + seconds  # type: ignore[method-assign] # of this test's loop alone
        await asyncio.sleep(TICK_S * 3)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it."""
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.005)

    async def record(self, gateway: RunningGateway, index: int = 0) -> ExchangeRecord:
        """The record of the gateway's exchange of this index, once it is told."""
        ring = gateway.gateway.telling.ring
        await self.until(lambda: ring.appended > index)
        return ring.newest()[ring.appended - 1 - index]

    async def logged(self, text: bytes) -> None:
        """Wait until the log has a line with `text`."""
        await self.until(lambda: text in self.log.written)


@asynccontextmanager
async def stage_before(upstream: ScriptedUpstream) -> AsyncIterator[Stage]:
    """The stage; afterwards no gateway may hold anything any more, nor have had a fault of its own."""
    async with AsyncExitStack() as stack:
        stage = Stage(upstream, stack)
        yield stage
        await stack.aclose()
        for running in stage.gateways:
            await running.close(drain_timeout_s=2)
            gateway = running.gateway
            if gateway.faults:
                await stage.logged(b"internal_error")
                raise AssertionError(stage.log.written)
            assert (gateway.budget.held, len(gateway.downstreams), gateway.pool.idle_count) == (0, 0, 0)
        await upstream.all_closed()

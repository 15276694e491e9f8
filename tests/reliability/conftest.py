"""A stage for each test, on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from tests.scripted_upstream import ScriptedUpstream
from tests.stage import Stage, stage_before


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def stage(scripted_upstream: ScriptedUpstream) -> AsyncIterator[Stage]:
    async with stage_before(scripted_upstream) as stage:
        yield stage

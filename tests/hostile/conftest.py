"""A stage for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.scripted_upstream import ScriptedUpstream
from tests.stage import Stage, stage_before


@pytest.fixture
async def stage(scripted_upstream: ScriptedUpstream) -> AsyncIterator[Stage]:
    async with stage_before(scripted_upstream) as stage:
        yield stage

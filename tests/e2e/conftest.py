"""A gateway in front of the scripted upstream, and clients that talk to either."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.gateways import running_gateway
from tests.scripted_upstream import ScriptedUpstream


@pytest.fixture
async def gateway(scripted_upstream: ScriptedUpstream) -> AsyncIterator[str]:
    """The base URL of a running gateway, without /v1."""
    async with running_gateway(scripted_upstream.url) as url:
        yield url

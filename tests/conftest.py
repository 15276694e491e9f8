"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.scripted_upstream import ScriptedUpstream

REPOSITORY = Path(__file__).resolve().parent.parent
CORPUS = REPOSITORY.parent / "shared" / "corpus"

settings.register_profile("narrows", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("narrows")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The shared corpus beside the checkout; a test that needs it is skipped, by name, where it is absent."""
    if not CORPUS.is_dir():
        pytest.skip("shared corpus not found at ../shared/corpus")
    return CORPUS


@pytest.fixture
async def scripted_upstream() -> AsyncIterator[ScriptedUpstream]:
    """A model's server on loopback that does what the test tells it; see tests/scripted_upstream.py."""
    async with ScriptedUpstream() as upstream:
        yield upstream

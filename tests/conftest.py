"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.scripted_upstream import ScriptedUpstream

REPOSITORY = Path(__file__).resolve().parent.parent
CORPUS = REPOSITORY.parent / "shared" / "corpus"

settings.register_profile(
    "check", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True, derandomize=True
)
settings.register_profile("explore", settings.get_profile("check"), derandomize=False, max_examples=500)
# A check draws the same examples every time: it fails for a change, not by chance. `make explore` draws others.
# A profile given to pytest on its command line is the one that counts: its plugin loads it after this file.
settings.load_profile("check")


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

"""The event loop of a process that serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, which halves the event loop's cost, where it is installed."""
    try:
        import uvloop  # here and not at the top: it does not exist for every platform
    except ImportError:
        return None
    return uvloop.new_event_loop

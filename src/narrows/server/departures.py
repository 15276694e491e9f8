"""Clients that leave while nothing is read from them.

A connection that is held up is not watched by the event loop, so its end goes unseen for as long as the upstream takes
nothing. The system is asked about all of them at once, without reading from any, forty times a second for as long as
there are any. A close that is queued behind bytes for which there is no room has not arrived, and nobody can see it:
the idle limit ends that one, as it ends all of them where the system has no `poll`.
"""

from __future__ import annotations

import select
from collections.abc import Collection


def departed(descriptors: Collection[int]) -> list[int]:
    """Those of the sockets whose other side has closed, or its sending half, or reset the connection; never waits."""
    if not descriptors or not hasattr(select, "poll"):
        return []
    left = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)  # the last one is Linux's
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, left)
    return [descriptor for descriptor, _ in poll.poll(0)]

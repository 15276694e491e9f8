"""An event loop over epoll with timers, for one thread: what the generator and the upstream run on.

It is our own because it has to cost less than what it measures: a ready connection costs one call and its system calls.
"""

from __future__ import annotations

import heapq
import select
import socket
import ssl
from collections.abc import Callable
from itertools import count
from time import perf_counter
from typing import Protocol

RECEIVE_BYTES = 64 << 10
"""Below the size at which the allocator asks the kernel for every buffer anew."""

_IDLE_S = 0.05


class Source(Protocol):
    """What has a descriptor and is told when it is ready."""

    def ready(self, events: int) -> None: ...


class Loop:
    """Runs until a time, or until `stop` is called."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._sources: dict[int, Source] = {}
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self._stopped = False

    def add(self, descriptor: int, source: Source) -> None:
        self._sources[descriptor] = source
        self._epoll.register(descriptor, select.EPOLLIN)

    def want(self, descriptor: int, *, writing: bool) -> None:
        """Whether to be told as well when the descriptor can be written to."""
        self._epoll.modify(descriptor, select.EPOLLIN | (select.EPOLLOUT if writing else 0))

    def remove(self, descriptor: int) -> None:
        if self._sources.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def at(self, due_s: float, action: Callable[[float], None]) -> None:
        """Call `action` with its due time, at or soon after it (`perf_counter` seconds)."""
        heapq.heappush(self._timers, (due_s, next(self._order), action))

    def stop(self) -> None:
        self._stopped = True

    def run(self, seconds: float) -> bool:
        """Run for `seconds`; True where `stop` ended it before."""
        self._stopped = False
        sources, poll = self._sources, self._epoll.poll
        until_s = perf_counter() + seconds
        while not self._stopped:
            now_s = perf_counter()
            if now_s >= until_s:
                break
            for descriptor, events in poll(self._wait_s(now_s, until_s), 256):
                source = sources.get(descriptor)
                if source is not None:
                    source.ready(events)
        return self._stopped

    def _wait_s(self, now_s: float, until_s: float) -> float:
        """Do what is due, and say how long nothing will be."""
        timers = self._timers
        while timers and timers[0][0] <= now_s:
            due_s, _, action = heapq.heappop(timers)
            action(due_s)
        next_s = timers[0][0] if timers else until_s
        return max(0.0, min(next_s - now_s, until_s - now_s, _IDLE_S))


class Link:
    """A connection: `received` gets what comes, `lost` is called once when it has ended."""

    def __init__(self, loop: Loop, connected: socket.socket) -> None:
        connected.setblocking(False)
        if connected.family in (socket.AF_INET, socket.AF_INET6):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.loop = loop
        self.closed = False
        self._socket = connected
        self._descriptor = connected.fileno()
        self._unsent = memoryview(b"")
        self._receive = connected.recv
        loop.add(self._descriptor, self)

    def received(self, data: bytes) -> None:
        raise NotImplementedError

    def lost(self) -> None:
        """The other side has closed."""

    def write(self, data: bytes) -> None:
        """Send, now as far as it goes."""
        if self.closed:
            return
        if self._unsent:
            self._unsent = memoryview(bytes(self._unsent) + data)
            return
        sent = self._sent(data)
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            if not self.closed:
                self.loop.want(self._descriptor, writing=True)

    def ready(self, events: int) -> None:
        if events & select.EPOLLOUT:
            self._unsent = self._unsent[self._sent(self._unsent) :]
            if not self._unsent and not self.closed:
                self.loop.want(self._descriptor, writing=False)
        if events & ~select.EPOLLOUT and not self.closed:
            self._read()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.loop.remove(self._descriptor)
            self._socket.close()

    def _read(self) -> None:
        try:
            data = self._receive(RECEIVE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            data = b""
        if data:
            self.received(data)
        else:
            self.close()
            self.lost()

    def _sent(self, data: bytes | memoryview) -> int:
        try:
            return self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            return 0
        except OSError:
            self.close()
            self.lost()
            return len(data)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""The listening sockets of several workers, one for each, bound and kept by the supervisor.

On Linux each worker has its own under `SO_REUSEPORT`, and the kernel deals connections out to them by a hash, evenly
and without contention. The known trap is that a listening socket which is closed takes the connections in its queue
with it, as resets. Here none is ever closed while the gateway runs: a worker inherits its socket and gives it on to its
successor, or, if it died, for a while to another worker, and what is queued is accepted by whoever comes.

Elsewhere `SO_REUSEPORT` is absent, or deals nothing out; there all workers accept from one socket.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

BACKLOG = 1024


class Listeners:
    """What each of `workers` listens on: `of` gives the sockets by a worker's number, from 1. `port` is theirs."""

    def __init__(self, host: str, port: int, workers: int, *, own_sockets: bool = sys.platform == "linux") -> None:
        """Raises OSError, as a single gateway's start would, where the address cannot be listened on."""
        self._sets: list[tuple[socket.socket, ...]] = []
        probes: list[socket.socket] = []
        try:
            for family, address in _addresses(host, port):
                probes.append(_bound(family, address, reuse_port=False))
            self._sets = _dealt_out(probes, workers) if own_sockets else [tuple(probes)] * workers
            for one in self.all():
                one.listen(BACKLOG)
                one.set_inheritable(True)
        except OSError:
            for one in (*probes, *self.all()):
                one.close()
            raise
        self.port: int = self._sets[0][0].getsockname()[1]

    def of(self, worker: int) -> tuple[socket.socket, ...]:
        return self._sets[worker - 1]

    def all(self) -> list[socket.socket]:
        """Every socket, once."""
        return list({one.fileno(): one for each in self._sets for one in each}.values())

    def descriptors(self, workers: Sequence[int]) -> tuple[int, ...]:
        """The descriptors of these workers' sockets, each once."""
        return tuple(sorted({one.fileno() for worker in workers for one in self.of(worker)}))

    def close(self) -> None:
        for one in self.all():
            one.close()


def _dealt_out(probes: Sequence[socket.socket], workers: int) -> list[tuple[socket.socket, ...]]:
    """A set of sockets for each worker, where the probes were bound. These were bound without the option, which fails
    where anybody listens already: with it alone, a second gateway would slip in beside the first."""
    places = [(probe.family, probe.getsockname()) for probe in probes]
    for probe in probes:
        probe.close()
    return [tuple(_bound(family, place, reuse_port=True) for family, place in places) for _ in range(workers)]


def _addresses(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    unique = dict.fromkeys((int(family), (str(place[0]), int(place[1]))) for family, _, _, _, place in found)
    return list(unique)


def _bound(family: int, address: tuple[str, int], *, reuse_port: bool) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if reuse_port:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(address[:2])
    except OSError:
        one.close()
        raise
    return one

"""Where slices are measured: the loop, the upstream, the proxies that run, and the cores they run on."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from bench.dataplane.client import Failed
from bench.dataplane.figures import turned
from bench.dataplane.loop import Loop
from bench.dataplane.processes import Process
from bench.dataplane.proxies import DIRECT, Place, start
from bench.dataplane.upstream import Upstream

_SETTLE_S = 0.1
_SETTLE_LIMIT_S = 10.0
_RESTING_SHARE = 0.1

Samples = dict[str, dict[str, list[float]]]
"""By figure, then by proxy, one sample a round."""


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int
    slice_s: float
    first_times: int
    idle_streams: int
    hold_s: float
    starts: int

    def once(self) -> Effort:
        """The same in a single round, for what is the same in every round."""
        return replace(self, rounds=1)


FULL = Effort(rounds=5, slice_s=2.0, first_times=200, idle_streams=2000, hold_s=20.0, starts=5)
QUICK = Effort(rounds=2, slice_s=0.7, first_times=40, idle_streams=300, hold_s=4.0, starts=2)


class Stage:
    """`names` are the proxies that are there, narrows first."""

    def __init__(self, names: Sequence[str], effort: Effort, folder: Path) -> None:
        self.names = list(names)
        self.effort = effort
        self.folder = folder
        self.own_core, self.proxy_cores = _cores()
        os.sched_setaffinity(0, self.own_core)
        self.loop = Loop()
        self.upstream = Upstream(self.loop)
        self._running: dict[str, Process] = {}
        self.failed: dict[str, str] = {}
        self._unstartable: dict[str, str] = {}

    def place(self, cores: frozenset[int] | None = None) -> Place:
        return Place(self.folder, cores or self.proxy_cores, self.upstream.port)

    def proxy(self, name: str) -> Process:
        """A proxy that stays, started when it is first asked for."""
        if name not in self._running:
            if name in self._unstartable:
                raise RuntimeError(self._unstartable[name])
            try:
                self._running[name] = start(name, self.place())
            except RuntimeError as error:
                self._unstartable[name] = str(error)
                raise
        return self._running[name]

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Only this proxy runs; the others, whatever they have left to do, stand still."""
        if name in self._running:
            self._running[name].resume()
        try:
            yield
        finally:
            if name in self._running:
                self._running[name].pause()

    @contextmanager
    def fresh(self, name: str, *, cores: frozenset[int] | None = None) -> Iterator[Process]:
        """A proxy that nothing has used yet."""
        process = start(name, self.place(cores))
        try:
            yield process
        finally:
            process.stop()

    def port(self, name: str) -> int:
        return self.upstream.port if name == DIRECT else self.proxy(name).port

    def dressed(self, name: str, requests: Sequence[bytes]) -> Sequence[bytes]:
        """The requests with the header fields that this proxy needs of its clients."""
        return requests if name == DIRECT else self.proxy(name).dressed(requests)

    def cpu_s(self, name: str) -> float:
        return 0.0 if name == DIRECT else self.proxy(name).cpu_s()

    def settle(self, name: str) -> None:
        """Wait until a proxy has come to rest, if it does soon: a slow one still works on what it was sent."""
        until_s = perf_counter() + _SETTLE_LIMIT_S
        before, resting = self.cpu_s(name), False
        while name != DIRECT and not resting and perf_counter() < until_s:
            self.loop.run(_SETTLE_S)
            after = self.cpu_s(name)
            resting, before = after - before < _RESTING_SHARE * _SETTLE_S, after

    def rounds(self, names: Sequence[str], slice_of: Callable[[str], Mapping[str, float]]) -> Samples:
        """Every proxy's slice in every round. One that fails is left out of the rest, by name, with the reason."""
        samples: Samples = defaultdict(dict)
        names = [name for name in names if name not in self.failed]
        for by in range(self.effort.rounds):
            for name in turned(names, by):
                if name in self.failed:
                    continue
                try:
                    with self._alone(name):
                        measured = slice_of(name)
                        self.settle(name)
                except (Failed, OSError, RuntimeError) as error:
                    self.failed[name] = self._why(name, error)
                    self._end(name)
                    continue
                for figure, value in measured.items():
                    samples[figure].setdefault(name, []).append(value)
        return samples

    def _why(self, name: str, error: Exception) -> str:
        """What went wrong, and what the proxy's own log says of it."""
        complained = self._running[name].complained() if name in self._running else ""
        return f"{error} (its log: {complained})" if complained else str(error)

    def _end(self, name: str) -> None:
        """Stop one that failed, so that the next scenario finds it as new; what it still streams ends too."""
        if name in self._running:
            self._running.pop(name).stop()
        self.upstream.end_streams()

    def close(self) -> None:
        for process in self._running.values():
            process.stop()
        self.upstream.close()


def _cores() -> tuple[frozenset[int], frozenset[int]]:
    """One core for ourselves and another for the proxy; the same one where there is no other."""
    cores = sorted(os.sched_getaffinity(0))
    return frozenset(cores[:1]), frozenset(cores[-1:])


@contextmanager
def staged(names: Sequence[str], effort: Effort) -> Iterator[Stage]:
    """A stage in a folder that goes away with it."""
    with tempfile.TemporaryDirectory(prefix="bench-dataplane-") as folder:
        stage = Stage(names, effort, Path(folder))
        try:
            yield stage
        finally:
            stage.close()

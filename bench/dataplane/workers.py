"""Two workers against one: how much more two processes of a proxy answer than one does, ours and nginx's.

With a core for each worker, and one for ourselves, the rates are measured. On a smaller machine they cannot be: all
would share what one worker has alone. There the figure is what the CPU time allows: a worker answers as many requests
as fit into its core's second, so two answer twice as many, less what a request costs more in two processes than in one.

Two processes that take turns on a core are woken more often, for fewer connections at once, than one that has it
alone; with a core each they are not. What nginx loses by that, in the same round, is what the machine takes, and no
worker can be asked to give it back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from bench.dataplane.bodies import small
from bench.dataplane.figures import Figure, Measure, Target, turned
from bench.dataplane.processes import Process
from bench.dataplane.proxies import NARROWS, NGINX, Place, start
from bench.dataplane.requests import request_slice
from bench.dataplane.stage import Stage

CONCURRENCY = 64
ENOUGH_CORES = 3


def two_workers(stage: Stage) -> list[Figure]:
    """1 KB each way at concurrency 64, through one worker and through two, in turn."""
    there = os.cpu_count() or 1
    measured = there >= ENOUGH_CORES
    spread = frozenset(range(there)) - stage.own_core if measured else stage.proxy_cores
    names = [name for name in stage.names if name in (NARROWS, NGINX)]
    places = {(name, 1): stage.place() for name in names}
    places |= {(name, 2): replace(stage.place(spread), workers=2) for name in names}
    load = [[small()]] * CONCURRENCY
    ratios: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        processes = {which: stack.enter_context(_paused(which[0], place)) for which, place in places.items()}
        for by in range(stage.effort.rounds):
            found: dict[tuple[str, int], dict[str, float]] = {}
            for which in turned(list(places), by):
                process = processes[which]
                process.resume()
                found[which] = request_slice(stage, process.port, load, process.cpu_s)
                process.pause()
            for name in names:
                ratios[name].append(scaling(found[name, 1], found[name, 2], measured=measured))
    note = "" if measured else f"by CPU a request: {there} cores are too few for the rates"
    target = Target(Measure.VALUE, 1.8, at_least=True)
    return [Figure(f"1 KB, c={CONCURRENCY}", "two workers over one", "x", ratios, target, note)]


def scaling(one: Mapping[str, float], two: Mapping[str, float], *, measured: bool) -> float:
    """How many times as much two workers answer, by the rates or by what their CPU time allows."""
    return two["rate"] / one["rate"] if measured else 2 * one["cpu"] / two["cpu"]


@contextmanager
def _paused(name: str, place: Place) -> Iterator[Process]:
    process = start(name, place)
    process.pause()
    try:
        yield process
    finally:
        process.stop()

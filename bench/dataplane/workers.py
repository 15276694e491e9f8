"""Two workers against one: how much more two processes of the gateway answer than one does.

With a core for each worker, and one for ourselves, the rates are measured. On a smaller machine they cannot be: all
would share what one worker has alone. There the figure is what the CPU time allows: a worker answers as many requests
as fit into its core's second, so two answer twice as many, less what a request costs more in two processes than in one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from bench.dataplane.bodies import small
from bench.dataplane.figures import Figure, Measure, Target, turned
from bench.dataplane.processes import Process
from bench.dataplane.proxies import NARROWS, Place, start
from bench.dataplane.requests import request_slice
from bench.dataplane.stage import Stage

CONCURRENCY = 64
ENOUGH_CORES = 3


def two_workers(stage: Stage) -> list[Figure]:
    """1 KB each way at concurrency 64, through one worker and through two, in turn."""
    there = os.cpu_count() or 1
    measured = there >= ENOUGH_CORES
    spread = frozenset(range(there)) - stage.own_core if measured else stage.proxy_cores
    places = {
        "one": stage.place(),
        "two": replace(stage.place(spread), flags=("--workers", "2")),
    }
    load = [[small()]] * CONCURRENCY
    ratios: list[float] = []
    with ExitStack() as stack:
        processes = {name: stack.enter_context(_paused(place)) for name, place in places.items()}
        for by in range(stage.effort.rounds):
            found: dict[str, dict[str, float]] = {}
            for name in turned(list(places), by):
                process = processes[name]
                process.resume()
                found[name] = request_slice(stage, process.port, load, process.cpu_s)
                process.pause()
            ratios.append(scaling(found["one"], found["two"], measured=measured))
    note = "" if measured else f"by CPU a request: {there} cores are too few for the rates"
    target = Target(Measure.VALUE, 1.8, at_least=True)
    return [Figure(f"1 KB, c={CONCURRENCY}", "two workers over one", "x", {NARROWS: ratios}, target, note)]


def scaling(one: Mapping[str, float], two: Mapping[str, float], *, measured: bool) -> float:
    """How many times as much two workers answer, by the rates or by what their CPU time allows."""
    return two["rate"] / one["rate"] if measured else 2 * one["cpu"] / two["cpu"]


@contextmanager
def _paused(place: Place) -> Iterator[Process]:
    process = start(NARROWS, place)
    process.pause()
    try:
        yield process
    finally:
        process.stop()

"""A body that nothing has seen before, 200 KB with 100 KB of new tool output: how long it takes, and whether anybody
else's request has to wait for it.

The planning process works beside the event loop, so here the proxy may use every core. Who waits is told by a small
request every 2 ms: its time, and the CPU time the gateway's process used meanwhile. The latter bounds how long the
event loop was held; the former also holds what the machine did with its cores.
"""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from bench.dataplane.bodies import first_time, ping
from bench.dataplane.client import Asking, Failed, Metronome, Tally
from bench.dataplane.figures import Figure, Measure, Target, percentile
from bench.dataplane.processes import Process
from bench.dataplane.proxies import NARROWS, NGINX
from bench.dataplane.stage import Stage

TOOL_BYTES = 100_000
OTHER_BYTES = 96_000
PERIOD_S = 0.002
_WARM = 12
_LIMIT_S = 120.0
_MS = 1e3


def first_time_bodies(stage: Stage) -> list[Figure]:
    """One new body after the other, through narrows and through nginx."""
    group = "200 KB with 100 KB new, c=1"
    figures: dict[str, dict[str, list[float]]] = defaultdict(dict)
    detail: dict[str, float] = {}
    every_core = stage.own_core | stage.proxy_cores
    for name in (name for name in stage.names if name in (NARROWS, NGINX)):
        with stage.fresh(name, cores=every_core) as process:
            measured, kinds = _measure(stage, process)
        for figure, value in measured.items():
            figures[figure][name] = [value]
        if name == NARROWS:
            detail = kinds
    return [
        Figure(group, "latency p50", "ms", figures["p50"], Target(Measure.VALUE, 30.0), detail=detail),
        Figure(group, "latency p99", "ms", figures["p99"], Target(Measure.VALUE, 60.0)),
        Figure(group, "CPU a request, all processes", "ms", figures["cpu"]),
        Figure(group, "loop held at most (its CPU time)", "ms", figures["held"], Target(Measure.VALUE, 5.0)),
        Figure(group, "another's small request, p50", "ms", figures["other_p50"]),
        Figure(group, "another's small request, p99", "ms", figures["other_p99"]),
        Figure(group, "another's small request, most", "ms", figures["other_most"]),
    ]


def _measure(stage: Stage, process: Process) -> tuple[dict[str, float], dict[str, float]]:
    count = stage.effort.first_times
    bodies = [first_time(number, TOOL_BYTES, OTHER_BYTES) for number in range(count + _WARM)]
    _ask(stage, process, [body for _, body in bodies[:_WARM]])
    kinds = [kind for kind, _ in bodies[_WARM:]]
    cpu = process.cpu_s()
    others = Metronome(stage.loop, process.port, ping(), PERIOD_S, process.own_cpu_s)
    try:
        latencies = _ask(stage, process, [body for _, body in bodies[_WARM:]])
    finally:
        others.close()
    cpu = process.cpu_s() - cpu
    lags = others.lags_s
    measured = {
        "p50": percentile(latencies, 0.5) * _MS,
        "p99": percentile(latencies, 0.99) * _MS,
        "cpu": cpu / count * _MS,
        "held": max(others.held_s) * _MS,
        "other_p50": percentile(lags, 0.5) * _MS,
        "other_p99": percentile(lags, 0.99) * _MS,
        "other_most": max(lags) * _MS,
    }
    by_kind = defaultdict(list)
    for kind, latency in zip(kinds, latencies, strict=True):
        by_kind[kind].append(latency)
    return measured, {f"{kind} p50 ms": round(median(values) * _MS, 2) for kind, values in by_kind.items()}


def _ask(stage: Stage, process: Process, bodies: list[bytes]) -> list[float]:
    """The latency of each, one after the other."""
    tally = Tally(latencies=True)
    link = Asking(stage.loop, process.port, bodies, tally, len(bodies))
    try:
        if not stage.loop.run(_LIMIT_S):
            raise Failed(f"{process.name}: {len(bodies)} requests were not answered within {_LIMIT_S:g} s")
        tally.check(f"first-time requests through {process.name}")
    finally:
        link.close()
    return tally.latencies_s or []

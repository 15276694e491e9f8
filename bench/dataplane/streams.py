"""Event streams: CPU for each chunk and its lag, the time to the first chunk, and many streams that are nearly idle."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter

from bench.dataplane.bodies import small
from bench.dataplane.client import Failed, Heard, Listening
from bench.dataplane.figures import Figure, Measure, Target, percentile
from bench.dataplane.loop import Loop
from bench.dataplane.processes import Process
from bench.dataplane.proxies import DIRECT, NARROWS, NGINX
from bench.dataplane.stage import Stage
from bench.dataplane.upstream import Pace

STREAMS = 64
PERIOD_S = 0.02
FIRST_BYTES = 100
IDLE_PERIOD_S = 1.0
_ENDLESS = 1 << 40
_OPEN_S = 0.5
_OPEN_LIMIT_S = 60.0
_MS = 1e3
_MIB = 1 << 20


def paced(stage: Stage) -> list[Figure]:
    """64 streams with a chunk every 20 ms each."""
    samples = stage.rounds([*stage.names, DIRECT], lambda name: paced_slice(stage, name, lambda: stage.cpu_s(name)))
    group = f"{STREAMS} streams, a chunk each {PERIOD_S * _MS:g} ms"
    cpu = {name: values for name, values in samples["cpu"].items() if name != DIRECT}
    counts = {f"{name}: chunks measured": sum(values) for name, values in samples["count"].items()}
    return [
        Figure(group, "CPU a chunk", "us", cpu, Target(Measure.RATIO, 1.5), detail=counts),
        Figure(group, "chunk lag p50", "ms", samples["p50"]),
        Figure(group, "chunk lag p99", "ms", samples["p99"], Target(Measure.EXCESS, 1.0)),
    ]


def paced_slice(stage: Stage, name: str, cpu_s: Callable[[], float]) -> dict[str, float]:
    """The streams through one proxy for a slice of time; `cpu_s` is asked when it begins and when it ends."""
    stage.upstream.pace = Pace(PERIOD_S, _ENDLESS)
    heard = Heard()
    (request,) = stage.dressed(name, [small(stream=True)])
    links = _opened(stage.loop, stage.port(name), STREAMS, heard, request)
    try:
        chunks, cpu = heard.chunks, cpu_s()
        heard.counting = True
        stage.loop.run(stage.effort.slice_s)
        heard.counting = False
        chunks, cpu = heard.chunks - chunks, cpu_s() - cpu
        heard.check(f"streams through {name}")
    finally:
        for link in links:
            link.close()
        stage.upstream.end_streams()
        stage.loop.run(0.1)
    if not chunks:
        raise Failed(f"{name}: no chunk of {STREAMS} streams arrived within {stage.effort.slice_s} s")
    lags = heard.lags_s
    lag = {"p50": percentile(lags, 0.5) * _MS, "p99": percentile(lags, 0.99) * _MS}
    return {"cpu": cpu / chunks * 1e6, "count": chunks, **lag}


def _opened(loop: Loop, port: int, count: int, heard: Heard, request: bytes) -> list[Listening]:
    """Streams that have all begun, spread over time so that their chunks are."""
    links: list[Listening] = []
    with ExitStack() as undo:
        for opened in range(count):
            links.append(Listening(loop, port, request, heard))
            undo.callback(links[-1].close)
            if opened % 8 == 7:
                loop.run(0.002)
        until_s = perf_counter() + _OPEN_LIMIT_S
        while len(heard.first_s) < count and not heard.failures and perf_counter() < until_s:
            loop.run(0.05)
        loop.run(_OPEN_S)
        heard.check(f"opening {count} streams")
        undo.pop_all()
    return links


def first_byte(stage: Stage) -> list[Figure]:
    """One stream after the other, of two chunks each: what the proxy adds to the time until the first one arrives."""
    samples = stage.rounds([DIRECT, *stage.names], lambda name: _first_byte_slice(stage, name))
    direct = samples["first"].get(DIRECT, [])
    added = {
        name: [value - base for value, base in zip(values, direct, strict=False)]
        for name, values in samples["first"].items()
        if name != DIRECT
    }
    group = "one stream at a time"
    return [
        Figure(group, "time to first byte", "ms", samples["first"]),
        Figure(group, "added to first byte", "ms", added, Target(Measure.RATIO, 2.0)),
    ]


def _first_byte_slice(stage: Stage, name: str) -> dict[str, float]:
    stage.upstream.pace = Pace(0.002, 2)
    heard = Heard()
    (request,) = stage.dressed(name, [small(stream=True)])
    link = Listening(stage.loop, stage.port(name), request, heard, FIRST_BYTES)
    try:
        if not stage.loop.run(_OPEN_LIMIT_S):
            raise Failed(f"{name}: {FIRST_BYTES} streams did not end within {_OPEN_LIMIT_S:g} s")
        heard.check(f"streams through {name}")
    finally:
        link.close()
    return {"first": percentile(heard.first_s[5:], 0.5) * _MS}


def idle(stage: Stage) -> list[Figure]:
    """Many streams with a chunk a second: memory when they have begun, and how far it has grown after a while."""
    count, held_s = stage.effort.idle_streams, stage.effort.hold_s
    stage.upstream.pace = Pace(IDLE_PERIOD_S, _ENDLESS)
    group = f"{count:,} streams, a chunk each {IDLE_PERIOD_S:g} s, {held_s:g} s"
    samples: dict[str, dict[str, list[float]]] = {name: {} for name in ("each", "grown", "p99")}
    for name in (name for name in stage.names if name in (NARROWS, NGINX)):
        with stage.fresh(name) as process:
            for figure, value in _held(stage, process, count, held_s).items():
                samples[figure][name] = [value]
    return [
        Figure(group, "memory a stream", "KiB", samples["each"]),
        Figure(group, "memory growth while held", "MiB", samples["grown"], Target(Measure.VALUE, 1.0)),
        Figure(group, "chunk lag p99", "ms", samples["p99"]),
    ]


def _held(stage: Stage, process: Process, count: int, held_s: float) -> dict[str, float]:
    heard = Heard()
    before = process.memory().pss
    links = _opened(stage.loop, process.port, count, heard, small(stream=True))
    try:
        stage.loop.run(held_s / 4)
        begun = process.memory().pss
        heard.counting = True
        stage.loop.run(held_s)
        heard.counting = False
        after = process.memory().pss
        heard.check(f"idle streams through {process.name}")
    finally:
        for link in links:
            link.close()
        stage.loop.run(0.2)
    return {
        "each": (begun - before) / count / 1024,
        "grown": (after - begun) / _MIB,
        "p99": percentile(heard.lags_s, 0.99) * _MS,
    }

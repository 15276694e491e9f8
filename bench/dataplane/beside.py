"""What a client alone feels of each proxy, and the memory each holds when it has done everything else.

At concurrency one nothing waits but for the proxy itself: what it adds to the time of a request is its latency less
that of a direct connection in the same round. Both the time and the number of requests are bounded, as the slowest
peers answer thirty a second.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.dataplane.bodies import SOURCE, session, small, turns_of
from bench.dataplane.client import Asking, Failed, Tally
from bench.dataplane.figures import Figure, percentile
from bench.dataplane.proxies import DIRECT
from bench.dataplane.stage import Stage

REQUESTS = 500
TURNS = 40
_WARM = 5
_FINISH_S = 10.0
_US = 1e6
_MIB = 1 << 20


def alone(stage: Stage) -> list[Figure]:
    """One request after the other, of 1 KB and of 200 KB in which nothing is to be edited."""
    loads = {"1 KB, c=1": [small()], "200 KB, no edit, c=1": turns_of(session(31, 45, 4_000, (SOURCE,)), TURNS)}
    return [figure for group, load in loads.items() for figure in _alone(stage, group, load)]


def _alone(stage: Stage, group: str, load: Sequence[bytes]) -> list[Figure]:
    samples = stage.rounds([DIRECT, *stage.names], lambda name: _slice(stage, name, load))
    counts = {f"{name}: requests measured": sum(values) for name, values in samples["count"].items()}
    return [
        Figure(group, "latency p50", "us", samples["p50"], detail=counts),
        Figure(group, "added to a direct one, p50", "us", added(samples["p50"])),
        Figure(group, "latency p99", "us", samples["p99"]),
    ]


def added(samples: dict[str, list[float]]) -> dict[str, list[float]]:
    """By proxy, how much more than the direct connection's each round's sample is."""
    direct = samples.get(DIRECT, [])
    return {
        name: [value - base for value, base in zip(values, direct, strict=False)]
        for name, values in samples.items()
        if name != DIRECT
    }


def _slice(stage: Stage, name: str, load: Sequence[bytes]) -> dict[str, float]:
    tally = Tally(latencies=True)
    link = Asking(stage.loop, stage.port(name), stage.dressed(name, load), tally, REQUESTS)
    try:
        if not stage.loop.run(stage.effort.slice_s):
            tally.finish(1)
            stage.loop.run(_FINISH_S)
        tally.check(f"requests through {name}")
    finally:
        link.close()
    latencies = (tally.latencies_s or [])[_WARM:]
    if not latencies:
        raise Failed(f"{name}: fewer than {_WARM} requests were answered, one after the other, in {_FINISH_S:g} s")
    p50, p99 = percentile(latencies, 0.5) * _US, percentile(latencies, 0.99) * _US
    return {"p50": p50, "p99": p99, "count": len(latencies)}


def held(stage: Stage) -> list[Figure]:
    """Memory of everyone's processes now; it comes last, so that they have done all the rest of the run."""
    memory: dict[str, list[float]] = {}
    for name in stage.names:
        try:
            memory[name] = [stage.proxy(name).memory().pss / _MIB]
        except RuntimeError as error:
            stage.failed[name] = str(error)
    return [Figure("memory", "held after all of this", "MiB", memory)]

"""Requests and whole answers: 1 KB, 200 KB in which nothing is to be edited, 200 KB whose edits are known, TLS."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.dataplane.bodies import SOURCE, session, small, turns_of
from bench.dataplane.client import Asking, Failed, Tally
from bench.dataplane.figures import Figure, Measure, Target
from bench.dataplane.loop import Loop
from bench.dataplane.processes import Process
from bench.dataplane.proxies import DIRECT, NARROWS, NGINX, Place, start
from bench.dataplane.stage import Samples, Stage
from bench.dataplane.upstream import Upstream

CONCURRENCY = 32
SESSIONS = 8
TURNS = 40
"""Turns of a conversation before it is begun again: to go back is no ordinary turn, and must be a rare one here too."""
_WARM_S = 0.3
_WARM_LIMIT_S = 20.0
_FINISH_S = 5.0
_SATURATED = 0.8
"""A rate of nginx over this share of the direct one is the generator's, not nginx's."""
_ALONE = 0.8
"""A proxy that asked for all of its core and had less than this share of it had to leave the rest to others."""


def small_requests(stage: Stage) -> list[Figure]:
    """1 KB each way at concurrency 32."""
    load = [[small()]] * CONCURRENCY
    samples = stage.rounds([*stage.names, DIRECT], lambda name: _slice(stage, name, load))
    return _figures("1 KB, c=32", samples, 2.0, 0.5)


def unedited(stage: Stage) -> list[Figure]:
    """200 KB bodies of conversations in which tools have only read files."""
    load = [turns_of(session(number, 45, 4_000, (SOURCE,)), TURNS) for number in range(SESSIONS)]
    samples = stage.rounds([*stage.names, DIRECT], lambda name: _slice(stage, name, load))
    return _figures("200 KB, no edit, c=8", samples, 2.5, None)


def planned(stage: Stage) -> list[Figure]:
    """200 KB bodies in which all large tool outputs have been shortened on an earlier turn; every request is the one
    before it with two short messages more."""
    load = [turns_of(session(number, 25, 7_300), TURNS) for number in range(SESSIONS)]
    samples = stage.rounds([*stage.names, DIRECT], lambda name: _slice(stage, name, load))
    return _figures("200 KB, history planned, c=8", samples, 3.0, None)


def tls(stage: Stage) -> list[Figure]:
    """1 KB each way at concurrency 32, with TLS to the upstream."""
    folder = stage.folder / "tls"
    folder.mkdir(exist_ok=True)
    _make_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    upstream = Upstream(stage.loop, context)
    place = Place(folder, stage.proxy_cores, upstream.port, folder / "ca.pem")
    load = [[small()]] * CONCURRENCY
    running: dict[str, Process] = {}

    def measured(name: str) -> dict[str, float]:
        if name not in running:
            running[name] = start(name, place)
        process = running[name]
        process.resume()
        try:
            return request_slice(stage, process.port, [process.dressed(one) for one in load], process.cpu_s)
        finally:
            process.pause()

    try:
        samples = stage.rounds(stage.names, measured)
    finally:
        for process in running.values():
            process.stop()
        upstream.close()
    return _figures("1 KB, c=32, TLS upstream", samples, 2.0, None)


def _slice(stage: Stage, name: str, load: Sequence[Sequence[bytes]]) -> dict[str, float]:
    dressed = [stage.dressed(name, requests) for requests in load]
    return request_slice(stage, stage.port(name), dressed, lambda: stage.cpu_s(name))


def request_slice(
    stage: Stage, port: int, load: Sequence[Sequence[bytes]], cpu_s: Callable[[], float]
) -> dict[str, float]:
    """One connection for each of `load`, which asks for its requests in turn, for a slice of time."""
    loop, tally = stage.loop, Tally()
    links = [Asking(loop, port, requests, tally) for requests in load]
    try:
        _warm(loop, tally, len(links))
        done, cpu, started_s = tally.done, cpu_s(), perf_counter()
        loop.run(stage.effort.slice_s)
        elapsed_s = perf_counter() - started_s
        done, cpu = tally.done - done, cpu_s() - cpu
        tally.finish(len(links))
        loop.run(_FINISH_S)
        tally.check(f"requests to port {port}")
    finally:
        for link in links:
            link.close()
    if not done:
        raise Failed(f"no request to port {port} was answered within {stage.effort.slice_s} s")
    return {"cpu": cpu / done * 1e6, "rate": done / elapsed_s, "count": done}


def _warm(loop: Loop, tally: Tally, links: int) -> None:
    """Until every connection has been answered, and a moment more."""
    until_s = perf_counter() + _WARM_LIMIT_S
    loop.run(_WARM_S)
    while tally.done < links and not tally.failures and perf_counter() < until_s:
        loop.run(_WARM_S)
    loop.run(_WARM_S)


def _figures(group: str, samples: Samples, cpu_limit: float, rate_limit: float | None) -> list[Figure]:
    cpu = {name: values for name, values in samples["cpu"].items() if name != DIRECT}
    rates, note = judged_rates(samples)
    rate = Figure(
        group,
        "requests a second",
        "1/s",
        rates,
        None if rate_limit is None else Target(Measure.RATIO, rate_limit, at_least=True),
        note,
        {f"{name}: requests measured": sum(counts) for name, counts in samples["count"].items()},
    )
    return [Figure(group, "CPU a request", "us", cpu, Target(Measure.RATIO, cpu_limit)), rate]


def judged_rates(samples: Samples) -> tuple[dict[str, list[float]], str]:
    """The rates, and what limits their meaning. Where other work on the machine has left our process less than its
    core, rates say how much; what the CPU time of a request allows on a whole core is told in their place."""
    rates, cpu = samples["rate"], samples["cpu"]
    had = [rate * each / 1e6 for rate, each in zip(rates.get(NARROWS, ()), cpu.get(NARROWS, ()), strict=True)]
    if had and median(had) < _ALONE:
        allowed = {name: [1e6 / each for each in values] for name, values in cpu.items() if name != DIRECT}
        return allowed, f"by CPU a request: the machine left us {median(had):.0%} of a core"
    return rates, _saturation(rates)


def _saturation(rates: Mapping[str, Sequence[float]]) -> str:
    if not rates.get(NGINX) or not rates.get(DIRECT):
        return ""
    share = median(rates[NGINX]) / median(rates[DIRECT])
    return f"the generator bounds nginx ({share:.0%} of direct)" if share > _SATURATED else ""


def _make_certificates(folder: Path) -> None:
    """An authority of our own, and a certificate by it for this machine's loopback interface."""
    (folder / "leaf.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="ascii")
    new = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    for command in (
        f"{new} -x509 -days 2 -subj /CN=bench-ca -keyout ca.key -out ca.pem",
        f"{new} -subj /CN=localhost -keyout leaf.key -out leaf.csr",
        "openssl x509 -req -days 2 -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial"
        " -extfile leaf.ext -out leaf.pem",
    ):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True, timeout=60)

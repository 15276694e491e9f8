"""Memory and start: what one gateway process holds idle, what the first compression adds, what bodies in flight cost,
and how long it takes from the start to the first answer.

Memory is the proportional set size (PSS) of the process tree: pages that processes share count once.
"""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

from bench.dataplane.bodies import chat, first_time, small
from bench.dataplane.client import Asking, Failed, Tally
from bench.dataplane.figures import Figure, Measure, Target
from bench.dataplane.processes import Process
from bench.dataplane.proxies import NARROWS, NGINX
from bench.dataplane.stage import Stage

IN_FLIGHT = 64
IN_FLIGHT_BYTES = 1_000_000
_LIMIT_S = 60.0
_MIB = 1 << 20
_PARTS = """
from pathlib import Path
import narrows.server.plan_worker
from narrows.classifiers import load
from narrows.core.tokens import count_tokens, encoding_for_model

def held():
    rows = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("Pss:")) << 10

text = "Whether a text is prose is asked of a model, and how long it is of a vocabulary. " * 50
before = held()
count_tokens(text, encoding_for_model("gpt-4o"))
counted = held()
load("magika").classify(text)
print(counted - before, held() - counted)
"""


def starts(stage: Stage) -> list[Figure]:
    """From the start of the process to its first answer, files in the page cache."""
    times: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for _ in range(stage.effort.starts):
        for name in stage.names:
            if name in (NARROWS, NGINX):
                with stage.fresh(name) as process:
                    cpu.setdefault(name, []).append(process.cpu_s())
                    times.setdefault(name, []).append(process.ready_s)
    return [
        Figure("start", "to the first answer", "s", times, Target(Measure.VALUE, 0.6)),
        Figure("start", "CPU until then", "s", cpu),
    ]


def idle_memory(stage: Stage) -> list[Figure]:
    """A process that has passed requests on but compressed nothing, and the same after one body of each kind."""
    before: dict[str, list[float]] = {}
    after: dict[str, list[float]] = {}
    tree: dict[str, list[float]] = {}
    for name in (name for name in stage.names if name in (NARROWS, NGINX)):
        with stage.fresh(name) as process:
            ask(stage, process, [small()] * 20)
            before[name] = [process.memory().pss / _MIB]
            if name == NARROWS:
                ask(stage, process, [first_time(number, 100_000, 96_000)[1] for number in range(4)])
                after[name] = [process.memory(of_tree=False).pss / _MIB]
                tree[name] = [process.memory().pss / _MIB]
    tokenizer, classifier = parts()
    return [
        Figure("memory", "idle, before the first compression", "MiB", before, Target(Measure.VALUE, 60.0)),
        Figure("memory", "after it: the process that serves", "MiB", after),
        Figure("memory", "after it: with the planning process", "MiB", tree),
        Figure("memory", "the tokenizer adds, at its first count", "MiB", {NARROWS: [tokenizer / _MIB]}),
        Figure("memory", "the classifier adds, at its first text", "MiB", {NARROWS: [classifier / _MIB]}),
    ]


def parts() -> tuple[int, int]:
    """Bytes that the first count of tokens adds to a planning process, and then the first text for the classifier."""
    done = subprocess.run([sys.executable, "-c", _PARTS], capture_output=True, text=True, check=False, timeout=_LIMIT_S)
    if done.returncode:
        raise Failed(f"what the parts hold could not be measured: {done.stderr.strip()}")
    tokenizer, classifier = done.stdout.split()
    return int(tokenizer), int(classifier)


def in_flight(stage: Stage) -> list[Figure]:
    """Bodies of 1 MB whose answers do not come, all at once: memory over the bytes they are."""
    factors: dict[str, list[float]] = {}
    for name in stage.names:
        if name in (NARROWS, NGINX):
            with stage.fresh(name) as process:
                factors[name] = [_in_flight(stage, process)]
    what = f"{IN_FLIGHT} bodies of 1 MB waiting"
    return [Figure("memory", f"{what}: added, a byte in flight", "bytes", factors, Target(Measure.VALUE, 2.5))]


def _in_flight(stage: Stage, process: Process) -> float:
    upstream, tally = stage.upstream, Tally()
    ask(stage, process, [small()] * 20)
    before = process.memory().pss
    text = "The parser reads a field and asks whether it holds. " * (IN_FLIGHT_BYTES // 52)
    upstream.withheld = []
    links = [
        Asking(stage.loop, process.port, [chat([{"role": "system", "content": f"{number} {text}"}])], tally)
        for number in range(IN_FLIGHT)
    ]
    try:
        until_s = perf_counter() + _LIMIT_S
        while len(upstream.withheld) < IN_FLIGHT and not tally.failures and perf_counter() < until_s:
            stage.loop.run(0.1)
        held = process.memory().pss
        waiting = len(upstream.withheld)
        tally.finish(IN_FLIGHT)
        upstream.release()
        stage.loop.run(10.0)
        tally.check(f"{IN_FLIGHT} bodies in flight through {process.name}")
    finally:
        upstream.withheld = None
        for link in links:
            link.close()
    if waiting < IN_FLIGHT:
        raise Failed(f"{process.name}: only {waiting} of {IN_FLIGHT} bodies reached the upstream")
    return (held - before) / (IN_FLIGHT * IN_FLIGHT_BYTES)


def ask(stage: Stage, process: Process, requests: list[bytes]) -> None:
    """Have them answered one after the other."""
    tally = Tally()
    link = Asking(stage.loop, process.port, requests, tally, len(requests))
    try:
        if not stage.loop.run(_LIMIT_S):
            raise Failed(f"{process.name}: {len(requests)} requests were not answered within {_LIMIT_S:g} s")
        tally.check(f"requests through {process.name}")
    finally:
        link.close()

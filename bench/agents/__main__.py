"""200 runs of an agent at once behind one gateway process: how soon its clients have what it says, that nobody gets
another's, and what memory it takes.

Delays are the machine's as much as the gateway's: where others use it, `chrt -r 1 python -m bench.agents` shows what a
machine of its own would. The record says which it was.

Three ways to learn that there is something new: `polled` (the backend is asked again and again), `held` (it holds the
question until there is news), `traffic` (it is asked again and again, and its model calls, which pass the gateway, ask
for a look). The clients, and the model, are another process. --quick is for a first impression, and stores nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.agents.load import Seen, model, runs_at_once
from bench.agents.paced import WARM_UP, Pace
from bench.agents.serving import HELD, POLLED, TRAFFIC
from bench.dataplane.figures import percentile
from bench.dataplane.report import machine

RESULTS = Path(__file__).resolve().parents[1] / "results" / "agents.json"
TARGETS_MS = {POLLED: 450.0, HELD: 100.0, TRAFFIC: 100.0}
SCHEDULED = {os.SCHED_OTHER: "usual", os.SCHED_FIFO: "real-time", os.SCHED_RR: "real-time"}
WARM_UPS = 6
"""Rounds of one piece a run, by which what remembers so many runs and no more is full."""
GROWTH_MIB = 4.0
"""What the process may have grown between its first round and its last."""


@asynccontextmanager
async def gateway(mode: str, upstream: str, pace: Pace) -> AsyncIterator[tuple[int, int]]:
    """A gateway in a process of its own: its port, and the process's number."""
    command = [sys.executable, "-m", "bench.agents.serving", mode, upstream, str(pace.pieces), str(pace.every_s)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline()), process.pid
    finally:
        process.stdin.close()
        if await process.wait():
            raise SystemExit("the gateway did not end well")


def resident_mib(process: int) -> float:
    """The memory that a process holds."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def processor_s(process: int) -> float:
    """The processor time that it has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measured(mode: str, runs: int, rounds: int, pace: Pace) -> dict[str, Any]:
    """The figures of one mode."""
    seen = Seen()
    memory: list[float] = []
    async with model(pace) as port, gateway(mode, f"http://127.0.0.1:{port}", pace) as (entrance, process):
        for number in range(WARM_UPS):
            await runs_at_once(entrance, runs, pace, f"{WARM_UP}-{number}", Seen())
        used_s, began_s = processor_s(process), time.monotonic()
        for number in range(rounds):
            await runs_at_once(entrance, runs, pace, f"round-{number}", seen)
            memory.append(round(resident_mib(process), 1))
        used = (processor_s(process) - used_s) / (time.monotonic() - began_s)
    p99_ms = 1000 * percentile(seen.delays_s, 0.99)
    sound = not (seen.foreign or seen.lost or seen.unfinished)
    return {
        "runs": runs,
        "rounds": rounds,
        "pieces": len(seen.delays_s),
        "delay_ms": {f"p{share}": round(1000 * percentile(seen.delays_s, share / 100), 1) for share in (50, 90, 99)}
        | {"max": round(1000 * max(seen.delays_s), 1)},
        "foreign": seen.foreign,
        "lost": seen.lost,
        "unfinished": seen.unfinished,
        "memory_mib": memory,
        "processor_share": round(used, 2),
        "target_ms": TARGETS_MS[mode],
        "met": p99_ms <= TARGETS_MS[mode] and sound and memory[-1] - memory[0] <= GROWTH_MIB,
    }


async def main() -> int:
    parser = ArgumentParser(prog="python -m bench.agents", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=tuple(TARGETS_MS), action="append")
    asked = parser.parse_args()
    runs, rounds, pace = (50, 2, Pace(6, 0.3)) if asked.quick else (200, 5, Pace(20, 0.3))
    load_before = os.getloadavg()
    found: dict[str, Any] = {}
    for mode in asked.only or TARGETS_MS:
        found[mode] = one = await measured(mode, runs, rounds, pace)
        said = ", ".join(f"{name} {value:g} ms" for name, value in one["delay_ms"].items())
        first_mib, *_, last_mib = one["memory_mib"]
        print(
            f"{mode:8} {one['pieces']} pieces: {said}; p99 <= {one['target_ms']:g} ms; foreign {one['foreign']}, lost"
            f" {one['lost']}, unfinished {one['unfinished']}; memory {first_mib:g} .. {last_mib:g} MiB;"
            f" {one['processor_share']:.0%} of a processor: {'met' if one['met'] else 'MISSED'}"
        )
    if not asked.quick and not asked.only:
        kept = {
            "date": time.strftime("%Y-%m-%d"),
            "machine": machine(),
            "scheduled_as": SCHEDULED[os.sched_getscheduler(0)],
            "load_average": {"before": load_before, "after": os.getloadavg()},
            "modes": found,
        }
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 0 if all(one["met"] for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

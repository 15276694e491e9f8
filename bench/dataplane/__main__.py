"""`python -m bench.dataplane`: measure, print one table with the target beside each figure, keep the samples."""

from __future__ import annotations

import argparse
import gc
import os
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.dataplane import beside, first_time, kept, memory, report, requests, restarts, streams, workers
from bench.dataplane.client import Failed
from bench.dataplane.figures import Figure
from bench.dataplane.gateways import PEERS
from bench.dataplane.proxies import DIRECT, EVERYONE, HAPROXY, LITELLM, NGINX, available
from bench.dataplane.stage import FULL, QUICK, Stage, staged

SCENARIOS: dict[str, Callable[[Stage], list[Figure]]] = {
    "small": requests.small_requests,
    "unedited": requests.unedited,
    "planned": requests.planned,
    "kept": kept.kept,
    "alone": beside.alone,
    "first": first_time.first_time_bodies,
    "first-byte": streams.first_byte,
    "streams": streams.paced,
    "idle-streams": streams.idle,
    "tls": requests.tls,
    "memory": memory.idle_memory,
    "in-flight": memory.in_flight,
    "start": memory.starts,
    "workers": workers.two_workers,
    "restarts": restarts.rolling,
    "held": beside.held,
}

QUICK_PEERS = (NGINX, HAPROXY, LITELLM)
"""Those that a quick run has the time for."""


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-dataplane", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds; figures to develop by")
    parser.add_argument("--only", action="append", choices=sorted(SCENARIOS), help="this scenario (again for more)")
    parser.add_argument("--peers", help=f"which to measure beside narrows, by comma, of {', '.join(EVERYONE)}")
    parser.add_argument("--rounds", type=int, help="how often each slice is measured, if not as often as usual")
    parser.add_argument("--output", type=Path, help="the file to write, if not the usual one")
    arguments = parser.parse_args(words)
    usual = QUICK_PEERS if arguments.quick else EVERYONE
    arguments.whole = not (arguments.quick or arguments.only or arguments.peers or arguments.rounds)
    effort = QUICK if arguments.quick else FULL
    arguments.effort = replace(effort, rounds=arguments.rounds or effort.rounds)
    arguments.peers = arguments.peers.split(",") if arguments.peers else list(usual)
    unknown = set(arguments.peers) - set(EVERYONE)
    if unknown:
        parser.error(f"no such peers: {', '.join(sorted(unknown))}; there are {', '.join(EVERYONE)}")
    return arguments


def measure(stage: Stage, names: Sequence[str], shown: Sequence[str]) -> tuple[list[Figure], dict[str, str]]:
    """Every scenario's figures, printed as they come, and the scenarios that failed."""
    figures: list[Figure] = []
    failed: dict[str, str] = {}
    group = ""
    for name in names:
        stage.failed.clear()
        try:
            found = SCENARIOS[name](stage)
        except (Failed, OSError, RuntimeError, ValueError) as error:
            failed[name] = str(error)
            print(f"{name}: failed: {error}", flush=True)
            continue
        failed |= {f"{name}: {proxy}": reason for proxy, reason in stage.failed.items()}
        for figure in found:
            if figure.group != group:
                group = figure.group
                print(group)
            print(report.line(figure, shown), flush=True)
        figures += found
    return figures, failed


def main(words: Sequence[str]) -> int:
    arguments = parsed(words)
    chosen = [name for name in SCENARIOS if not arguments.only or name in arguments.only]
    _raise_descriptor_limit()
    names, skipped = available(arguments.peers)
    load_before = os.getloadavg()
    shown = [*names, DIRECT]
    print(f"load average {load_before[0]:.1f}, {os.cpu_count()} CPUs; medians; lower is better but for rates\n")
    print(report.heading(shown))
    gc.disable()
    with staged(names, arguments.effort) as stage:
        figures, failed = measure(stage, chosen, shown)
    for name, reason in {**skipped, **failed}.items():
        print(f"without {name}: {reason}")
    about: dict[str, object] = {
        "machine": report.machine(),
        "versions": report.versions(names),
        "load_average": {"before": load_before, "after": os.getloadavg()},
        "quick": arguments.quick,
        "rounds": arguments.effort.rounds,
        "about": {name: PEERS[name].about for name in names if name in PEERS},
    }
    file = arguments.output or report.RESULTS / ("dataplane.json" if arguments.whole else "local/dataplane.json")
    report.store(report.record(figures, {**skipped, **failed}, about), file)
    print(f"\nload average after {os.getloadavg()[0]:.1f}; written to {file}")
    return 0 if all(figure.met() is not False for figure in figures) else 1


def _raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

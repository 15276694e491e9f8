"""`python -m bench.profile`: where the processor time of an exchange goes in a running proxy, and what it asks the
kernel for; of a chunk with `--load stream`.

A proxy serves the load of `bench.dataplane` three times: undisturbed, for the time of an exchange; under `perf record`,
for the shares of its parts; and under `perf stat`, for the calls. So the parts are shares of an undisturbed time, and
what perf costs is in none of them. perf must be there, and allowed to look (root, or `kernel.perf_event_paranoid` -1).
"""

from __future__ import annotations

import argparse
import gc
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bench.dataplane.bodies import SOURCE, session, small, turns_of
from bench.dataplane.proxies import BARE, NARROWS, NGINX, available
from bench.dataplane.requests import CONCURRENCY, SESSIONS, TURNS, request_slice
from bench.dataplane.stage import FULL, Stage, staged
from bench.dataplane.streams import paced_slice
from bench.profile.parts import counts, shares

SECONDS = 4.0
_SAMPLES_A_SECOND = 4999
_CALLS = (
    "read write readv writev recvfrom sendto recvmsg sendmsg epoll_wait epoll_pwait epoll_ctl futex getsockopt"
    " setsockopt ioctl clock_gettime getpid mmap munmap madvise brk accept4 connect close"
)
_EVENTS = ("context-switches", "page-faults", *(f"syscalls:sys_enter_{name}" for name in _CALLS.split()))
_RARE = 0.005
"""Less often an exchange is not shown."""

Slice = Callable[[Callable[[], float]], Mapping[str, float]]
"""A slice of load; it asks for the proxy's processor time when it begins and when it ends."""


def _load(name: str, stage: Stage, proxy: str) -> Slice:
    if name == "stream":
        return lambda cpu_s: paced_slice(stage, proxy, cpu_s)
    if name == "unedited":
        load = [turns_of(session(number, 45, 4_000, (SOURCE,)), TURNS) for number in range(SESSIONS)]
    else:
        load = [[small()]] * (1 if name == "alone" else CONCURRENCY)
    return lambda cpu_s: request_slice(stage, stage.port(proxy), load, cpu_s)


class _Looking:
    """Runs perf for as long as a slice lasts."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._perf: subprocess.Popen[str] | None = None
        self.said = ""

    def __call__(self) -> float:
        """What the slice calls when it begins, and when it ends."""
        if self._perf is None:
            self._perf = subprocess.Popen(
                self._words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/"
            )
        else:
            _, self.said = self._perf.communicate(timeout=60)
            if self._perf.returncode:
                raise RuntimeError(f"perf says: {self.said.strip()}")
        return 0.0


def profile(stage: Stage, proxy: str, load: str, seconds: float) -> dict[str, dict[str, float]]:
    """By group: microseconds of an exchange by part, and how often it does what."""
    process = stage.proxy(proxy)
    slice_of = _load(load, stage, proxy)
    slice_of(process.cpu_s)
    whole_us = slice_of(process.cpu_s)["cpu"]
    pids = ",".join(map(str, sorted(process.tree())))
    during = ("-p", pids, "--", "sleep", f"{seconds:g}")
    file = str(stage.folder / f"{proxy}.perf")
    record = ("perf", "record", "-q", "-F", str(_SAMPLES_A_SECOND), "-e", "cpu-clock", "-g", "-o", file, *during)
    slice_of(_Looking(record))
    script = ("perf", "script", "-i", file, "-F", "tid,ip,sym,dso")
    found = shares(subprocess.run(script, check=True, capture_output=True, text=True, timeout=120).stdout)
    looking = _Looking(("perf", "stat", "-x", ",", "-e", ",".join(_EVENTS), *during))
    many = slice_of(looking)["count"] * seconds / stage.effort.slice_s
    calls = {name: count / many for name, count in counts(looking.said).items()}
    return {
        "us": {"whole": whole_us, **{name: share * whole_us for name, share in found.items()}},
        "calls": {name: often for name, often in calls.items() if often >= _RARE},
    }


def table(title: str, columns: Mapping[str, Mapping[str, float]], digits: int) -> list[str]:
    """Rows in the order of the first column's values."""
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    first = next(iter(columns.values()))
    names.sort(key=lambda name: -first.get(name, 0.0))
    lines = [f"{title:<28}" + "".join(f"{proxy:>12}" for proxy in columns)]
    for name in names:
        cells = "".join(
            f"{column[name]:>12.{digits}f}" if name in column else f"{'-':>12}" for column in columns.values()
        )
        lines.append(f"{name:<28}{cells}")
    return lines


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench-profile", description=__doc__)
    parser.add_argument("--load", choices=("small", "alone", "stream", "unedited"), default="small")
    parser.add_argument("--proxies", default=f"{NARROWS},{BARE},{NGINX}", help="which, by comma")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    arguments = parser.parse_args(words)
    if shutil.which("perf") is None:
        parser.error("perf is not installed (on Debian: apt install linux-perf)")
    wanted = arguments.proxies.split(",")
    there, skipped = available(wanted)
    names = [name for name in there if name in wanted]
    gc.disable()
    with staged(names, replace(FULL, slice_s=arguments.seconds + 1.0)) as stage:
        found = {}
        for name in names:
            found[name] = profile(stage, name, arguments.load, arguments.seconds)
            stage.proxy(name).pause()
    for name in set(skipped) & set(wanted):
        print(f"without {name}: {skipped[name]}")
    what = "chunk" if arguments.load == "stream" else "exchange"
    print("\n".join(table(f"us of a {what}", {name: one["us"] for name, one in found.items()}, 1)))
    print("\n".join(["", *table(f"times a {what}", {name: one["calls"] for name, one in found.items()}, 2)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

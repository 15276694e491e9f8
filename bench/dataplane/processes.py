"""Processes under test: started on one core, measured as a tree, ended.

CPU time is read from each process's own clock (clock_gettime on the process's clock id), which is the user and system
time of /proc/PID/stat in nanoseconds instead of ticks of 10 ms; threads that have ended are in it, and children that
have ended are added from /proc/PID/stat.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_CPU_CLOCK_OF_PROCESS = 2
_TELLING = re.compile(r"\b\w*Error\b|ALERT|\[emerg\]|\bERROR\b")
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 5.0


def process_clock_s(pid: int) -> float:
    """CPU seconds of one process, user and system, all its threads; 0 where it is gone."""
    try:
        return time.clock_gettime((~pid << 3) | _CPU_CLOCK_OF_PROCESS)
    except OSError:
        return 0.0


@dataclass(frozen=True)
class Stat:
    """What is read of /proc/PID/stat; `children_s` is the CPU time of children that have ended and been waited for."""

    parent: int
    children_s: float


def parse_stat(text: str) -> Stat:
    """A line of /proc/PID/stat; the command's name in it may hold blanks and brackets."""
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(parent=int(fields[1]), children_s=(int(fields[13]) + int(fields[14])) / _TICKS)


def _stats() -> dict[int, Stat]:
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                found[int(entry)] = parse_stat(Path(f"/proc/{entry}/stat").read_text(encoding="latin-1"))
            except OSError:
                continue
    return found


def descendants(root: int, parents: dict[int, int]) -> set[int]:
    """`root` and everything that descends from it."""
    found, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found}
        grown = not more <= found
        found |= more
    return found


@dataclass(frozen=True)
class Memory:
    """Bytes of a process tree: resident, and proportional (shared pages divided among those who share them)."""

    rss: int
    pss: int


@dataclass(frozen=True)
class Command:
    """How a proxy is started. `cores` are those it may run on; `ready` is a path that it answers by itself, or None
    where it is ready as soon as it accepts a connection; `fields` are header fields that its requests have to carry."""

    name: str
    words: Sequence[str]
    port: int
    cores: frozenset[int]
    folder: Path
    env: Mapping[str, str] | None = None
    ready: str | None = "/healthz"
    fields: bytes = b""


class Process:
    """A running proxy. `ready_s`: from its start to its first answer."""

    def __init__(self, command: Command) -> None:
        self.name = command.name
        self.port = command.port
        self.fields = command.fields
        self._ready = command.ready
        self._log = command.folder / f"{command.name}-{command.port}.log"
        self._resumed_at = 0
        started_s = time.perf_counter()
        with self._log.open("wb") as stream:
            self._popen = subprocess.Popen(
                command.words,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=command.env,
                cwd=command.folder,
                start_new_session=True,
            )
        self.pid = self._popen.pid
        os.sched_setaffinity(self.pid, command.cores)
        self._wait_until_ready(started_s + START_TIMEOUT_S)
        self.ready_s = time.perf_counter() - started_s

    def dressed(self, requests: Sequence[bytes]) -> Sequence[bytes]:
        """The requests with the header fields that this proxy needs of its clients."""
        fields = self.fields
        return [request.replace(b"\r\n", b"\r\n" + fields, 1) for request in requests] if fields else requests

    def tree(self) -> set[int]:
        """The processes it consists of."""
        return descendants(self.pid, {pid: stat.parent for pid, stat in _stats().items()})

    def cpu_s(self) -> float:
        """CPU seconds of the whole tree so far."""
        stats = _stats()
        tree = descendants(self.pid, {pid: stat.parent for pid, stat in stats.items()})
        return sum(process_clock_s(pid) + (stats[pid].children_s if pid in stats else 0.0) for pid in tree)

    def own_cpu_s(self) -> float:
        """CPU seconds of the first process alone, without looking for others: cheap."""
        return process_clock_s(self.pid)

    def memory(self, *, of_tree: bool = True) -> Memory:
        """What the tree holds now, or the first process alone."""
        rss = pss = 0
        for pid in self.tree() if of_tree else {self.pid}:
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            except OSError:
                continue
            rss += _kilobytes(text, "Rss:")
            pss += _kilobytes(text, "Pss:")
        return Memory(rss, pss)

    def pause(self) -> None:
        """Let it do nothing, so that another is alone on its core."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._resumed_at = self._log.stat().st_size
        os.killpg(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it, with everything it has started."""
        try:
            os.killpg(self.pid, signal.SIGTERM)
            self.resume()
            self._popen.wait(STOP_TIMEOUT_S)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait(STOP_TIMEOUT_S)

    def said(self) -> str:
        """The line of its log that most likely says what went wrong."""
        return telling_line(self._log.read_text(encoding="utf-8", errors="replace"))

    def complained(self) -> str:
        """The first line of its log since it was last resumed that calls itself an error; empty without one."""
        since = self._log.read_bytes()[self._resumed_at :].decode(errors="replace")
        lines = (line.strip() for line in since.splitlines())
        return next((line[:300] for line in lines if _TELLING.search(line)), "")

    def _wait_until_ready(self, until_s: float) -> None:
        while not _answers(self.port, self._ready):
            if self._popen.poll() is not None or time.perf_counter() > until_s:
                self.stop()
                raise RuntimeError(f"{self.name} did not start: {self.said()}")
            time.sleep(0.005)


def telling_line(log: str) -> str:
    """The line of a log that most likely says what went wrong: the first that calls itself an error, else the last."""
    lines = [line.strip() for line in log.splitlines() if line.strip()] or ["it wrote nothing"]
    telling = [line for line in lines if _TELLING.search(line)] or lines[-1:]
    return telling[0][:300]


def _answers(port: int, path: str | None) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as asking:
            if path is None:
                return True
            asking.sendall(f"GET {path} HTTP/1.1\r\nHost: bench.test\r\n\r\n".encode())
            return bool(asking.recv(64))
    except OSError:
        return False


def _kilobytes(text: str, name: str) -> int:
    at = text.index(f"\n{name}") + len(name) + 1
    return int(text[at:].split(maxsplit=1)[0]) << 10

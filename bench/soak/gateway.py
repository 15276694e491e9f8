"""The gateway under soak, in processes of its own, and what its processes hold from second to second."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.dataplane.processes import descendants, parse_stat
from tests.gateways import told

WINDOW = Path(__file__).parent / "window"
_LISTENS = re.compile(rb'"address":"(?:http://)?([^"]+)"')
_PAGE = os.sysconf("SC_PAGE_SIZE")

FLAGS = (
    "--port", "0", "--log-format", "json", "--log-level", "info", "--cache-bytes", "4MiB", "--plan-timeout-s", "60",
)  # fmt: skip
"""A small memory for decisions, so that it is full long before the second third begins: until then it may grow."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What all processes hold together, at a time since the start: resident bytes, descriptors, asyncio tasks."""

    at_s: float
    rss: int
    descriptors: int
    tasks: int


class Gateway:
    """A running gateway; `folder` holds its log and the windows into its processes."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, url: str) -> None:
        self.process = process
        self.folder = folder
        self.url = url
        self.port = int(url.rpartition(":")[2])

    def sample(self, at_s: float) -> Sample:
        """What is held now. A process that ends in the middle is left out."""
        rss = descriptors = tasks = 0
        for pid in _tree(self.process.pid):
            try:
                rss += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
                descriptors += len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                continue
            window = self.folder / str(pid)
            tasks += int(window.read_text(encoding="ascii")) if window.exists() else 0
        return Sample(at_s, rss, descriptors, tasks)

    async def figures(self) -> dict[str, float]:
        """Its own metrics, by name and labels."""
        lines = (await told(self.url, "/metrics")).decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}


def _tree(root: int) -> set[int]:
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = parse_stat(Path(f"/proc/{entry}/stat").read_text(encoding="latin-1")).parent
            except OSError:
                continue
    return descendants(root, parents)


@asynccontextmanager
async def serving(upstream_url: str, folder: Path, flags: Sequence[str]) -> AsyncIterator[Gateway]:
    """A gateway in front of an upstream; it must end well."""
    log = folder / "log"
    environment = {**os.environ, "SOAK_WINDOW": str(folder), "PYTHONPATH": str(WINDOW)}
    command = [sys.executable, "-m", "narrows", "serve", "--upstream", upstream_url, *FLAGS, *flags]
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(*command, stderr=stream, env=environment)
    try:
        async with asyncio.timeout(60):
            while (found := _LISTENS.search(log.read_bytes())) is None:
                if process.returncode is not None:
                    raise RuntimeError(f"the gateway did not start: {log.read_text(encoding='utf-8')}")
                await asyncio.sleep(0.05)
        yield Gateway(process, folder, f"http://{found.group(1).decode()}")
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        if await asyncio.wait_for(process.wait(), 60) != 0:
            raise RuntimeError(f"the gateway did not end well: {log.read_text(encoding='utf-8')[-2000:]}")

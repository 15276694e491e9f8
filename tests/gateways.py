"""Running gateways for tests: in this process, or as `python -m narrows serve` in one of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from narrows.classifiers import check_loadable
from narrows.core.tokens import TOKENIZER
from narrows.server.app import serve
from narrows.settings import ClassifierName, LogLevel, Settings

_LISTENS = re.compile(rb"listens on (http://\S+)")


def settings_for(upstream_url: str, **changes: Any) -> Settings:
    """Settings of a quiet gateway on a free port; without the classifier, whose model takes a second to load."""
    chosen: dict[str, Any] = {"port": 0, "classifier": ClassifierName.NONE, "log_level": LogLevel.ERROR}
    chosen["plan_timeout_s"] = 60.0  # a busy machine starts a planning process slowly, and that is no fault
    return Settings(upstream=upstream_url, **(chosen | changes))


@asynccontextmanager
async def running_gateway(upstream_url: str, **changes: Any) -> AsyncIterator[str]:
    """A gateway on this event loop; its base URL."""
    settings = settings_for(upstream_url, **changes)
    gateway = await serve(settings, settings.policy(check_loadable(settings.classifier), TOKENIZER))
    try:
        yield f"http://127.0.0.1:{gateway.port}"
    finally:
        await gateway.close()


@asynccontextmanager
async def gateway_process(upstream_url: str, *flags: str) -> AsyncIterator[str]:
    """A gateway in its own process, as users start it; its base URL. Ends with SIGTERM, and must end well."""
    async with watched_process(upstream_url, *flags) as watched:
        yield watched.url


@dataclass(slots=True)
class Watched:
    """A gateway's first process, its base URL, and what it has written so far."""

    process: asyncio.subprocess.Process
    url: str
    written: bytearray

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def says(self, text: bytes, times: int = 1) -> None:
        """Wait until it has written `text` so often."""
        async with asyncio.timeout(60):
            while self.written.count(text) < times:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def watched_process(upstream_url: str, *flags: str) -> AsyncIterator[Watched]:
    """The same, with the process at hand."""
    command = [sys.executable, "-m", "narrows", "serve", "--upstream", upstream_url, "--port", "0"]
    quiet = ["--classifier", "none", "--log-level", "error", "--log-format", "text", "--plan-timeout-s", "60"]
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *command, *quiet, *flags, stderr=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stderr is not None
    written = bytearray()
    async with asyncio.timeout(60):
        while (found := _LISTENS.search(written)) is None:
            line = await process.stderr.readline()
            if not line:
                raise RuntimeError(f"the gateway did not start: {written.decode()}")
            written += line
    reading = asyncio.create_task(_read_into(written, process.stderr))
    try:
        yield Watched(process, found.group(1).decode(), written)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(reading, 60)
        if await asyncio.wait_for(process.wait(), 60) != 0:
            raise RuntimeError(f"the gateway did not end well: {written.decode()}")


async def _read_into(written: bytearray, stream: asyncio.StreamReader) -> None:
    while data := await stream.read(1 << 16):
        written += data


async def exchanges(gateway: str) -> list[dict[str, Any]]:
    """A gateway's records of its exchanges, the newest first."""
    found: list[dict[str, Any]] = json.loads(await told(gateway, "/narrows/exchanges"))["exchanges"]
    return found


async def told(gateway: str, path: str) -> bytes:
    """What one of a gateway's own routes says."""
    name, _, port = gateway.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    writer.write(b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path.encode())
    received = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return received.partition(b"\r\n\r\n")[2]

"""The gateway as a user starts it: `python -m narrows serve`, in a process of its own.

It has the default settings: neither the environment nor a `narrows.toml` that happens to lie here changes the demo.
But planning may take longer: the first plan waits until a process has started and loaded the classifier, which a busy
machine is slow at, and where other clients would ask again the demo asks once.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from narrows.cli.failure import Failure
from narrows.policy import Level

_READY_WITHIN_S = 120.0
_PLAN_TIMEOUT_S = 120
_STOP_WITHIN_S = 10.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Loopback is never reached through a proxy that the environment names."""


@contextlib.contextmanager
def running_gateway(
    upstream: str, level: Level = Level.BALANCED, *, port: int | None = None, config: str = os.devnull
) -> Iterator[str]:
    """Serve `upstream` on a loopback port (a free one by default); yields the base URL without a path. `config`: a TOML
    file with more settings.

    Raises:
        Failure: the gateway did not become ready; the message ends with what it wrote.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NARROWS_")}
    flags = ["--config", config, "--upstream", upstream, "--level", level, "--plan-timeout-s", str(_PLAN_TIMEOUT_S)]
    flags += ["--classifier", "none"] if level is Level.OFF else []  # it would be loaded and never asked
    with tempfile.TemporaryFile("w+") as log, contextlib.ExitStack() as reserved:
        port = port or reserved.enter_context(reserved_port())
        base_url = f"http://127.0.0.1:{port}"
        process = subprocess.Popen(
            [sys.executable, "-m", "narrows", "serve", *flags, "--port", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            if not _becomes_ready(base_url, process):
                log.seek(0)
                raise Failure(f"the gateway did not become ready; it said:\n{log.read()[-2000:].rstrip()}")
            yield base_url
        finally:
            process.terminate()
            try:
                process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A loopback port for a process that is to be started. On Linux nobody is given it meanwhile, and that process can
    have it all the same, as both sides say that they share (socket(7), SO_REUSEADDR); elsewhere it is only free now."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        if sys.platform != "linux":
            holder.close()
        yield port


def _becomes_ready(base_url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with _DIRECT.open(f"{base_url}/readyz", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False

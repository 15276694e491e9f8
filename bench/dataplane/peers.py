"""Other gateways, installed once into environments of their own (`.venv-bench-NAME`, ignored by git), where reachable.

What cannot be installed is skipped by name. Versions are pinned, so that figures can be compared over time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.dataplane.processes import telling_line

REPOSITORY = Path(__file__).resolve().parents[2]
INSTALL_TIMEOUT_S = 600

LITELLM = ("litellm[proxy]==1.106.2", "httptools", "opentelemetry-sdk")
"""The last release before one that was withdrawn as compromised. httptools and opentelemetry make it faster."""

HAPROXY_PACKAGES = ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1")
"""Debian's, with the libraries that a plain system lacks; unpacked and not installed."""


PIP_WORDS = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")


class Unavailable(Exception):
    """This peer cannot be measured here; the message says why."""


def folder_of(name: str) -> Path:
    """The environment of a peer."""
    return REPOSITORY / f".venv-bench-{name}"


def install_litellm() -> None:
    """Raises Unavailable."""
    folder = folder_of("litellm")
    if not (folder / ".made").exists():
        run([sys.executable, "-m", "venv", "--clear", str(folder)])
        run([str(folder / "bin" / "python"), *PIP_WORDS, *LITELLM])
        (folder / ".made").touch()


def litellm_command() -> tuple[list[str], dict[str, str]]:
    """The start of LiteLLM's command line, and its environment: no look-ups in the network, no debugging."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env |= {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    words = [str(folder_of("litellm") / "bin" / "litellm"), "--num_workers", "1", "--telemetry", "False"]
    return words, env


def install_haproxy() -> None:
    """Raises Unavailable."""
    folder = folder_of("haproxy")
    if shutil.which("haproxy") or (folder / ".made").exists():
        return
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Unavailable("not on the PATH, and this is no Debian to fetch it from")
    folder.mkdir(exist_ok=True)
    run(["apt-get", "download", *HAPROXY_PACKAGES], folder)
    for package in folder.glob("*.deb"):
        run(["dpkg-deb", "-x", str(package), str(folder)])
    (folder / ".made").touch()


def haproxy_environment() -> tuple[Path, dict[str, str]]:
    """The program, and the environment it needs."""
    installed = shutil.which("haproxy")
    if installed is not None:
        return Path(installed), dict(os.environ)
    libraries = ":".join(str(path) for path in folder_of("haproxy").glob("usr/lib/*-linux-*"))
    return folder_of("haproxy") / "usr" / "sbin" / "haproxy", {**os.environ, "LD_LIBRARY_PATH": libraries}


def run(words: list[str], folder: Path | None = None) -> None:
    """Run a command; raises Unavailable, with the line in which it says why, where that fails."""
    try:
        done = subprocess.run(words, cwd=folder, check=False, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{words[0]} failed: {error}") from None
    if done.returncode != 0:
        raise Unavailable(f"`{' '.join(words[:3])} ...` failed: {telling_line(done.stderr)}")

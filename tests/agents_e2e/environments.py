"""What real agents are installed into: an environment each under build/agents, made once.

The LangGraph development server has Elastic's licence: it is installed to be tested against, and is no part of anything
that is shipped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.clients.__main__ import NotInstalledError as ClientNotInstalledError
from tests.clients.__main__ import installed
from tests.clients.cases import CASES

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build" / "agents"
NODE = REPOSITORY / "tests" / "e2e" / "node"
TIMEOUT_S = 600
PACKAGES = {
    "langgraph": ("langgraph-cli[inmem]==0.4.40", "langgraph-api==0.16.7", "langchain-openai==1.7.3"),
    "acp": ("agent-client-protocol==0.12.1", "mcp==2.3.0", "openai"),
    "a2a": ("a2a-sdk[http-server]==1.3.0", "uvicorn", "openai"),
}


CLIENT_COMMANDS = {"opencode": "opencode", "gemini-cli": "gemini"}


class NotInstalledError(Exception):
    """What cannot be had here, and why."""


def environment(name: str) -> Path:
    """The folder of commands of an environment that has an agent's packages.

    Raises:
        NotInstalledError: it cannot be made.
    """
    place = BUILD / name
    wanted = "\n".join(PACKAGES[name])
    done = place / ".done"
    if not done.exists() or done.read_text() != wanted:
        _run([sys.executable, "-m", "venv", "--clear", str(place)])
        _run([str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", *PACKAGES[name]])
        done.write_text(wanted)
    return place / "bin"


def client_program(name: str) -> str:
    """A program that `make e2e-clients` tries as a client, installed as it is there.

    Raises:
        NotInstalledError: it cannot be had.
    """
    case = next(case for case in CASES if case.name == name)
    try:
        folder, *_ = installed(case)
    except ClientNotInstalledError as error:
        raise NotInstalledError(str(error)) from None
    return str(folder / CLIENT_COMMANDS[name])


def node() -> str:
    """The node program, with openai-node beside tests/e2e/node/client.mjs.

    Raises:
        NotInstalledError: it cannot be had.
    """
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        raise NotInstalledError("node and npm are not on the PATH")
    if not (NODE / "node_modules" / ".package-lock.json").exists():
        _run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(NODE)])
    return program


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalledError(f"{Path(command[0]).name} took over {TIMEOUT_S} s") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise NotInstalledError(f"{Path(command[0]).name} failed: {last}")

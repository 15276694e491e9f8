"""Real agents in processes of their own, each with its model at the gateway's address."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.agents_e2e.environments import REPOSITORY, environment
from tests.agents_e2e.processes import PROCESSES, end_agents

PAGE = REPOSITORY / "docs" / "agents.md"
LISTEN_TIMEOUT_S = 60

PLAIN = """
import os
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent

def shout(text: str) -> str:
    "Say it loudly."
    return text.upper()

def make_graph(config):
    thread = str(config["configurable"].get("thread_id"))
    model = ChatOpenAI(
        model="scripted", base_url=os.environ["MODEL_URL"], api_key=os.environ["MODEL_KEY"], stream_usage=True,
        streaming=True, default_headers={"x-session-id": thread},
    )
    return create_react_agent(model, [shout])
"""
"""A graph that knows nothing of a gateway, but for the session's name on its model calls."""
RESPONSES = PLAIN.replace("streaming=True,", "streaming=True, use_responses_api=True,")
"""The same, whose model is asked in the Responses format."""

Command = Callable[[Path, int, str], tuple[list[str], dict[str, str]]]
"""What to run in a folder, on a port, with the model at an address; and what is added to its environment."""


@dataclass(frozen=True, slots=True)
class Kind:
    """An agent that is tried. `correlation`: how its model calls are known; `rests`: it waits at its server for a
    client's tools, and is not held up in the gateway; `tools`: the setting; `own`: its tool of its own, or empty;
    `after`: how a session is used that its server was started again in. `settings`: more of its
    table, where the gateway starts it; `names_sessions`: its model calls have x-session-id; `by_minute`: it
    can take up no session in the minute in which that began, or was taken up; `skips`:
    scenarios that it cannot play, and why."""

    name: str
    kind: str
    command: Command | None
    correlation: str
    rests: bool = True
    tools: str = "auto"
    own: str = "shout"
    after: str = "retold"
    settings: Callable[[Path], dict[str, Any]] | None = None
    names_sessions: bool = True
    by_minute: bool = False
    skips: Mapping[str, str] = field(default_factory=dict)

    @property
    def model_path(self) -> str:
        """The path of the agent's model at the gateway, for those who are told no other."""
        return "/narrows/agents/coder/v1" if self.correlation == "header" else "/v1"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def sample_graph() -> str:
    """The graph that docs/agents.md shows."""
    (graph,) = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(graph)


def _langgraph(graph: str) -> Command:
    def command(folder: Path, port: int, model_url: str) -> tuple[list[str], dict[str, str]]:
        binaries = environment("langgraph")
        (folder / "agent.py").write_text(graph)
        (told,) = re.findall(r"`langgraph\.json`: `(\{.*?\})`", PAGE.read_text())
        (folder / "langgraph.json").write_text(told)
        run = [str(binaries / "langgraph"), "dev", "--no-browser", "--no-reload", "--port", str(port)]
        return [*run, "--n-jobs-per-worker", "16"], {
            "MODEL_URL": model_url,
            "MODEL_KEY": "sk-agent",
            "LANGSMITH_TRACING": "false",
            "LANGGRAPH_CLI_NO_ANALYTICS": "1",
            "PATH": os.pathsep.join([str(binaries), os.environ["PATH"]]),
        }

    return command


def _a2a(**speaks: str) -> Command:
    def command(_: Path, port: int, model_url: str) -> tuple[list[str], dict[str, str]]:
        program = Path(__file__).parent / "a2a_agent.py"
        told = {"MODEL_URL": model_url, "MODEL_KEY": "sk-agent", **speaks}
        return [str(environment("a2a") / "python"), str(program), str(port)], told

    return command


def _cascade(_: Path, port: int, model_url: str) -> tuple[list[str], dict[str, str]]:
    command = [sys.executable, "-m", "narrows", "cascade-server", "--port", str(port), "--model-url", model_url]
    return [*command, "--model", "scripted"], {"OPENAI_API_KEY": "sk-agent"}


KINDS = (
    Kind("langgraph", "langgraph", _langgraph(sample_graph()), "endpoint", after="reused"),
    Kind("langgraph-plain", "langgraph", _langgraph(PLAIN), "header", rests=False, tools="traffic", after="reused"),
    Kind(
        "langgraph-responses",
        "langgraph",
        _langgraph(RESPONSES),
        "header",
        rests=False,
        tools="traffic",
        after="reused",
    ),
    Kind("a2a", "a2a", _a2a(), "endpoint"),
    Kind("a2a-polling", "a2a", _a2a(STREAMING="0"), "header"),
    Kind("a2a-rest", "a2a", _a2a(BINDING="HTTP+JSON"), "endpoint"),
    Kind("a2a-0.3", "a2a", _a2a(VERSION="0.3"), "endpoint", after="reused"),
    Kind("a2a-plain", "a2a", _a2a(EXTENSION="0"), "endpoint", rests=False),
    Kind("cascade", "cascade", _cascade, "header", rests=False, own=""),
    *(
        Kind(
            one.name,
            "acp",
            None,
            one.correlation,
            rests=False,
            own=one.own,
            after="reused",
            settings=one.settings,
            names_sessions=one.names_sessions,
            by_minute=one.by_minute,
            skips=one.skips,
        )
        for one in PROCESSES
    ),
)


@asynccontextmanager
async def agent_server(kind: Kind, folder: Path, port: int, model_url: str) -> AsyncIterator[None]:
    """A running agent.

    Raises:
        NotInstalledError: it cannot be had here.
    """
    if kind.command is None:
        yield
        await end_agents(folder)
        return
    command, told = kind.command(folder, port, model_url)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    log = (folder / "agent.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=kept | told, stdout=log, stderr=log, start_new_session=True
    )
    try:
        await _listens(process, port, folder / "agent.log")
        yield
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        log.close()


async def _listens(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    async with asyncio.timeout(LISTEN_TIMEOUT_S):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the agent did not start: {log.read_text()[-600:]}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return

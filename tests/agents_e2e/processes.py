"""Agents that the gateway starts itself, over the Agent Client Protocol: our sample, opencode and Gemini CLI, each as
docs/agents.md says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.agents_e2e.environments import REPOSITORY, client_program, environment

PAGE = REPOSITORY / "docs" / "agents.md"


@dataclass(frozen=True, slots=True)
class Process:
    """An agent; `settings`: what its table says beside kind, correlation and tools."""

    name: str
    correlation: str
    own: str
    settings: Callable[[Path], dict[str, Any]]
    names_sessions: bool = True
    by_minute: bool = False
    skips: Mapping[str, str] = field(default_factory=dict)


def work(folder: Path) -> Path:
    """Where agents work."""
    place = folder / "work"
    place.mkdir(exist_ok=True)
    return place


async def end_agents(folder: Path) -> None:
    """Kill the agents that work there, and return when their gateway has noticed."""
    found: list[Path] = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (place / "cwd").readlink() == work(folder):
                found.append(place)
                if b"leash.py" not in (place / "cmdline").read_bytes():
                    os.kill(int(place.name), signal.SIGKILL)
    async with asyncio.timeout(30):
        while any(place.exists() for place in found):
            await asyncio.sleep(0.05)


def page_settings(program: str) -> dict[str, Any]:
    """The settings of the page's example that runs this program."""
    for example in re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        for agent in tomllib.loads(example).get("agents", {}).values():
            if agent.get("command", [""])[0] == program:
                found: dict[str, Any] = agent
                return found
    raise LookupError(f"docs/agents.md has no example that runs {program}")


def _sample(folder: Path) -> dict[str, Any]:
    store = folder / "store"
    store.mkdir(exist_ok=True)
    program = Path(__file__).parent / "acp_agent.py"
    env = {"MODEL_URL": "{base_url}", "MODEL_KEY": "sk-agent", "STORE": str(store)}
    return {"command": [str(environment("acp") / "python"), str(program)], "cwd": str(work(folder)), "env": env}


def _opencode(folder: Path) -> dict[str, Any]:
    told = page_settings("opencode")
    config = json.loads(told["env"]["OPENCODE_CONFIG_CONTENT"])
    (provider,) = config["provider"].values()
    provider["models"] = {"scripted": next(iter(provider["models"].values()))}
    provider["options"]["apiKey"] = "sk-agent"
    config["model"] = config["small_model"] = f"{next(iter(config['provider']))}/scripted"
    env = told["env"] | {"OPENCODE_CONFIG_CONTENT": json.dumps(config), "HOME": _home(folder)}
    return {"command": [client_program("opencode"), *told["command"][1:]], "cwd": str(work(folder)), "env": env}


def _gemini(folder: Path) -> dict[str, Any]:
    told = page_settings("gemini")
    place = Path(_home(folder)) / ".gemini"
    place.mkdir(exist_ok=True)
    (settings,) = re.findall(r"`~/\.gemini/settings\.json`:\s+`(\{.*?\})`", PAGE.read_text())
    (place / "settings.json").write_text(settings)
    (place / "policies").mkdir(exist_ok=True)
    (policy,) = re.findall(
        r"`~/\.gemini/policies/client\.toml`:\s+```text\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    (place / "policies" / "client.toml").write_text(policy)
    env = told["env"] | {"GEMINI_API_KEY": "sk-agent", "HOME": _home(folder)}
    command = [client_program("gemini-cli"), *told["command"][1:]]
    return {"command": command, "cwd": str(work(folder)), "env": env, "model_wire": told["model_wire"]}


def _home(folder: Path) -> str:
    place = folder / "home"
    place.mkdir(exist_ok=True)
    return str(place)


PROCESSES = (
    Process("acp", "header", "shout", _sample),
    Process("acp-apart", "endpoint", "shout", _sample),
    Process("opencode", "header", "glob", _opencode),
    Process(
        "gemini-cli",
        "endpoint",
        "glob",
        _gemini,
        names_sessions=False,
        by_minute=True,
        skips={
            "restart": "Gemini CLI 0.61.0 can take a session up once; at its next start it deletes the session's file"
        },
    ),
)

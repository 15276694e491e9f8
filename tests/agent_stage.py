"""Agents for tests: a gateway before a scripted backend, or before the reference cascade server, whose model is the
scripted upstream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from narrows.agents.observation import AgentCall, Finish, Finished, Observation, Paused, StepText, Usage
from narrows.backends.scripted import Scripted, ScriptedBackend
from narrows.cli.cascade_server.listener import Listener
from narrows.cli.cascade_server.model import Model
from narrows.cli.cascade_server.script import Script, read_script
from narrows.cli.cascade_server.service import Service
from narrows.server.agents.agent import Agent
from narrows.server.agents.building import served
from narrows.server.agents.plane import AgentPlane
from narrows.server.app import RunningGateway
from narrows.settings import AgentSettings
from narrows.settings.agents import read_agents
from tests.stage import Stage

Json = dict[str, Any]


def agent_settings(url: str = "http://127.0.0.1:1", **changes: Any) -> AgentSettings:
    """An agent `coder`, as a TOML file gives it."""
    (agent,) = read_agents({"coder": {"url": url, **changes} if changes.get("kind") != "acp" else changes})
    return agent


def growing(*texts: str, usage: Usage | None = None, finish: Finish = Finish.STOP) -> list[Scripted]:
    """A run whose one step grows through these texts, and ends."""
    seen: list[Scripted] = [
        Observation(str(at), (StepText(1, text, False),), working=True) for at, text in enumerate(texts)
    ]
    last = (StepText(1, texts[-1] if texts else "", True),)
    return [*seen, Observation("end", last, working=True, outcome=Finished(finish), usage=usage)]


STUCK: list[Scripted] = [Observation("stuck", (StepText(1, "Half", False),), working=True)]
"""A run that says half of something, and nothing more."""


def pausing(text: str, *calls: AgentCall, usage: Usage | None = None) -> list[Scripted]:
    """A run that says something, and rests until its client has answered these calls."""
    texts = (StepText(1, text, False),) if text else ()
    return [Observation("paused", texts, working=True, outcome=Paused(calls), usage=usage)]


def tool(name: str, **function: Any) -> Json:
    """A client's tool, as a request has it."""
    return {"type": "function", "function": {"name": name, **function}}


@dataclass(slots=True)
class Scene:
    """A gateway with one agent, `coder`."""

    gateway: RunningGateway
    backend: ScriptedBackend

    @property
    def plane(self) -> AgentPlane:
        assert self.gateway.gateway.agents is not None
        return self.gateway.gateway.agents

    @property
    def agent(self) -> Agent:
        agent = self.plane.serving(b'{"model": "coder"}')
        assert agent is not None
        return agent


async def scene(stage: Stage, *scripts: list[Scripted], alone: bool = False, **changes: Any) -> Scene:
    """A gateway whose agent plays these scripts, one a turn; `alone`: without an upstream."""
    settings = agent_settings(**changes)
    more: Json = {"upstream": ""} if alone else {}
    gateway = await stage.gateway(agents=(settings,), **more)
    backend = ScriptedBackend(*scripts)
    gateway.gateway.agents = AgentPlane(
        [served(settings, backend)], [], lambda error: gateway.gateway.fault(error, None)
    )
    one = Scene(gateway, backend)
    one.plane.reached_at(f"http://127.0.0.1:{gateway.port}", lends_key=False)
    return one


@asynccontextmanager
async def cascade_server(
    script: Json | None = None, *, model_url: str = "", token: str = "", classic: bool = False
) -> AsyncIterator[Listener]:
    """The reference server, on a port of its own."""
    read = Script() if script is None else read_script(msgspec.json.encode(script))
    model = Model(model_url, "scripted", "sk-agent") if model_url else None
    listener = Listener(Service(read, model, classic=classic), token=token)
    await listener.listen("127.0.0.1", 0)
    try:
        yield listener
    finally:
        await listener.close()
        if model is not None:
            model.close()


def chat(*messages: str | Json, **fields: Any) -> Json:
    """A request: texts are the user's and the assistant's in turn."""
    roles = ("user", "assistant")
    said = [
        {"role": roles[at % 2], "content": message} if isinstance(message, str) else message
        for at, message in enumerate(messages)
    ]
    return {"model": "coder", "messages": said, **fields}

"""Agents are made of settings: each kind with its own backend, and SDKs are loaded by those alone who need them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from narrows.backends.cascade import CascadeBackend
from narrows.errors import SettingsError
from narrows.server.agents.building import agent_plane
from narrows.server.agents.plane import AgentPlane
from tests.agent_stage import agent_settings, chat
from tests.backends.a2a_server import a2a_server
from tests.backends.langgraph_server import langgraph_server
from tests.raw_client import request
from tests.stage import Stage

PATH = "/v1/chat/completions"


def plane(*, ca_bundle: str = "", **changes: Any) -> AgentPlane:
    def fault(error: BaseException) -> None:
        raise error

    made = agent_plane(
        (agent_settings(**changes),), ca_bundle=ca_bundle, connect_timeout_s=1, sessions_file="", fault=fault, log=print
    )
    assert made is not None
    return made


async def test_without_agents_there_is_no_plane() -> None:
    assert agent_plane((), ca_bundle="", connect_timeout_s=1, sessions_file="", fault=print, log=print) is None


async def test_a_kind_has_its_backend() -> None:
    from narrows.backends.a2a import A2ABackend
    from narrows.backends.acp import AcpBackend
    from narrows.backends.langgraph import LangGraphBackend

    made = plane(kind="acp", command=["true"], cwd="/")
    assert isinstance(made._agents[0].backend, AcpBackend)
    await made.close()
    kinds = {"cascade": CascadeBackend, "langgraph": LangGraphBackend, "a2a": A2ABackend}
    for kind, backend in kinds.items():
        made = plane(kind=kind)
        (agent,) = made._agents
        assert isinstance(agent.backend, backend)
        await made.close()


@pytest.mark.parametrize(("kind", "package"), [("langgraph", "langgraph_sdk"), ("a2a", "a2a"), ("acp", "acp")])
async def test_an_agent_whose_sdk_is_missing(kind: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(f"narrows.backends.{kind}")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    changes: dict[str, Any] = {"command": ["true"], "cwd": "/"} if kind == "acp" else {}
    with pytest.raises(SettingsError) as caught:
        plane(kind=kind, **changes)
    (problem,) = caught.value.problems
    assert problem.startswith("agents.coder: ")
    assert f"pip install 'narrows[{kind}]'" in problem


def test_who_has_no_such_agent_loads_no_sdk() -> None:
    sdks = "('httpx', 'langgraph_sdk', 'a2a', 'acp')"
    code = f"import sys, narrows.server.app; print([name for name in {sdks} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_who_has_no_agents_loads_nothing_that_serves_them() -> None:
    names = ("server.agents.plane", "server.agents.model_exchange", "server.agents.tool_exchange", "inject.mcp")
    code = f"import sys, narrows.server.app; print([n for n in {names} if 'narrows.' + n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_folder_that_is_none() -> None:
    with pytest.raises(SettingsError, match="cwd /nowhere is no folder"):
        plane(kind="acp", command=["true"], cwd="/nowhere")


async def test_a_ca_bundle_that_cannot_be_used() -> None:
    with pytest.raises(SettingsError, match="ca_bundle"):
        plane(kind="a2a", url="https://127.0.0.1:1", ca_bundle="/nowhere.pem")


async def test_agents_of_both_kinds_answer_chat_completions(stage: Stage) -> None:
    async with langgraph_server() as graph, a2a_server() as agent:
        for kind, url in (("langgraph", graph.url), ("a2a", agent.url)):
            gateway = await stage.gateway(agents=(agent_settings(url, kind=kind),))
            client = await stage.client(gateway)
            said = ["one two"]
            for turn in range(2):
                await client.send(request("POST", PATH, body=json.dumps(chat(*said)).encode()))
                answer = await client.answer(b"POST")
                assert answer.json["choices"][0]["message"]["content"] == "ONE TWO"
                assert answer.values(b"x-narrows-session-use") == [b"reused" if turn else b"new"]
                assert answer.json["usage"]["completion_tokens"] in {2, 3}
                said += ["ONE TWO", "one two"]
    assert len(graph.threads) == 1
    assert len({message["contextId"] for message in agent.sent}) == 1

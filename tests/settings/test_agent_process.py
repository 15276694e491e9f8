"""Agents whose processes the gateway starts."""

from __future__ import annotations

from typing import Any

import pytest

from narrows.settings import AgentKind, AgentSettings, parse
from narrows.settings.agent_process import HANDED_ON
from narrows.settings.agents import read_agents

PROCESS = {"kind": "acp", "command": ["opencode", "acp"], "cwd": "/srv/project"}


def one(**entry: Any) -> AgentSettings:
    (agent,) = read_agents({"coder": {**PROCESS, **entry}})
    return agent


def test_an_agent_has_a_command_a_folder_and_variables() -> None:
    agent = one(env={"B": "{base_url}", "A": ""}, correlation="endpoint", max_processes=3)
    assert agent.kind is AgentKind.ACP
    assert (agent.command, agent.cwd, agent.max_processes) == (("opencode", "acp"), "/srv/project", 3)
    assert agent.env == (("B", "{base_url}"), ("A", ""))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"url": "http://127.0.0.1:1"}, "leave the url out"),
        ({"model": "m"}, "told its model by its own command"),
        ({"command": "opencode acp"}, "command needs a list"),
        ({"command": ["opencode", "\x00"]}, "command needs a list"),
        ({"cwd": "project"}, "cwd needs an absolute path"),
        ({"cwd": 1}, "cwd needs an absolute path"),
        ({"env": {"A B": "x"}}, "env needs names of variables"),
        ({"env": {"A": 1}}, "env needs names of variables"),
        ({"env": ["A=1"]}, "env needs names of variables"),
        ({"env": {"A": "\x00"}}, "env needs names of variables"),
        ({"env": {"A": "x{api_key}"}}, "set correlation"),
        ({"correlation": "endpoint"}, r"neither its command nor its env has a place for \{base_url\}"),
        ({"max_processes": 0}, "max_processes needs a whole number"),
        ({"max_processes": 2}, "one process serves all"),
        ({"token_header": "x-token"}, "for agents of kind a2a, cascade, langgraph"),
    ],
)
def test_what_is_wrong_is_said(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        one(**entry)


@pytest.mark.parametrize("without", ["command", "cwd"])
def test_a_command_and_a_folder_are_needed(without: str) -> None:
    with pytest.raises(ValueError, match="needs a command and a cwd"):
        read_agents({"coder": {name: value for name, value in PROCESS.items() if name != without}})


def test_other_agents_have_no_command() -> None:
    with pytest.raises(ValueError, match="for agents of kind acp"):
        read_agents({"coder": {"url": "http://127.0.0.1:1", "command": ["x"]}})


def test_a_process_gets_little_of_the_gateways_environment_and_it_is_not_shown() -> None:
    environ = {"PATH": "/bin", "HOME": "/home/me", "NARROWS_UPSTREAM_KEY": "sk-secret", "OPENAI_API_KEY": "sk-other"}
    toml: dict[str, object] = {"agents": {"coder": PROCESS, "other": {"url": "http://127.0.0.1:1", "models": ["b"]}}}
    agent, other = parse({}, environ, toml).settings.agents
    assert agent.environment == (("PATH", "/bin"), ("HOME", "/home/me"))
    assert other.environment == ()
    assert "/home/me" not in repr(agent)
    assert not {name for name in HANDED_ON if "KEY" in name or "TOKEN" in name or name.startswith("NARROWS")}

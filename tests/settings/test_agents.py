from __future__ import annotations

from typing import Any

import pytest

from narrows.agents.deltas import OnRevision
from narrows.agents.run import OnWaiting
from narrows.errors import SettingsError
from narrows.settings import SETTINGS, Settings, parse, reloaded
from narrows.settings.agents import AgentSettings, DisconnectPolicy, read_agents, show_agents, with_tokens

URL = "http://127.0.0.1:9901"


def one(**entry: Any) -> AgentSettings:
    (agent,) = read_agents({"coder": {"url": URL, **entry}})
    return agent


def problems(toml: dict[str, object], **flags: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        parse(flags, {}, toml)
    return caught.value.problems


def test_an_agent_needs_a_url_and_serves_its_own_name() -> None:
    agent = one()
    assert (agent.name, agent.url, agent.models, agent.kind) == ("coder", URL, ("coder",), "cascade")


def test_everything_can_be_set() -> None:
    agent = one(
        kind="cascade",
        models=["a", "b"], model="m", service="x.Y", token_file="/run/token", token_header="x-csrf",
        lenient=True, on_disconnect="detach", on_waiting="error", on_revision="error", first_event_timeout_s="10s",
        idle_timeout_s=5, tool_idle_timeout_s="1m", total_timeout_s="2h", queue_timeout_s=0.5, keep_alive_s="5s",
        session_ttl_s="1h", max_sessions=5, max_runs=2, max_queued=0, max_calls=1,
        correlation="endpoint", session_header="x-thread", gateway_url="http://gw:8787/", model_wire="gemini",
        calls_key="robot",
        background_models=["tiny"],
    )  # fmt: skip
    assert agent.models == ("a", "b")
    assert (agent.on_disconnect, agent.on_waiting, agent.on_revision) == (
        DisconnectPolicy.DETACH,
        OnWaiting.ERROR,
        OnRevision.ERROR,
    )
    assert (agent.total_timeout_s, agent.idle_timeout_s, agent.queue_timeout_s) == (7200.0, 5.0, 0.5)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"url": "ftp://x"}, "url needs http"),
        ({"url": "http://u:p@x"}, "url needs http"),
        ({"url": "http://x:99999"}, "url needs http"),
        ({"url": 1}, "url needs http"),
        ({"correlation": "guess"}, "correlation needs one of none, endpoint, header, single"),
        ({"correlation": "single"}, "max_runs 16: set max_runs = 1"),
        ({"gateway_url": "http://gw"}, "no correlation"),
        ({"gateway_url": "gw:8787", "correlation": "header"}, "gateway_url needs http"),
        ({"session_header": "x y"}, "session_header needs the name of a header"),
        ({"model_wire": "smoke"}, "model_wire needs one of openai-chat, openai-responses, anthropic, gemini"),
        ({"background_models": "tiny"}, "background_models needs a list"),
        ({"kind": "magic"}, "kind needs one of cascade"),
        ({"assistant": ""}, "assistant needs a name"),
        ({"tools": "traffic"}, "set correlation to endpoint"),
        ({"models": []}, "models needs a list"),
        ({"models": "coder"}, "models needs a list"),
        ({"token_env": "not a name"}, "token_env needs the name"),
        ({"token_env": "A", "token_file": "b"}, "leave one"),
        ({"token": "secret"}, "there is no token"),
        ({"on_disconnect": "panic"}, "on_disconnect needs one of auto, cancel, detach, grace"),
        ({"idle_timeout_s": "soon"}, "idle_timeout_s"),
        ({"idle_timeout_s": 0}, "idle_timeout_s needs a duration over 0"),
        ({"idle_timeout_s": True}, "idle_timeout_s needs a duration"),
        ({"max_runs": 0}, "max_runs needs a whole number"),
        ({"max_runs": True}, "max_runs needs a whole number"),
        ({"lenient": "yes"}, "lenient needs true or false"),
        ({"speed": 1}, "there is no speed"),
    ],
)
def test_what_is_wrong_is_said(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        one(**entry)


def test_every_problem_is_said_at_once() -> None:
    table = {
        "a": {"url": URL, "models": ["m"]},
        "b": {"url": URL, "models": ["m"]},
        "c": {},
        "d e": {"url": URL},
        "f": 1,
    }
    with pytest.raises(ValueError, match="needs a url") as caught:
        read_agents(table)
    assert [word in str(caught.value) for word in ("'m' is served", "c:", "d e:", "f: needs a table")] == [True] * 4
    with pytest.raises(ValueError, match="needs tables"):
        read_agents([])


def test_a_token_comes_out_of_its_variable_and_is_never_shown() -> None:
    toml: dict[str, object] = {"agents": {"coder": {"url": URL, "token_env": "CODER_TOKEN"}}}
    parsed = parse({}, {"CODER_TOKEN": " secret "}, toml)
    assert parsed.settings.agents[0].token == "secret"
    assert "secret" not in repr(parsed.rows())
    assert show_agents(parsed.settings.agents) == "coder"
    assert with_tokens((one(),), {"": "x"})[0].token == ""


def test_one_agent_may_be_the_default_and_one_way_to_a_token_is_enough() -> None:
    with pytest.raises(ValueError, match="a and b are both the default"):
        read_agents({name: {"url": URL, "default": True} for name in "ab"})
    assert read_agents({"a": {"url": URL, "default": True}})[0].default
    with pytest.raises(ValueError, match="token_file and token_command"):
        one(token_file="x", token_command=["y"])
    assert one(token_command=["pass", "show"]).token_command == ("pass", "show")
    for wrong in ("pass show", [], [""], [1]):
        with pytest.raises(ValueError, match="a list of words"):
            one(token_command=wrong)


def test_agents_need_no_upstream() -> None:
    assert parse({}, {}, {"agents": {"coder": {"url": URL}}}).settings.upstream == ""
    assert any("no upstream" in problem for problem in problems({}))


def test_agents_change_at_a_start() -> None:
    running = Settings(upstream="http://x")
    change = reloaded(running, Settings(upstream="http://x", agents=(one(),)))
    assert (change.settings, change.waiting) == (running, ("agents",))


def test_the_table_knows_them() -> None:
    (setting,) = [setting for setting in SETTINGS if setting.name == "agents"]
    assert (setting.has_flag, setting.has_variable, setting.in_file) == (False, False, True)


def test_the_key_of_an_agents_calls_is_one_that_there_is() -> None:
    agents = {"coder": {"url": URL, "correlation": "header", "calls_key": "robot"}}
    said = problems({"agents": agents, "upstream": "https://api.openai.com"})
    assert said == ("agents: coder: calls_key 'robot' is the name of no key; [keys] has none",)
    keys = {"robot": "sha256:" + "0" * 64}
    assert parse({}, {}, {"agents": agents, "keys": keys, "upstream": "https://api.openai.com"}).settings.agents


@pytest.mark.parametrize("way", [{"correlation": "header"}, {"correlation": "single", "max_runs": 1}])
def test_tools_on_model_calls_that_anybodys_key_could_make_are_refused_at_the_start(way: dict[str, object]) -> None:
    keys = {"robot": "sha256:" + "0" * 64}
    rest = {"upstream": "https://api.openai.com", "keys": keys}
    agent = {"url": URL, "tools": "traffic", **way}
    (said,) = problems({"agents": {"coder": agent}, **rest})
    assert said.startswith("agents: coder: offers a client's tools on its model calls (tools = traffic)")
    assert "set calls_key" in said
    fit = ({**agent, "calls_key": "robot"}, {**agent, "tools": "auto"}, {"url": URL, "correlation": "endpoint"})
    for entry in (*fit, {**agent, "correlation": "endpoint"}):
        assert parse({}, {}, {"agents": {"coder": entry}, **rest}).settings.agents
    assert parse({}, {}, {"agents": {"coder": agent}, "upstream": "https://api.openai.com"}).settings.agents

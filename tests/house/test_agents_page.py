"""The page on agents shows what the code has: the table of transitions, the settings, an example that starts."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields

from narrows.agents.run import TRANSITIONS
from narrows.agents.session import SessionUse
from narrows.core.units import show_duration
from narrows.settings import AgentKind, AgentSettings, parse
from tests.house.pages import REPOSITORY

PAGE = (REPOSITORY / "docs" / "agents.md").read_text(encoding="utf-8")


def test_the_diagram_is_the_table() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+)$", PAGE, re.MULTILINE))
    assert drawn == {(state.value, after.value) for state, later in TRANSITIONS.items() for after in later}


def test_every_setting_is_described_with_its_default() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.+?) \|", PAGE, re.MULTILINE)
    described: dict[str, str] = {}
    for names, default in rows:
        found = re.findall(r"`(\w+)`", names)
        defaults = re.findall(r"`([\w.-]+)`", default) or [""] * len(found)
        described.update(zip(found, defaults, strict=True))
    settings = {
        field.name: field.default
        for field in fields(AgentSettings)
        if field.name not in {"name", "token", "environment"}
    }
    assert set(described) == set(settings)
    for name, default in settings.items():
        shown = show_duration(default) if isinstance(default, float) else str(default or "").lower()
        shown = "false" if default is False else shown
        if name != "models":
            assert described[name].lower() == ("" if default == () else shown.lower()), name


def test_every_example_starts_a_gateway() -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    agents = [parse({}, {"CODER_TOKEN": "t"}, tomllib.loads(example)).settings.agents for example in examples]
    assert agents[0][0].models == ("coder", "coder-large")
    assert {agent.kind for some in agents for agent in some} == set(AgentKind)


def test_every_backend_has_its_section() -> None:
    assert [kind for kind in AgentKind if f'`kind = "{kind}"`' not in PAGE] == []


def test_the_sample_graph_is_python() -> None:
    (graph,) = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
    assert "def make_graph(" in graph
    compile(graph, "docs/agents.md", "exec")


def test_every_use_of_a_session_is_named() -> None:
    assert [use for use in SessionUse if f"`{use}`" not in PAGE] == []

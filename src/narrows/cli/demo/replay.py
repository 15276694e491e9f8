"""One run of the session: every turn through the official client, streaming, timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from narrows.cli.demo.models import Model
from narrows.cli.demo.session import Session
from narrows.cli.failure import Failure

_ANSWER_TOKENS = 12
"""Answers are cut short: the demo is about what the model reads."""

_FIRST_ANSWER_TIMEOUT_S = 170.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What one turn cost. Tokens are the model's own figures; None where it reports none."""

    prompt_tokens: int | None
    cached_tokens: int | None
    first_token_s: float


def replay(session: Session, base_url: str, model: Model, on_turn: Callable[[], None]) -> Sequence[Measured]:
    """Send every turn in order; `on_turn` is called after each.

    Raises:
        Failure: a turn was not answered.
    """
    from openai import DefaultHttpxClient, OpenAI, OpenAIError  # not at the top: it is in the extra `demo` only

    client = OpenAI(
        base_url=base_url,
        api_key=model.api_key,
        timeout=_FIRST_ANSWER_TIMEOUT_S,
        max_retries=0,
        http_client=DefaultHttpxClient(trust_env=False),  # loopback, whatever proxy the environment names
    )
    measured: list[Measured] = []
    for number, turn in enumerate(session.turns, 1):
        try:
            measured.append(_send(client, model.name, list(turn.messages), list(session.tools)))
        except OpenAIError as error:
            raise Failure(f"turn {number} got no answer from the model {model.name!r}: {error}") from None
        on_turn()
    return measured


def _send(client: Any, model: str, messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> Measured:
    started = time.perf_counter()
    first_token_s: float | None = None
    usage: Any = None
    stream = client.chat.completions.create(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice="none",
        stream=True,
        stream_options={"include_usage": True},
        max_tokens=_ANSWER_TOKENS,
        temperature=0,
    )
    for chunk in stream:
        if first_token_s is None and chunk.choices and chunk.choices[0].delta.content:
            first_token_s = time.perf_counter() - started
        usage = chunk.usage or usage
    if first_token_s is None:
        first_token_s = time.perf_counter() - started
    details = usage.prompt_tokens_details if usage else None
    return Measured(
        prompt_tokens=usage.prompt_tokens if usage else None,
        cached_tokens=details.cached_tokens if details else None,
        first_token_s=first_token_s,
    )

"""From how many tokens on a model's provider caches a prompt, and how much is said in a token of that model.

Providers bill what they have seen before at a fraction of the price, but no shorter prompts than this. The table holds
the models whose minimum an agent's first outputs may lie under: Gemini 2 with 2,048 and Gemini 3 with 4,096 tokens
(Google's page on context caching), Claude Opus 4.7, the preview of Mythos and Haiku 3 and 3.5 with 2,048, Opus 4.5 and
4.6 and Haiku 4.5 with 4,096 (Anthropic's page on prompt caching; autumn 2026). Minima up to 1,024 tokens are not in it,
nor is a model that is not known, and why not stands in docs/decisions/0019.
"""

from __future__ import annotations

import re
from typing import TypeVar

_Value = TypeVar("_Value", int, float)

MINIMA: tuple[tuple[str, int], ...] = (
    (r"claude-(?:opus-4[-.][56]|4[-.][56]-opus|haiku-4[-.]5|4[-.]5-haiku)", 4096),
    (r"claude-(?:opus-4[-.]7|4[-.]7-opus|mythos-preview|3(?:[-.]5)?-haiku)", 2048),
    (r"gemini-2", 2048),
    (r"gemini-(?:[3-9]|(?:pro|flash|flash-lite)-latest)", 4096),
)
"""Patterns in a model's name, the first match wins, and tokens. Whatever stands before a pattern (a provider, a region,
`models/`) and behind it (a date, `-preview`) does not count; a later generation of Gemini is taken for the last known.
Part of `Policy.version`."""

BYTES_PER_TOKEN: tuple[tuple[str, float], ...] = (
    (r"claude-(?:(?:opus|sonnet|haiku)-(?:4[-.][7-9]|[5-9])|4[-.][7-9]-(?:opus|sonnet|haiku)|fable|mythos)", 3.1),
    (r"claude|gemini", 3.9),
)
"""Of what is said in a prompt (`core.jsonstr.said_bytes`), by the vocabularies of model families: Claude from Opus 4.7
on; Claude before, and Gemini. Few of agents' prompts have more where they reach the minimum, so it is taken to be
reached a little late, and seldom early. Part of `Policy.version`."""

MOST_BYTES_PER_TOKEN = 4.4
"""In the vocabulary of any other model, for a minimum that was set."""


def _by_name(table: tuple[tuple[str, _Value], ...]) -> tuple[tuple[re.Pattern[str], _Value], ...]:
    return tuple(
        (re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![0-9])", re.IGNORECASE), value) for pattern, value in table
    )


_MINIMA, _BYTES_PER_TOKEN = _by_name(MINIMA), _by_name(BYTES_PER_TOKEN)


def cache_minimum(model: str | None) -> int:
    """The least prompt of a model that is cached, in tokens; 0 where there is none to wait for."""
    if not model:
        return 0
    return next((tokens for pattern, tokens in _MINIMA if pattern.search(model)), 0)


def bytes_per_token(model: str | None) -> float:
    """How much is said in a token of a model's vocabulary, in UTF-8 bytes."""
    if not model:
        return MOST_BYTES_PER_TOKEN
    return next((size for pattern, size in _BYTES_PER_TOKEN if pattern.search(model)), MOST_BYTES_PER_TOKEN)

"""From how many tokens on a model's provider caches a prompt.

Providers bill what they have seen before at a fraction of the price, but no shorter prompts than this. The table holds
the models whose minimum an agent's first outputs may lie under: Gemini 2 with 2,048 and Gemini 3 with 4,096 tokens
(Google's page on context caching), Claude Opus 4.7 with 2,048, Opus 4.5 and 4.6 and Haiku 4.5 with 4,096 (Anthropic's
page on prompt caching; autumn 2026). Minima up to 1,024 tokens are not in it, nor is a model that is not known, and why
not stands in docs/decisions/0019.
"""

from __future__ import annotations

import re

MINIMA: tuple[tuple[str, int], ...] = (
    (r"claude-(?:opus-4[-.][56]|haiku-4[-.]5)", 4096),
    (r"claude-opus-4[-.]7", 2048),
    (r"gemini-2", 2048),
    (r"gemini-(?:[3-9]|(?:pro|flash|flash-lite)-latest)", 4096),
)
"""Patterns in a model's name, the first match wins, and tokens. Whatever stands before a pattern (a provider, a region,
`models/`) and behind it (a date, `-preview`) does not count; a later generation of Gemini is taken for the last known.
Part of `Policy.version`."""

BYTES_PER_TOKEN = 4.4
"""Of what is said in a prompt (`core.jsonstr.said_bytes`). It is the most that agents' prompts have in any vocabulary,
so the minimum is reached a little late, and not early."""

_TABLE = tuple((re.compile(rf"(?<![a-z0-9]){pattern}(?![0-9])", re.IGNORECASE), tokens) for pattern, tokens in MINIMA)


def cache_minimum(model: str | None) -> int:
    """The least prompt of a model that is cached, in tokens; 0 where there is none to wait for."""
    if not model:
        return 0
    return next((tokens for pattern, tokens in _TABLE if pattern.search(model)), 0)

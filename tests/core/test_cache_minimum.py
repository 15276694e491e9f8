from __future__ import annotations

import pytest

from narrows.core.cache_minimum import MINIMA, cache_minimum

KNOWN = {
    "gemini-3-pro-preview": 4096,
    "models/gemini-3.1-flash": 4096,
    "google/gemini-3-pro": 4096,
    "gemini-flash-latest": 4096,
    "gemini-4-pro": 4096,
    "vertex_ai/gemini-2.5-pro": 2048,
    "gemini-2.0-flash-001": 2048,
    "claude-opus-4-5-20251101": 4096,
    "claude-opus-4-6": 4096,
    "us.anthropic.claude-opus-4-5-20251101-v1:0": 4096,
    "anthropic/claude-opus-4.5": 4096,
    "Claude-Haiku-4-5@20251001": 4096,
    "claude-opus-4-7": 2048,
}
NOT_KNOWN = (
    None,
    "",
    "gpt-4o",
    "gpt-5.5",
    "claude-opus-4-20250514",
    "claude-opus-4-8",
    "claude-opus-5.5",
    "claude-sonnet-4-5",
    "claude-opus-4-55",
    "claude-haiku-5",
    "gemini-1.5-pro",
    "mygemini-3",
    "gemma-3-27b",
    "qwen3-coder",
    "deepseek-chat",
)


@pytest.mark.parametrize(("model", "tokens"), KNOWN.items())
def test_a_model_is_known_by_its_name_whatever_stands_around_it(model: str, tokens: int) -> None:
    assert cache_minimum(model) == tokens


@pytest.mark.parametrize("model", NOT_KNOWN)
def test_for_any_other_nothing_waits(model: str | None) -> None:
    assert cache_minimum(model) == 0


def test_every_pattern_is_of_use() -> None:
    assert {tokens for _, tokens in MINIMA} == set(KNOWN.values())

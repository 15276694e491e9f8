from __future__ import annotations

import pytest

from narrows.core.cache_minimum import (
    BYTES_PER_TOKEN,
    MINIMA,
    MOST_BYTES_PER_TOKEN,
    bytes_per_token,
    cache_minimum,
)

KNOWN = {
    "models/gemini-3.1-flash": 4096,
    "google/gemini-3-pro": 4096,
    "gemini-flash-latest": 4096,
    "gemini-4-pro": 4096,
    "vertex_ai/gemini-2.5-pro": 2048,
    "gemini-2.0-flash-001": 2048,
    "gemini-3-pro-preview": 4096,
    "gemini-3-pro-preview-11-2025": 4096,
    "gemini/gemini-3-flash-preview": 4096,
    "openrouter/google/gemini-3.1-pro-preview:free": 4096,
    "publishers/google/models/gemini-3.8-flash": 4096,
    "gemini-4-argon": 4096,
    "publishers/google/models/gemini-2.5-pro@default": 2048,
    "gemini-2.5-flash-lite-preview-09-2025": 2048,
    "claude-opus-4-5-20251101": 4096,
    "claude-opus-4-6": 4096,
    "us.anthropic.claude-opus-4-5-20251101-v1:0": 4096,
    "anthropic/claude-opus-4.5": 4096,
    "Claude-Haiku-4-5@20251001": 4096,
    "global.anthropic.claude-opus-4-6-v1": 4096,
    "bedrock/converse/eu.anthropic.claude-haiku-4-5-20251001-v1:0": 4096,
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-5-20251101-v1:0": 4096,
    "vertex_ai/claude-opus-4-5@20251101": 4096,
    "publishers/anthropic/models/claude-haiku-4-5": 4096,
    "openrouter/anthropic/claude-opus-4.6:beta": 4096,
    "databricks-claude-opus-4-5": 4096,
    "claude-opus-4-5-thinking": 4096,
    "claude-4.5-opus-high-thinking": 4096,
    "claude-4-5-haiku": 4096,
    "claude-opus-4-7": 2048,
    "us.anthropic.claude-opus-4-7-v1:0": 2048,
    "claude-4.7-opus": 2048,
    "claude-mythos-preview": 2048,
    "claude-3-haiku-20240307": 2048,
    "anthropic.claude-3-5-haiku-20241022-v1:0": 2048,
    "anthropic/claude-3.5-haiku": 2048,
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
    "claude-opus-4-1-20250805",
    "claude-opus-4-50",
    "claude-opus-5-4-5",
    "claude-sonnet-4-6",
    "claude-4.5-sonnet",
    "claude-4-opus",
    "claude-3-5-sonnet-20241022",
    "claude-3-opus-20240229",
    "claude-mythos-5-1",
    "notclaude-opus-4-5",
    "gemini-20-pro",
    "gemini-pro",
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


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("claude-opus-4-5-20251101", 3.9),
        ("claude-sonnet-4-20250514", 3.9),
        ("claude-3-7-sonnet-latest", 3.9),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", 3.9),
        ("models/gemini-3-pro-preview", 3.9),
        ("claude-opus-4-7", 3.1),
        ("anthropic/claude-opus-4.8", 3.1),
        ("claude-4.7-opus", 3.1),
        ("claude-sonnet-5", 3.1),
        ("claude-opus-5-5@20260901", 3.1),
        ("claude-fable-5-1", 3.1),
        ("claude-mythos-preview", 3.1),
        ("gpt-5.5", MOST_BYTES_PER_TOKEN),
        ("", MOST_BYTES_PER_TOKEN),
        (None, MOST_BYTES_PER_TOKEN),
    ],
)
def test_a_token_says_as_much_as_in_the_vocabulary_of_the_family(model: str | None, size: float) -> None:
    assert bytes_per_token(model) == size


def test_where_the_vocabulary_is_not_known_the_minimum_is_taken_to_be_reached_latest() -> None:
    assert max(size for _, size in BYTES_PER_TOKEN) < MOST_BYTES_PER_TOKEN

"""Token counts for the gate, from vocabularies that ship inside a wheel.

An edit is for ever, so it must be worth it in the model's own currency. The counter is toktok (MIT, Rust): its counts
equal the official tokenizer's on every text of the shared corpus and on generated ones (tests/core/test_tokens.py
proves it against tiktoken with the official vocabulary files). The vocabularies are compiled into it; nothing is
downloaded. Loading one costs about 40 MB and half a second, so it happens at the first count, never at import.

The counter's version belongs to the policy's version: another count can turn a borderline gate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKENIZER = "toktok-rs-0.3.0"
"""Library and version, as pinned in pyproject.toml; part of `Policy.version`."""

EXACT_UP_TO_CHARACTERS = 4_000_000
"""Longer originals are counted only until they are proven large enough; about 25 ms of counting."""

_BLOCK_CHARACTERS = 500_000
_CUT_SLACK = 16

_MODELS: tuple[tuple[str, str], ...] = (
    (
        r"gpt-4o|chatgpt-4o|gpt-4\.[15]|gpt-(?:[5-9]|1\d)|gpt-oss|o[1-9]|codex|computer-use|gpt-(?:audio|realtime)",
        "o200k_base",
    ),
    (r"gpt-4|gpt-3\.?5|text-embedding-(?:3|ada-002)|davinci-002|babbage-002", "cl100k_base"),
)
"""Patterns at the start of a model's name, the first match wins (OpenAI's published model list; tiktoken 0.14 agrees
on every name it knows). Every other model is counted in the first encoding as a stand-in, and decisions say so."""

_PROVIDER_PREFIX = re.compile(r"^(?:[\w.-]+/)*(?:ft:)?")


@dataclass(frozen=True, slots=True)
class Encoding:
    """A vocabulary's name, and whether it stands in for one we do not have (`assumed`)."""

    name: str
    assumed: bool


_TABLE = tuple(
    (re.compile(rf"(?:{pattern})(?![a-z0-9])", re.IGNORECASE), Encoding(name, assumed=False))
    for pattern, name in _MODELS
)
_ASSUMED = Encoding(_MODELS[0][1], assumed=True)


def encoding_for_model(model: str | None) -> Encoding:
    """The encoding of a model by its name; provider prefixes (`openai/`, `azure/...`) and `ft:` are ignored."""
    bare = model or ""
    if "/" in bare or ":" in bare:
        bare = _PROVIDER_PREFIX.sub("", bare, count=1)
    for pattern, encoding in _TABLE:
        if pattern.match(bare):
            return encoding
    return _ASSUMED


def count_tokens(text: str, encoding: Encoding) -> int:
    """The number of tokens in `text`; text that looks like a special token counts as ordinary text.

    Raises:
        UnicodeEncodeError: `text` holds a lone surrogate, which no vocabulary can say.
    """
    import toktok  # here and not at the top: it maps 40 MB, and the gateway process itself never counts

    count: int = toktok.batch_count([text], encoding.name, threads=1)[0]
    return count


@dataclass(frozen=True, slots=True)
class GateResult:
    """Whether a shortened text is worth its edit. `tokens_before` is None where counting stopped early: the original
    was proven large enough, and its exact count is unknown, which is not zero."""

    passed: bool
    tokens_before: int | None
    tokens_after: int


def gate(
    original: str,
    shortened: str,
    encoding: Encoding,
    *,
    min_saved_tokens: int,
    min_saved_share: float,
    counted: int | None = None,
) -> GateResult:
    """Whether `shortened` saves at least `min_saved_tokens` tokens and `min_saved_share` of the original's. `counted`:
    the original's tokens, where they have been counted before."""
    after = count_tokens(shortened, encoding)
    if len(original) <= EXACT_UP_TO_CHARACTERS:
        before = count_tokens(original, encoding) if counted is None else counted
        passed = before - after >= min_saved_tokens and before - after >= min_saved_share * before
        return GateResult(passed, before, after)
    needed = after + min_saved_tokens
    if min_saved_share < 1:
        needed = max(needed, int(after / (1 - min_saved_share)) + 1)
    return GateResult(_has_at_least(original, needed, encoding), None, after)


def _has_at_least(text: str, needed: int, encoding: Encoding) -> bool:
    """Whether `text` has at least `needed` tokens, counted block by block until that is proven.

    A cut splits one piece of text that the vocabulary would have merged, which adds a few tokens at most: each block's
    count is lowered by `_CUT_SLACK`, so the sum stays a lower bound.
    """
    seen = 0
    for start in range(0, len(text), _BLOCK_CHARACTERS):
        seen += count_tokens(text[start : start + _BLOCK_CHARACTERS], encoding) - _CUT_SLACK
        if seen >= needed:
            return True
    return False

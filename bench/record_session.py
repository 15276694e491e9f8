"""Record the demo's agent session: real commands, run on a copy of this repository into which a fault was put.

    python bench/record_session.py [--into src/narrows/cli/demo/session.json]

Needs git, curl, ripgrep and the development environment. What the agent says between the commands is written here; what
the tools answer is what they printed, with the copy's folder name replaced by /repo.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
DEFAULT = REPOSITORY / "src/narrows/cli/demo/session.json"

FAULTY_FILE = "src/narrows/core/edits.py"
FAULT = ("if stop > len(body):", "if stop >= len(body):")
"""An edit that ends where the body ends is now refused: a fault that tests notice."""

GATEWAY_PORT = 8790
REQUESTS = 3

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "bash",
            "description": "Run a command in the repository and return what it prints.",
            "parameters": {
                "type": "object",
                "properties": {"command": {"type": "string"}},
                "required": ["command"],
            },
        },
    }
]

OPENING = [
    {"role": "system", "content": "You are a coding agent. Use the bash tool. Answer in one short sentence."},
    {
        "role": "user",
        "content": "The build is red since this morning. Find out why, and check that the gateway is healthy.",
    },
]

TESTS = ("-k 'not duration'", "tests/core/test_edits.py", "tests/core/test_units.py")

STEPS = [
    ("I run the tests first.", f"python -m pytest -v --no-header --tb=short {' '.join(TESTS)}"),
    ("An edit at the end of a body is refused. I look for every use.", "rg -n 'Edit|Span|edits' src"),
    ("I look at what changed.", "git diff HEAD"),
    ("One comparison changed. Now the gateway's last exchanges.", f"curl -s http://127.0.0.1:{GATEWAY_PORT}/narrows/exchanges"),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--into", type=Path, default=DEFAULT)
    into: Path = parser.parse_args().into
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        copy_with_fault(tree)
        with gateway_with_traffic():
            messages = record(tree)
    into.write_text(
        json.dumps({"tools": TOOLS, "messages": messages}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    for message in messages:
        if message["role"] == "tool":
            print(f"{len(message['content'].encode()):7,} bytes")


def copy_with_fault(tree: Path) -> None:
    """A clone at HEAD, with the fault in its work tree and the changes around it that a busy morning leaves."""
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(tree)], check=True)
    faulty = tree / FAULTY_FILE
    text = faulty.read_text()
    if FAULT[0] not in text:
        sys.exit(f"{FAULTY_FILE} no longer holds {FAULT[0]!r}: choose another fault")
    faulty.write_text(text.replace(*FAULT))
    rename_a_word(tree)


def rename_a_word(tree: Path) -> None:
    """A harmless rename through many files, the rest of the morning's work, which hides the fault in the diff."""
    for path in sorted((tree / "src/narrows").rglob("*.py")):
        text = path.read_text()
        renamed = text.replace("tool_call: ToolCall | None", "call: ToolCall | None")
        if renamed != text and "search" in path.parts:
            path.write_text(renamed)


@contextlib.contextmanager
def gateway_with_traffic() -> Iterator[None]:
    """A running gateway that has served a few dozen requests, so that its JSON has something to list."""
    from narrows.cli.demo.gateway import running_gateway
    from narrows.cli.demo.models import scripted_model

    with scripted_model() as model, running_gateway(model.base_url, port=GATEWAY_PORT) as base_url:
        for number in range(REQUESTS):
            body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": f"request {number}"}]}
            command = ["curl", "-s", "-o", os.devnull, "-H", "content-type: application/json", "-d", json.dumps(body)]
            subprocess.run([*command, f"{base_url}/v1/chat/completions"], check=True)
        yield


def record(tree: Path) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = list(OPENING)
    for number, (said, command) in enumerate(STEPS):
        call = {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": "bash", "arguments": json.dumps({"command": command})},
        }
        output = run(command, tree)
        messages.append({"role": "assistant", "content": said, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": output})
    return messages


def run(command: str, tree: Path) -> str:
    folder = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": "src",
        "COLUMNS": "100",
    }
    if command.startswith("rg") and not shutil.which("rg", path=environment["PATH"]):
        sys.exit("ripgrep (rg) is not on the PATH")
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.stdout.decode().replace(str(tree), "/repo")


if __name__ == "__main__":
    main()

"""The texts of the shared corpus: each with the tool call that produced it, its group, and its gold."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from narrows.core.tool_call import ToolCall

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
VISIBLE = ("failing_tests", "assertion_messages", "error_lines", "must_keep", "locations")

_LOG_GROUPS = (
    ("test runs", "pytest unittest cargo-test node-test"),
    ("builds", "cargo-build cargo-missing gcc-make gxx ld- javac make-recursive npm-run-build tsc"),
    ("packages", "pip npm apt"),
    ("system", "journal docker kubectl py-app http-server"),
    ("linters", "eslint flake8 mypy ruff"),
    ("git", "git"),
)


@dataclass(frozen=True, slots=True)
class Text:
    """One tool output. `gold`: strings that must stay visible, by what they are; `record`: its row in the index."""

    kind: str
    name: str
    group: str
    text: str
    call: ToolCall
    gold: dict[str, list[str]] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file; none where it is absent."""
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.is_file() else []


def decoded(path: Path) -> str:
    """The text as a client could send it: UTF-8, with replacement characters for what is not."""
    return path.read_bytes().decode(errors="replace")


def shell(command: str) -> ToolCall:
    """The call of a shell tool."""
    return ToolCall("bash", json.dumps({"command": command}))


def log_group(name: str) -> str:
    """Which sort of log, by the file's name."""
    for group, prefixes in _LOG_GROUPS:
        if name.startswith(tuple(prefixes.split())):
            return group
    return "others"


def logs(corpus: Path = CORPUS) -> list[Text]:
    """Real outputs of test runners, builds, services, with the strings that must survive."""
    found = []
    for row in rows(corpus / "logs" / "gold.jsonl"):
        name = Path(row["file"]).name
        gold = {key: row[key] for key in VISIBLE if row.get(key)}
        text = decoded(corpus / "logs" / row["file"])
        found.append(Text("log", name, log_group(name), text, shell(row["command"]), gold, row))
    return found


def api_answers(corpus: Path = CORPUS) -> list[Text]:
    """Recorded JSON answers of cloud APIs, with the facts that the recording project's own tests assert."""
    facts: dict[str, list[str]] = {}
    for row in rows(corpus / "json" / "asserted_facts.jsonl"):
        facts.setdefault(row["file"], []).append(str(row["fact"]))
    found = []
    for row in rows(corpus / "json" / "index.jsonl"):
        name = row["file"]
        gold = {"asserted_facts": facts[name]} if name in facts else {}
        call = ToolCall("call_api", json.dumps({"service": row["service"]}))
        found.append(Text("json", name, row["provider"], decoded(corpus / "json" / name), call, gold, row))
    return found


def searches(corpus: Path = CORPUS) -> list[Text]:
    """Outputs of search tools; `record["files"]` is path -> matching lines, where `rg --json` told them."""
    gold = {row["file"]: row for row in rows(corpus / "search" / "gold.jsonl")}
    found = []
    for row in rows(corpus / "search" / "commands.jsonl"):
        name = Path(row["file"]).name
        group = "matches" if row["file"] in gold else "listings"
        text = decoded(corpus / "search" / row["file"])
        found.append(Text("search", name, group, text, shell(row["command"]), {}, gold.get(row["file"], {})))
    return found


def diffs(corpus: Path = CORPUS) -> list[Text]:
    """Outputs of git and GNU diff."""
    found = []
    for row in rows(corpus / "diffs" / "index.jsonl"):
        name = Path(row["file"]).name
        group = "patches" if row["appliable"] else "others"
        found.append(Text("diff", name, group, decoded(corpus / "diffs" / row["file"]), shell(row["command"]), {}, row))
    return found


def speed_texts(corpus: Path = CORPUS) -> list[Text]:
    """The inputs of the timings."""
    commands = {
        "build-2000.log": ("log", "make -j8"),
        "git-2000.diff": ("diff", "git diff"),
        "ripgrep-500.txt": ("search", "rg -n pattern Lib"),
        "rows-1500.json": ("json", "curl -s https://api.example.org/orders"),
    }
    folder = corpus / "speed"
    return [
        Text(kind, name, "speed", decoded(folder / name), shell(command))
        for name, (kind, command) in commands.items()
        if (folder / name).is_file()
    ]

"""The docs are run, generated, or checked: what they show works, and what the code can say is in them."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import narrows
from narrows.cli.main import COMMANDS
from narrows.compressors.types import Reason
from narrows.errors import GatewayError, SettingsError
from narrows.policy import Policy
from narrows.records.types import BodyDecision, Outcome
from narrows.server.admission import PassReason
from narrows.server.observing import Dropped
from narrows.server.own_routes import ROUTES
from narrows.settings import SETTINGS, Setting
from narrows.wire.types import Refusal
from tests.cli.samples import ROWS, chat_body
from tests.house.pages import BLOCKS, PAGES, REPOSITORY, written_anew
from tests.house.source_tree import MODULES

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
ALL = {page: page.read_text(encoding="utf-8") for page in PAGES}
EVERYTHING = "\n".join(ALL.values())
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ELSEWHERE = ("pip", "git", "export", "curl", "docker")
"""Commands that need a network or change the shell; the others are run."""


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    """Every fenced block of a language, with its page."""
    for page, text in ALL.items():
        for found in _FENCE.finditer(text):
            if found[1] == language:
                yield page, found[2]


def commands() -> list[str]:
    """Every line of a console block that begins with a prompt."""
    return [line[2:] for _, block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]


def python_pages() -> list[Path]:
    """Pages whose examples run by themselves; those of the clients' page need a gateway, and run in tests/clients."""
    return sorted({page for page, _ in blocks("python") if page.name != "clients.md"})


def test_generated_tables_are_current() -> None:
    stale = [str(page.relative_to(REPOSITORY)) for page, text in ALL.items() if written_anew(text) != text]
    assert stale == [], "run `make docs`"


@pytest.mark.parametrize("name", BLOCKS)
def test_every_generated_table_has_its_place(name: str) -> None:
    assert EVERYTHING.count(f"<!-- {name}: written by make docs -->") == 1
    assert EVERYTHING.count(f"<!-- end of {name} -->") == 1


@pytest.mark.parametrize("page", python_pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_python_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "a client wants one to be made")
    namespace: dict[str, Any] = {"__name__": "example"}
    for where, block in blocks("python"):
        if where == page:
            exec(compile(block, str(page), "exec"), namespace)  # running them is the test


@pytest.mark.parametrize("command", commands())
def test_commands_work(command: str, tmp_path: Path) -> None:
    word, *rest = shlex.split(command)
    if word in _ELSEWHERE:
        return
    if word == "make":
        assert re.search(rf"^{re.escape(rest[0])}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
        return
    if rest[0] == "serve":
        command += " --print-settings"
    if rest[0] == "demo":
        command += " --help"
    (tmp_path / "body.json").write_bytes(chat_body(ROWS))
    (tmp_path / "rows.json").write_text(ROWS)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    prepared = "narrows compress rows.json > short.txt 2> /dev/null && "
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {prepared}{command}"],
        cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout or ">" in command


def test_there_are_commands_and_examples_to_run() -> None:
    assert len(commands()) >= 6
    assert python_pages() == sorted({REPOSITORY / "README.md", REPOSITORY / "docs" / "library.md"})


def test_links_lead_somewhere() -> None:
    broken = []
    for page, text in ALL.items():
        prose = re.sub(r"^(`{3,}).*?^\1$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            file, _, anchor = target.partition("#")
            if "://" in target:
                continue
            leads_to = (page.parent / file).resolve() if file else page
            if not leads_to.exists() or (anchor and anchor not in anchors(leads_to)):
                broken.append((page.name, target))
    assert broken == []


def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def errors() -> dict[str, type[GatewayError]]:
    """Every error of ours that can go over the network, by code."""
    for module in pkgutil.walk_packages(narrows.__path__, "narrows."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: dict[str, type[GatewayError]] = {}
    queue: list[type[GatewayError]] = [GatewayError]
    while queue:
        error = queue.pop()
        queue += error.__subclasses__()
        if error is not SettingsError:
            assert error.code not in found, f"{error.code} is two errors"
            found[error.code] = error
    return found


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [page.name[:4] for page in (REPOSITORY / "docs" / "decisions").glob("*.md")]
    assert sorted(numbers) == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_every_error_has_its_row() -> None:
    page = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (\w+) \| `(\w+)` \| .{20,} \|$", page, re.MULTILINE)
    documented = {(int(status), code, source, kind) for status, code, source, kind in rows}
    assert documented == {(error.status, code, error.source, error.type) for code, error in errors().items()}
    assert len(rows) == len(documented)


@pytest.mark.parametrize(
    "closed_set", [Reason, Refusal, PassReason, BodyDecision, Outcome, Dropped], ids=lambda one: one.__name__
)
def test_every_word_of_a_closed_set_is_in_the_docs(closed_set: Any) -> None:
    missing = [str(word) for word in closed_set if f"`{word}`" not in EVERYTHING]
    assert missing == []


def test_the_readme_lists_our_own_routes_in_their_words() -> None:
    rows = dict(re.findall(r"^\| `(/[\w/]*)` \| (.+?)(?:: \[.+)? \|$", README, re.MULTILINE))
    assert rows == ROUTES


def test_every_command_is_described() -> None:
    page = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [row.name for row in COMMANDS if f"narrows {row.name}" not in page] == []


def test_the_toml_example_is_read() -> None:
    import tomllib

    examples = [block for _, block in blocks("toml")]
    assert examples
    for example in examples:
        assert set(tomllib.loads(example)) <= {setting.name for setting in SETTINGS}


def test_no_page_speaks_of_this_machine() -> None:
    assert re.findall(r"/work/|/root/|/home/\w|localhost:\d+/simple", EVERYTHING) == []


def test_json_in_the_docs_is_json() -> None:
    for _, block in blocks("json"):
        json.loads(block)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_read_by_somebody(setting: Setting) -> None:
    """Those of the policy go into it by their names."""
    assert setting.name in Policy.__slots__ or any(re.search(rf"\.{setting.name}\b", module.text) for module in MODULES)

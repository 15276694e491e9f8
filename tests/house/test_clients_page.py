"""The page of clients and the clients that `make e2e-clients` tries are the same, and its examples can be read."""

from __future__ import annotations

import ast
import re
import subprocess

import pytest

from tests.clients.cases import ADDRESS, CASES, PAGE, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_client_has_a_section_that_runs(case: Case) -> None:
    language, script = case.script("http://127.0.0.1:1")
    assert "http://127.0.0.1:1" in script
    assert ADDRESS not in script
    if language == "python":
        ast.parse(script)
    else:
        assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0


def test_every_section_is_tried() -> None:
    assert re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE) == [case.section for case in CASES]


def test_versions_are_pinned() -> None:
    assert all(re.search(r"(==|.@)[\d.]+$", case.pip or case.npm) for case in CASES)

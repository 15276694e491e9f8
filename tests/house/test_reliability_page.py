"""The page on reliability: every fault has a test that exists, every test of faults stands on it, and what is said to
be recorded are the names that are recorded."""

from __future__ import annotations

import ast
import re

from narrows.errors import GatewayError
from narrows.records.types import Outcome
from tests.house.pages import REPOSITORY

PAGE = (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
FAULTS = [row for row in ROWS if row[0] != "fault" and not set(row[0]) <= {"-", " "}]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def named_in(path: str) -> set[str]:
    """The names of the tests of a file."""
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name for node in functions if node.name.startswith("test_")}


def codes(error: type[GatewayError] = GatewayError) -> set[str]:
    """The codes of all errors."""
    return {error.code}.union(*(codes(below) for below in error.__subclasses__()))


def test_every_fault_has_all_sides_and_a_test_that_exists() -> None:
    assert len(FAULTS) > 55
    assert [row[0] for row in FAULTS if len(row) != 5 or not all(row)] == []
    assert [row[0] for row in FAULTS if not NAMED.search(row[4])] == []
    missing = [(path, name) for path, name in NAMED.findall(PAGE) if name not in named_in(path)]
    assert missing == []


def test_every_test_of_faults_stands_on_the_page() -> None:
    named = set(NAMED.findall(PAGE))
    files = sorted((REPOSITORY / "tests" / "reliability").glob("test_*.py"))
    there = {(str(file.relative_to(REPOSITORY)), name) for file in files for name in named_in(f"{file}")}
    assert len(there) > 40
    assert there - named == set()


def test_what_is_recorded_has_the_names_it_is_recorded_under() -> None:
    outcomes = {f"`{outcome}`" for outcome in Outcome}
    for fault, client, _, recorded, _ in FAULTS:
        said = re.findall(r"`[a-z_]+`", recorded)
        assert recorded.startswith(("nothing", "as ever")) or said[0] in outcomes, fault
        refused = re.findall(r"\d{3} `([a-z_]+)`", client)
        assert set(refused) <= codes(), fault
        if refused and "`refused`, " in recorded:
            assert f"`{refused[0]}`" in recorded, fault


def test_every_error_of_an_exchange_is_on_the_page() -> None:
    elsewhere = {
        "bad_request", "bad_settings", "invalid_api_key", "loop_detected", "no_such_route", "rate_limit_exceeded",
        "upstream_error", "agent_backend_error", "model_not_found", "unsupported_parameter", "no_user_message",
        "missing_tool_outputs", "no_such_tool_call",
    }  # fmt: skip  # refusals that are no faults, and bases of others
    assert {code for code in codes() - elsewhere if f"`{code}`" not in PAGE} == set()

"""The page on security names code and tests that exist, and its example is one that a gateway starts with."""

from __future__ import annotations

import re
import tomllib

from narrows.settings import parse
from tests.house.pages import REPOSITORY

PAGE = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_code_and_test_it_names_exists() -> None:
    named = re.findall(r"`((?:src|tests)/[\w/.]+)`", PAGE)
    assert len(named) > 40
    assert [path for path in named if not (REPOSITORY / path).exists()] == []


def test_every_threat_has_code_and_a_test() -> None:
    table = PAGE[PAGE.index("| threat |") : PAGE.index("### What is not defended")]
    rows = [line.split("|") for line in table.splitlines()[2:] if line.startswith("|")]
    assert len(rows) > 20
    assert [row[1] for row in rows if "`" not in row[3] or "`tests/" not in row[4]] == []


def test_every_hostile_test_stands_on_it() -> None:
    of_the_boundary = {"test_secrets.py", "test_smuggling.py", "test_steering.py", "test_gateway_keys.py"}
    assert [name for name in of_the_boundary if f"`tests/hostile/{name}`" not in PAGE] == []


def test_its_example_starts_a_gateway() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    settings = parse({}, {}, tomllib.loads(example)).settings
    alice, nightly = map(settings.limits_of, settings.keys)
    assert (alice.requests_per_minute, alice.max_in_flight) == (600, 0)
    assert (nightly.requests_per_minute, nightly.max_in_flight, nightly.body_bytes_per_minute) == (600, 8, 50_000_000)

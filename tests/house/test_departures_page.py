"""The page on departures: each defect, shape and case is held by tests that exist."""

from __future__ import annotations

import re

from tests.house.pages import REPOSITORY
from tests.house.test_reliability_page import NAMED, named_in

PAGE = (REPOSITORY / "docs" / "departures.md").read_text(encoding="utf-8")
HELD = PAGE.partition("## What holds each point")[2]


def test_every_defect_has_its_number_and_a_test() -> None:
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \| .+ \| `tests/", HELD, re.MULTILINE)]
    assert numbers == list(range(1, 19))


def test_every_row_names_tests_that_exist() -> None:
    rows = [line for line in HELD.splitlines() if line.startswith("| ") and "---" not in line and "held by" not in line]
    assert len(rows) > 40
    assert [row for row in rows if not NAMED.search(row)] == []
    assert [(path, name) for path, name in NAMED.findall(HELD) if name not in named_in(path)] == []

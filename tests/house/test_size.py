"""The tail is capped: a file of 400 lines, a function of 50 (DESIGN section 8, rule 8)."""

from __future__ import annotations

from tests.house.source_tree import MODULES, functions


def test_no_file_has_over_400_lines() -> None:
    lengths = {module.name: len(module.text.splitlines()) for module in MODULES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_no_function_has_over_50_lines() -> None:
    lengths = {
        f"{module.name}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module in MODULES
        for node in functions(module)
    }
    assert lengths
    assert {name: length for name, length in lengths.items() if length > 50} == {}

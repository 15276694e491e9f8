"""A test file for each module that does something (DESIGN section 8, rule 9)."""

from __future__ import annotations

from tests.house.source_tree import MODULES, REPOSITORY, Module, has_behaviour

TESTS = REPOSITORY / "tests"


def files_of(module: Module) -> list[str]:
    """Where the tests of a module may stand: beside its place in the package, under its own name; a package of one
    subject (compressors/search/) may have them under the package's name instead."""
    parts = module.name.split(".")
    own = "/".join([*parts[:-1], f"test_{parts[-1]}"])
    inside = "/".join([*parts, "test_"])
    package = "/".join([*parts[:-2], f"test_{parts[-2]}"]) if len(parts) > 2 else own
    return [
        str(path.relative_to(TESTS))
        for path in TESTS.rglob("test_*.py")
        if str(path.relative_to(TESTS).with_suffix("")) in (own, package)
        or str(path.relative_to(TESTS)).startswith(inside)
    ]


def test_every_module_has_its_test_file() -> None:
    untested = [module.name for module in MODULES if has_behaviour(module) and not files_of(module)]
    assert untested == []

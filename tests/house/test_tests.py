"""A test file for each module that does something (DESIGN section 8, rule 9)."""

from __future__ import annotations

from tests.house.source_tree import MODULES, REPOSITORY, Module, has_behaviour

TESTS = REPOSITORY / "tests"


def places_of(module: Module) -> set[str]:
    """Where the tests of a module may stand. `a.b.c`: a/b/test_c, or a/test_b_c, or, for a package of one subject, the
    package's own test file a/test_b. A package itself: a/test_b, or any file in a/b/."""
    *folders, name = module.name.split(".")
    places = {"/".join([*folders, f"test_{name}"])}
    if len(folders) > 1:
        *outer, package = folders
        places |= {"/".join([*outer, f"test_{package}_{name}"]), "/".join([*outer, f"test_{package}"])}
    if module.path.name == "__init__.py":
        inside = [*TESTS.joinpath(*folders, name).glob("test_*"), *TESTS.joinpath(*folders).glob(f"test_{name}_*")]
        places |= {str(path.with_suffix("").relative_to(TESTS)) for path in inside}
    return places


def test_every_module_has_its_test_file() -> None:
    there = {str(path.relative_to(TESTS).with_suffix("")) for path in TESTS.rglob("test_*.py")}
    untested = [module.name for module in MODULES if has_behaviour(module) and not places_of(module) & there]
    assert untested == []

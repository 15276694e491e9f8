"""What import-linter cannot see: that its contracts name every part of the house, that one wire or kind never reads
another, and that the pure side uses no built-in that reaches the world."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.source_tree import MODULES, SOURCE, contract

LAYERS = [layer.strip() for line in contract("arrows point down")["layers"] for layer in line.split("|")]
PURE = [name.removeprefix("narrows.") for name in contract("the pure side does no input or output")["source_modules"]]
PURE_MODULES = [module for module in MODULES if module.top in PURE]


def test_every_part_of_the_house_has_its_layer() -> None:
    present = {module.top for module in MODULES if module.name}
    assert present == set(LAYERS)


def test_the_pure_side_is_everything_from_settings_down() -> None:
    # records is msgspec structs and a ring, and stands below telemetry; it is pure by its contract, not by its layer.
    assert set(PURE) - {"records"} == set(LAYERS[LAYERS.index("settings") :])


def families() -> list[tuple[str, set[str]]]:
    """The modules or packages in which each wire and each kind lives."""
    wires = {f"wire.{path.name}" for path in (SOURCE / "wire").iterdir() if (path / "__init__.py").exists()}
    kinds = {
        ".".join(module.name.split(".")[:2])
        for module in MODULES
        if module.top == "compressors" and re.search(r"^COMPRESSOR\b.*=", module.text, re.MULTILINE)
    }
    injectors = {f"inject.{path.name}" for path in (SOURCE / "inject").iterdir() if (path / "__init__.py").exists()}
    return [("wire", wires), ("compressors", kinds), ("inject", injectors)]


@pytest.mark.parametrize(("folder", "members"), families(), ids=["wires", "kinds", "injectors"])
def test_one_never_imports_another(folder: str, members: set[str]) -> None:
    assert members, f"no member of {folder} was found: this test has lost its subject"
    crossings = [
        (module.name, imported)
        for module in MODULES
        if module.top == folder
        for mine in members
        if module.name == mine or module.name.startswith(f"{mine}.")
        for imported in module.imports()
        for other in members - {mine}
        if imported == other or imported.startswith(f"{other}.")
    ]
    assert crossings == []


def test_the_pure_side_calls_nothing_that_reaches_the_world() -> None:
    reaching = {"open", "print", "input", "breakpoint", "eval", "exec", "__import__"}
    calls = [
        (module.name, node.func.id)
        for module in PURE_MODULES
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in reaching
    ]
    assert calls == []


def test_the_environment_is_read_only_by_the_command_line() -> None:
    reads = [
        module.name for module in MODULES if module.top != "cli" and re.search(r"\bos\.environ|getenv\b", module.text)
    ]
    assert reads == []


def test_no_module_has_state_to_change() -> None:
    changing = [(m.name, node.names) for m in MODULES for node in ast.walk(m.tree) if isinstance(node, ast.Global)]
    assert changing == []


def test_every_ignore_carries_its_reason() -> None:
    ignores = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma)[^#\n]*?(?P<reason>(?:#| --? ).*)?$", re.MULTILINE)
    bare = [
        (module.name, found[0])
        for module in MODULES
        for found in ignores.finditer(module.text)
        if not found["reason"] or len(found["reason"]) < 10
    ]
    assert bare == []


def test_no_name_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "manager", "handler", "base", "misc", "common"}
    assert [module.name for module in MODULES if set(re.split(r"[._]", module.name)) & empty] == []

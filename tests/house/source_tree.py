"""The source, as the house checks read it."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "src" / "narrows"


@dataclass(frozen=True)
class Module:
    """A file of the package: `name` is dotted and relative to `narrows` (`core.edits`, `wire` for its `__init__`)."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]

    def imports(self) -> Iterator[str]:
        """Dotted names of the modules of ours that it imports, relative to `narrows`; names in them as well."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "narrows":
                inside = node.module.removeprefix("narrows").lstrip(".")
                yield from (f"{inside}.{alias.name}".lstrip(".") for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from (a.name.removeprefix("narrows.") for a in node.names if a.name.startswith("narrows."))


def modules() -> list[Module]:
    """Every module of the package."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        found.append(Module(name, path, text, ast.parse(text)))
    return found


MODULES = modules()


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a module."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def has_behaviour(module: Module) -> bool:
    """Whether any function of it does something: interfaces and plain values do not."""
    bodies = (function.body for function in functions(module) if function.name != "__init__")
    return any(
        not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for body in bodies
        for statement in body
    )


def contract(name: str) -> dict[str, list[str]]:
    """An import contract of pyproject.toml."""
    pyproject = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return next(one for one in pyproject["tool"]["importlinter"]["contracts"] if one["name"] == name)

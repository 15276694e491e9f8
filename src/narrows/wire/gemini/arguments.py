"""Puts a call's arguments together that arrive value by value.

Vertex AI may stream a call as `partialArgs`: each names a place by a JSON path of dots and brackets, such as
`$.steps[0].text`, and says a string to be appended there, or a number, a boolean, or null. What such a path cannot
name is left out, and the call says so.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

MAX_INDEX = 10_000
"""Of a list: a larger one is no place that a model would name."""
MAX_STEPS = 64

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]")
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")


class PartialArguments:
    """The arguments of one call under way. `incomplete`: something could not be placed."""

    __slots__ = ("_root", "incomplete")

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}
        self.incomplete = False

    def add(self, piece: object) -> None:
        """One element of `partialArgs`."""
        if not isinstance(piece, dict):
            self.incomplete = True
            return
        steps = _steps(piece.get("jsonPath"))
        key = next((key for key in _VALUES if key in piece), None)
        value = None if key in (None, "nullValue") else piece[key]
        if steps is None or not self._put(steps, value):
            self.incomplete = True

    def text(self) -> str:
        """The arguments so far, as JSON."""
        return json.dumps(self._root, ensure_ascii=False)

    def _put(self, steps: list[str | int], value: object) -> bool:
        holder: Any = self._root
        for step, following in pairwise(steps):
            inner = _at(holder, step)
            if inner is None:
                inner = [] if isinstance(following, int) else {}
                if not _set(holder, step, inner):
                    return False
            holder = inner
        before = _at(holder, steps[-1])
        if isinstance(before, str) and isinstance(value, str):
            value = before + value
        return _set(holder, steps[-1], value)


def _steps(path: object) -> list[str | int] | None:
    if not isinstance(path, str) or not path.startswith("$"):
        return None
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None or len(steps) == MAX_STEPS:
            return None
        name, index, quoted = match.groups()
        steps.append(int(index[:9]) if index is not None else name or re.sub(r"\\(.)", r"\1", quoted or ""))
        position = match.end()
    return steps if steps and isinstance(steps[0], str) else None


def _at(holder: Any, step: str | int) -> Any:
    if isinstance(holder, dict):
        return holder.get(step)
    if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
        return holder[step]
    return None


def _set(holder: Any, step: str | int, value: object) -> bool:
    if isinstance(holder, dict) and isinstance(step, str):
        holder[step] = value
        return True
    if isinstance(holder, list) and isinstance(step, int) and step <= len(holder) < MAX_INDEX:
        holder[step : step + 1] = [value]
        return True
    return False

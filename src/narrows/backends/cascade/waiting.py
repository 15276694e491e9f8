"""Steps of a cascade server that wait for a person: what they ask, and how the server is told what was decided.

A step says by one of three fields of `requestedInteraction` what it waits for, and is answered by the field of the same
name. One that does not say is taken to ask for a permission.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.json import encode

from narrows.backends.cascade.steps import Json, get, inner
from narrows.backends.types import Verdict

_KINDS: Final = {"runCommand": "command", "askQuestion": "question"}
_PERMISSION: Final = "permission"


def asked_by(step: Json) -> str:
    """What the step asks, as JSON."""
    field = _field(step)
    asked = {"kind": _KINDS.get(field, _PERMISSION), "asked": inner(step, "requestedInteraction", field)}
    return encode(asked).decode()


def interaction(step: Json, verdict: Verdict) -> dict[str, Any]:
    """The part of an interaction that says what was decided. A question without an answer gets an empty one."""
    match _field(step):
        case "runCommand":
            return {"runCommand": {"confirm": verdict.allow}}
        case "askQuestion":
            return {"askQuestion": {"answer": verdict.answer}}
        case _:
            return {_PERMISSION: {"allow": verdict.allow}}


def _field(step: Json) -> str:
    asked = get(step, "requestedInteraction")
    if not isinstance(asked, Mapping):
        return _PERMISSION
    return next((field for field in _KINDS if get(asked, field) is not None), _PERMISSION)

"""An LLM gateway that shortens what agents re-read, and keeps the prompt cache whole; and the same as a library.

The library's names are loaded when they are first asked for: a process of the gateway imports parts of this package,
and each of them would otherwise pay for all compressors before its first line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from narrows.api import (
        BodyResult,
        CompressResult,
        PartDecision,
        compress,
        compress_body,
        compress_text,
        expand,
    )
    from narrows.compressors.types import Classifier, Compressed, Decision, Kept, Reason
    from narrows.policy import Kind, Level, Pages, Policy, Scope

__all__ = [
    "BodyResult",
    "Classifier",
    "CompressResult",
    "Compressed",
    "Decision",
    "Kept",
    "Kind",
    "Level",
    "Pages",
    "PartDecision",
    "Policy",
    "Reason",
    "Scope",
    "compress",
    "compress_body",
    "compress_text",
    "expand",
]

_TYPES = dict.fromkeys(("Classifier", "Compressed", "Decision", "Kept", "Reason"), "narrows.compressors.types")
_POLICY = dict.fromkeys(("Kind", "Level", "Pages", "Policy", "Scope"), "narrows.policy")
_PLACES = _TYPES | _POLICY


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES.get(name, "narrows.api")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

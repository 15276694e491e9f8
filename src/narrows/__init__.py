"""An LLM gateway that shortens what agents re-read, and keeps the prompt cache whole; and the same as a library."""

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
from narrows.policy import Kind, Level, Policy, Scope

__all__ = [
    "BodyResult",
    "Classifier",
    "CompressResult",
    "Compressed",
    "Decision",
    "Kept",
    "Kind",
    "Level",
    "PartDecision",
    "Policy",
    "Reason",
    "Scope",
    "compress",
    "compress_body",
    "compress_text",
    "expand",
]

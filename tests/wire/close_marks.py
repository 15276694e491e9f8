"""Conversations of a few messages, remembered as long ones are."""

from __future__ import annotations

import pytest

from narrows.wire import items, opening, reading

STEPS = (256, 700, 2_000)
"""Not shorter than the samples by which conversations are told apart."""


def set_close_marks(patch: pytest.MonkeyPatch, step_bytes: int) -> None:
    """From now on what is as long as `step_bytes` is worth remembering, and marks stand so close together. Every module
    that looks at the length has to be told, or nothing is remembered and no law about it can fail."""
    for module in (reading, items, opening):
        patch.setattr(module, "STEP_BYTES", step_bytes)
    patch.setattr(reading, "LONG_BYTES", 4 * step_bytes)

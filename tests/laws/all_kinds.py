"""Every kind that the laws hold over: one import and one entry each (see tests/laws/kinds.py)."""

from __future__ import annotations

from tests.laws.kinds import KindUnderTest

KINDS: tuple[KindUnderTest, ...] = ()

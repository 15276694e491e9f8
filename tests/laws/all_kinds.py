"""Every kind that the laws hold over: one import and one entry each (see tests/laws/kinds.py)."""

from __future__ import annotations

from tests.compressors import (
    blob_truth,
    diff_truth,
    html_truth,
    json_truth,
    log_truth,
    screen_truth,
    search_truth,
    table_truth,
    view_truth,
)
from tests.laws.kinds import KindUnderTest

KINDS: tuple[KindUnderTest, ...] = (
    json_truth.UNDER_TEST,
    log_truth.UNDER_TEST,
    search_truth.UNDER_TEST,
    diff_truth.UNDER_TEST,
    table_truth.UNDER_TEST,
    blob_truth.UNDER_TEST,
    html_truth.UNDER_TEST,
    view_truth.UNDER_TEST,
    screen_truth.UNDER_TEST,
)

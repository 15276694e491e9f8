from __future__ import annotations

import pytest

from narrows.cli.words import describe, figures, why_kept, why_untouched
from narrows.compressors.types import Compressed, Decision, Kept, Reason
from narrows.policy import Kind
from narrows.wire.types import Refusal


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words(reason: Reason) -> None:
    assert len(why_kept(reason)) > 10


@pytest.mark.parametrize("reason", Refusal)
def test_every_refusal_has_words(reason: Refusal) -> None:
    assert len(why_untouched(reason)) > 10


def test_what_was_shortened() -> None:
    result = Compressed(Kind.LOG, "[narrows: ...]", lossless=False, summary="")
    decision = Decision(result, 12_345, 2_345, 3_210, 600, "o200k_base", encoding_assumed=True)
    assert describe(decision) == (
        "log, shortened leaving things out: 12,345 -> 2,345 bytes, 3,210 -> 600 tokens (o200k_base, assumed)"
    )


def test_what_was_kept() -> None:
    decision = Decision(Kept(Reason.TOO_SMALL, Kind.JSON, "9 of 1024 bytes"), 9, 9)
    assert describe(decision) == (
        "json, kept, too_small: under the size from which its kind is shortened (9 of 1024 bytes)"
    )


def test_an_unknown_count_is_not_a_number() -> None:
    result = Compressed(Kind.JSON, "", lossless=True, summary="")
    assert figures(Decision(result, 9, 5)) == "9 -> 5 bytes"
    assert figures(Decision(result, 9, 5, None, 2, "o200k_base")) == "9 -> 5 bytes, more -> 2 tokens (o200k_base)"

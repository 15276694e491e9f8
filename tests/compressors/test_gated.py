"""What no output may be, and when one saves enough."""

from __future__ import annotations

import pytest

from narrows.compressors.gated import check_output, through_gate
from narrows.compressors.types import Compressed, Kept, Reason
from narrows.core.tokens import Encoding
from narrows.policy import Kind, Level, Policy

O200K = Encoding("o200k_base", assumed=False)
HEAD = "[narrows: log of 9 lines; nothing left out]"


@pytest.mark.parametrize("text", ["no head\nbody", HEAD, f"{HEAD}\n \n"])
def test_an_output_has_a_head_line_and_a_body(text: str) -> None:
    with pytest.raises(ValueError, match="without a"):
        check_output(Compressed(Kind.LOG, text, lossless=True, summary=""), Level.BALANCED)


def test_at_the_lossless_level_nothing_is_left_out() -> None:
    result = Compressed(Kind.LOG, f"{HEAD}\nx", lossless=False, summary="")
    check_output(result, Level.BALANCED)
    with pytest.raises(ValueError, match="lossless"):
        check_output(result, Level.LOSSLESS)


@pytest.mark.parametrize(("words", "reason"), [(400, None), (21, Reason.GATE), (3, Reason.NOTHING_TO_SAVE)])
def test_what_saves_too_little_is_kept(words: int, reason: Reason | None) -> None:
    text = "word " * words
    result = Compressed(Kind.LOG, f"{HEAD}\n1", lossless=False, summary="")
    decision = through_gate(text, len(text), result, Policy(), O200K)
    assert decision.result == (result if reason is None else Kept(reason, Kind.LOG))
    assert decision.bytes_after == (len(result.text) if reason is None else len(text))

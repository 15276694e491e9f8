"""Law 7: a lossless form decodes to the source, by the kind's equality."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors import marks
from narrows.compressors.registry import COMPRESSORS, Registry, expand
from narrows.compressors.types import Compressed, Source
from narrows.core.tokens import Encoding
from narrows.policy import Level
from tests.laws.all_kinds import KINDS
from tests.laws.kinds import USUAL, KindUnderTest, NeverVetoes

REGISTRY = Registry(COMPRESSORS, NeverVetoes(), strict=True)
ENCODING = Encoding("o200k_base", assumed=False)
by_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.compressor.kind)


def assert_round_trip(kind: KindUnderTest, source: str, result: Compressed) -> None:
    expanded = expand(result.text)
    if result.lossless:
        assert expanded is not None, "a lossless output does not expand"
        assert kind.same(source, expanded)
    else:
        assert expanded is None, "an output that left things out pretends to be whole"


@by_kind
@given(data=st.data(), level=st.sampled_from((Level.LOSSLESS, Level.BALANCED)))
def test_a_lossless_form_decodes_to_its_source(kind: KindUnderTest, data: st.DataObject, level: Level) -> None:
    source = data.draw(kind.sources)
    if marks.has_mark(source):
        return
    result = kind.compressor.compress(Source(source, kind.tool_call), level)
    if isinstance(result, Compressed):
        assert result.lossless or level is Level.BALANCED
        assert_round_trip(kind, source, result)


@by_kind
def test_the_examples_decode(kind: KindUnderTest) -> None:
    for source, level in kind.examples:
        result = REGISTRY.compress_text(source, kind.tool_call, replace(USUAL, level=Level(level)), ENCODING).result
        assert isinstance(result, Compressed), result
        assert result.lossless or level == Level.BALANCED
        assert_round_trip(kind, source, result)


@given(text=st.text())
def test_what_is_not_ours_does_not_expand(text: str) -> None:
    assert expand(text) is None or marks.is_mark(text.partition("\n")[0])

"""Law 6: every line of an output is the source's, attached to what it was attached to, or a mark whose every figure is
recomputed from the source by the kind's own checker."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors import json_between, marks
from narrows.compressors.registry import COMPRESSORS, Registry
from narrows.compressors.types import Compressed, Source
from narrows.core.tokens import Encoding
from narrows.policy import Kind, Level
from tests.laws.all_kinds import KINDS
from tests.laws.kinds import EVERY_SIZE, USUAL, KindUnderTest, NeverVetoes

REGISTRY = Registry(COMPRESSORS, NeverVetoes(), strict=True)
ENCODING = Encoding("o200k_base", assumed=False)
by_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.compressor.kind)


def assert_true(kind: KindUnderTest, source: str, output: str) -> None:
    """Lines of the source may stand around JSON's form, and nothing else's."""
    between = json_between.shortened(output) if kind.compressor.kind is Kind.JSON else None
    head, _, body = (output if between is None else between.document).partition("\n")
    assert marks.is_mark(head)
    assert body.strip()
    kind.check_truth(source, output)


@by_kind
@given(data=st.data(), level=st.sampled_from((Level.LOSSLESS, Level.BALANCED)))
def test_an_output_says_only_what_the_source_says(kind: KindUnderTest, data: st.DataObject, level: Level) -> None:
    """Checked before the gate, so that outputs which would save too little are held to it as well."""
    source = data.draw(kind.sources)
    if marks.has_mark(source):
        return
    result = kind.compressor.compress(Source(source, kind.tool_call), level)
    if isinstance(result, Compressed):
        assert_true(kind, source, result.text)


@by_kind
def test_the_examples_are_shortened_and_true(kind: KindUnderTest) -> None:
    assert kind.examples
    for source, level in kind.examples:
        result = REGISTRY.compress_text(source, kind.tool_call, replace(USUAL, level=Level(level)), ENCODING).result
        assert isinstance(result, Compressed), result
        assert_true(kind, source, result.text)


@by_kind
@given(data=st.data())
def test_no_kind_tells_lies_about_any_other_kinds_text(kind: KindUnderTest, data: st.DataObject) -> None:
    """Through detection: whichever compressor takes the text must be true to it."""
    source = data.draw(st.one_of([other.sources for other in KINDS] + [st.text(max_size=400)]))
    result = REGISTRY.compress_text(source, kind.tool_call, EVERY_SIZE, ENCODING).result
    if isinstance(result, Compressed):
        taken = next(other for other in KINDS if other.compressor.kind is result.kind)
        assert_true(taken, source, result.text)


@by_kind
@given(data=st.data())
def test_deciding_is_a_function_of_its_arguments(kind: KindUnderTest, data: st.DataObject) -> None:
    source = data.draw(kind.sources)
    first = REGISTRY.compress_text(source, kind.tool_call, EVERY_SIZE, ENCODING)
    assert REGISTRY.compress_text(source, kind.tool_call, EVERY_SIZE, ENCODING) == first

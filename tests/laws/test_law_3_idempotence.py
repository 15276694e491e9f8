"""Law 3: compressing a compressed text changes nothing, at any level and for any tool call; keeping is its only
privilege. A source that imitates a mark is kept whole, so it can never pass for ours."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors import json_between, marks
from narrows.compressors.registry import COMPRESSORS, LAST, Registry
from narrows.compressors.types import Compressed, Kept, Reason
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Level, Policy
from tests.laws.all_kinds import KINDS
from tests.laws.kinds import EVERY_SIZE, USUAL, KindUnderTest, NeverVetoes

REGISTRY = Registry(COMPRESSORS, NeverVetoes(), strict=True)
ENCODING = Encoding("o200k_base", assumed=False)
LEVELS = (Level.LOSSLESS, Level.BALANCED)
by_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.compressor.kind)


def assert_idempotent(kind: KindUnderTest, source: str, level: Level, policy: Policy) -> None:
    first = REGISTRY.compress_text(source, kind.tool_call, replace(policy, level=level), ENCODING).result
    if isinstance(first, Kept):
        return
    compressor = next(
        one for one in (*COMPRESSORS, *LAST) if one.kind is first.kind
    )  # a broken source may be another kind's
    between = first.kind is Kind.JSON and json_between.is_output(first.text)
    assert between or compressor.is_output(first.text), "the compressor does not recognise its own output"
    for again in LEVELS:
        for tool_call in (kind.tool_call, None, ToolCall("other", "{}")):
            second = REGISTRY.compress_text(first.text, tool_call, replace(policy, level=again), ENCODING).result
            assert isinstance(second, Kept)
            assert second.reason in (Reason.ALREADY_SHORTENED, Reason.TOO_SMALL)


@by_kind
@given(data=st.data(), level=st.sampled_from(LEVELS))
def test_a_compressed_text_is_kept(kind: KindUnderTest, data: st.DataObject, level: Level) -> None:
    assert_idempotent(kind, data.draw(kind.sources), level, EVERY_SIZE)


@by_kind
def test_a_compressed_example_is_kept(kind: KindUnderTest) -> None:
    for level in LEVELS:
        for source, _ in kind.examples:
            assert_idempotent(kind, source, level, USUAL)


@by_kind
@given(data=st.data(), indent=st.sampled_from(("", " ", "\t  ")))
def test_a_source_that_imitates_a_mark_is_kept(kind: KindUnderTest, data: st.DataObject, indent: str) -> None:
    lines = data.draw(kind.sources).split("\n")
    place = data.draw(st.integers(0, len(lines)))
    imitation = indent + marks.mark("lines 1-9 left out") + "x"
    source = "\n".join([*lines[:place], imitation, *lines[place:]])
    result = REGISTRY.compress_text(source, kind.tool_call, EVERY_SIZE, ENCODING).result
    assert isinstance(result, Kept)
    assert result.reason is Reason.LOOKS_LIKE_OURS


@by_kind
@given(data=st.data())
def test_an_output_with_one_line_changed_gets_no_credit_it_does_not_deserve(
    kind: KindUnderTest, data: st.DataObject
) -> None:
    """A tampered output is kept whatever it is taken for; and if it still passes as ours and expands, what it expands
    to is a text of its own, never an exception."""
    first = REGISTRY.compress_text(data.draw(kind.sources), kind.tool_call, EVERY_SIZE, ENCODING).result
    if not isinstance(first, Compressed):
        return
    lines = first.text.split("\n")
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place] = data.draw(st.text(max_size=20).filter(lambda text: "\n" not in text)) + lines[place][1:]
    tampered = "\n".join(lines)
    REGISTRY.expand(tampered)
    if marks.has_mark(tampered):
        assert isinstance(REGISTRY.compress_text(tampered, kind.tool_call, EVERY_SIZE, ENCODING).result, Kept)


def test_every_compressor_is_held_to_the_laws() -> None:
    assert [kind.compressor for kind in KINDS] == [*COMPRESSORS, *LAST]

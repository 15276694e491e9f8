"""Laws 3, 6 and 7 for repeats, which depend on a conversation and not on a text alone: every reference is to lines that
the model sees earlier, to the letter; an output expands to its source; and what is ours is left alone."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors import marks, repeats
from narrows.compressors.registry import compress_text, expand
from narrows.compressors.types import Compressed, Decision, Kept, Reason
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Level, Policy
from tests.compressors.repeats_truth import check_truth, conversations
from tests.compressors.screen_truth import is_head
from tests.compressors.view_truth import numbered
from tests.laws.repeats import CALLS, EAGER, decisions_of, earlier_of, forwarded_texts

O200K = Encoding("o200k_base", assumed=False)
policies = st.sampled_from((EAGER, Policy(), Policy(level=Level.LOSSLESS)))


def assert_true(texts: list[str], decisions: list[Decision]) -> int:
    """Each repeat against the outputs before it; how many there were."""
    forwarded, found = forwarded_texts(texts, decisions), 0
    for index, decision in enumerate(decisions):
        result = decision.result
        if not isinstance(result, Compressed) or result.kind is not Kind.REPEAT:
            continue
        alone = compress_text(texts[index], ToolCall(*CALLS[index % len(CALLS)]), EAGER, O200K).result
        before = {(number, 1): text for number, text in enumerate(forwarded[:index], 1)}
        shortened = alone.text if isinstance(alone, Compressed) and "\n" not in result.text else None
        try:
            check_truth(texts[index], result.text, before, index + 1)
        except AssertionError:
            if shortened is None:
                raise
            check_truth(texts[index], result.text, before, index + 1, shortened)
        found += 1
    return found


@given(conversations())
def test_a_reference_is_to_lines_that_the_model_sees(texts: list[str]) -> None:
    assert_true(texts, decisions_of(texts))


@given(conversations(), policies)
def test_a_repeat_expands_to_its_source(texts: list[str], policy: Policy) -> None:
    decisions = decisions_of(texts, policy)
    earlier = earlier_of(texts, decisions)
    for index, decision in enumerate(decisions):
        result = decision.result
        if isinstance(result, Compressed) and result.kind is Kind.REPEAT:
            expanded = expand(result.text, earlier[:index])
            assert (expanded is not None) == result.lossless
            if expanded != texts[index] and expanded is not None:
                assert json.loads(expanded) == json.loads(texts[index]), "exact, but for white space in JSON"
            assert expand(result.text) is None, "it needs the outputs that it names"


@given(conversations(), st.sampled_from((Level.LOSSLESS, Level.BALANCED)))
def test_our_output_is_kept_and_nothing_refers_to_it_by_line(texts: list[str], level: Level) -> None:
    once = forwarded_texts(texts, decisions_of(texts))
    again = decisions_of([*once, *once], Policy(level=level, min_saved_tokens=1, min_saved_share=0.0))
    ours = [marks.has_mark(text) for text in [*once, *once]]
    for text, was_ours, decision in zip([*once, *once], ours, again, strict=True):
        if was_ours:
            assert isinstance(decision.result, Kept)
            assert decision.result.reason in (Reason.ALREADY_SHORTENED, Reason.LOOKS_LIKE_OURS, Reason.TOO_SMALL)
        elif isinstance(decision.result, Compressed):
            assert text not in decision.result.text
    assert_true([*once, *once], again)


@given(conversations(), st.data())
def test_an_output_with_one_line_changed_is_ours_only_if_it_still_adds_up(
    texts: list[str], data: st.DataObject
) -> None:
    decisions = decisions_of(texts)
    found = [one.result.text for one in decisions if isinstance(one.result, Compressed) and one.result.kind == "repeat"]
    for text in found:
        head, _, rest = text.partition("\n")
        assert repeats.is_output(rest if is_head(head) else numbered(text) or text)
        lines = text.split("\n")
        place = data.draw(st.integers(0, len(lines) - 1))
        lines[place] = data.draw(st.sampled_from(("[narrows: 5 lines as in tool output 1]", "", "x", lines[0]))) or "y"
        tampered = "\n".join(lines)
        expand(tampered, earlier_of(texts, decisions))
        if marks.has_mark(tampered):
            assert isinstance(compress_text(tampered, None, EAGER, O200K).result, Kept)


def test_the_library_decides_as_the_plan_does() -> None:
    window = [f"{number}:    value_{number} = compute(alpha, {number * 7})" for number in range(1, 80)]
    shifted = [f"{number + 3}:    value_{number} = compute(alpha, {number * 7})" for number in range(1, 90)]
    texts = ["\n".join(window), "small", "\n".join(shifted), "\n".join(window[20:]) + "\n"]
    decisions = decisions_of(texts, Policy())
    earlier = earlier_of(texts, decisions)
    assert [one.result.kind for one in decisions] == [Kind.UNKNOWN, Kind.UNKNOWN, Kind.REPEAT, Kind.REPEAT]
    for index in (0, 2, 3):
        call = ToolCall(*CALLS[index % len(CALLS)])
        again = compress_text(texts[index], call, Policy(), O200K, earlier[:index])
        assert again.result == decisions[index].result
    assert assert_true(texts, decisions) == 2

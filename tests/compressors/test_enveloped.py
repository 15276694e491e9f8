"""Outputs that stand as one string in a JSON object are decided as what they are, inside it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from narrows.api import compress_text as library_compress
from narrows.api import expand as library_expand
from narrows.compressors.registry import compress_text, expand
from narrows.compressors.types import Compressed, Kept, Reason
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Policy
from tests.compressors.repeats_truth import check_truth, conversations, file
from tests.compressors.view_truth import view
from tests.laws.repeats import EAGER, decisions_of, earlier_of, forwarded_texts

O200K = Encoding("o200k_base", assumed=False)
SEARCH = "".join(f"src/narrows/core/file_{n // 9}.py:{n}:    raise Something_{n}(here)\n" for n in range(1, 90))
LOG = "".join(f"2025-03-01T08:00:{n % 60:02d} INFO [http] GET /v1/orders/{n} 200\n" for n in range(300))


def shell(command: str) -> ToolCall:
    return ToolCall("shell", json.dumps({"command": ["bash", "-lc", command]}))


def wrapped(text: str, seconds: float = 0.1) -> str:
    return json.dumps({"output": text, "metadata": {"exit_code": 0, "duration_seconds": seconds}}, ensure_ascii=False)


def test_an_output_inside_becomes_what_it_becomes_alone() -> None:
    cases = (
        (SEARCH, "rg -n Something", Kind.SEARCH),
        (LOG, "kubectl logs x", Kind.LOG),
        (view(1, 90), "nl -ba a.py", Kind.VIEW),
        ("Exit code: 0\nWall time: 0.1 seconds\nOutput:\n" + SEARCH, "rg -n Something", Kind.SEARCH),
    )
    for text, command, kind in cases:
        alone = compress_text(text, shell(command), Policy(), O200K).result
        result = compress_text(wrapped(text), shell(command), Policy(), O200K).result
        assert isinstance(alone, Compressed)
        assert isinstance(result, Compressed)
        assert (result.kind, result.lossless, result.summary) == (kind, alone.lossless, alone.summary)
        assert result.text == wrapped(alone.text)
        assert expand(result.text) == (wrapped(text) if alone.lossless else None)
        again = compress_text(result.text, shell(command), Policy(), O200K).result
        assert isinstance(again, Kept)
        assert again.reason in (Reason.ALREADY_SHORTENED, Reason.NEVER_SHORTENED, Reason.LOOKS_LIKE_OURS)


def test_a_file_inside_is_a_file() -> None:
    for text in (SEARCH, LOG, "\n".join(file(5, 60))):
        result = compress_text(wrapped(text), shell("cat a.py"), Policy(), O200K).result
        assert result == Kept(Reason.NEVER_SHORTENED, detail="the tool reads files")


def test_what_looks_like_ours_inside_is_kept_and_not_referred_to() -> None:
    text = wrapped("[narrows: 9 lines left out]\n" + "\n".join(file(5, 60)))
    for tool_call in (shell("make"), shell("cat a.py")):
        decision = compress_text(text, tool_call, Policy(), O200K)
        assert isinstance(decision.result, Kept)
        assert decision.result.reason is Reason.LOOKS_LIKE_OURS
    first, again = decisions_of([text, text], Policy())
    assert isinstance(first.result, Kept)
    assert isinstance(again.result, Kept)


def test_repeats_are_found_inside_whatever_stands_around() -> None:
    whole = "\n".join(file(5, 80))
    edited = whole.replace("\n", "\nnew line\n", 1)
    texts = [whole, wrapped(whole, 0.2), wrapped(edited, 0.3), edited, wrapped(edited, 7)]
    decisions = decisions_of(texts, Policy())
    forwarded = forwarded_texts(texts, decisions)
    assert [decision.result.kind for decision in decisions[1:]] == [Kind.REPEAT] * 4
    assert forwarded[1] == wrapped(
        "[narrows: 80 lines, all as in tool output 1 (1 before this); nothing left out]", 0.2
    )
    earlier = {(1, 1): whole}
    check_truth(edited, json.loads(forwarded[2])["output"], earlier, 3)
    check_truth(edited, forwarded[3], earlier, 4)
    for index in range(1, 5):
        assert library_expand(forwarded[index], forwarded[:index]) == texts[index]


@given(conversations(), st.lists(st.booleans(), min_size=8, max_size=8))
def test_every_repeat_inside_expands_to_its_source(texts: list[str], inside: list[bool]) -> None:
    texts = [wrapped(text) if inside[index % 8] else text for index, text in enumerate(texts)]
    decisions = decisions_of(texts, EAGER)
    earlier = earlier_of(texts, decisions)
    for index, decision in enumerate(decisions):
        result = decision.result
        if isinstance(result, Compressed) and result.lossless:
            expanded = expand(result.text, earlier[:index])
            assert expanded is not None
            assert expanded == texts[index] or json.loads(expanded) == json.loads(texts[index])


def test_the_library_decides_as_the_plan_does() -> None:
    texts = [wrapped("\n".join(file(5, 80))), wrapped("\n".join([*file(5, 80), "end"]), 2)]
    forwarded = forwarded_texts(texts, decisions_of(texts, Policy()))
    again = library_compress(texts[1], tool="bash", arguments='{"command": "make"}', earlier=texts[:1], model="gpt-4o")
    assert isinstance(again.result, Compressed)
    assert again.result.text == forwarded[1]

"""The order of detection, the bulkhead and the invariants, with small compressors of our own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from narrows.compressors import marks
from narrows.compressors.registry import COMPRESSORS, Registry, compress_text, expand
from narrows.compressors.types import Compressed, Compressor, Kept, Reason, Source, Verdict
from narrows.core.tokens import Encoding, count_tokens
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Level, Policy

O200K = Encoding("o200k_base", assumed=False)
POLICY = Policy()
TEXT = "ok 1 the quick brown fox\n" * 100


@dataclass(frozen=True)
class Echo:
    """Keeps the first `keep` lines; claims the texts that hold `word`."""

    kind: Kind = Kind.LOG
    word: str = "ok"
    verdict: Verdict = Verdict.YES
    keep: int = 1
    lossless: bool = False

    def sniff(self, source: Source) -> Verdict:
        return self.verdict if self.word in source.text else Verdict.NO

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        text = source.text
        if self.word not in text:
            return Kept(Reason.GRAMMAR, self.kind)
        head = marks.mark(f"log: {text.count(chr(10)) - self.keep} lines left out")
        return Compressed(self.kind, "\n".join([head, *text.split("\n")[: self.keep]]), self.lossless, "log")

    def is_output(self, text: str) -> bool:
        return text.startswith(marks.PREFIX + "log: ")

    def expand(self, text: str) -> str | None:
        return text.partition("\n")[2] if self.lossless and self.is_output(text) else None


@dataclass(frozen=True)
class Broken(Echo):
    """Answers, whatever the text, with `answer` or by raising it."""

    answer: Compressed | Exception = field(default_factory=lambda: RuntimeError("a bug"))

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass(frozen=True)
class Says:
    """A classifier with one answer."""

    kind: Kind | None
    version: str = "says-1"

    def classify(self, text: str) -> Kind | None:
        return self.kind


def reason(*compressors: Compressor, text: str = TEXT, policy: Policy = POLICY, says: Says | None = None) -> Reason:
    result = Registry(compressors, says).compress_text(text, None, policy, O200K).result
    assert isinstance(result, Kept), result
    return result.reason


def shortened(*compressors: Compressor, text: str = TEXT, policy: Policy = POLICY, says: Says | None = None) -> str:
    result = Registry(compressors, says, strict=True).compress_text(text, None, policy, O200K).result
    assert isinstance(result, Compressed), result
    return result.text


def test_our_own_output_in_a_file_that_is_read_is_known_for_it() -> None:
    read = ToolCall("read_file", '{"path": "a"}')
    registry = Registry((Echo(),))
    ours, theirs = shortened(Echo()), "[narrows: of somebody else]\n" + TEXT
    results = [registry.compress_text(text, read, POLICY, O200K).result for text in (ours * 9, theirs, TEXT)]
    assert [result.reason for result in results if isinstance(result, Kept)] == [
        Reason.ALREADY_SHORTENED,
        Reason.LOOKS_LIKE_OURS,
        Reason.NEVER_SHORTENED,
    ]


def test_what_is_as_long_as_before_saves_nothing() -> None:
    line = "[narrows: log: left out]\n"
    for size, expected in ((len(TEXT), Reason.NOTHING_TO_SAVE), (len(TEXT) - 1, Reason.GATE)):
        answer = Compressed(Kind.LOG, line + TEXT[: size - len(line)], lossless=False, summary="log")
        assert reason(Broken(answer=answer)) == expected


def test_a_shortened_text_comes_with_its_figures() -> None:
    decision = Registry((Echo(),)).compress_text(TEXT, None, POLICY, O200K)
    assert isinstance(decision.result, Compressed)
    assert decision.bytes_before == len(TEXT)
    assert decision.bytes_after == len(decision.result.text)
    assert decision.tokens_before == count_tokens(TEXT, O200K)
    assert decision.tokens_after == count_tokens(decision.result.text, O200K)
    assert (decision.encoding, decision.encoding_assumed) == ("o200k_base", False)


def test_sizes_are_bytes_of_utf8() -> None:
    text = "ok é€😀\n" * 100
    assert Registry(()).compress_text(text, None, POLICY, O200K).bytes_before == len(text.encode())


def test_level_off_keeps_before_anything_else() -> None:
    assert reason(Echo(), policy=Policy(level=Level.OFF)) is Reason.POLICY_OFF


def test_texts_under_the_smallest_threshold_are_not_even_sniffed() -> None:
    assert reason(Echo(), text="ok\n" * 170) is Reason.TOO_SMALL


def test_the_kinds_own_threshold_counts() -> None:
    policy = replace(POLICY, log_min_bytes=len(TEXT) + 1)
    assert reason(Echo(), policy=policy) is Reason.TOO_SMALL
    assert shortened(Echo(), policy=replace(policy, log_min_bytes=len(TEXT)))


def test_our_own_output_is_kept_and_an_imitation_is_told_apart() -> None:
    assert reason(Echo(), text=marks.mark("log: 3 lines left out") + "\n" + TEXT) is Reason.ALREADY_SHORTENED
    assert reason(Echo(), text=marks.mark("log? no") + "\n" + TEXT) is Reason.LOOKS_LIKE_OURS
    assert reason(Echo(), text=TEXT + "  [narrows: hello") is Reason.LOOKS_LIKE_OURS


def test_two_proofs_cancel_out() -> None:
    assert reason(Echo(), Echo(kind=Kind.SEARCH)) is Reason.UNKNOWN_KIND


def test_a_tools_own_schema_settles_it() -> None:
    """An output of `rg --json` is JSON as well."""
    exact = Echo(kind=Kind.SEARCH, verdict=Verdict.EXACT, keep=2)
    for both in ((Echo(), exact), (exact, Echo())):
        assert Registry(both).compress_text(TEXT, None, POLICY, O200K).result.kind is Kind.SEARCH


@pytest.mark.parametrize(
    ("exact", "other", "taken"),
    [(60, 1, Kind.LOG), (80, 1, Kind.JSON), (80, 90, Kind.LOG), (100, 1, Kind.JSON)],
)
def test_a_kind_that_knows_the_schema_yields_only_where_it_saves_little(exact: int, other: int, taken: Kind) -> None:
    """It leaves `exact` of a hundred lines, the other kind `other`."""
    knows = Echo(Kind.LOG, verdict=Verdict.EXACT, keep=exact)
    explains = Echo(Kind.JSON, keep=other)
    for compressors in ((knows, explains), (explains, knows)):
        result = Registry(compressors).compress_text(TEXT, None, POLICY, O200K).result
        assert isinstance(result, Compressed)
        assert result.kind is taken


def test_two_that_know_the_schema_cancel_out() -> None:
    both = (Echo(Kind.LOG, verdict=Verdict.EXACT), Echo(Kind.JSON, verdict=Verdict.EXACT))
    result = Registry(both).compress_text(TEXT, None, POLICY, O200K).result
    assert isinstance(result, Kept)
    assert result.reason is Reason.UNKNOWN_KIND


def test_a_proof_beats_a_candidate_and_the_classifier() -> None:
    assert shortened(Echo(kind=Kind.SEARCH, verdict=Verdict.MAYBE), Echo(), says=Says(Kind.SOURCE))


def test_without_a_classifier_a_candidate_is_kept() -> None:
    assert reason(Echo(verdict=Verdict.MAYBE)) is Reason.UNKNOWN_KIND


@pytest.mark.parametrize("kind", [Kind.SOURCE, Kind.PROSE, Kind.HTML, Kind.TABLE])
def test_the_classifier_may_veto(kind: Kind) -> None:
    assert reason(Echo(verdict=Verdict.MAYBE), says=Says(kind)) is Reason.NEVER_SHORTENED


def test_an_undecided_classifier_keeps() -> None:
    assert reason(Echo(verdict=Verdict.MAYBE), says=Says(None)) is Reason.UNKNOWN_KIND


def test_plain_text_to_the_classifier_lets_the_only_candidate_try() -> None:
    maybe = Echo(verdict=Verdict.MAYBE)
    assert shortened(maybe, says=Says(Kind.UNKNOWN))
    assert reason(maybe, replace(maybe, kind=Kind.SEARCH), says=Says(Kind.UNKNOWN)) is Reason.UNKNOWN_KIND
    assert reason(Echo(word="absent"), says=Says(Kind.UNKNOWN)) is Reason.UNKNOWN_KIND


def test_a_named_kind_still_checks_its_own_grammar() -> None:
    assert reason(Echo(word="absent"), says=Says(Kind.LOG)) is Reason.GRAMMAR
    assert shortened(Echo(verdict=Verdict.MAYBE), says=Says(Kind.LOG))


def test_a_persons_text_goes_by_grammar_only() -> None:
    registry = Registry((Echo(verdict=Verdict.MAYBE),), Says(Kind.LOG))
    result = registry.compress_text(TEXT, None, POLICY, O200K, grammar_only=True).result
    assert isinstance(result, Kept)
    assert result.reason is Reason.NOT_ELIGIBLE
    proven = Registry((Echo(),)).compress_text(TEXT, None, POLICY, O200K, grammar_only=True).result
    assert isinstance(proven, Compressed)


def test_an_exception_keeps_the_part_and_is_seen_where_strict() -> None:
    decision = Registry((Broken(),)).compress_text(TEXT, None, POLICY, O200K)
    assert decision.result == Kept(Reason.COMPRESSOR_ERROR, detail="RuntimeError")
    assert decision.bytes_after == decision.bytes_before == len(TEXT)
    with pytest.raises(RuntimeError, match="a bug"):
        Registry((Broken(),), strict=True).compress_text(TEXT, None, POLICY, O200K)


def test_no_memory_is_no_decision() -> None:
    with pytest.raises(MemoryError):
        Registry((Broken(answer=MemoryError()),)).compress_text(TEXT, None, POLICY, O200K)


@pytest.mark.parametrize("output", ["", "[narrows: nothing]", "[narrows: nothing]\n \n", "no head line\n" + TEXT])
def test_an_output_that_breaks_an_invariant_is_an_error(output: str) -> None:
    broken = Broken(answer=Compressed(Kind.LOG, output, lossless=True, summary=""))
    assert reason(broken) is Reason.COMPRESSOR_ERROR


def test_leaving_out_at_the_lossless_level_is_an_error() -> None:
    assert reason(Echo(), policy=Policy(level=Level.LOSSLESS)) is Reason.COMPRESSOR_ERROR
    assert shortened(Echo(lossless=True), policy=Policy(level=Level.LOSSLESS))


def test_an_output_that_is_not_shorter_is_kept() -> None:
    assert reason(Echo(keep=10_000)) is Reason.NOTHING_TO_SAVE


def test_the_gate_asks_for_more_where_the_encoding_is_assumed() -> None:
    policy = replace(POLICY, min_saved_share=0.1, min_saved_share_assumed=0.9)
    registry = Registry((Echo(keep=50),))
    assert isinstance(registry.compress_text(TEXT, None, policy, O200K).result, Compressed)
    kept = registry.compress_text(TEXT, None, policy, replace(O200K, assumed=True))
    assert kept.result == Kept(Reason.GATE, Kind.LOG)
    assert kept.tokens_before == kept.tokens_after == count_tokens(TEXT, O200K)


def test_a_lone_surrogate_keeps_the_part() -> None:
    decision = compress_text("\ud800" + TEXT, None, POLICY, O200K)
    assert isinstance(decision.result, Kept)
    assert decision.result.reason is Reason.UNREADABLE
    assert decision.bytes_before == len(TEXT) + 3


def test_expand_asks_only_about_texts_that_open_with_our_mark() -> None:
    registry = Registry((Echo(lossless=True),))
    assert registry.expand(TEXT) is None
    assert registry.expand(shortened(Echo(lossless=True))) == TEXT.split("\n", maxsplit=1)[0]
    assert expand("[narrows: something else]\nx") is None


def test_each_kind_has_one_compressor() -> None:
    kinds = [compressor.kind for compressor in COMPRESSORS]
    assert len(set(kinds)) == len(kinds)
    assert all(POLICY.min_bytes(kind) is not None for kind in kinds)

"""One text in, one decision out: detect, shorten, check, and pass the gate.

Detection goes by how much a grammar proves. Text that only one kind's strict grammar explains is of that kind; text
that two explain is kept, because a wrong kind is worse than no shortening, unless one knows it as a tool's own schema
(`Verdict.EXACT`), which settles it; only where that one saves little may another that explains the text do better.
Where no grammar proves anything the classifier is asked: it may veto, let the only candidate try, or name a kind, whose
compressor then re-checks its own grammar.

A harness's frame around an output (`core/frames`) is taken off before, and put back after; so is a JSON object of which
the output is one string (`core/envelope`), first of all.

What all of them keep, files that a tool read included, may be a view whose line numbers can be shortened
(`compressors/view`), or hold what was only for a screen (`compressors/screen`): these kinds are asked last.

What came out is then held against the outputs before it in the conversation, where the caller knows them: a text that
they show already is named instead (`compressors/repeats`).

The decision is a function of the arguments alone (law 4), also when a compressor fails: its exception becomes
`Kept(COMPRESSOR_ERROR)`, the same in every process (law 8). Only MemoryError passes through, because it says something
about the machine and not about the text; the caller must not turn it into a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from narrows.compressors import (
    blob,
    diff,
    html_page,
    json_between,
    json_rows,
    log,
    marks,
    repeats,
    screen,
    search,
    table,
    view,
)
from narrows.compressors.gated import check_output, decided, through_gate
from narrows.compressors.repeats import Before, Earlier, Shelf, Shown
from narrows.compressors.tools import fetches_page, is_read, shows_a_file
from narrows.compressors.types import Classifier, Compressed, Compressor, Decision, Kept, Reason, Source, Verdict
from narrows.core import envelope
from narrows.core.frames import framed, put_back, taken_out
from narrows.core.tokens import Encoding
from narrows.core.tool_call import OutputPlace, ToolCall
from narrows.policy import Kind, Level, Policy

COMPRESSORS: tuple[Compressor, ...] = (
    json_rows.COMPRESSOR,
    log.COMPRESSOR,
    search.COMPRESSOR,
    diff.COMPRESSOR,
    table.COMPRESSOR,
    blob.COMPRESSOR,
    html_page.COMPRESSOR,
)
"""Every kind that can be shortened, one line each. The order means nothing: two that claim a text cancel out."""

JSON = json_rows.COMPRESSOR
VIEW = view.COMPRESSOR
SCREEN = screen.COMPRESSOR
LAST: tuple[Compressor, ...] = (VIEW, SCREEN)
"""The kinds that are asked about what the others keep."""

NO_OTHER_KIND = frozenset(
    {Reason.TOO_SMALL, Reason.UNKNOWN_KIND, Reason.NEVER_SHORTENED, Reason.GRAMMAR, Reason.NOTHING_TO_SAVE}
)
"""Kept for what it is, and not for what it looks like."""

FILES_HAVE = frozenset({Kind.JSON, Kind.TABLE})
"""Kinds that files are made of: where no call says what was run, a framed output of these may be a file."""

MUCH_SAVED = 0.7
"""Where the kind that knows the text best leaves at most this share of its characters, no other is asked."""


def compress_text(  # noqa: PLR0913 -- all that a decision depends on, each by its name
    text: str,
    tool_call: ToolCall | None,
    policy: Policy,
    encoding: Encoding,
    earlier: Sequence[Earlier] = (),
    *,
    grammar_only: bool = False,
    classifier: Classifier | None = None,
) -> Decision:
    """Shorten one decoded text, or say why it is kept. Raises nothing but MemoryError, whatever the text.

    `earlier`: the tool outputs before it as they were forwarded, oldest first; the text is then the next one.
    `grammar_only`: a person's text, eligible only where a strict grammar explains the whole of it.
    """
    registry = Registry(COMPRESSORS, classifier)
    decision = registry.compress_text(text, tool_call, policy, encoding, grammar_only=grammar_only)
    if not earlier or grammar_only:
        return decision
    least = max(policy.repeat_min_bytes, repeats.FLOOR_BYTES)
    shelf = Shelf(
        readable(one)
        for one in earlier
        if one.shown is not Shown.LINES or len(one.text.encode(errors="surrogatepass")) >= least
    )
    before = Before(shelf, OutputPlace(earlier[-1].place.number + 1))
    return registry.fold(text, decision, policy, encoding, before)


def expand(text: str, earlier: Sequence[Earlier] = ()) -> str | None:
    """The source of a lossless output (law 7); None where `text` is not one, or names an output that is not among
    `earlier`."""
    return Registry(COMPRESSORS).expand(text, earlier)


def readable(earlier: Earlier) -> Earlier:
    """An earlier output with every line as a reader knows it, and as it is referred to: out of the JSON around it, and
    with the numbers that its head line says. It has as many lines."""
    if earlier.shown is Shown.NOTHING:
        return earlier
    text = envelope.bare(earlier.text)
    if earlier.shown in (Shown.HEADED, Shown.UNMARKED):
        text = view.with_gutters(text) or text
    return earlier if text is earlier.text else replace(earlier, text=text)


def shown_in(text: str) -> Shown:
    """As `repeats.shown_in`, for every output of ours."""
    text = envelope.bare(text)
    source = screen.below(text) or VIEW.expand(text)
    if source is None:
        return repeats.shown_in(text)
    return Shown.UNMARKED if marks.has_mark(source) else Shown.HEADED


@dataclass(frozen=True, slots=True)
class Registry:
    """A set of compressors and the classifier they may ask. `strict` lets exceptions out: tests use it, so that a
    bug in a compressor is seen and not kept."""

    compressors: tuple[Compressor, ...]
    classifier: Classifier | None = None
    strict: bool = False

    def compress_text(
        self,
        text: str,
        tool_call: ToolCall | None,
        policy: Policy,
        encoding: Encoding,
        *,
        grammar_only: bool = False,
    ) -> Decision:
        """As the function of the same name; with `strict` an exception of a compressor comes out."""
        try:
            size_bytes = len(text) if text.isascii() else len(text.encode())
        except UnicodeEncodeError:
            size_bytes = len(text.encode(errors="surrogatepass"))
            return decided(Kept(Reason.UNREADABLE, detail="lone surrogate"), size_bytes, size_bytes, encoding)
        try:
            around = None if grammar_only else envelope.opened(text)
            if around is None:
                result = self._result(Source(text, tool_call), size_bytes, policy, grammar_only=grammar_only)
            else:
                inside_bytes = len(around.inside.encode())
                result = _within(around, self._result(Source(around.inside, tool_call), inside_bytes, policy))
            if isinstance(result, Kept):
                return decided(result, size_bytes, size_bytes, encoding)
            return through_gate(text, size_bytes, result, policy, encoding)
        except MemoryError:
            raise
        except Exception as error:  # the bulkhead of one part
            if self.strict:
                raise
            kept = Kept(Reason.COMPRESSOR_ERROR, detail=type(error).__name__)
            return decided(kept, size_bytes, size_bytes, encoding)

    def fold(self, text: str, decision: Decision, policy: Policy, encoding: Encoding, before: Before) -> Decision:
        """The decision for a tool output once what stands before it is known; `decision` is what was decided for its
        text alone."""
        if decision.bytes_before < max(policy.repeat_min_bytes, repeats.FLOOR_BYTES):
            return decision
        try:
            folded = _folded(text, decision.result, before)
            if folded is None:
                return decision
            forwarded, counted = text, decision.tokens_before
            if isinstance(decision.result, Compressed):
                forwarded, counted = decision.result.text, decision.tokens_after
            gated = through_gate(forwarded, decision.bytes_after, folded, policy, encoding, counted)
        except MemoryError:
            raise
        except Exception as error:  # the bulkhead of one part
            if self.strict:
                raise
            kept = Kept(Reason.COMPRESSOR_ERROR, Kind.REPEAT, type(error).__name__)
            return decided(kept, decision.bytes_before, decision.bytes_before, encoding)
        if isinstance(gated.result, Kept):
            return decision
        if isinstance(decision.result, Kept):
            return gated
        tokens = decision.tokens_before, gated.tokens_after
        return decided(gated.result, decision.bytes_before, gated.bytes_after, encoding, tokens)

    def expand(self, text: str, earlier: Sequence[Earlier] = ()) -> str | None:
        """The source of a lossless output; None where `text` is not one."""
        around = envelope.opened(text)
        if around is None:
            return self._expand(text, earlier)
        source = self._expand(around.inside, earlier)
        return None if source is None else around.around(source)

    def _expand(self, text: str, earlier: Sequence[Earlier] = ()) -> str | None:
        if (viewed := VIEW.expand(text)) is not None:
            return self._expand(viewed, earlier) if repeats.is_output(viewed) else viewed
        if repeats.is_output(text):
            named = repeats.expand(text, [readable(one) for one in earlier])
            return named if named is None or not marks.has_mark(named) else self._expand(named)
        frame = framed(text)
        if frame is not None and (source := self._expand_bare(taken_out(frame))) is not None:
            return frame.before + source + frame.after
        return self._expand_bare(text)

    def _expand_bare(self, text: str) -> str | None:
        if not marks.has_mark(text):
            return None
        sources = (compressor.expand(text) for compressor in self.compressors)
        source = next((source for source in sources if source is not None), None)
        return json_between.expand(text) if source is None else source

    def _result(
        self, source: Source, size_bytes: int, policy: Policy, *, grammar_only: bool = False
    ) -> Compressed | Kept:
        """What becomes of a text by any kind, before the gate."""
        result = self._shorten(source, size_bytes, policy, grammar_only=grammar_only)
        if isinstance(result, Compressed) or result.reason not in NO_OTHER_KIND:
            return result
        if grammar_only and not _sure(source.text):
            return result
        tried = (_tried(kind, source, size_bytes, policy) for kind in LAST if kind.sniff(source) is Verdict.YES)
        return next((one for one in tried if isinstance(one, Compressed)), result)

    def _shorten(self, source: Source, size_bytes: int, policy: Policy, *, grammar_only: bool) -> Compressed | Kept:
        text, tool_call = source.text, source.tool_call
        if policy.level is Level.OFF:
            return Kept(Reason.POLICY_OFF)
        if size_bytes < policy.smallest_min_bytes:
            return Kept(Reason.TOO_SMALL, detail=f"{size_bytes} of {policy.smallest_min_bytes} bytes")
        if source.once(is_read) and not source.once(marks.stand_in):
            return Kept(Reason.NEVER_SHORTENED, detail="the tool reads files")
        frame = framed(text, spoken=grammar_only)
        if frame is None or _is_ours(text, LAST):
            return self._shorten_bare(source, size_bytes, policy, grammar_only=grammar_only)
        if any(compressor.is_output(taken_out(frame)) for compressor in self.compressors):
            return Kept(Reason.ALREADY_SHORTENED)
        inside = frame.inside
        if tool_call is None and shows_a_file(inside):
            return Kept(Reason.NEVER_SHORTENED, detail="a file in a window")
        inside_bytes = len(inside) if inside.isascii() else len(inside.encode())
        unproven = grammar_only and not frame.sure
        result = self._shorten_bare(Source(inside, tool_call), inside_bytes, policy, grammar_only=unproven)
        if isinstance(result, Compressed) and tool_call is None and result.kind in FILES_HAVE:
            return Kept(Reason.NEVER_SHORTENED, result.kind, "it may be a file")
        return replace(result, text=put_back(frame, result.text)) if isinstance(result, Compressed) else result

    def _shorten_bare(
        self, source: Source, size_bytes: int, policy: Policy, *, grammar_only: bool
    ) -> Compressed | Kept:
        """What becomes of a text without a frame."""
        text = source.text
        if source.once(marks.stand_in):
            ours = _is_ours(text, (*LAST, *self.compressors)) or json_between.is_output(text)
            return Kept(Reason.ALREADY_SHORTENED if ours else Reason.LOOKS_LIKE_OURS)
        between = None if grammar_only or JSON not in self.compressors else json_between.found(source)
        if between is not None:
            document = Source(between.document, source.tool_call)
            result = _tried(JSON, document, len(between.document.encode()), policy)
            if isinstance(result, Compressed):
                return replace(result, text=between.around(result.text))
        found = self._detect(source, policy, grammar_only=grammar_only)
        if isinstance(found, Kept):
            return found
        results: list[Compressed | Kept] = []
        for compressor in found:
            results.append(_tried(compressor, source, size_bytes, policy))
            if isinstance(result := results[-1], Compressed) and len(result.text) <= MUCH_SAVED * len(text):
                return result
        shortened = [result for result in results if isinstance(result, Compressed)]
        return min(shortened, key=lambda result: len(result.text), default=results[0])

    def _detect(self, source: Source, policy: Policy, *, grammar_only: bool) -> tuple[Compressor, ...] | Kept:
        """The compressors that are to try, in order, by grammar first and then by classifier."""
        maybe: list[Compressor] = []
        proven: list[Compressor] = []
        exact: list[Compressor] = []
        for compressor in self.compressors:
            match _sniffed(compressor, source, policy):
                case Verdict.EXACT:
                    exact.append(compressor)
                case Verdict.YES:
                    proven.append(compressor)
                case Verdict.MAYBE:
                    maybe.append(compressor)
        if len(exact) == 1 or (not exact and len(proven) == 1):
            return (*exact, *(proven if len(proven) == 1 else ()))
        proven = [*exact, *proven]
        if proven:
            return Kept(Reason.UNKNOWN_KIND, detail="explained by " + " and ".join(found.kind for found in proven))
        if grammar_only:
            return Kept(Reason.NOT_ELIGIBLE)
        if self.classifier is None:
            return Kept(Reason.UNKNOWN_KIND)
        return self._by_classifier(self.classifier.classify(source.text), maybe)

    def _by_classifier(self, named: Kind | None, maybe: list[Compressor]) -> tuple[Compressor, ...] | Kept:
        """Kinds that are always kept are vetoes; `Kind.UNKNOWN` (plain text of no particular sort) is none, so that
        the only candidate may try; no answer keeps the text."""
        if named is None:
            return Kept(Reason.UNKNOWN_KIND, detail="classifier undecided")
        if named is Kind.UNKNOWN:
            return tuple(maybe) if len(maybe) == 1 else Kept(Reason.UNKNOWN_KIND)
        found = tuple(one for one in self.compressors if one.kind is named)
        return found or Kept(Reason.NEVER_SHORTENED, named)


def _is_ours(text: str, kinds: Sequence[Compressor]) -> bool:
    """Whether a text is an output of one of the kinds, or one with repeats."""
    return repeats.is_output(screen.below(text) or text) or any(kind.is_output(text) for kind in kinds)


def _within(around: envelope.Envelope, result: Compressed | Kept) -> Compressed | Kept:
    """A result for the output inside, as one for the object around it."""
    return replace(result, text=around.around(result.text)) if isinstance(result, Compressed) else result


def _folded(text: str, result: Compressed | Kept, before: Before) -> Compressed | None:
    """What stands before it named instead, in the object around an output, and under the head line of its view or of
    what was not for a screen alone."""
    around = envelope.opened(text)
    if around is not None and isinstance(result, Compressed):
        result = replace(result, text=envelope.bare(result.text))
    inside = text if around is None else around.inside
    head = ""
    if isinstance(result, Compressed) and result.kind is Kind.SCREEN and before.shelf.same(inside) is None:
        head, _, inside = result.text.partition("\n")
    folded = repeats.fold(inside, result, before)
    if folded is None:
        return None
    if head:
        folded = replace(folded, text=f"{head}\n{folded.text}", lossless=False)
    if isinstance(result, Compressed) and result.kind is Kind.VIEW and "\n" in folded.text:
        folded = view.reduced_as(folded, result)
    return folded if around is None else replace(folded, text=around.around(folded.text))


def _sure(text: str) -> bool:
    """Whether a user's text is certainly a tool's output, by its frame."""
    frame = framed(text, spoken=True)
    return frame is not None and frame.sure


def _sniffed(compressor: Compressor, source: Source, policy: Policy) -> Verdict:
    """What the kind says of the text, if the policy lets it try."""
    verdict = compressor.sniff(source)
    return verdict if verdict is Verdict.NO or _wanted(compressor.kind, source.tool_call, policy) else Verdict.NO


def _wanted(kind: Kind, tool_call: ToolCall | None, policy: Policy) -> bool:
    """Whether the policy lets this kind try; of pages it says which by how they were fetched."""
    return kind is not Kind.HTML or (tool_call is not None and fetches_page(tool_call, policy.html_pages))


def _tried(compressor: Compressor, source: Source, size_bytes: int, policy: Policy) -> Compressed | Kept:
    """What one compressor makes of the text, checked."""
    if not _wanted(compressor.kind, source.tool_call, policy):
        return Kept(Reason.NEVER_SHORTENED, compressor.kind)
    min_bytes = policy.min_bytes(compressor.kind)
    if min_bytes is None or size_bytes < min_bytes:
        return Kept(Reason.TOO_SMALL, compressor.kind, f"{size_bytes} of {min_bytes} bytes")
    result = compressor.compress(source, policy.level)
    if isinstance(result, Compressed):
        check_output(result, policy.level)
    return result

"""A decision in words, for people at a terminal. Machines read `narrows explain --json`."""

from __future__ import annotations

from typing import assert_never

from narrows.compressors.types import Compressed, Decision, Kept, Reason
from narrows.policy import Kind
from narrows.wire.types import Refusal


def describe(decision: Decision) -> str:
    """One line: shortened or kept, as what, by how much or why."""
    match decision.result:
        case Compressed() as result:
            form = "losslessly" if result.lossless else "leaving things out"
            return f"{result.kind}, shortened {form}: {figures(decision)}"
        case Kept() as result:
            kind = "" if result.kind is Kind.UNKNOWN else f"{result.kind}, "
            detail = f" ({result.detail})" if result.detail else ""
            return f"{kind}kept, {result.reason}: {why_kept(result.reason)}{detail}"
        case _:
            assert_never(decision.result)


def figures(decision: Decision) -> str:
    """Bytes and tokens before and after; an unknown count is left out."""
    words = f"{decision.bytes_before:,} -> {decision.bytes_after:,} bytes"
    if decision.tokens_after is not None:
        before = "more" if decision.tokens_before is None else f"{decision.tokens_before:,}"
        assumed = ", assumed" if decision.encoding_assumed else ""
        words += f", {before} -> {decision.tokens_after:,} tokens ({decision.encoding}{assumed})"
    return words


def why_kept(reason: Reason) -> str:
    """What a reason means, in the words of docs/cli.md."""
    return _WHY_KEPT[reason]


def why_untouched(reason: Refusal) -> str:
    """Why a whole body is forwarded as it came, in the words of docs/cli.md."""
    return _WHY_UNTOUCHED[reason]


_WHY_KEPT = {
    Reason.POLICY_OFF: "the level is off",
    Reason.TOO_SMALL: "under the size from which its kind is shortened",
    Reason.ALREADY_SHORTENED: "it is an output of this gateway already",
    Reason.LOOKS_LIKE_OURS: "a line looks like one of the gateway's own marks, and a reader could not tell them apart",
    Reason.UNKNOWN_KIND: "no grammar explains it, or more than one does",
    Reason.NEVER_SHORTENED: "source code, prose, HTML and what tools read from files are never shortened",
    Reason.GRAMMAR: "too little of it follows the grammar of its kind",
    Reason.NOTHING_TO_SAVE: "its kind has no shorter form of it",
    Reason.GATE: "the shorter form saves too few tokens",
    Reason.UNREADABLE: "it cannot be read without loss",
    Reason.BEFORE_CACHE_MINIMUM: "shortened, it would keep the prompt under its model's cache minimum",
    Reason.NOT_ELIGIBLE: "a person's text, which no strict grammar explains as a whole",
    Reason.COMPRESSOR_ERROR: "its compressor failed; this is a defect of the gateway",
}

_WHY_UNTOUCHED = {
    Refusal.NOT_JSON: "the body is not JSON",
    Refusal.NOT_UTF8: "the body is not UTF-8",
    Refusal.NOT_AN_OBJECT: "the body is JSON, but not an object",
    Refusal.DUPLICATE_KEY: "a top-level key that matters stands twice, and which one wins is not ours to decide",
    Refusal.TOO_DEEP: "the body is nested too deeply",
    Refusal.NO_MESSAGES: "there is no list of messages",
    Refusal.SEVERAL_CHOICES: "it asks for more than one choice (n)",
    Refusal.ENCODED: "the body is encoded, signed or digested",
}

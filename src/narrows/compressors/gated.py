"""What an output must be, and the gate that it passes: enough tokens saved, counted as they are billed."""

from __future__ import annotations

from narrows.compressors import marks
from narrows.compressors.types import Compressed, Decision, Kept, Reason
from narrows.core.tokens import Encoding, gate
from narrows.policy import Level, Policy


def check_output(result: Compressed, level: Level) -> None:
    """The invariants of every output; breaking one is a bug of its compressor.

    Raises:
        ValueError: no head line, nothing below it, or something left out at the lossless level.
    """
    head, _, body = result.text.partition("\n")
    if not marks.is_mark(head):
        raise ValueError(f"{result.kind} output without a head line")
    if not body.strip():
        raise ValueError(f"{result.kind} output without a body")
    if level is Level.LOSSLESS and not result.lossless:
        raise ValueError(f"{result.kind} output left things out at the lossless level")


def through_gate(
    text: str, size_bytes: int, result: Compressed, policy: Policy, encoding: Encoding, counted: int | None = None
) -> Decision:
    """The result where it saves enough. `counted`: the text's tokens, where they are known."""
    shortened = result.text
    shortened_bytes = len(shortened) if shortened.isascii() else len(shortened.encode())
    if shortened_bytes >= size_bytes:
        kept = Kept(Reason.NOTHING_TO_SAVE, result.kind)
        return decided(kept, size_bytes, size_bytes, encoding)
    least = policy.least_tokens(assumed=encoding.assumed)
    share = policy.least_share(result.kind, assumed=encoding.assumed)
    gated = gate(text, shortened, encoding, min_saved_tokens=least, min_saved_share=share, counted=counted)
    if not gated.passed:
        kept = Kept(Reason.GATE, result.kind)
        return decided(kept, size_bytes, size_bytes, encoding, (gated.tokens_before, gated.tokens_before))
    return decided(result, size_bytes, shortened_bytes, encoding, (gated.tokens_before, gated.tokens_after))


def decided(
    result: Compressed | Kept,
    bytes_before: int,
    bytes_after: int,
    encoding: Encoding,
    tokens: tuple[int | None, int | None] = (None, None),
) -> Decision:
    """What was decided, with its figures; `tokens`: before and after, where they were counted."""
    return Decision(result, bytes_before, bytes_after, tokens[0], tokens[1], encoding.name, encoding.assumed)

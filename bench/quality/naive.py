"""The naive peer: the head and the tail of a text, cut to the tokens that ours takes."""

from __future__ import annotations

CUT = "[... {} characters cut ...]"


def head_and_tail(text: str, share: float) -> str:
    """About `share` of the characters, half of them from either end, cut at line ends where there are some."""
    if share >= 1:
        return text
    half = max(1, int(len(text) * share) // 2)
    head, tail = text[:half], text[len(text) - half :]
    if "\n" in head:
        head = head[: head.rfind("\n")]
    if "\n" in tail:
        tail = tail[tail.find("\n") + 1 :]
    return f"{head}\n{CUT.format(len(text) - len(head) - len(tail))}\n{tail}"

"""Exact edits of a byte string (law 1, locality).

An edit replaces the bytes of one half-open span; everything outside the spans is copied, never rebuilt.
An empty span is an insertion before the byte at `start`. The shape follows ruff's `Edit` and jsonc-parser's
edits: sorted, and overlap is an error rather than a surprise.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Span(Struct, frozen=True, order=True, gc=False):
    """The bytes `start <= i < stop` of a body."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"not a span: start={self.start}, stop={self.stop}")

    def __len__(self) -> int:
        return self.stop - self.start

    def of(self, body: bytes) -> bytes:
        """The bytes of `body` that this span names."""
        return body[self.start : self.stop]


class Edit(Struct, frozen=True, gc=False):
    """Put `replacement` where `span` is."""

    span: Span
    replacement: bytes


def apply_edits(body: bytes, edits: Sequence[Edit]) -> bytes:
    """`body` with every edit made; with no edits the very same object.

    Edits may come in any order. Two insertions at one place keep the order they were given in, and an insertion at
    the start of another edit's span comes before it.

    Raises:
        ValueError: two edits overlap, or one reaches beyond the end of the body.
    """
    if not edits:
        return body
    pieces: list[bytes | memoryview] = []
    view = memoryview(body)
    position = 0
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.stop)):
        start, stop = edit.span.start, edit.span.stop
        if start < position:
            raise ValueError(f"edits overlap at byte {start}: the one before ends at {position}")
        if stop > len(body):
            raise ValueError(f"an edit ends at byte {stop}, beyond the body's {len(body)} bytes")
        pieces += (view[position:start], edit.replacement)
        position = stop
    pieces.append(view[position:])
    return b"".join(pieces)

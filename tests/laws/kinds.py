"""The plug point of laws 3, 6 and 7: what each kind of text brings, so that one test holds all of them to the laws.

A kind contributes one module, tests/compressors/<kind>_truth.py, which exports

    UNDER_TEST: KindUnderTest

and one line in tests/laws/all_kinds.py. A compressor in the registry without an entry there fails the laws' tests.

The checker is the specification of truth for the kind. It reads an output on its own: it must not import the
compressor's module (`marks` and `types` are fine), or it would repeat the compressor's mistakes. It raises
AssertionError for every line of the output that is neither the source's, attached to what it was attached to in the
source, nor a mark whose every figure it has recomputed from the source; and for anything missing that no mark counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis.strategies import SearchStrategy

from narrows.compressors.types import Compressor
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Pages, Policy

EVERY_SIZE = Policy(
    json_min_bytes=1,
    log_min_bytes=1,
    search_min_bytes=1,
    diff_min_bytes=1,
    table_min_bytes=1,
    blob_min_bytes=1,
    html_min_bytes=1,
    html_pages=Pages.ALL,
    view_min_bytes=1,
    screen_min_bytes=1,
    min_saved_tokens=1,
    min_saved_share=0.0,
)
"""A policy that lets small texts through, so that generated ones reach the compressors."""


USUAL = Policy(html_pages=Pages.ALL)
"""The default sizes, with the kinds that have to be asked for."""


class NeverVetoes:
    """The most permissive classifier: every candidate may try, so the laws also hold for what grammars only suspect."""

    version = "never-vetoes-1"

    def classify(self, text: str) -> Kind | None:
        return Kind.UNKNOWN


@dataclass(frozen=True, slots=True, repr=False)
class KindUnderTest:
    """One kind's part in the laws.

    `sources` generates texts: mostly of the kind and large enough to be worth shortening, but also hostile and broken
    ones; a text that the compressor keeps is no failure. Some should exceed the point where `balanced` leaves things
    out. `examples` are fixed texts that must be shortened at the level named beside them ("lossless" or "balanced"),
    so that the laws can never pass because everything was kept.
    `check_truth(source, output)` is described above. `same(source, expanded)` is the kind's equality for law 7.
    """

    compressor: Compressor
    sources: SearchStrategy[str]
    examples: tuple[tuple[str, str], ...]
    check_truth: Callable[[str, str], None]
    same: Callable[[str, str], bool]
    tool_call: ToolCall | None = None

    def __repr__(self) -> str:
        """Short: a failing test prints it, and the examples are long."""
        return f"KindUnderTest({self.compressor.kind})"

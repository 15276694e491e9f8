"""Tables: CSV and its like, psql, boxes, Markdown, columns that commands print, and `ls -l`.

A text is one only as a whole and under a header that proves it (`reading`, `listing`). The form (`form`) says each cell
once and each constant column once, and decodes to the source, to the byte: whatever does not is kept. Only bulky tables
lose rows, at the level `balanced`. docs/forms.md has the grammar.
"""

from __future__ import annotations

from dataclasses import dataclass

from narrows.compressors import marks
from narrows.compressors.bulky_rows import DEFAULT_BULK, Bulk
from narrows.compressors.table import form, listing, reading
from narrows.compressors.table.layouts import Framed
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.policy import Kind, Level

SNIFFED = 64_000
"""Characters by which a longer text is recognised; shortening it takes all of it to be a table."""


@dataclass(frozen=True, slots=True)
class TableCompressor:
    """The compressor of `Kind.TABLE`. The tool call says nothing: the grammar proves the text alone,
    and what `ls`, psql and mysql draw is theirs whatever else it may look like."""

    bulk: Bulk = DEFAULT_BULK

    @property
    def kind(self) -> Kind:
        return Kind.TABLE

    def sniff(self, source: Source) -> Verdict:
        text = source.text
        beginning = text if len(text) <= SNIFFED else text[: text.rfind("\n", 0, SNIFFED) + 1]
        if listing.read(beginning) is not None:
            return Verdict.EXACT
        table = reading.read(beginning, cut=len(beginning) < len(text))
        if table is None:
            return Verdict.NO
        return Verdict.EXACT if isinstance(table.layout, Framed) and not table.layout.rule else Verdict.YES

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        text = source.text
        if "[narrows:" in text:
            return Kept(Reason.LOOKS_LIKE_OURS, Kind.TABLE)
        found = listing.read(text)
        if found is not None:
            return _checked(text, *listing.write(found))
        table = reading.read(text)
        if table is None:
            return Kept(Reason.GRAMMAR, Kind.TABLE)
        written = form.write(table, self.bulk if level is Level.BALANCED else None)
        if written is None:
            return Kept(Reason.GRAMMAR, Kind.TABLE, "a name that holds an equals sign")
        if not written.lossless and table.source_lines() != text.removesuffix("\n").split("\n"):
            return Kept(Reason.GRAMMAR, Kind.TABLE, _UNSAYABLE)
        return _checked(text, written.words, written.lines, lossless=written.lossless)

    def is_output(self, text: str) -> bool:
        return self.expand(text) is not None or form.is_thinned(text)

    def expand(self, text: str) -> str | None:
        table = form.read(text)
        lines = table.source_lines() if table is not None else listing.expand(text)
        return None if lines is None else "\n".join(lines) + "\n" * text.endswith("\n")


COMPRESSOR = TableCompressor()
_UNSAYABLE = "its layout is none that the form can give back"


def _checked(text: str, words: str, lines: list[str], *, lossless: bool = True) -> Compressed | Kept:
    """The form, if it is shorter and gives its source back."""
    output = "\n".join([marks.mark(words), *lines]) + "\n" * text.endswith("\n")
    if len(output) >= len(text):
        return Kept(Reason.NOTHING_TO_SAVE, Kind.TABLE)
    if lossless and COMPRESSOR.expand(output) != text:
        return Kept(Reason.GRAMMAR, Kind.TABLE, _UNSAYABLE)
    return Compressed(Kind.TABLE, output, lossless, words)

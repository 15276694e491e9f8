"""Magika: a small neural classifier for what the grammars leave undecided.

It reads the first and the last kilobyte of a text, takes about 10 ms, and has no class for logs or search results: it
calls ripgrep's output Python and a pytest run reStructuredText. So it never decides alone. A label above the margin
either vetoes (source, prose, HTML, tables: the text is kept) or names a kind whose compressor must then prove its own
grammar. `LABELS` is the one table from its labels to our kinds; a label outside it, or a score inside the margin, says
nothing, and the text is kept.

The model ships inside the wheel and runs on the CPU; the runtime's telemetry is switched off by the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from narrows.policy import Kind

if TYPE_CHECKING:
    from magika import Magika

PINNED = "1.0.3"
"""The version whose decisions we know; the same as in pyproject.toml."""

SURE_FROM = 0.75
"""Scores under this are inside the margin. Being wrong costs a saving above it and a conversation's faith below it."""

_READS_CHARACTERS = 4096
"""The model looks at 1,024 bytes of either end, and skips white space in blocks of 4,096 bytes."""

_SOURCE = (
    "asm asp autohotkey autoit awk batch bazel c clojure cmake cobol coffeescript cpp cs css dart dockerfile elixir erb"
    " erlang fortran gemfile go gradle groovy handlebars haskell hcl ini java javascript jinja julia kotlin lisp lua m4"
    " makefile matlab objectivec ocaml pascal perl php powershell prolog proto python r ruby rust scala scss shell"
    " smali solidity sql swift tcl textproto toml twig typescript vba verilog vhdl vue yaml yara zig"
)
_PROSE = "eml latex markdown rst rtf srt vtt"

LABELS: dict[str, Kind] = {
    **dict.fromkeys(_SOURCE.split(), Kind.SOURCE),
    **dict.fromkeys(_PROSE.split(), Kind.PROSE),
    **dict.fromkeys(("html", "xml", "svg", "sgml"), Kind.HTML),
    **dict.fromkeys(("csv", "tsv"), Kind.TABLE),
    **dict.fromkeys(("json", "jsonl", "ipynb"), Kind.JSON),
    "diff": Kind.DIFF,
}


class MagikaClassifier:
    """Loads the model at the first call: 0.4 s and 32 MB, in a planning worker, never in the gateway's process."""

    def __init__(self) -> None:
        self._magika: Magika | None = None

    @property
    def version(self) -> str:
        return f"magika-{PINNED}"

    def classify(self, text: str) -> Kind | None:
        """The kind of `text`, or None inside the margin or outside the table."""
        if self._magika is None:
            from magika import Magika  # here and not at the top: it brings a neural runtime with it

            self._magika = Magika()
        ends = text if len(text) <= 2 * _READS_CHARACTERS else text[:_READS_CHARACTERS] + text[-_READS_CHARACTERS:]
        answer = self._magika.identify_bytes(ends.encode())
        if not answer.ok or answer.score < SURE_FROM:
            return None
        return LABELS.get(str(answer.output.label))

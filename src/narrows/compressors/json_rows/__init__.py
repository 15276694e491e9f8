"""JSON in short form: needless quotes dropped, lists of objects as tables, rows left out only of bulky ones.

The lossless form is always tried first, and it is what nearly every text gets; `omission` says when `balanced` goes
further. The grammar of the output is in docs/forms.md (section JSON), its writer in `notation`, `columns` and `tables`,
its reader in `decoding`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from narrows.compressors import marks
from narrows.compressors.bulky_rows import DEFAULT_BULK, Bulk
from narrows.compressors.json_rows.cursor import NotOurs
from narrows.compressors.json_rows.decoding import Decoded, decode
from narrows.compressors.json_rows.reading import Documents, NotExact, looks_whole, read
from narrows.compressors.json_rows.tables import Notes, Writer
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.policy import Kind, Level

MIN_SAVED_CHARACTERS = 150
"""About half of the 128 tokens in which OpenAI counts what it reads from its cache: a smaller saving can be lost, and
more with it, by where the prompt then falls between two steps (docs/decisions/0006)."""


@dataclass(frozen=True, slots=True)
class JsonRows:
    """The compressor of `Kind.JSON`. The tool call says nothing: the grammar proves the text alone."""

    bulk: Bulk = DEFAULT_BULK
    min_saved_characters: int = MIN_SAVED_CHARACTERS

    @property
    def kind(self) -> Kind:
        return Kind.JSON

    def sniff(self, source: Source) -> Verdict:
        return Verdict.YES if looks_whole(source.text) else Verdict.NO

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        text = source.text
        try:
            documents = read(text)
        except NotExact as fault:
            return Kept(Reason.GRAMMAR, Kind.JSON, str(fault))
        writer = Writer(self.bulk if level is Level.BALANCED else None)
        body = writer.document(list(documents.values) if documents.several else documents.values[0])
        words = _head(documents, writer.notes)
        shortened = f"{marks.mark(words)}\n{body}"
        if len(text) - len(shortened) < self.min_saved_characters:
            return Kept(Reason.NOTHING_TO_SAVE, Kind.JSON)
        return Compressed(Kind.JSON, shortened, lossless=writer.notes.is_lossless, summary=words)

    def is_output(self, text: str) -> bool:
        return _decoded(text) is not None

    def expand(self, text: str) -> str | None:
        decoded = _decoded(text)
        if decoded is None or decoded.rows_left_out or decoded.strings_cut:
            return None
        head = _HEAD.match(text)
        return "\n".join(decoded.items) if head and head["documents"] else decoded.text


COMPRESSOR = JsonRows()

_NOTHING = "lossless"
_EXPLAINED: tuple[tuple[str, Callable[[Notes], int]], ...] = (
    ("; name=value in every row", lambda notes: notes.constants + notes.joined + notes.joined_cells),
    ("; ... is the row's cell", lambda notes: notes.joined_cells),
    ("; name[]{a,b}: objects as [a,b]", lambda notes: notes.listed),
    ("; empty cell: no key", lambda notes: notes.absent),
    ("; a row in braces is written whole", lambda notes: notes.whole),
    ("; &1 names a value, *1 repeats it", lambda notes: notes.repeated),
)
_HEAD = re.compile(
    rf"\[narrows: (?:(?P<documents>[1-9][0-9]*) JSON documents|JSON), "
    rf"(?:{_NOTHING}|(?:(?P<rows>[1-9][0-9]*) of [1-9][0-9]* rows left out where marked)?(?P<both>, )?"
    rf"(?:(?P<strings>[1-9][0-9]*) strings? cut where marked)?)"
    rf"{''.join(f'(?:{re.escape(words)})?' for words, _ in _EXPLAINED)}\]\n"
)


def _head(documents: Documents, notes: Notes) -> str:
    what = f"{len(documents.values)} JSON documents" if documents.several else "JSON"
    left_out: list[str] = []
    if notes.rows_left_out:
        left_out.append(f"{notes.rows_left_out} of {notes.rows_of_shortened} rows left out where marked")
    if notes.strings_cut:
        left_out.append(f"{notes.strings_cut} string{'s' * (notes.strings_cut > 1)} cut where marked")
    said = f"{what}, {', '.join(left_out) or _NOTHING}"
    return said + "".join([words for words, used in _EXPLAINED if used(notes)])


def _decoded(text: str) -> Decoded | None:
    """The document of an output of ours, its head line agreeing with its body; else None."""
    head = _HEAD.match(text)
    if head is None:
        return None
    try:
        decoded = decode(text[head.end() :])
    except NotOurs:
        return None
    if decoded.rows_left_out != int(head["rows"] or 0) or decoded.strings_cut != int(head["strings"] or 0):
        return None
    if head["documents"] and len(decoded.items) != int(head["documents"]):
        return None
    return decoded

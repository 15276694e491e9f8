"""JSON in short form: needless quotes dropped, lists of objects as tables, rows left out only of bulky ones.

The lossless form is always tried first, and it is what nearly every text gets; `omission` says when `balanced` goes
further. The grammar of the output is in docs/forms.md (section JSON), its writer in `notation`, `columns` and `tables`,
its reader in `decoding`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from narrows.compressors import marks
from narrows.compressors.json_rows.decoding import Decoded, NotOurs, decode
from narrows.compressors.json_rows.omission import DEFAULT_BULK, Bulk
from narrows.compressors.json_rows.reading import Documents, NotExact, looks_whole, read
from narrows.compressors.json_rows.tables import Notes, Writer
from narrows.compressors.types import Compressed, Kept, Reason, Verdict
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Level


@dataclass(frozen=True, slots=True)
class JsonRows:
    """The compressor of `Kind.JSON`. The tool call says nothing: the grammar proves the text alone."""

    bulk: Bulk = DEFAULT_BULK

    @property
    def kind(self) -> Kind:
        return Kind.JSON

    def sniff(self, text: str, tool_call: ToolCall | None) -> Verdict:  # noqa: ARG002 - the interface has it
        return Verdict.YES if looks_whole(text) else Verdict.NO

    def compress(self, text: str, level: Level, tool_call: ToolCall | None) -> Compressed | Kept:  # noqa: ARG002 - the interface has it
        try:
            documents = read(text)
        except NotExact as fault:
            return Kept(Reason.GRAMMAR, Kind.JSON, str(fault))
        writer = Writer(self.bulk if level is Level.BALANCED else None)
        body = writer.value(list(documents.values) if documents.several else documents.values[0])
        words = _head(documents, writer.notes)
        shortened = f"{marks.mark(words)}\n{body}"
        return Compressed(Kind.JSON, shortened, lossless=not writer.notes.rows_left_out, summary=words)

    def is_output(self, text: str) -> bool:
        return _decoded(text) is not None

    def expand(self, text: str) -> str | None:
        decoded = _decoded(text)
        if decoded is None or decoded.rows_left_out:
            return None
        head = _HEAD.match(text)
        return "\n".join(decoded.items) if head and head["documents"] else decoded.text


COMPRESSOR = JsonRows()

_NOTHING = "nothing left out"
_CONSTANTS = "; name=value holds for every row"
_ABSENT = "; empty cell: key absent"
_WHOLE = "; a row in braces is written whole"
_HEAD = re.compile(
    rf"\[narrows: (?:(?P<documents>[1-9][0-9]*) JSON documents|JSON) in short form, "
    rf"(?:{_NOTHING}|(?P<left_out>[1-9][0-9]*) of [1-9][0-9]* rows left out where marked)"
    rf"(?:{_CONSTANTS})?(?:{_ABSENT})?(?:{_WHOLE})?\]\n"
)


def _head(documents: Documents, notes: Notes) -> str:
    what = f"{len(documents.values)} JSON documents" if documents.several else "JSON"
    left_out = _NOTHING
    if notes.rows_left_out:
        left_out = f"{notes.rows_left_out} of {notes.rows_of_shortened} rows left out where marked"
    said = f"{what} in short form, {left_out}"
    return said + _CONSTANTS * bool(notes.constants) + _ABSENT * bool(notes.absent) + _WHOLE * bool(notes.whole)


def _decoded(text: str) -> Decoded | None:
    """The document of an output of ours, its head line agreeing with its body; else None."""
    head = _HEAD.match(text)
    if head is None:
        return None
    try:
        decoded = decode(text[head.end() :])
    except NotOurs:
        return None
    if decoded.rows_left_out != int(head["left_out"] or 0):
        return None
    if head["documents"] and len(decoded.items) != int(head["documents"]):
        return None
    return decoded

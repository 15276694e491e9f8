"""Views of files: the line numbers in front of a file's lines, as `nl -ba`, `cat -n` and agents' own tools print them.

    [narrows: lines 118-154, lossless; numbers not padded to 6 columns]
    118<TAB>    def total(self) -> int:

What a tool read from a file is never altered, and this alters none of it: what stands after a number stays to the byte.
The numbers are no part of the file. Aligned ones cost a quarter of such a view, of which their blanks are more than
half. Who edits by number needs each of them, so from a shell's output only the blanks go. Where the agent is known to
edit by what lines say (its harness's frame, or a tool that reads files for it), every other number goes too: a line
without one stands between two that have theirs, and nobody has to count (docs/decisions/0010).

Only the separators that nothing but such views has are known, a tab after aligned numbers and the arrow of Claude
Code's tool; `12:` and `12|` may be a file's own text, and those who print them edit by number. Of a shell's command it
must be known that it numbers lines.

A view is a file's content, which other kinds keep; so this one is asked last, about what they kept.
"""

from __future__ import annotations

from dataclasses import replace

from narrows.compressors import marks
from narrows.compressors.tools import is_read, is_shell, numbers_lines
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.compressors.view import form
from narrows.core.frames import framed
from narrows.policy import Kind, Level

_ARROW = "\u2192"


class ViewCompressor:
    """The compressor of `Kind.VIEW`."""

    kind = Kind.VIEW

    def sniff(self, source: Source) -> Verdict:
        return Verdict.NO if source.once(_even_only) is None else Verdict.YES

    def compress(self, source: Source, level: Level) -> Compressed | Kept:  # noqa: ARG002 - the same at every level
        text = source.text
        if source.once(marks.stand_in):
            return Kept(Reason.LOOKS_LIKE_OURS, Kind.VIEW)
        even_only = source.once(_even_only)
        return (None if even_only is None else _reduced(text, even_only=even_only)) or Kept(Reason.GRAMMAR, Kind.VIEW)

    def is_output(self, text: str) -> bool:
        source = self.expand(text)
        return source is not None and form.write(source, even_only=bool(form.even_only(text))) == text

    def expand(self, text: str) -> str | None:
        return form.read(text)


COMPRESSOR = ViewCompressor()


def reduced_as(folded: Compressed, like: Compressed) -> Compressed:
    """A text whose repeats are folded, with the gutters of what it shows reduced as in `like`, which was made of the
    same text; as it is where nothing is left to reduce."""
    reduced = _reduced(folded.text, even_only=bool(form.even_only(like.text)))
    return replace(folded, text=reduced.text) if reduced and len(reduced.text) < len(folded.text) else folded


def with_gutters(text: str) -> str | None:
    """Our output with the gutters put back below its head line, as many lines as it has; None where it is none."""
    source = form.read(text)
    return None if source is None else f"{text.partition(chr(10))[0]}\n{source}"


def _reduced(text: str, *, even_only: bool) -> Compressed | None:
    written = form.write(text, even_only=even_only)
    if written is None:
        return None
    summary = "line numbers on even lines" if even_only else "line numbers not padded"
    return Compressed(Kind.VIEW, written, lossless=True, summary=summary)


def _even_only(source: Source) -> bool | None:
    """Whether only even lines keep their numbers; None where the text is not known to be a view."""
    text, tool_call = source.text, source.tool_call
    if not form.could_be(text):
        return None
    lines = text.split("\n")
    found = form.views(lines)
    if found is None:
        return None
    gutter, views = found
    arrows = gutter.separator == _ARROW
    if not arrows and not gutter.width:
        return None
    frame = framed(text)
    by_text = frame is not None and frame.edits_by_text
    if tool_call is not None and is_shell(tool_call):
        return by_text if numbers_lines(tool_call) else None
    if 2 * sum(view.stop - view.start for view in views) < len(lines):
        return None
    return arrows or by_text or source.once(is_read)

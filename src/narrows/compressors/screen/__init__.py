"""What a program wrote for a screen: how far it was, and in which colours.

    [narrows: 12 lines; lines 1-5 left out, curl's progress]
    <html>
    ...

A terminal shows progress while it lasts, and colours as colours; a text holds all of it. Both can stand in an output of
any sort, so this kind is asked last, about what the others kept, and what it leaves is there to be named by later
outputs like any text that was kept. Files that a tool read stay, and colours that say something (a diff's, of
words; a cursor's line; red alone where others are green) stay too.
"""

from __future__ import annotations

from narrows.compressors import marks, tools
from narrows.compressors.control_codes import CODE, of_looks_only
from narrows.compressors.screen import colours, form
from narrows.compressors.screen.progress import Left, progress
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.policy import Kind, Level

_COLOURED_WORDS = frozenset(("git diff", "git show", "git log", "git stash", "diff", "delta", "wdiff", "colordiff"))
"""Commands whose colours say which words are old and which are new."""
_OF_DIFF = ("diff --git ", "\n@@ ")


class ScreenCompressor:
    """The compressor of `Kind.SCREEN`."""

    kind = Kind.SCREEN

    def sniff(self, source: Source) -> Verdict:
        found = bool(source.once(_progress)) or source.once(_is_coloured)
        return Verdict.YES if found else Verdict.NO

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        left, codes = source.once(_progress), source.once(_is_coloured)
        if level is Level.LOSSLESS or not (left or codes):
            return Kept(Reason.NOTHING_TO_SAVE, Kind.SCREEN)
        written = form.write(source.text, left, codes=codes)
        body = written.partition("\n")[2]
        if source.once(marks.stand_in) or marks.has_mark(body):
            return Kept(Reason.LOOKS_LIKE_OURS, Kind.SCREEN)
        if not body.strip():
            return Kept(Reason.NOTHING_TO_SAVE, Kind.SCREEN)
        if not form.is_output(written):
            return Kept(Reason.GRAMMAR, Kind.SCREEN)
        hidden = sum(one.stop - one.start for one in left)
        summary = f"{hidden} lines of progress left out" if hidden else "control codes removed"
        return Compressed(Kind.SCREEN, written, lossless=False, summary=summary)

    def is_output(self, text: str) -> bool:
        return form.is_output(text)

    def expand(self, text: str) -> str | None:  # noqa: ARG002 - no form of this kind is lossless
        return None


COMPRESSOR = ScreenCompressor()


def below(text: str) -> str | None:
    """What stands below our head line: the text's own lines, or what became of them; None where there is none."""
    return form.below(text)


def _progress(source: Source) -> list[Left]:
    return [] if _is_file(source) else progress(source.text)


def _is_coloured(source: Source) -> bool:
    """Whether control codes can go: none moves the cursor, and no colour stands for a word or a place."""
    text = source.text
    if "\x1b" not in text or _is_file(source) or any(sign in text for sign in _OF_DIFF):
        return False
    if not _COLOURED_WORDS.isdisjoint(source.once(tools.commands)):
        return False
    return CODE.search(text) is not None and of_looks_only(text) and not colours.say_something(text)


def _is_file(source: Source) -> bool:
    """Whether a tool read a file, as far as it is known."""
    return source.once(tools.is_read) or tools.shows_a_file(source.text)

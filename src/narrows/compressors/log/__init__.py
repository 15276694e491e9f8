"""Logs: output of builds, tests, package managers, services.

`sniff` proves that a text is one, `decide` chooses the lines to show, `repeats` finds blocks that were already shown,
`render` writes the result and reads it back. Two forms, one grammar: at `balanced` lines are left out and counted; the
lossless form only names repeats of earlier lines, and `expand` undoes it. Lines are never cut, changed or reordered;
only what a terminal would not show (colours, states redrawn in place) is resolved first, and the head line says so.
"""

from __future__ import annotations

from narrows.compressors import marks, tools
from narrows.compressors.log import render, sniffing
from narrows.compressors.log.decide import decide
from narrows.compressors.log.repeats import Each, Gap, LeftOut, Piece, Same, pieces
from narrows.compressors.log.terminal import Screen, raw_lines, resolved
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.policy import Kind, Level


class LogCompressor:
    """The compressor of `Kind.LOG`."""

    kind = Kind.LOG

    def sniff(self, source: Source) -> Verdict:
        return source.once(sniffing.sniff)

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        if source.once(tools.is_read):
            return Kept(Reason.NEVER_SHORTENED, Kind.LOG)
        if source.once(sniffing.sniff) is Verdict.NO:
            return Kept(Reason.GRAMMAR, Kind.LOG)
        text = source.text
        result = _lossless(text) if level is Level.LOSSLESS else _balanced(source)
        if isinstance(result, Compressed) and len(result.text) >= len(text):
            return Kept(Reason.NOTHING_TO_SAVE, Kind.LOG)
        return result

    def is_output(self, text: str) -> bool:
        return render.read(text) is not None

    def expand(self, text: str) -> str | None:
        parsed = render.read(text)
        if parsed is None:
            return None
        found, body, lossless = parsed
        if not lossless:
            return None
        return "\n".join(render.expanded(found, body)) + ("\n" if text.endswith("\n") else "")


def _lossless(text: str) -> Compressed | Kept:
    screen = raw_lines(text)
    found = pieces(screen.lines, b"\x01" * len(screen.lines))
    return _compressed(screen, found, render.write(screen, found, _nothing))


def _nothing(start: int, stop: int) -> LeftOut:
    raise AssertionError(f"the lossless form left out lines {start}-{stop}")


def _balanced(source: Source) -> Compressed | Kept:
    screen = resolved(source.text)
    changed = screen.colours or screen.redrawn
    if marks.has_mark("\n".join(screen.lines)) if changed else source.once(marks.stand_in):
        return Kept(Reason.LOOKS_LIKE_OURS, Kind.LOG)
    shown = decide(screen.lines)
    found = pieces(screen.lines, shown.show, shown.stampless)
    return _compressed(screen, found, render.write(screen, found, shown.count, shown.listings))


def _compressed(screen: Screen, found: list[Piece], output: str) -> Compressed | Kept:
    left_out = sum(piece.stop - piece.start for piece in found if isinstance(piece, Gap))
    resolved_lines = screen.colours or screen.redrawn or screen.line_ends
    summary = f"{len(screen.lines)} lines, {left_out} left out" if left_out else f"{len(screen.lines)} lines"
    lossless = not left_out and not resolved_lines and not any(map(_loses_times, found))
    return Compressed(Kind.LOG, output, lossless=lossless, summary=summary)


def _loses_times(piece: Piece) -> bool:
    return isinstance(piece, Same | Each) and piece.but_times


COMPRESSOR = LogCompressor()

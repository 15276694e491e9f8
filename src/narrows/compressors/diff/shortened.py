"""The shortened diff: every changed line, less context, and one line for what no person reads.

    [narrows: diff of 2 files, every changed line kept except where a mark counts them; left out: 14 context lines, hunk
    headers recomputed; 1 index line; 9 hunks of lock files, generated or minified files]

Left out are: context beyond one line, or all of it in a very large diff (`trimmed`); `index` lines of plain files,
which name object ids; the hunks of lock files and generated files (`generated`), unless nothing else would remain; the
base 85 lines of binary patches; and colours. Header lines, names, modes, renames, notices, commit headers and messages
stay to the letter. Without the lines that are marks, and without the file diffs that contain one, the rest is a patch
that gives the same files as before.

Not left out, though tried: hunks that change white space only, which may be what matters; and repeats of a hunk in
other files, which in recorded diffs are under one token in a hundred.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from narrows.compressors import marks
from narrows.compressors.diff import generated, grammar
from narrows.compressors.diff.patch import Between, BinaryData, FileDiff, Hunk, Patch, Verbatim
from narrows.compressors.diff.trimmed import trim

_INDEX = re.compile(r"index [0-9a-f]+\.\.[0-9a-f]+(?: 100644)?\r?")
_MIN_BINARY_LINES = 4
LARGE_CHARACTERS = 100_000
"""About 25,000 tokens: where more remains, no context is shown, which saves a further tenth of such a diff."""

_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_HUNKS_LEFT_OUT = re.compile(
    r"\[narrows: [0-9]+ hunks? left out here, \+[0-9]+ -[0-9]+ lines: (?:lock file|generated file|minified lines)"
    rf"(?:; in line [0-9]+ from character [0-9]+ on {_STRING} became {_STRING})?\]"
)
_DATA_LEFT_OUT = re.compile(r"\[narrows: [0-9]+ lines of binary data left out here\]")
_HEAD = re.compile(
    r"\[narrows: diff of (?P<files>[0-9]+) files?, every changed line kept(?: except where a mark counts them)?; "
    r"left out: "
    r"(?:(?:colour codes|[0-9]+ context lines?, hunk headers recomputed|[0-9]+ index lines?"
    r"|[0-9]+ hunks? of lock, generated or minified files|[0-9]+ lines of binary data)(?:; |\]))+"
)


@dataclass(slots=True)
class _Writer:
    """Collects the output and counts what is left out of it. `around`: context lines on each side of a change."""

    around: int
    coloured: bool
    lines: list[str] = field(default_factory=list)
    context_lines: int = 0
    index_lines: int = 0
    hunks: int = 0
    data_lines: int = 0

    def file(self, file: FileDiff, sort: str) -> None:
        """Write one file diff; where it is of a `sort` that no person reads, only how many lines it changes."""
        plain = not sort and 0 < len(file.hunks) == len(file.content)
        for line in file.header:
            if plain and _INDEX.fullmatch(line):
                self.index_lines += 1
            else:
                self.lines.append(line)
        if sort:
            self._counted(file, sort)
            return
        for part in file.content:
            match part:
                case Hunk():
                    lines, context_lines = trim(part, self.around)
                    self.lines += lines
                    self.context_lines += context_lines
                case Verbatim():
                    self.lines += part.lines
                case BinaryData():
                    self._binary(part)

    def _counted(self, file: FileDiff, sort: str) -> None:
        firsts = "".join(hunk.firsts for hunk in file.hunks)
        place = generated.only_place(file)
        changed = f"; {place.words()}" if place else ""
        counted = _counted(len(file.hunks), "hunk")
        self.hunks += len(file.hunks)
        self.lines.append(
            marks.mark(f"{counted} left out here, +{firsts.count('+')} -{firsts.count('-')} lines: {sort}{changed}")
        )

    def _binary(self, part: BinaryData) -> None:
        self.lines.append(part.size_line)
        if len(part.data) < _MIN_BINARY_LINES:
            self.lines += part.data
            return
        self.data_lines += len(part.data)
        self.lines.append(marks.mark(f"{len(part.data)} lines of binary data left out here"))

    def left_out(self) -> str:
        """What the head line says is missing."""
        parts = (
            "colour codes" if self.coloured else "",
            f"{_counted(self.context_lines, 'context line')}, hunk headers recomputed" if self.context_lines else "",
            _counted(self.index_lines, "index line") if self.index_lines else "",
            f"{_counted(self.hunks, 'hunk')} of lock, generated or minified files" if self.hunks else "",
            f"{self.data_lines} lines of binary data" if self.data_lines else "",
        )
        return "; ".join(part for part in parts if part)


def shorten(patch: Patch) -> tuple[str, str] | None:
    """The shortened text and, in a few words, what was left out; None where nothing can be."""
    sorts = [generated.sort_of(part) if isinstance(part, FileDiff) else "" for part in patch.parts]
    if not any(_shows_changes(part, sort) for part, sort in zip(patch.parts, sorts, strict=True)):
        sorts = [""] * len(sorts)
    shown = [part for part, sort in zip(patch.parts, sorts, strict=True) if isinstance(part, FileDiff) and not sort]
    size = sum([sum(map(len, hunk.body)) for file in shown for hunk in file.hunks])
    writer = _Writer(0 if size > LARGE_CHARACTERS else 1, patch.coloured)
    for part, sort in zip(patch.parts, sorts, strict=True):
        if isinstance(part, Between):
            writer.lines += part.lines
        else:
            writer.file(part, sort)
    left_out = writer.left_out()
    if not left_out:
        return None
    files = _counted(len(patch.files), "file")
    except_where = " except where a mark counts them" if writer.hunks else ""
    head = marks.mark(f"diff of {files}, every changed line kept{except_where}; left out: {left_out}")
    end = "\n" if patch.ends_with_newline else ""
    return "\n".join([head, *writer.lines]) + end, f"diff of {files}; left out: {left_out}"


def _shows_changes(part: FileDiff | Between, sort: str) -> bool:
    """Whether the output would say what a part changes."""
    return isinstance(part, FileDiff) and bool(part.hunks) and (not sort or generated.only_place(part) is not None)


def is_output(text: str) -> bool:
    """Whether `text` parses in full as what `shorten` writes."""
    head, _, body = text.partition("\n")
    found = _HEAD.fullmatch(head)
    if found is None:
        return False
    lines = [part for line in body.split("\n") for part in _as_patch(line)]
    patch = None if any(map(marks.is_mark, lines)) else grammar.parse("\n".join(lines))
    return patch is not None and len(patch.files) == int(found["files"])


def _as_patch(line: str) -> tuple[str, ...]:
    """The line; for a mark that stands for hunks one of them, for one that stands for data nothing."""
    if not marks.is_mark(line):
        return (line,)
    if _HUNKS_LEFT_OUT.fullmatch(line):
        return ("@@ -0,0 +1 @@", "+")
    return () if _DATA_LEFT_OUT.fullmatch(line) else (line,)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

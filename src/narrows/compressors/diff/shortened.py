"""The shortened diff: every changed line, less context, and one line for what no person reads.

    [narrows: diff of 2 files, every changed line kept except where a mark counts them; left out: 14 context lines, hunk
    headers recomputed; 1 index line; 9 hunks of lock files, generated or minified files]

Left out are: context beyond one line (`trimmed`); `index` lines of plain files, which name object ids; the hunks of
lock files and generated files (`generated`), unless nothing else would remain; the base 85 lines of binary patches.
Header lines, names, modes, renames, notices, commit headers and messages stay to the letter. Without the lines that are
marks, and without the file diffs that contain one, the rest is a patch that gives the same files as before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from narrows.compressors import marks
from narrows.compressors.diff import generated, grammar
from narrows.compressors.diff.patch import Between, BinaryData, FileDiff, Patch, Verbatim
from narrows.compressors.diff.trimmed import trim

_INDEX = re.compile(r"index [0-9a-f]+\.\.[0-9a-f]+(?: 100644)?\r?")
_MIN_BINARY_LINES = 4

_HUNKS_LEFT_OUT = re.compile(
    r"\[narrows: [0-9]+ hunks? left out here, \+[0-9]+ -[0-9]+ lines: (?:lock file|generated file|minified lines)\]"
)
_DATA_LEFT_OUT = re.compile(r"\[narrows: [0-9]+ lines of binary data left out here\]")
_HEAD = re.compile(
    r"\[narrows: diff of (?P<files>[0-9]+) files?, every changed line kept(?: except where a mark counts them)?; "
    r"left out: "
    r"(?:(?:[0-9]+ context lines?, hunk headers recomputed|[0-9]+ index lines?"
    r"|[0-9]+ hunks? of lock, generated or minified files|[0-9]+ lines of binary data)(?:; |\]))+"
)


@dataclass(slots=True)
class _Writer:
    """Collects the output and counts what is left out of it."""

    lines: list[str] = field(default_factory=list)
    context_lines: int = 0
    index_lines: int = 0
    hunks: int = 0
    data_lines: int = 0

    def file(self, file: FileDiff, sort: str) -> None:
        """Write one file diff; where it is of a `sort` that no person reads, only how many lines it changes."""
        plain = bool(file.hunks) and len(file.hunks) == len(file.content) and not sort
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
                case Verbatim(lines=lines):
                    self.lines += lines
                case BinaryData():
                    self._binary(part)
                case _:
                    lines, context_lines = trim(part)
                    self.lines += lines
                    self.context_lines += context_lines

    def _counted(self, file: FileDiff, sort: str) -> None:
        firsts = [line[:1] for hunk in file.hunks for line in hunk.body]
        counted = _counted(len(file.hunks), "hunk")
        self.hunks += len(file.hunks)
        self.lines.append(
            marks.mark(f"{counted} left out here, +{firsts.count('+')} -{firsts.count('-')} lines: {sort}")
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
            f"{_counted(self.context_lines, 'context line')}, hunk headers recomputed" if self.context_lines else "",
            _counted(self.index_lines, "index line") if self.index_lines else "",
            f"{_counted(self.hunks, 'hunk')} of lock, generated or minified files" if self.hunks else "",
            f"{self.data_lines} lines of binary data" if self.data_lines else "",
        )
        return "; ".join(part for part in parts if part)


def shorten(patch: Patch) -> tuple[str, str] | None:
    """The shortened text and, in a few words, what was left out; None where nothing can be."""
    sorts = [generated.sort_of(part) if isinstance(part, FileDiff) else "" for part in patch.parts]
    if not any(
        isinstance(part, FileDiff) and part.hunks and not sort for part, sort in zip(patch.parts, sorts, strict=True)
    ):
        sorts = [""] * len(sorts)
    writer = _Writer()
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


def is_output(text: str) -> bool:
    """Whether `text` parses in full as what `shorten` writes."""
    head, _, body = text.partition("\n")
    found = _HEAD.fullmatch(head)
    if found is None:
        return False
    lines = [line for line in body.split("\n") if not _is_own(line)]
    patch = None if any(map(marks.is_mark, lines)) else grammar.parse("\n".join(lines))
    return patch is not None and len(patch.files) == int(found["files"])


def _is_own(line: str) -> bool:
    return marks.is_mark(line) and (_HUNKS_LEFT_OUT.fullmatch(line) or _DATA_LEFT_OUT.fullmatch(line)) is not None


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

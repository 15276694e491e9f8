"""Unified diffs: git diff, git show, git log -p, format-patch, GNU diff -u.

A diff is dense: what can be taken from it so that it decodes exactly (the file names that its header repeats) is under
four tokens in a hundred, which no gate passes. So there is no lossless form, and at the lossless level diffs are kept.
What can go is what the files themselves still hold: context. What remains applies and gives the same files.
docs/forms.md describes the form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from narrows.compressors import marks, tools
from narrows.compressors.diff import grammar, shortened
from narrows.compressors.diff.patch import Patch
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.policy import Kind, Level

_COMMANDS = frozenset(
    {"diff", "git diff", "git show", "git log", "git format-patch", "git stash", "git range-diff", "gh pr"}
)
_TOOL_NAME = re.compile(r"diff|patch", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]")
_MAX_ENVELOPE_LINES = 6
_MAX_UNEXPLAINED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class DiffCompressor:
    """Kind.DIFF."""

    @property
    def kind(self) -> Kind:
        return Kind.DIFF

    def sniff(self, source: Source) -> Verdict:
        return _judge(source.once(_patch), source)

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        text = source.text
        if source.once(marks.stand_in):
            return Kept(Reason.LOOKS_LIKE_OURS, Kind.DIFF)
        patch = source.once(_patch)
        if patch is None or _judge(patch, source) is Verdict.NO:
            return Kept(Reason.GRAMMAR, Kind.DIFF)
        if level is Level.LOSSLESS:
            return Kept(Reason.NOTHING_TO_SAVE, Kind.DIFF, "diffs have no lossless form")
        found = shortened.shorten(patch)
        if found is None or len(found[0]) >= len(text):
            return Kept(Reason.NOTHING_TO_SAVE, Kind.DIFF)
        return Compressed(Kind.DIFF, found[0], lossless=False, summary=found[1])

    def is_output(self, text: str) -> bool:
        return shortened.is_output(text)

    def expand(self, text: str) -> str | None:  # noqa: ARG002 - the protocol's name
        return None  # there is no lossless form


COMPRESSOR = DiffCompressor()


def _patch(source: Source) -> Patch | None:
    """The diff in the text. Where its first line is coloured, as git and GNU diff colour their headers, all colour
    codes are removed before."""
    text = source.text
    coloured = text.startswith("\x1b[")
    uncoloured = _COLOUR.sub("", text) if coloured else text
    if not uncoloured.startswith("@@ -") and "\n@@ -" not in uncoloured:
        return None
    patch = grammar.parse(uncoloured)
    return replace(patch, coloured=True) if coloured and patch is not None else patch


def _judge(patch: Patch | None, source: Source) -> Verdict:
    """How surely it is a diff: every line explained, or nearly every line and a tool call that says so."""
    if patch is None or not any(file.hunks for file in patch.files):
        return Verdict.NO
    if patch.unexplained == 0:
        return Verdict.YES
    if patch.unexplained > _MAX_ENVELOPE_LINES + _MAX_UNEXPLAINED_SHARE * source.text.count("\n"):
        return Verdict.NO
    return Verdict.YES if _called_for_diff(source) else Verdict.MAYBE


def _called_for_diff(source: Source) -> bool:
    if source.tool_call is None:
        return False
    commands = source.once(tools.commands)
    return bool(_COMMANDS.intersection(commands)) if commands else _TOOL_NAME.search(source.tool_call.name) is not None

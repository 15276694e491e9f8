"""Search results: rg, grep and their family, and lists of paths.

The lossless form comes first and is nearly always enough: the path is most of a result line, and once is enough
(`grouped`, `folders`). Only results that stay large are thinned out (`trimmed`), and only at the level that may. What
the grammar cannot attach to a file with certainty is carried along as it was. docs/forms.md describes the forms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from narrows.compressors import tools
from narrows.compressors.search import folders, grammar, grouped, shape, trimmed
from narrows.compressors.types import Compressed, Kept, Reason, Verdict
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Level

_COMMANDS = frozenset(
    {"rg", "ripgrep", "grep", "egrep", "fgrep", "zgrep", "ag", "ack", "git grep", "git ls-files"}
    | {"find", "fd", "fdfind", "locate", "ls"}
)
_TOOL_NAME = re.compile(r"grep|ripgrep|search|glob|find|list_?(?:files|dir)", re.IGNORECASE)
_SAMPLE_CHARACTERS = 4096
_RESULT_LINE = re.compile(r"^[^\x00-\x1f\x7f]{0,400}?[:-][0-9]+[:-]|^[0-9]+[:-]|^--$", re.MULTILINE)
_PATH_LINE = re.compile(r"^[^\s:]*/[^\n]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SearchCompressor:
    """Kind.SEARCH."""

    @property
    def kind(self) -> Kind:
        return Kind.SEARCH

    def sniff(self, text: str, tool_call: ToolCall | None) -> Verdict:
        if not _worth_parsing(text):
            return Verdict.NO
        called = _called_for_search(tool_call)
        verdict = shape.judge(grammar.parse(text), called_for_search=called)
        if verdict is Verdict.NO and folders.is_list(folders.parse(text), called_for_search=called):
            return Verdict.YES
        return verdict

    def compress(self, text: str, level: Level, tool_call: ToolCall | None) -> Compressed | Kept:
        if "[narrows:" in text:
            return Kept(Reason.LOOKS_LIKE_OURS, Kind.SEARCH)
        called = _called_for_search(tool_call)
        results = grammar.parse(text)
        if shape.judge(results, called_for_search=called) is Verdict.NO:
            paths = folders.parse(text)
            if not folders.is_list(paths, called_for_search=called):
                return Kept(Reason.GRAMMAR, Kind.SEARCH)
            return _smaller(text, *folders.encode(paths), lossless=True)
        form, summary = grouped.encode(results)
        shortened = trimmed.shorten(results, len(form)) if level is Level.BALANCED else None
        if shortened is None:
            return _smaller(text, form, summary, lossless=True)
        return _smaller(text, *shortened, lossless=False)

    def is_output(self, text: str) -> bool:
        return self.expand(text) is not None or trimmed.is_output(text)

    def expand(self, text: str) -> str | None:
        source = grouped.decode(text)
        return folders.decode(text) if source is None else source


COMPRESSOR = SearchCompressor()


def _smaller(text: str, form: str, summary: str, *, lossless: bool) -> Compressed | Kept:
    if len(form) >= len(text):
        return Kept(Reason.NOTHING_TO_SAVE, Kind.SEARCH)
    return Compressed(Kind.SEARCH, form, lossless, summary)


def _called_for_search(tool_call: ToolCall | None) -> bool:
    """Whether the call names a tool that searches or lists files."""
    if tool_call is None:
        return False
    commands = tools.shell_commands(tool_call)
    return bool(_COMMANDS.intersection(commands)) if commands else _TOOL_NAME.search(tool_call.name) is not None


def _worth_parsing(text: str) -> bool:
    """A cheap look at the beginning: whether a fair share of its lines could be results or paths."""
    sample = text[:_SAMPLE_CHARACTERS]
    lines = sample.count("\n") + 1
    found = sum(1 for _ in _RESULT_LINE.finditer(sample)) + sum(1 for _ in _PATH_LINE.finditer(sample))
    return found * 4 >= lines

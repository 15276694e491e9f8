"""Search results: rg, grep and their family, lists of paths, and drawn trees.

The lossless form comes first and is nearly always enough: the path is most of a result line, and once is enough
(`grouped`, `folders`). Only results that stay large are thinned out (`trimmed`), and only at the level that may. What
the grammar cannot attach to a file with certainty is carried along as it was. docs/forms.md describes the forms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from narrows.compressors import tools
from narrows.compressors.search import drawn, events, folders, grammar, grouped, shape, trimmed, unnumbered
from narrows.compressors.search.results import Layout, Results
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.policy import Kind, Level

_COMMANDS = frozenset(
    {"rg", "ripgrep", "grep", "egrep", "fgrep", "zgrep", "ag", "ack", "git grep", "git ls-files"}
    | {"find", "fd", "fdfind", "locate", "ls"}
)
_TOOL_NAME = re.compile(r"grep|ripgrep|search|glob|find|list_?(?:files|dir)", re.IGNORECASE)
_DECODERS = (grouped.decode, folders.decode, unnumbered.decode, drawn.decode, events.decode)
_SAMPLE_CHARACTERS = 4096
_BEGINNING_CHARACTERS = 8192
_LONG_CHARACTERS = 8 * _BEGINNING_CHARACTERS
_RESULT_LINE = re.compile(r"^[^\x00-\x1f\x7f]{0,400}?[:-][0-9]+[:-]|^[0-9]+[:-]|^--$", re.MULTILINE)
_PATH_LINE = re.compile(r"^[^\s:]*(?:/|\.\w{1,8}[:-])[^\n]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SearchCompressor:
    """Kind.SEARCH."""

    @property
    def kind(self) -> Kind:
        return Kind.SEARCH

    def sniff(self, source: Source) -> Verdict:
        text = source.text
        if events.are_events(text):
            return Verdict.EXACT
        if drawn.style_of(text) is not None:
            return Verdict.YES
        called = source.once(_called_for_search)
        if not _worth_parsing(text, called_for_search=called):
            return Verdict.NO
        verdict = source.once(_judged)
        if verdict is not Verdict.NO:
            return verdict
        is_other = folders.read(text, called_for_search=called) or (called and unnumbered.parse(text))
        return Verdict.YES if is_other else Verdict.NO

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        text = source.text
        if "[narrows:" in text:
            return Kept(Reason.LOOKS_LIKE_OURS, Kind.SEARCH)
        if events.are_events(text):
            found = events.encode(text, may_leave_out=level is Level.BALANCED)
            return Kept(Reason.GRAMMAR, Kind.SEARCH) if found is None else _smaller(text, *found)
        style = drawn.style_of(text)
        if style is not None:
            tree = drawn.encode(text, style)
            return Kept(Reason.GRAMMAR, Kind.SEARCH) if tree is None else _smaller(text, *tree)
        return _results_or_paths(source, level)

    def is_output(self, text: str) -> bool:
        return self.expand(text) is not None or trimmed.is_output(text) or events.is_output(text)

    def expand(self, text: str) -> str | None:
        decoded = (decode(text) for decode in _DECODERS)
        return next((source for source in decoded if source is not None), None)


COMPRESSOR = SearchCompressor()


def _results(source: Source) -> Results:
    return grammar.parse(source.text)


def _judged(source: Source) -> Verdict:
    return shape.judge(source.once(_results), called_for_search=source.once(_called_for_search))


def _results_or_paths(source: Source, level: Level) -> Compressed | Kept:
    text, results = source.text, source.once(_results)
    if source.once(_judged) is Verdict.NO:
        called = source.once(_called_for_search)
        paths = folders.read(text, called_for_search=called)
        if paths is None:
            blocks = unnumbered.parse(text) if called else None
            named = unnumbered.encode(text, blocks) if blocks else None
            return _smaller(text, *named) if named else Kept(Reason.GRAMMAR, Kind.SEARCH)
        if len(text) < folders.MIN_CHARACTERS:
            detail = f"a list of paths of under {folders.MIN_CHARACTERS:,} characters"
            return Kept(Reason.NOTHING_TO_SAVE, Kind.SEARCH, detail)
        return _smaller(text, *folders.encode(paths))
    if results.coloured or results.layout is Layout.UNNAMED:
        thinned = trimmed.shorten(results, len(text)) if level is Level.BALANCED else None
        return (
            Kept(Reason.NOTHING_TO_SAVE, Kind.SEARCH) if thinned is None else _smaller(text, *thinned, lossless=False)
        )
    form, summary = grouped.encode(results)
    shortened = trimmed.shorten(results, len(form)) if level is Level.BALANCED else None
    if shortened is None:
        return _smaller(text, form, summary)
    return _smaller(text, *shortened, lossless=False)


def _smaller(text: str, form: str, summary: str, lossless: bool = True) -> Compressed | Kept:
    if len(form) >= len(text):
        return Kept(Reason.NOTHING_TO_SAVE, Kind.SEARCH)
    return Compressed(Kind.SEARCH, form, lossless, summary)


def _called_for_search(source: Source) -> bool:
    """Whether the call names a tool that searches or lists files."""
    if source.tool_call is None:
        return False
    commands = source.once(tools.commands)
    return bool(_COMMANDS.intersection(commands)) if commands else _TOOL_NAME.search(source.tool_call.name) is not None


def _worth_parsing(text: str, *, called_for_search: bool) -> bool:
    """Cheap looks at the beginning: whether a fair share of its lines could be results or paths, and, before much is
    read in vain, whether they are."""
    sample = grammar.without_colours(text[:_SAMPLE_CHARACTERS])
    lines = sample.count("\n") + 1
    found = sum(1 for _ in _RESULT_LINE.finditer(sample)) + sum(1 for _ in _PATH_LINE.finditer(sample))
    if found * 4 < lines:
        return False
    if len(text) <= _LONG_CHARACTERS:
        return True
    beginning = text[: text.rfind("\n", 0, _BEGINNING_CHARACTERS) + 1]
    if folders.parse(beginning) is not None or (called_for_search and unnumbered.parse(beginning) is not None):
        return True
    return not shape.is_hopeless(grammar.parse(beginning))

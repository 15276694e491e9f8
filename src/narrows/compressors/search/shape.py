"""Whether what parsed as search results is one.

Compilers, linters and logs print `path:line: message` as well, and hosts with ports look alike. Search results differ:
the text after the number is the file's own line, so it seldom begins with exactly one blank; the numbers of a file
rise; a file's lines stand together.
"""

from __future__ import annotations

import re

from narrows.compressors.search.grouped import is_match
from narrows.compressors.search.results import Group, Layout, Results, numbers
from narrows.compressors.search.trimmed import LONG_CHARACTERS
from narrows.compressors.types import Verdict

MAX_OTHER_SHARE = 0.2
"""More lines than this outside the groups, and the text is not ours to group. Of a search the notices do not count:
`grep -r` says of every compiled file that its match is binary."""

_MAYBE_OTHER_SHARE = 0.05
_MAX_ENVELOPE_LINES = 6
_JUDGED_ENTRIES = 200
_MOST_MESSAGES = 0.9
_MESSAGE = re.compile(r"[0-9]+:(?:[0-9]+:)? [^\s*]")
_NOTICE = re.compile(
    r"Binary file .+ matches$"
    r"|.*: binary file matches(?: \(found .+\))?$"
    r"|.*: WARNING: stopped searching binary file .+$"
    r"|(?:grep|egrep|fgrep|rg|ag|ack|find|fd|ls|git|warning|fatal|error): .+$"
    r"|.+: (?:No such file or directory|Permission denied|Is a directory)(?: \(os error \d+\))?$"
    r"|\d+ (?:matches|matched lines|files contained matches|files searched|bytes printed|bytes searched)$"
    r"|\d+\.\d+ seconds(?: spent searching)?$"
    r"|--$|$"
)


def judge(results: Results, *, called_for_search: bool) -> Verdict:
    """How surely `results` are search results. `called_for_search`: the tool call says so."""
    groups = results.groups
    found = sum(len(group.entries) for group in groups)
    if results.layout is Layout.UNNAMED:
        sure = called_for_search and not results.coloured and _is_one_file(groups[0])
        return Verdict.YES if sure else Verdict.NO
    if found < (1 if called_for_search else 2):
        return Verdict.NO
    total = found + len(results.other_lines)
    unexplained = _unexplained(results)
    others = unexplained + results.doubtful if called_for_search else len(results.other_lines)
    if others > MAX_OTHER_SHARE * total + _MAX_ENVELOPE_LINES:
        return Verdict.NO
    groups = _first(groups)
    if _messages_share(groups) > (_MOST_MESSAGES if called_for_search else 0.6):
        return Verdict.NO
    if not _numbers_like_lines(groups) and not (called_for_search and results.layout is not Layout.HEADINGS):
        return Verdict.NO
    if unexplained == 0 or called_for_search:
        return Verdict.YES
    return Verdict.MAYBE if unexplained <= _MAYBE_OTHER_SHARE * total + _MAX_ENVELOPE_LINES else Verdict.NO


def is_hopeless(beginning: Results) -> bool:
    """Whether a text that begins so is not worth reading on: numbers that are not one file's, more lines that nothing
    explains than results, or messages of a compiler where results would be."""
    if beginning.layout is Layout.UNNAMED:
        return not _rises(beginning.groups[0])
    found = sum(len(group.entries) for group in beginning.groups)
    if _unexplained(beginning) > found + _MAX_ENVELOPE_LINES:
        return True
    return found > _MAX_ENVELOPE_LINES and _messages_share(_first(beginning.groups)) > _MOST_MESSAGES


def _unexplained(results: Results) -> int:
    return sum(1 for line in results.other_lines if not _NOTICE.match(line)) - results.doubtful


def _is_one_file(group: Group) -> bool:
    """Whether the numbers are a file's, each line of it once, and some line is too long to read: nothing else can be
    saved of it. Without a path only the tool call tells what it is."""
    if max(map(len, group.entries)) <= LONG_CHARACTERS or not _rises(group):
        return False
    return any(map(is_match, group.entries))


def _rises(group: Group) -> bool:
    values = numbers(group)
    return values == sorted(set(values))


def _first(groups: list[Group]) -> list[Group]:
    """The groups that hold the first entries; judging them all would cost as much as reading them."""
    seen = 0
    for i, group in enumerate(groups):
        seen += len(group.entries)
        if seen >= _JUDGED_ENTRIES:
            return [*groups[:i], Group(group.path, group.entries[: len(group.entries) - seen + _JUDGED_ENTRIES])]
    return groups


def _messages_share(groups: list[Group]) -> float:
    entries = [entry for group in groups for entry in group.entries]
    return sum(1 for entry in entries if _MESSAGE.match(entry)) / len(entries)


def _numbers_like_lines(groups: list[Group]) -> bool:
    """Whether the numbers could be line numbers: not few for many paths, and rising within a file; where the files are
    interleaved, as sorted logs are and search results are not, they must rise nearly always."""
    rises = steps = 0
    distinct: set[int] = set()
    last: dict[str, int] = {}
    for group in groups:
        for number in numbers(group):
            distinct.add(number)
            before = last.get(group.path)
            if before is not None:
                steps += 1
                rises += before < number
            last[group.path] = number
    if len(last) > 3 and len(distinct) <= 2:
        return False
    return rises >= steps * (0.5 if len(groups) <= 2 * len(last) else 0.95)

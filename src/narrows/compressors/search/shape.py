"""Whether what parsed as search results is one.

Compilers, linters and logs print `path:line: message` as well, and hosts with ports look alike. Search results differ:
the text after the number is the file's own line, so it seldom begins with exactly one blank; the numbers of a file
rise; a file's lines stand together.
"""

from __future__ import annotations

import re

from narrows.compressors.search.results import Group, Results, numbers
from narrows.compressors.types import Verdict

MAX_OTHER_SHARE = 0.2
"""More lines than this outside the groups, and the text is not ours to group."""

_MAYBE_OTHER_SHARE = 0.05
_MAX_ENVELOPE_LINES = 6
_JUDGED_ENTRIES = 200
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
    if found < 2:
        return Verdict.NO
    unexplained = sum(1 for line in results.other_lines if not _NOTICE.match(line)) - results.doubtful
    total = found + len(results.other_lines)
    if len(results.other_lines) > MAX_OTHER_SHARE * total + _MAX_ENVELOPE_LINES:
        return Verdict.NO
    groups = _first(groups)
    if _messages_share(groups) > (0.9 if called_for_search else 0.6):
        return Verdict.NO
    if not _numbers_like_lines(groups) and not (called_for_search and not results.headings):
        return Verdict.NO
    if unexplained == 0 or called_for_search:
        return Verdict.YES
    return Verdict.MAYBE if unexplained <= _MAYBE_OTHER_SHARE * total + _MAX_ENVELOPE_LINES else Verdict.NO


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

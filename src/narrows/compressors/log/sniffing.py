"""Whether a text is a log, proven by its structure.

Evidence is counted by line, over the whole of a short text and the beginning, middle and end of a long one. A line is
explained by a time or a level in its place, by a frame of a known tool (test runners, compilers, package managers,
containers), by a diagnostic with its place, or by being part of a traceback. Words like "error" prove nothing: prose,
source code and Markdown hold them too. JSON Lines whose records are a logger's, by schema, are a log beyond doubt, and
so is a text in which every line stands below a job's and step's name and a time.

A text without a tool call may be a person's, so it must begin and end as a log to be one: words before or after a
pasted log are not for us to touch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from narrows.compressors import tools
from narrows.compressors.log import evidence, framing
from narrows.compressors.log.terminal import resolved
from narrows.compressors.types import Source, Verdict

WHOLE = 14_000
"""Up to so many characters all lines are looked at."""
SAMPLE_BEGINNING = 6_000
SAMPLE_MIDDLE = 3_000
SAMPLE_END = 5_000
"""Characters looked at in a longer text."""
GLANCE_ENDS = 8
GLANCE_BETWEEN = 16
"""Lines of the sample looked at first, from each end and evenly between: where not even two are explained, the text is
no log."""
TABLE_LINES = 60
"""Lines of the sample, evenly spread, by which a table is known."""
MOST = 0.6
"""With this share of its lines explained a text is a log."""
SOME = 0.25
"""With this share it may be one; so it is when it begins and ends as one, or when the tool call says so."""
HINTED = 0.1
"""The least share that a tool call's evidence can turn into a log."""
CONCLUSION_LINES = 30
"""A runner's first or last word is looked for among so many lines at either end."""
NEUTRAL_LINES = 8
"""So many indented lines below an explained one belong to it."""
LONG_LINE = 400
HEADINGS_BACK = 40
"""So many lines that begin like a heading are looked at for the last heading before a place."""

LOG_COMMANDS = frozenset(
    "pytest py.test unittest tox nox make gmake cmake ninja meson bazel cargo rustc go npm yarn pnpm npx jest vitest mocha "  # noqa: SIM905, E501 -- one word list
    "node mvn gradle gradlew gcc cc g++ clang clang++ tsc eslint mypy ruff flake8 pylint pip pip3 apt apt-get docker "
    "docker-compose podman kubectl journalctl dmesg rspec bundle dotnet swift phpunit composer ctest terraform "
    "webpack vite mvnw uv".split()
)
"""Commands whose output is a log."""
_FETCHERS = frozenset(("curl", "wget", "lynx", "w3m", "gh", "man", "git"))
_HISTORY = frozenset(("git log", "git reflog", "git shortlog", "git blame", "git annotate", "hg log", "svn log"))
_LOG_TOOL = re.compile(
    r"(?:^|[^a-z])(?:logs?|tests?|build|lint|deploy|install|compile)(?:$|[^a-z])|Logs?|Tests?", re.ASCII
)

_OPENS_DATA = ("diff --git ", "--- a/", "Index: ", "<!DOCTYPE", "<html", "<?xml", "#!/")
"""A diff, a page or a script opens so, and no log."""
_TABLE_RULE = re.compile(r"[+|]?[-:]{3,}(?:[+|][-:]{3,})+[+|]?\Z")
"""Below the names of a table: psql draws its bars where compilers draw the margin of quoted source."""

_TABBED_LOG = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*\t(?:DEBUG|INFO|WARN|WARNING|ERROR|DPANIC|PANIC|FATAL|TRACE)\t", re.IGNORECASE
)
"""Time and level in columns, as zap writes them: a logger's, and no table."""


def sniff(source: Source) -> Verdict:
    """How far structure and the tool call prove that a text is a log."""
    if source.once(tools.is_read):
        return Verdict.NO
    whole_lines = _blocks(source.text)
    framed = framing.unframed([line for block in whole_lines for line in block.lines])
    if framed.records:
        return Verdict.EXACT
    if framed.passed_on:
        whole_lines = _with_lines(whole_lines, framed.lines)
    elif framed.timed and framed.worded:
        return Verdict.YES
    if _lists_commits(source):
        return Verdict.NO
    found = _by_lines(source, whole_lines)
    if found is Verdict.YES or framed.passed_on or not framed.worded:
        return found
    unframed = _by_lines(source, _with_lines(whole_lines, framed.lines))
    return unframed if unframed is not Verdict.NO else found


def _by_lines(source: Source, whole_lines: list[_Block]) -> Verdict:
    """What the lines of some blocks prove."""
    text, called = source.text, source.tool_call is not None
    blocks = [_Block(block.start, [line[:LONG_LINE] for line in block.lines]) for block in whole_lines]
    sample = [line for block in blocks for line in block.lines]
    if len(sample) < 2 or sample[0].startswith(_OPENS_DATA):
        return Verdict.NO
    hinted = called and (_hints(source) or (_concludes(sample) and _runs(source)))
    if not (hinted or _glance(sample)) or _is_data(sample):
        return Verdict.NO
    possible = evidence.patterns("\n".join(sample))
    explained = [found for block in blocks for found in _explained(block, possible, _in_report(text, block.start))]
    if _is_writing([line for line, found in zip(sample, explained, strict=True) if found is False], len(sample)):
        return Verdict.NO
    counted = [found for found in explained if found is not None]
    share = sum(counted) / len(counted) if counted else 0.0
    whole = bool(explained[0]) and explained[-1] is not False
    if share >= MOST and (whole or called):
        return Verdict.YES
    if share >= SOME:
        return Verdict.YES if hinted or (whole and called) else Verdict.MAYBE
    return Verdict.YES if hinted and share >= HINTED else Verdict.NO


def _hints(source: Source) -> bool:
    """Whether the call runs tests, builds or the like, or asks for logs."""
    named = source.tool_call is not None and _LOG_TOOL.search(source.tool_call.name) is not None
    return named or not LOG_COMMANDS.isdisjoint(source.once(tools.commands))


def _lists_commits(source: Source) -> bool:
    """Whether the call asks for a repository's history, which may be a line with a time for each commit."""
    commands = source.once(tools.commands)
    return not _HISTORY.isdisjoint(commands) and LOG_COMMANDS.isdisjoint(commands)


def _runs(source: Source) -> bool:
    """Whether the call runs commands that are no look at somebody else's text."""
    commands = source.once(tools.commands)
    return bool(commands) and _FETCHERS.isdisjoint(commands)


def _concludes(sample: list[str]) -> bool:
    """Whether a runner's first or last word stands near the end, or at the very beginning."""
    few = [*sample[:CONCLUSION_LINES], *sample[-CONCLUSION_LINES:]]
    return any(evidence.CONCLUSION.match(line) is not None for line in few)


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines of the text, one after the other, that are not blank; `start`: where in the text they begin."""

    start: int
    lines: list[str]


def _blocks(text: str) -> list[_Block]:
    """The whole text if it is short, else whole lines of its beginning, its middle and its end."""
    if len(text) <= WHOLE:
        return [_Block(0, _lines(text))]
    middle, end = (len(text) - SAMPLE_MIDDLE) // 2, len(text) - SAMPLE_END
    return [
        _Block(0, _lines(text[: text.rfind("\n", 0, SAMPLE_BEGINNING) + 1 or SAMPLE_BEGINNING])),
        _block(text, middle, middle + SAMPLE_MIDDLE),
        _block(text, end, len(text)),
    ]


def _block(text: str, start: int, stop: int) -> _Block:
    """The lines that begin in a part of the text, without the last if it is cut."""
    start = text.find("\n", start, stop) + 1 or start
    if stop < len(text):
        stop = text.rfind("\n", start, stop) + 1 or stop
    return _Block(start, _lines(text[start:stop]))


def _with_lines(blocks: list[_Block], lines: Sequence[str]) -> list[_Block]:
    """The blocks with these lines for their own; those that are blank are left out."""
    rest = iter(lines)
    return [_Block(block.start, [line for line in islice(rest, len(block.lines)) if line.strip()]) for block in blocks]


def _in_report(text: str, place: int) -> bool:
    """Whether the last of pytest's headings before a place opens failure reports."""
    for _ in range(HEADINGS_BACK):
        place = text.rfind("\n=", 0, max(place, 0))
        if place < 0:
            return False
        line = text[place + 1 : place + LONG_LINE].partition("\n")[0]
        if evidence.RULE.match(line) is not None:
            return _opens_report(line)
    return False


def _opens_report(line: str) -> bool:
    return line.startswith("=") and ("= FAILURES =" in line or "= ERRORS =" in line)


def _lines(text: str) -> list[str]:
    """The lines that are not blank, as a terminal shows them; one redrawn in place becomes a frame."""
    lines = resolved(text).lines
    if "\r" in text:
        for number, line in enumerate(text.split("\n")):
            if line.rstrip("\r").count("\r") > 1:
                lines[number] = "[ 99%] "
    return [line for line in lines if line and not line.isspace()]


def _glance(sample: list[str]) -> bool:
    """Whether at least two of a few lines are explained."""
    few = [*sample[:GLANCE_ENDS], *_spread(sample[GLANCE_ENDS:-GLANCE_ENDS], GLANCE_BETWEEN), *sample[-GLANCE_ENDS:]]
    possible = evidence.patterns("\n".join(few))
    return sum(_is_explained(line, possible) for line in few) > 1


def _spread(lines: list[str], most: int) -> list[str]:
    """At most so many of the lines, evenly spread."""
    return lines[:: len(lines) // most + 1]


def _is_data(lines: list[str]) -> bool:
    """Whether the lines are plainly JSON or a table."""
    first = lines[0]
    objects = sum(line[0] == "{" and line.rstrip().endswith("}") for line in lines)
    if 2 * objects > len(lines) or first in ("[", "{"):
        return True
    if any(_TABLE_RULE.match(line) is not None for line in lines[:3]):
        return True
    if all(_TABBED_LOG.match(line) is not None for line in lines[:1] + lines[-1:]):
        return False
    some = _spread(lines, TABLE_LINES)
    return any(_is_table(some, separator) for separator in "\t,;")


def _is_writing(unexplained: list[str], count: int) -> bool:
    """Whether so many of the lines that nothing explains are search results, source code or markup."""
    places = sum(evidence.PLACE.match(line) is not None for line in unexplained)
    program = sum(evidence.PROGRAM.match(line) is not None for line in unexplained)
    markup = sum(evidence.MARKUP.match(line) is not None for line in unexplained)
    return 2 * places > count or 2 * markup > count or 3 * program > count


def _is_table(lines: list[str], separator: str) -> bool:
    """Whether most lines hold the same number, at least two, of a separator without a blank after it."""
    counts = Counter(line.count(separator) - line.count(separator + " ") for line in lines)
    cells, agreeing = counts.most_common(1)[0]
    return cells >= 2 and agreeing >= 0.8 * len(lines)


def _explained(block: _Block, possible: tuple[re.Pattern[str], ...], report: bool) -> list[bool | None]:
    """For each line whether it is explained; None for one that belongs to an explained line, to a failure report, to a
    drawn tree, or to the output of git below a shell's trace of it. `report`: the lines begin inside a report."""
    found: list[bool | None] = []
    neutral = 0
    quoted = False
    for line in block.lines:
        if line[0] == "+" and evidence.TRACE.match(line) is not None:
            quoted = evidence.TRACE_OF_GIT.match(line) is not None
        elif quoted:
            found.append(None)
            continue
        if report and line[0] == "=" and evidence.RULE.match(line) is not None:
            report = False
        if report or evidence.BRANCH.match(line) is not None:
            found.append(None)
        elif _is_explained(line, possible):
            report = _opens_report(line)
            found.append(True)
            neutral = NEUTRAL_LINES
        elif neutral and line[0] in " \t":
            found.append(None)
            neutral -= 1
        else:
            found.append(False)
            neutral = 0
    return found


def _is_explained(line: str, possible: tuple[re.Pattern[str], ...]) -> bool:
    """Whether only a program's log holds this line; so it is with every line of a container."""
    return evidence.explains(possible, line) or evidence.CONTAINER.match(line) is not None

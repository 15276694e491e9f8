"""Whether a text is a log, proven by its structure.

Evidence is counted by line, over the beginning and the end of the text. A line is explained by a time or a level in its
place, by a frame of a known tool (test runners, compilers, package managers, containers), by a diagnostic with its
place, or by being part of a traceback. Words like "error" prove nothing: prose, source code and Markdown hold them too.

A text without a tool call may be a person's, so it must begin and end as a log to be one: words before or after a
pasted log are not for us to touch.
"""

from __future__ import annotations

import re
from collections import Counter

from narrows.compressors import tools
from narrows.compressors.log import evidence
from narrows.compressors.log.terminal import resolved
from narrows.compressors.types import Verdict
from narrows.core.tool_call import ToolCall

SAMPLE_BEGINNING = 16_000
SAMPLE_END = 8_000
"""Characters looked at from each end of the text."""
MOST = 0.6
"""With this share of its lines explained a text is a log."""
SOME = 0.25
"""With this share it may be one; so it is when it begins and ends as one, or when the tool call says so."""
HINTED = 0.1
"""The least share that a tool call's evidence can turn into a log."""
NEUTRAL_LINES = 8
"""So many indented lines below an explained one belong to it."""
LONG_LINE = 400

LOG_COMMANDS = frozenset(
    "pytest py.test unittest tox nox make gmake cmake ninja meson bazel cargo rustc go npm yarn pnpm npx jest vitest mocha "  # noqa: SIM905, E501 -- one word list
    "node mvn gradle gradlew gcc cc g++ clang clang++ tsc eslint mypy ruff flake8 pylint pip pip3 apt apt-get docker "
    "docker-compose podman kubectl journalctl dmesg rspec bundle dotnet swift phpunit composer ctest terraform".split()
)
"""Commands whose output is a log."""
_LOG_TOOL = re.compile(
    r"(?:^|[^a-z])(?:logs?|tests?|build|lint|deploy|install|compile)(?:$|[^a-z])|Logs?|Tests?", re.ASCII
)


def sniff(text: str, tool_call: ToolCall | None) -> Verdict:
    """How far structure and the tool call prove that `text` is a log."""
    if tool_call is not None and tools.reads_file(tool_call):
        return Verdict.NO
    beginning, end = _sample(text)
    lines = beginning + end
    if len(lines) < 2 or _is_data(lines):
        return Verdict.NO
    explained = _explained(beginning) + _explained(end, cut=True)
    if _is_writing([line for line, found in zip(lines, explained, strict=True) if found is False], len(lines)):
        return Verdict.NO
    counted = [found for found in explained if found is not None]
    share = sum(counted) / len(counted) if counted else 0.0
    whole = bool(explained[0]) and explained[-1] is not False
    hinted = tool_call is not None and _hints(tool_call)
    if share >= MOST and (whole or tool_call is not None):
        return Verdict.YES
    if share >= SOME:
        return Verdict.YES if hinted or (whole and tool_call is not None) else Verdict.MAYBE
    return Verdict.YES if hinted and share >= HINTED else Verdict.NO


def _hints(tool_call: ToolCall) -> bool:
    """Whether the call runs tests, builds or the like, or asks for logs."""
    return _LOG_TOOL.search(tool_call.name) is not None or not LOG_COMMANDS.isdisjoint(tools.shell_commands(tool_call))


def _sample(text: str) -> tuple[list[str], list[str]]:
    """The lines of both ends that are not blank; the second list is empty where the first holds the whole text."""
    if len(text) <= SAMPLE_BEGINNING + SAMPLE_END:
        return _lines(text), []
    beginning, end = text[:SAMPLE_BEGINNING], text[-SAMPLE_END:]
    return _lines(beginning[: beginning.rfind("\n") + 1 or SAMPLE_BEGINNING]), _lines(end[end.find("\n") + 1 :])


def _lines(text: str) -> list[str]:
    """The lines that are not blank, as a terminal shows them; one redrawn in place becomes a frame."""
    redrawn = {number for number, line in enumerate(text.split("\n")) if line.rstrip("\r").count("\r") > 1}
    return [
        "[ 99%] " if number in redrawn else line[:LONG_LINE]
        for number, line in enumerate(resolved(text).lines)
        if line and not line.isspace()
    ]


def _is_data(lines: list[str]) -> bool:
    """Whether the lines are plainly a diff, JSON, or a table."""
    first = lines[0]
    if first.startswith(("diff --git ", "--- a/", "Index: ", "<!DOCTYPE", "<html", "<?xml", "#!/")):
        return True
    objects = sum(line[0] == "{" and line.rstrip().endswith("}") for line in lines)
    if 2 * objects > len(lines) or first in ("[", "{"):
        return True
    return any(_is_table(lines, separator) for separator in "\t,;")


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


def _explained(lines: list[str], *, cut: bool = False) -> list[bool | None]:
    """For each line whether it is explained; None for one that belongs to an explained line or a failure report.
    `cut`: the lines begin in the middle of the text, perhaps in a report."""
    found: list[bool | None] = []
    neutral = 0
    report = cut and any(evidence.REPORT_END.match(line) is not None for line in lines)
    for line in lines:
        if report and evidence.RULE.match(line) is not None:
            report = False
        if report:
            found.append(None)
            continue
        container = evidence.CONTAINER.match(line)
        bare = line[container.end() :] if container is not None else line
        if container is not None or evidence.EXPLAINED.match(bare) is not None:
            report = line.startswith("=") and ("= FAILURES =" in line or "= ERRORS =" in line)
            found.append(True)
            neutral = NEUTRAL_LINES
        elif neutral and line[0] in " \t":
            found.append(None)
            neutral -= 1
        else:
            found.append(False)
            neutral = 0
    return found

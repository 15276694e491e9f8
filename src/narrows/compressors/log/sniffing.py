"""Whether a text is a log, proven by its structure.

Evidence is counted by line, over the beginning and the end of the text. A line is explained by a time or a level in its
place, by a frame of a known tool (test runners, compilers, package managers, containers), by a diagnostic with its
place, or by being part of a traceback. Words like "error" prove nothing: prose, source code and Markdown hold them too.

A text without a tool call may be a person's, so it must begin and end as a log to be one: words before or after a
pasted log are not for us to touch.
"""

from __future__ import annotations

from collections import Counter

from narrows.compressors import tools
from narrows.compressors.log import evidence
from narrows.compressors.log.terminal import resolved
from narrows.compressors.types import Verdict
from narrows.core.tool_call import ToolCall

SAMPLE_BEGINNING = 24_000
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


def sniff(text: str, tool_call: ToolCall | None) -> Verdict:
    """How far structure and the tool call prove that `text` is a log."""
    if tool_call is not None and tools.reads_file(tool_call):
        return Verdict.NO
    lines = _sample(text)
    if len(lines) < 2 or _is_other(lines):
        return Verdict.NO
    explained = _explained(lines)
    counted = [found for found in explained if found is not None]
    share = sum(counted) / len(counted) if counted else 0.0
    whole = bool(explained[0]) and explained[-1] is not False
    hinted = tool_call is not None and not LOG_COMMANDS.isdisjoint(tools.shell_commands(tool_call))
    if share >= MOST and (whole or tool_call is not None):
        return Verdict.YES
    if share >= SOME:
        return Verdict.YES if hinted or (whole and tool_call is not None) else Verdict.MAYBE
    return Verdict.YES if hinted and share >= HINTED else Verdict.NO


def _sample(text: str) -> list[str]:
    """The lines of both ends that are not blank, as a terminal shows them; one redrawn in place becomes a frame."""
    if len(text) > SAMPLE_BEGINNING + SAMPLE_END:
        beginning = text[:SAMPLE_BEGINNING]
        end = text[-SAMPLE_END:]
        text = beginning[: beginning.rfind("\n") + 1 or SAMPLE_BEGINNING] + end[end.find("\n") + 1 :]
    redrawn = {number for number, line in enumerate(text.split("\n")) if line.rstrip("\r").count("\r") > 1}
    lines = resolved(text).lines
    return [
        "[ 99%] " if number in redrawn else line[:LONG_LINE]
        for number, line in enumerate(lines)
        if line and not line.isspace()
    ]


def _is_other(lines: list[str]) -> bool:
    """Whether the lines are plainly of another kind: JSON, a table, search results, a diff, source, markup."""
    first = lines[0]
    if first.startswith(("diff --git ", "--- a/", "Index: ", "<!DOCTYPE", "<html", "<?xml", "#!/")):
        return True
    count = len(lines)
    objects = sum(line[0] == "{" and line.rstrip().endswith("}") for line in lines)
    if 2 * objects > count or first in ("[", "{"):
        return True
    places = sum(evidence.PLACE.match(line) is not None for line in lines)
    program = sum(evidence.PROGRAM.match(line) is not None for line in lines)
    markup = sum(evidence.MARKUP.match(line) is not None for line in lines)
    if 2 * places > count or 2 * markup > count:
        return True
    if 3 * program > count and not any("= FAILURES =" in line or "Traceback (" in line for line in lines):
        return True
    return any(_is_table(lines, separator) for separator in "\t,;")


def _is_table(lines: list[str], separator: str) -> bool:
    """Whether most lines hold the same number, at least two, of a separator without a blank after it."""
    counts = Counter(line.count(separator) - line.count(separator + " ") for line in lines)
    cells, agreeing = counts.most_common(1)[0]
    return cells >= 2 and agreeing >= 0.8 * len(lines)


def _explained(lines: list[str]) -> list[bool | None]:
    """For each line whether it is explained; None for one that belongs to an explained line or a failure report."""
    found: list[bool | None] = []
    neutral = 0
    report = False
    for line in lines:
        if report and line.startswith("==") and line.endswith("=="):
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

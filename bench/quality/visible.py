"""What a reader still finds in a shortened text."""

from __future__ import annotations

import json
import re
from typing import Any

import narrows
from bench.quality.corpus import Text
from bench.quality.truth import places

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_COUNTED = re.compile(r"^\[narrows: [0-9]+ hunks? left out here, \+([0-9]+) -([0-9]+) lines", re.MULTILINE)


def shows(text: str, fact: str) -> bool:
    """Whether `fact` stands in the text, as it is or as a JSON string would spell it."""
    return fact in text or json.dumps(fact)[1:-1] in text or json.dumps(fact, ensure_ascii=False)[1:-1] in text


def missing_gold(item: Text, output: str) -> list[str]:
    """Strings of the gold that the source shows and the output does not; colour codes aside."""
    source, clean = _ANSI.sub("", item.text), _ANSI.sub("", output)
    return [fact for facts in item.gold.values() for fact in facts if shows(source, fact) and not shows(clean, fact)]


def gold_count(item: Text) -> int:
    """How many strings the gold names."""
    return sum(map(len, item.gold.values()))


# --- search results ---------------------------------------------------------------------------------------------------


def matches_of(output: str, paths: frozenset[str]) -> set[tuple[str, int]]:
    """Path and line number of every match that the output shows; a form that decodes exactly shows its source's."""
    text = narrows.expand(output) or output
    return {(path, int(line)) for path, line, _ in places(_ANSI.sub("", text), paths)}


def files_named(output: str, paths: list[str]) -> list[str]:
    """Those of `paths` that the output names: whole, or as a name below its folder. A form that decodes exactly names
    what its source does."""
    text = narrows.expand(output) or output
    known = frozenset(paths)
    named = {path for path in paths if path in text}
    folder = ""
    for line in text.split("\n"):
        folder = line if line.endswith("/") else folder
        named |= known & {folder + line, folder + line.partition(":")[0]}
    return [path for path in paths if path in named]


# --- diffs ------------------------------------------------------------------------------------------------------------


def sections(text: str) -> list[str]:
    """The file diffs of a git diff."""
    return re.split(r"^(?=diff --git )", text, flags=re.MULTILINE)[1:]


def numstat(section: str) -> tuple[int, int]:
    """Added and removed lines of a file diff, those that its mark counts included."""
    counted = _COUNTED.search(section)
    if counted:
        return int(counted[1]), int(counted[2])
    _, at, body = section.partition("\n@@ ")
    lines = (at + body).split("\n")
    return sum(line.startswith("+") for line in lines), sum(line.startswith("-") for line in lines)


def diff_facts(source: str, output: str) -> dict[str, Any]:
    """How many file diffs the source has, and of how many the output shows the name, and the true figures."""
    before = {section.split("\n")[0]: numstat(section) for section in sections(source)}
    after = {section.split("\n")[0]: numstat(section) for section in sections(output)}
    return {
        "files": len(before),
        "named": sum(name in after for name in before),
        "true_numstat": sum(after.get(name) == figures for name, figures in before.items()),
    }

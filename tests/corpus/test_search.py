"""The recorded search outputs: the parser finds what `rg --json` found, or leaves the text alone."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

from narrows.compressors.search import COMPRESSOR, grammar, trimmed
from narrows.compressors.search.results import ENTRY
from narrows.compressors.types import Compressed, Source, Verdict
from narrows.core.tool_call import ToolCall
from narrows.policy import Level
from tests.compressors.search_truth import check_truth

OTHER_LAYOUTS = (
    "rg-json",
    "rg-files",
    "rg-count",
    "rg-null",
    "rg-color",
    "rg-no-filename",
    "rg-minified",
    "hostile-rg-json",
)
KEPT = (
    "cat-n-head",
    "find-ls",
    "find-type-size",
    "ls-",
    "sed-range",
    "wc-l",
    "rg-bad-regex",
)
PATH_LIST = re.compile(r"\[narrows: [0-9]+ paths?")


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def text_of(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def calls(corpus: Path) -> dict[str, ToolCall]:
    found = rows(corpus / "search" / "commands.jsonl")
    return {str(row["file"]): ToolCall("bash", json.dumps({"command": row["command"]})) for row in found}


def test_paths_and_line_numbers_are_those_of_the_gold(corpus: Path) -> None:
    checked = 0
    for gold in rows(corpus / "search" / "gold.jsonl"):
        name = str(gold["file"])
        if name.removeprefix("out/").startswith(OTHER_LAYOUTS):
            continue
        results = grammar.parse(text_of(corpus / "search" / name))
        found = defaultdict(set)
        for group in results.groups:
            for entry in group.entries:
                number = ENTRY.match(entry)
                if number and number[2] == ":":
                    found[group.path].add(int(number[1]))
        expected = {path: set(numbers) for path, numbers in gold["files"].items()}  # type: ignore[attr-defined]
        left = {path: numbers - found[path] for path, numbers in expected.items() if numbers - found[path]}
        for path, numbers in found.items():
            more = numbers - expected.get(path, set())
            assert not more or "multiline" in name or "binary-text" in name, (name, path, more)
        others = "\n".join(results.other_lines)
        assert all(path in others for path in left), (name, left)
        checked += sum(map(len, expected.values()))
    assert checked > 5000


def test_outputs_are_true_name_every_file_in_full_and_lossless_ones_decode(corpus: Path) -> None:
    shortened = 0
    named = {str(gold["file"]): list(gold["files"]) for gold in rows(corpus / "search" / "gold.jsonl")}  # type: ignore[call-overload]
    for name, call in calls(corpus).items():
        source = text_of(corpus / "search" / name)
        for level in (Level.LOSSLESS, Level.BALANCED):
            result = COMPRESSOR.compress(Source(source, call), level)
            if not isinstance(result, Compressed):
                continue
            shortened += 1
            check_truth(source, result.text)
            assert COMPRESSOR.is_output(result.text)
            assert COMPRESSOR.expand(result.text) == (source if result.lossless else None)
            long = max(map(len, source.split("\n"))) > trimmed.LONG_CHARACTERS
            assert result.lossless or long or name == "out/rg-color.txt"
            if not PATH_LIST.match(result.text):
                assert all(path in result.text for path in named.get(name, ()) if path in source), name
    assert shortened > 60


def test_what_is_no_search_result_is_left_alone(corpus: Path) -> None:
    for name, call in calls(corpus).items():
        if name.removeprefix("out/").startswith(KEPT):
            source = text_of(corpus / "search" / name)
            assert COMPRESSOR.sniff(Source(source, call)) is Verdict.NO, name


@pytest.mark.parametrize("folder", ["logs", "diffs/out", "prose", "json"])
def test_other_texts_are_not_taken_for_search_results(corpus: Path, folder: str) -> None:
    taken = [
        path.name
        for path in sorted((corpus / folder).rglob("*"))
        if path.is_file()
        and path.suffix not in (".jsonl", ".md")
        and COMPRESSOR.sniff(Source(text_of(path))) is Verdict.YES
    ]
    assert taken == []

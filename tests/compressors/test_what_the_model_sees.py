"""The page that shows each kind before and after shows what the compressors do."""

from __future__ import annotations

import re

import pytest

from narrows.compressors import repeats
from narrows.compressors.registry import COMPRESSORS, LAST
from narrows.compressors.repeats import Before, Earlier, Shelf
from narrows.compressors.types import Compressed, Kept, Reason, Source
from narrows.core.tool_call import OutputPlace, ToolCall
from narrows.policy import Kind, Level
from tests.compressors import repeats_truth
from tests.conftest import REPOSITORY
from tests.laws.all_kinds import KINDS

PAGE = (REPOSITORY / "docs" / "what-the-model-sees.md").read_text(encoding="utf-8")
SECTIONS = {
    "JSON": (Kind.JSON, "aws iam list-roles"),
    "Logs": (Kind.LOG, "pytest -v"),
    "Search results": (Kind.SEARCH, "grep -rn x src"),
    "Diffs": (Kind.DIFF, "git diff"),
    "Tables and listings": (Kind.TABLE, "ls -l"),
    "Views of files": (Kind.VIEW, "nl -ba cart.py"),
    "Progress and colours": (Kind.SCREEN, "curl http://localhost:8080/"),
    "Binary data": (Kind.BLOB, "curl -s http://localhost:8080/"),
    "HTML pages": (Kind.HTML, "curl -s https://docs.example.org/limits"),
}


@pytest.mark.parametrize("heading", SECTIONS)
def test_before_becomes_after(heading: str) -> None:
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    text = next(one for one in section if one.startswith(f"{heading}\n"))
    before, after = (found[1] for found in re.findall(r"^(````?)text\n(.*?)^\1$", text, re.MULTILINE | re.DOTALL))
    kind, command = SECTIONS[heading]
    compressor = next(one for one in (*COMPRESSORS, *LAST) if one.kind is kind)
    result = compressor.compress(Source(before, ToolCall("bash", f'{{"command": "{command}"}}')), Level.BALANCED)
    assert isinstance(result, Compressed)
    assert result.text.removesuffix("\n") == after.removesuffix("\n")
    next(one for one in KINDS if one.compressor is compressor).check_truth(before, result.text)


def test_a_repeat_names_what_was_shown_before() -> None:
    section = PAGE.partition("\n## Repeats\n")[2].partition("\n## ")[0]
    earlier, before, after = re.findall(r"^```text\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    found = repeats.fold(
        before, Kept(Reason.NEVER_SHORTENED), Before(Shelf([Earlier(earlier, OutputPlace(3))]), OutputPlace(4))
    )
    assert found is not None
    assert found.text == after
    repeats_truth.check_truth(before, after, {(3, 1): earlier}, 4)

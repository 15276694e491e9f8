"""The page that shows each kind before and after shows what the compressors do."""

from __future__ import annotations

import re

import pytest

from narrows.compressors.registry import COMPRESSORS
from narrows.compressors.types import Compressed
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Level
from tests.conftest import REPOSITORY
from tests.laws.all_kinds import KINDS

PAGE = (REPOSITORY / "docs" / "what-the-model-sees.md").read_text(encoding="utf-8")
SECTIONS = {
    "JSON": (Kind.JSON, "aws iam list-roles"),
    "Logs": (Kind.LOG, "pytest -v"),
    "Search results": (Kind.SEARCH, "grep -rn x src"),
    "Diffs": (Kind.DIFF, "git diff"),
    "Tables and listings": (Kind.TABLE, "ls -l"),
    "Binary data": (Kind.BLOB, "curl -s http://localhost:8080/"),
}


@pytest.mark.parametrize("heading", SECTIONS)
def test_before_becomes_after(heading: str) -> None:
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    text = next(one for one in section if one.startswith(f"{heading}\n"))
    before, after = re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    kind, command = SECTIONS[heading]
    compressor = next(one for one in COMPRESSORS if one.kind is kind)
    result = compressor.compress(before, Level.BALANCED, ToolCall("bash", f'{{"command": "{command}"}}'))
    assert isinstance(result, Compressed)
    assert result.text.removesuffix("\n") == after.removesuffix("\n")
    next(one for one in KINDS if one.compressor is compressor).check_truth(before, result.text)

"""Results without line numbers: what is read, what is refused, and the form."""

from __future__ import annotations

import json

import pytest

from narrows.compressors.search import COMPRESSOR, unnumbered
from narrows.compressors.types import Compressed, Kept, Source, Verdict
from narrows.core.tool_call import ToolCall
from narrows.policy import Level
from tests.compressors.search_truth import RG, check_truth

MATCHES = "".join(f"src/app/module_{i // 6}.py:    value_{i} = compute({i})\n" for i in range(60))


def compressed(text: str) -> str:
    result = COMPRESSOR.compress(Source(text, RG), Level.LOSSLESS)
    assert isinstance(result, Compressed), result
    check_truth(text, result.text)
    assert COMPRESSOR.expand(result.text) == text
    assert COMPRESSOR.is_output(result.text)
    return result.text


def test_the_form() -> None:
    source = (
        "src/app/a.py:import os\nsrc/app/a.py:    os.getcwd()\nsrc/app/b-c.py:x: int\n"
        "grep: src/app/z.bin: binary file matches\nsrc/app/b-c.py:\nsrc/app/d.py:y\n"
    )
    blocks = unnumbered.parse(source)
    assert blocks is not None
    assert unnumbered.encode(source, blocks) == (
        "[narrows: search results without line numbers, grouped by file: 5 match lines in 3 files; lossless: nothing "
        "left out]\n"
        "\nsrc/app/a.py\n:import os\n:    os.getcwd()\n"
        "\nsrc/app/b-c.py\n:x: int\n"
        "[narrows: the next 1 line as in the source]\ngrep: src/app/z.bin: binary file matches\n"
        "\nsrc/app/b-c.py\n:\n"
        "\nsrc/app/d.py\n:y\n",
        "5 match lines in 3 files, without line numbers, lossless",
    )


def test_context_is_told_from_matches_and_blocks_stay_apart() -> None:
    block = "src/app/a-b.py-def f():\nsrc/app/a-b.py:    return 1\nsrc/app/a-b.py-\n"
    text = compressed("--\n".join([block] * 20))
    assert "40 context lines in 1 file" in text
    assert text.count("\n--\n") == 19
    assert "\n\nsrc/app/a-b.py\n-def f():\n:    return 1\n-\n--\n" in text


@pytest.mark.parametrize(
    "call", [RG, ToolCall("grep", "{}"), ToolCall("bash", json.dumps({"command": "git grep 'value' | head -60"}))]
)
def test_a_tool_call_that_searches_makes_them_results(call: ToolCall) -> None:
    assert COMPRESSOR.sniff(Source(MATCHES, call)) is Verdict.YES
    assert COMPRESSOR.sniff(Source(MATCHES * 40, call)) is Verdict.YES
    assert COMPRESSOR.sniff(Source(MATCHES)) is Verdict.NO
    assert isinstance(COMPRESSOR.compress(Source(MATCHES), Level.BALANCED), Kept)
    assert "src/app/module_9.py\n:    value_54 = compute(54)\n" in compressed(MATCHES)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"spring.datasource.key{i}: value" for i in range(40)),
        "\n".join(f"kubernetes.io/key{i}: value" for i in range(40)),
        "\n".join(f"setup.py:line {i}" for i in range(40)),
        "\n".join(f"src/a.py:  {i}:text" for i in range(1, 40)),
        "\n".join(f"src/a.py:{i}:text" for i in (5, 3, 9, 1, 7, 2) * 9),
        "\n".join(f"src/a.py-text {i}" for i in range(40)),
        "\n".join(f"    self.x{i}: int = src/a.py:{i}" for i in range(40)),
        MATCHES + "words of no sort\n" * 7,
        "src/a.py-x\nsrc/b.py:y\n--\n" * 20,
        "--\n" + "src/a.py:y\n--\n" * 20,
        "src/a.py:y\n" * 4,
    ],
)
def test_what_may_be_something_else_is_refused(text: str) -> None:
    assert unnumbered.parse(text) is None


def test_notices_are_no_reason_to_refuse_a_search() -> None:
    notices = "".join(f"grep: src/app/__pycache__/module_{i}.pyc: binary file matches\n" for i in range(12))
    assert compressed(MATCHES + notices).endswith(notices)
    numbered = "".join(f"src/app/module_{i // 6}.py:{i + 1}:    value_{i} = compute({i})\n" for i in range(30))
    assert COMPRESSOR.sniff(Source(numbered + notices * 2, RG)) is Verdict.YES
    assert COMPRESSOR.sniff(Source(numbered + "words of no sort\n" * 24, RG)) is Verdict.NO


def test_results_may_be_cut_off_behind_a_path() -> None:
    cut = MATCHES.removesuffix(":    value_59 = compute(59)\n")
    assert cut.endswith("\nsrc/app/module_9.py")
    assert compressed(cut).endswith("[narrows: the next 1 line as in the source]\nsrc/app/module_9.py")


def test_a_line_that_would_not_come_back_keeps_the_text() -> None:
    source = "src/a.py:x\nsrc/a.py--\n" * 20 + "--\n" + MATCHES
    blocks = unnumbered.parse("src/a.py:x\nsrc/a.py--\n--\n" * 9)
    assert blocks is not None
    assert unnumbered.encode(source, blocks) is None


@pytest.mark.parametrize(
    ("honest", "false"), [("60 match", "61 match"), (":    value_0 ", ":    value_1 "), ("_9.py", "_8.py")]
)
def test_the_checker_sees_what_is_false(honest: str, false: str) -> None:
    text = compressed(MATCHES)
    with pytest.raises(AssertionError):
        check_truth(MATCHES, text.replace(honest, false, 1))
    if honest == "60 match":
        assert COMPRESSOR.expand(text.replace(honest, false, 1)) is None

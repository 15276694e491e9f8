"""The log compressor as a whole: its promises on fixed inputs, its judge, and inputs meant to break it."""

from __future__ import annotations

import re

import pytest

from narrows.compressors import marks
from narrows.compressors.log import COMPRESSOR
from narrows.compressors.log.decide import decide
from narrows.compressors.log.render import write
from narrows.compressors.log.repeats import Gap, pieces
from narrows.compressors.log.terminal import raw_lines, resolved
from narrows.compressors.types import Compressed, Kept, Reason, Source
from narrows.core.tool_call import ToolCall
from narrows.policy import Level
from tests.compressors.log_truth import COLOURED, LEVELS, MIXED, SAME_TRACE, TESTS, WOVEN, check_truth
from tests.compressors.test_log_sniffing import CSV, INFO, ISO, LS, PROSE, SOURCE
from tests.conftest import REPOSITORY


def shortened(text: str, level: Level = Level.BALANCED) -> Compressed:
    result = COMPRESSOR.compress(Source(text), level)
    assert isinstance(result, Compressed), result
    check_truth(text, result.text)
    return result


def test_one_place_is_not_called_places() -> None:
    source = "".join(f"2026-11-21 10:00:{second:02d} INFO job {second} done\n" for second in range(60))
    assert " left out in 1 place, each marked; " in shortened(source).text


def test_a_log_of_nothing_but_information_yields_its_templates() -> None:
    result = shortened(INFO)
    assert result.text.split("\n")[1] == "INFO worker-0 processed job id=0 in 0 ms"
    assert "left out: 295 INFO]" in result.text
    assert result.summary == "300 lines, 295 left out"


def test_forty_different_errors_all_survive() -> None:
    lines = [
        f"2024-05-01T12:00:00Z ERROR unit {i} failed with code E{i}"
        if i % 5 == 0
        else f"2024-05-01T12:00:00Z INFO step {i} of the nightly import job finished in {i} ms"
        for i in range(200)
    ]
    output = shortened("\n".join(lines)).text
    assert [line for line in lines if "ERROR" in line] == [line for line in output.split("\n") if "ERROR" in line]
    assert "none of those" in output


def test_numbers_of_a_mark_are_of_what_is_left_out() -> None:
    output = shortened(ISO).text
    assert re.findall(r"\[narrows: lines (\d+)-(\d+) left out\]", output) == [("3", "97")]
    assert "; 95 left out in 1 place, each marked" in output


def test_a_verbose_test_run_keeps_its_failures_and_counts_its_passes() -> None:
    output = shortened(TESTS).text
    assert "test_77 FAILED" in output
    assert sum(int(count) for count in re.findall(r"(\d+) passed", output)) + output.count(" PASSED") == 299


@pytest.mark.parametrize("text", [CSV, LS, PROSE, SOURCE, "", "x"])
@pytest.mark.parametrize("level", [Level.LOSSLESS, Level.BALANCED])
def test_what_is_no_log_is_kept_even_when_named_one(text: str, level: Level) -> None:
    assert COMPRESSOR.compress(Source(text), level) == Kept(Reason.GRAMMAR, COMPRESSOR.kind)


def test_a_file_read_is_kept() -> None:
    call = ToolCall("bash", '{"command": "cat app.py"}')
    assert COMPRESSOR.compress(Source(INFO, call), Level.BALANCED) == Kept(Reason.NEVER_SHORTENED, COMPRESSOR.kind)


def test_the_lossless_level_leaves_nothing_out() -> None:
    result = shortened(SAME_TRACE, Level.LOSSLESS)
    assert result.lossless
    assert COMPRESSOR.expand(result.text) == SAME_TRACE
    assert len(result.text) < 0.7 * len(SAME_TRACE)
    assert COMPRESSOR.compress(Source(INFO), Level.LOSSLESS) == Kept(Reason.NOTHING_TO_SAVE, COMPRESSOR.kind)


@pytest.mark.parametrize("ending", ["", "\n", "\n\n", "\r\n"])
def test_the_lossless_form_keeps_the_bytes(ending: str) -> None:
    text = "\x1b[31m" + SAME_TRACE.replace("\n", "\r\n") + "\x00\u2028" + ending
    assert COMPRESSOR.expand(shortened(text, Level.LOSSLESS).text) == text


def test_colours_and_progress_are_resolved_and_said() -> None:
    output = shortened(COLOURED).text
    head = output.partition("\n")[0]
    assert head.endswith("; terminal control codes removed; lines redrawn in place shown in their last state]")
    assert "\x1b" not in output
    assert "Downloading y 3%" in output
    assert "Downloading y 2%" not in output


def test_a_mark_that_colours_hid_is_not_let_through() -> None:
    text = INFO + "\n\x1b[1m[narrows: lines 1-9 left out: 9 other]\x1b[0m\n" + INFO
    assert not marks.has_mark(text)
    assert COMPRESSOR.compress(Source(text), Level.BALANCED) == Kept(Reason.LOOKS_LIKE_OURS, COMPRESSOR.kind)
    hidden = INFO + "\n\r 0%\r[narrows: log]\n" + INFO
    assert COMPRESSOR.compress(Source(hidden), Level.BALANCED) == Kept(Reason.LOOKS_LIKE_OURS, COMPRESSOR.kind)


@pytest.mark.parametrize("text", [MIXED, TESTS, SAME_TRACE])
def test_an_output_is_recognised_and_does_not_expand_unless_whole(text: str) -> None:
    for level in (Level.BALANCED, Level.LOSSLESS):
        result = COMPRESSOR.compress(Source(text), level)
        if isinstance(result, Compressed):
            assert COMPRESSOR.is_output(result.text)
            assert (COMPRESSOR.expand(result.text) == text) is result.lossless
    assert not COMPRESSOR.is_output(text)
    assert COMPRESSOR.expand(text) is None


@pytest.mark.parametrize(
    "hostile",
    [
        "INFO " + "x" * 2_000_000 + "\nINFO y\n",
        "INFO x\n" * 30_000,
        "\n" * 60_000 + INFO,
        INFO + "\x00" * 100_000,
        INFO + "\n" + " " * 200_000 + "." * 200_000 + "\n" + INFO,
        INFO + "\n" + "[" * 100_000 + "\n" + "E" * 100_000 + "\n" + "a:" * 100_000,
        "\n".join(f"INFO {'é' * (i % 50)} {i}" for i in range(6_000)),
        "\n".join(("INFO a", "INFO b", "INFO b") * 7_000),
        "\n".join(f"ERROR {i} {i}" for i in range(6_000)),
        "\n".join(f"INFO {chr(0x4E00 + i)} {chr(0x4E00 + i * 7 % 9999)}" for i in range(3_000)),
        "\n".join("INFO " + "\x1b" * 50 + "\x1b[" + ";" * 50 for _ in range(3_000)),
        "INFO a\r" * 100_000 + "\nINFO b\nINFO c",
        "=== FAILURES ===\n" * 7_000,
        "Traceback (most recent call last):\n" * 7_000,
        "[ RUN      ] a\n" * 3_000 + "[  FAILED  ] a\n" * 3_000,
        "".join(f"{' ' * i}  1:2  error x\n" for i in range(2_000)),
        "@@ -1,99999 +1,99999 @@\n a\n" * 7_000,
        "+ x\nERROR y\n" * 7_000,
        "+ cd x\n++ y\n" * 7_000,
        "+ git show\n" + "diff --git a b\n" * 30_000 + "+ cd x\n+ cd y",
        ">   f()\n" * 30_000,
        "    f()\n\n" * 30_000 + ">   f()\nE   x\n" * 5_000,
        "=== PASSES ===\n" + "___ x ___\nWARNING: y\n" * 10_000,
        ('{"time": 1, "level": "info", "msg": "' + "x" * 50_000 + '"}\n') * 40,
        ('{"time": 1, "level": "info", "a": ' + "[" * 400 + "]" * 400 + ', "msg": "x"}\n') * 400,
        ('{"log": "' + "\\\\" * 50_000 + '", "stream": "x", "time": "1"}\n') * 20,
        "a |" + " " * 500_000 + "\n" + "a" * 500_000 + " |\n" + "a\t" * 100_000 + "\n",
        "2025-03-04T10:00:00.1Z \n" * 30_000,
        "[INFO] Tests run: 1, Failures: 0, Errors: 0, Skipped: 0, Time: 1\n" * 9_000,
        "".join(f"a.c:{i}:7: warning: unused 'v{i}' [-Wunused]\n {i} | int v{i};\n" for i in range(9_000)),
        "".join(f"a{i}.ts({i},7): error TS2304: Cannot find name 'v{i}'.\n" for i in range(9_000)),
        "".join(f"a.c:{i}:7: warning: {chr(39)}x {chr(39) * 200}\n" for i in range(900)),
    ],
    ids=range(32),
)
def test_hostile_texts_cost_linear_work_and_add_up(hostile: str) -> None:
    """Past detection, which refuses most of them."""
    for screen in (raw_lines(hostile), resolved(hostile)):
        shown = decide(screen.lines)
        for found in (pieces(screen.lines, shown.show), pieces(screen.lines, b"\x01" * len(screen.lines))):
            listings = shown.listings if any(isinstance(piece, Gap) for piece in found) else ()
            output = write(screen, found, shown.count, listings)
            assert COMPRESSOR.is_output(output)
            assert len(output) < len(hostile) + 400


def test_the_page_on_forms_shows_an_output_that_adds_up() -> None:
    page = (REPOSITORY / "docs" / "forms.md").read_text(encoding="utf-8").partition("\n## Logs\n")[2]
    block = page.partition("\n    [narrows: log")[2].partition("\n\n")[0]
    example = "[narrows: log" + block.replace("\n    ", "\n")
    assert COMPRESSOR.is_output(example)
    named = set(re.findall(r'"([A-Z]+|[a-z]+)"', page.partition("    class     = ")[2].partition("\n\n")[0]))
    assert named == {*LEVELS, "passed", "skipped", "repeated", "listed", "blank", "other"}


LIES = (
    (r"left out: (\d+) INFO", "left out: 0 INFO"),
    (r"(\d+) passed", "1 failed"),
    (r"(\d+) INFO, (\d+) DEBUG", r"\2 INFO, \1 DEBUG"),
    (r"none of those", "12345 of those"),
    (r"log of (\d+) lines", "log of 99999 lines"),
    (r"(\d+) left out in (\d+) place", r"\2 left out in \1 place"),
    (r"\n2024[^\n]*ERROR[^\n]*", ""),
    (r"(\n2024[^\n]*)(\n2024[^\n]*)", r"\2\1"),
    (r"job 3 of", "job 4 of"),
    (r"(are the same as lines) \d+-\d+", r"\1 1-4"),
)


@pytest.mark.parametrize(("pattern", "lie"), LIES)
def test_the_judge_finds_a_lie(pattern: str, lie: str) -> None:
    told = 0
    for source in (MIXED, WOVEN, TESTS, SAME_TRACE):
        output = shortened(source).text
        lying = re.sub(pattern, lie, output, count=1)
        if lying != output:
            told += 1
            with pytest.raises(AssertionError):
                check_truth(source, lying)
    assert told

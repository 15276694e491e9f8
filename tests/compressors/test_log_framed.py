"""A framing takes nothing away: below whatever a collector put before each line, what matters is visible, and nearly as
much goes as without it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from narrows.compressors.log import COMPRESSOR
from narrows.compressors.types import Compressed, Source
from narrows.core.tool_call import ToolCall
from narrows.policy import Level
from tests.compressors.framings import FRAMINGS, framed
from tests.compressors.harness_logs import session
from tests.compressors.log_truth import check_truth

CALL = ToolCall("bash", '{"command": "./run.sh"}')
MADE = session(7)
GOLD = ("failing_tests", "assertion_messages", "error_lines", "must_keep", "locations")
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
MARGIN = 0.1
"""So much less of a log goes below a framing: the lines that are shown carry it, and its rules see fewer repeats."""
EACH = 2
"""So many framings of a log are tried, others for each log."""
REPORT = """Traceback (most recent call last):
  File "/srv/app/main.py", line 4, in run
    step(4)
app.errors.StepError: step 4 of the night went wrong
"""


def shortened(text: str, call: ToolCall | None = CALL) -> str:
    result = COMPRESSOR.compress(Source(text, call), Level.BALANCED)
    if not isinstance(result, Compressed):
        return text
    check_truth(text, result.text)
    assert COMPRESSOR.is_output(result.text)
    return result.text


def saved(text: str, output: str) -> float:
    return 1 - len(output) / len(text)


@pytest.mark.parametrize("name", FRAMINGS)
def test_a_harness_session_below_a_framing(name: str) -> None:
    text = framed(MADE.text, FRAMINGS[name])
    output = shortened(text)
    assert not [gold for gold in MADE.gold if gold not in output]
    assert saved(text, output) >= 0.75


@pytest.mark.parametrize("number", range(72))
def test_a_log_of_the_corpus_below_framings(corpus: Path, number: int) -> None:
    rows = (corpus / "logs" / "gold.jsonl").read_text().splitlines()
    row = json.loads(rows[number])
    text = (corpus / "logs" / row["file"]).read_bytes().decode(errors="replace")
    call = ToolCall("bash", json.dumps({"command": row["command"]}))
    bare = saved(text, shortened(text, call))
    names = [*FRAMINGS]
    for name in (names[(number * EACH + k) % len(names)] for k in range(EACH)):
        below = framed(text, FRAMINGS[name])
        output = shortened(below, call)
        assert saved(below, output) >= bare - MARGIN, name
        source, clean = COLOURS.sub("", below), COLOURS.sub("", output)
        gold = [fact for key in GOLD for fact in row.get(key, ())]
        assert not [fact for fact in gold if fact in source and fact not in clean], name


@pytest.mark.parametrize("name", FRAMINGS)
def test_a_report_that_stands_twice_is_named_by_its_first_lines(name: str) -> None:
    lines = "\n".join(f"compiling module number {i} of the project ... ok" for i in range(40))
    text = framed(f"{lines}\n{REPORT * 2}{lines}\nmake: *** [all] Error 1\n", FRAMINGS[name])
    output = shortened(text)
    assert output.count("StepError: step 4 of the night went wrong") == 1
    assert "[narrows: lines 45-48 are the same as lines 41-44" in output

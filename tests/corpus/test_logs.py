"""Real logs: whatever is decided, everything that the gold names is visible, and every output is true."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from narrows.compressors.log import COMPRESSOR
from narrows.compressors.registry import compress_text
from narrows.compressors.types import Compressed, Decision, Source
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Level, Policy
from tests.compressors.log_truth import check_truth

O200K = Encoding("o200k_base", assumed=False)
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
VISIBLE = ("failing_tests", "assertion_messages", "error_lines", "locations", "must_keep")
TEST_RUNS = ("pytest", "unittest", "cargo-test", "node-test")
SERVICES = ("journal-short", "journal-json", "kubectl", "docker-compose", "docker-json-file", "py-app")
DIAGNOSTIC = re.compile(r"^(\S+?)(:\d+(?::\d+)?|\(\d+,\d+\)): \S", re.MULTILINE)
LISTED = re.compile(r"^\[narrows: (\d+) more like line ", re.MULTILINE)


@dataclass(frozen=True)
class Log:
    name: str
    text: str
    call: ToolCall
    gold: dict[str, list[str]]
    diagnostics: int

    def decide(self, call: ToolCall | None, level: Level = Level.BALANCED) -> tuple[Decision, str]:
        decision = compress_text(self.text, call, Policy(level=level), O200K)
        return decision, decision.result.text if isinstance(decision.result, Compressed) else self.text


@pytest.fixture(scope="session")
def logs(corpus: Path) -> list[Log]:
    found = []
    for line in (corpus / "logs" / "gold.jsonl").read_text(encoding="utf-8").splitlines():
        gold = json.loads(line)
        text = (corpus / "logs" / gold["file"]).read_bytes().decode(errors="replace")
        call = ToolCall("bash", json.dumps({"command": gold["command"]}))
        named = {key: gold[key] for key in VISIBLE if key in gold}
        found.append(Log(Path(gold["file"]).stem, text, call, named, gold.get("diagnostics", 0)))
    return found


@pytest.mark.parametrize("level", [Level.LOSSLESS, Level.BALANCED])
@pytest.mark.parametrize("called", [True, False])
def test_everything_the_gold_names_is_visible(logs: list[Log], called: bool, level: Level) -> None:
    for log in logs:
        _, output = log.decide(log.call if called else None, level)
        clean = ANSI.sub("", output)
        missing = [text for texts in log.gold.values() for text in texts if text not in clean]
        assert not missing, (log.name, missing[:3])


def test_every_output_is_true_and_recognised(logs: list[Log]) -> None:
    shortened = 0
    for log in logs:
        for level in (Level.LOSSLESS, Level.BALANCED):
            result = COMPRESSOR.compress(Source(log.text, log.call), level)
            if isinstance(result, Compressed):
                check_truth(log.text, result.text)
                assert COMPRESSOR.is_output(result.text)
                assert COMPRESSOR.expand(result.text) == (log.text if result.lossless else None)
                shortened += 1
    assert shortened > 50


def test_no_diagnostic_is_left_out(logs: list[Log]) -> None:
    """Each is shown, or listed under one that says the same: counted, and by its file and place."""
    counted = [log for log in logs if log.diagnostics]
    assert len(counted) >= 5
    for log in counted:
        _, output = log.decide(log.call)
        listed = sum(map(int, LISTED.findall(output)))
        assert len(DIAGNOSTIC.findall(output)) + listed >= log.diagnostics, log.name
        for found in DIAGNOSTIC.finditer(log.text):
            assert found[1] in output, (log.name, found[0])
            assert found[2] in output, (log.name, found[0])


@pytest.mark.parametrize(("names", "share"), [(TEST_RUNS, 0.7), (SERVICES, 0.9)])
def test_the_larger_part_of_test_runs_and_service_logs_goes(
    logs: list[Log], names: tuple[str, ...], share: float
) -> None:
    decisions = [log.decide(log.call)[0] for log in logs if log.name.startswith(names)]
    before = sum(decision.bytes_before for decision in decisions)
    after = sum(decision.bytes_after for decision in decisions)
    assert len(decisions) >= 5
    assert after <= (1 - share) * before


def test_other_sorts_of_text_are_not_taken_for_logs(corpus: Path) -> None:
    for folder in ("search/out", "diffs/out", "json", "prose"):
        for path in sorted((corpus / folder).rglob("*")):
            if path.is_file():
                decision = compress_text(path.read_bytes().decode(errors="replace"), None, Policy(), O200K)
                assert not isinstance(decision.result, Compressed) or decision.result.kind is not Kind.LOG, path.name

"""Made logs with known truth: whole harness sessions, and logs of services and machines. What matters is visible, most
of the rest goes, and every output is true."""

from __future__ import annotations

import pytest

from narrows.compressors.log import COMPRESSOR
from narrows.compressors.types import Compressed, Source
from narrows.core.tool_call import ToolCall
from narrows.policy import Level
from tests.compressors.harness_logs import session
from tests.compressors.log_truth import check_truth
from tests.compressors.system_logs import FAMILIES, Family, system_log

CALL = ToolCall("bash", '{"command": "./run.sh"}')


def shortened(text: str, call: ToolCall | None) -> str:
    result = COMPRESSOR.compress(Source(text, call), Level.BALANCED)
    assert isinstance(result, Compressed), result
    check_truth(text, result.text)
    return result.text


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ci", [False, True], ids=["terminal", "ci"])
def test_a_harness_session_keeps_its_failures_and_loses_four_fifths(seed: int, ci: bool) -> None:
    made = session(seed, tests=300 + 200 * seed, failures=1 + seed, ci=ci)
    output = shortened(made.text, CALL)
    assert not [text for text in made.gold if text not in output]
    assert len(output) <= 0.2 * len(made.text)


@pytest.mark.parametrize("alerts", [4, 48])
@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
def test_every_alert_in_a_system_log_is_seen_and_seven_tenths_go(family: Family, alerts: int) -> None:
    for seed in range(2):
        made = system_log(family, seed, alerts=alerts)
        output = shortened(made.text, None)
        seen = set(output.split("\n"))
        assert not [line for line in made.alerts if line not in seen]
        assert len(output) <= 0.3 * len(made.text)

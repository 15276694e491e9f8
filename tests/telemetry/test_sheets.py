from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from narrows.telemetry.metrics import Metrics, Readings
from narrows.telemetry.sheets import Sample, Sheet, added, ended, lost, render, silent
from tests.records.exchanges import exchange

Shown = dict[tuple[str, frozenset[tuple[str, str]]], float]


def sheet_of(exchanges: int, in_flight: int = 0) -> Sheet:
    metrics = Metrics(version="1", policy_version="p")
    for _ in range(exchanges):
        metrics.observe_exchange(exchange())
    return metrics.sheet(Readings(in_flight=in_flight))


def shown(sheet: Sheet) -> Shown:
    families = text_string_to_metric_families(render(sheet).decode())
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_several_processes_show_what_one_that_did_it_all_would(counts: list[int]) -> None:
    together = shown(added([sheet_of(count, in_flight=count) for count in counts]))
    alone = shown(sheet_of(sum(counts), in_flight=sum(counts)))
    serving = ("narrows_workers", frozenset({("state", "serving")}))
    assert together.pop(serving) == len(counts)
    assert alone.pop(serving) == 1
    zero = {key for key in together.keys() ^ alone.keys() if together.get(key, 0) == 0}
    assert together.keys() ^ alone.keys() <= zero
    for key in together.keys() & alone.keys():
        assert abs(together[key] - alone[key]) < 1e-6, key


def test_it_travels_as_json() -> None:
    sheet = sheet_of(2, in_flight=3)
    assert msgspec.json.decode(msgspec.json.encode(sheet), type=Sheet) == sheet


def test_of_those_that_are_gone_the_counts_stay_and_the_gauges_go() -> None:
    gone = shown(ended(sheet_of(3, in_flight=2)))
    assert ("narrows_exchanges_in_flight", frozenset()) not in gone
    assert not [name for name, _ in gone if name in ("narrows_workers", "narrows_build_info")]
    assert sum(value for (name, _), value in gone.items() if name == "narrows_exchanges_total") == 3


def test_a_silent_one_is_named_and_its_last_figures_stand_in() -> None:
    figures = shown(added([sheet_of(1), silent(sheet_of(4)), lost(2)]))
    assert figures["narrows_workers", frozenset({("state", "silent")})] == 1
    assert figures["narrows_workers", frozenset({("state", "serving")})] == 1
    assert figures["narrows_workers_lost_total", frozenset()] == 2
    assert sum(value for (name, _), value in figures.items() if name == "narrows_exchanges_total") == 5


def test_what_a_newer_worker_counts_beyond_us_is_left_out() -> None:
    assert added([[Sample("narrows_of_tomorrow", "narrows_of_tomorrow_total", (), 1.0)]]) == []

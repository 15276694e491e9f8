from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.dataplane import report
from bench.dataplane.__main__ import SCENARIOS, parsed
from bench.dataplane.figures import Figure, Measure, Target
from bench.dataplane.requests import judged_rates

FIGURE = Figure(
    "1 KB", "CPU a request", "us", {"narrows": [30.0, 32.0], "nginx": [14.0, 16.0]}, Target(Measure.RATIO, 2.0), "noisy"
)


def test_a_line_has_the_medians_the_ratio_the_target_and_the_verdict() -> None:
    assert report.line(FIGURE, ["narrows", "nginx", "haproxy"]).split() == (
        ["CPU", "a", "request", "us", "31", "15", "-", "2.07", "<=", "2", "x", "nginx", "MISSED", "noisy"]
    )


def test_the_columns_stand_under_their_names() -> None:
    heading, line = report.heading(["narrows", "nginx"]), report.line(FIGURE, ["narrows", "nginx"])
    for name, value in (("narrows", "31"), ("/ nginx", "2.07")):
        assert heading.index(name) + len(name) == line.index(value) + len(value)


def test_a_stored_run_has_its_samples_and_its_machine(tmp_path: Path) -> None:
    file = tmp_path / "local" / "run.json"
    kept = report.record([FIGURE], {"haproxy": "not here"}, {"machine": report.machine()})
    report.store(kept, file)
    read = json.loads(file.read_text(encoding="utf-8"))
    (row,) = read["figures"]
    assert row["samples"]["narrows"] == [30.0, 32.0]
    assert row["met"] is False
    assert read["skipped"] == {"haproxy": "not here"}
    assert read["machine"]["cpus"] >= 1


def test_scenarios_can_be_picked() -> None:
    chosen = parsed(["--quick", "--only", "small", "--only", "tls"])
    assert chosen.quick
    assert set(chosen.only) <= SCENARIOS.keys()


@pytest.mark.parametrize(
    "target",
    [None, Target(Measure.RATIO, 0.5, at_least=True), Target(Measure.VALUE, 60), Target(Measure.EXCESS, 1.0)],
)
def test_a_stored_figure_is_judged_as_it_was(target: Target | None) -> None:
    figure = replace(FIGURE, target=target, detail={"narrows: requests measured": 12})
    (row,) = json.loads(json.dumps(report.record([figure], {}, {})["figures"]))
    assert report.figure_of(row) == figure
    assert report.figure_of(row).met() == figure.met()


def test_rates_of_a_busy_machine_are_what_the_cpu_time_allows() -> None:
    cpu = {"narrows": [50.0, 40.0], "nginx": [20.0, 20.0]}
    busy = {"cpu": cpu, "rate": {"narrows": [4_000.0, 5_000.0], "nginx": [9_000.0, 9_000.0], "direct": [20_000.0] * 2}}
    rates, note = judged_rates(busy)
    assert rates == {"narrows": [20_000.0, 25_000.0], "nginx": [50_000.0, 50_000.0]}
    assert note == "by CPU a request: the machine left us 20% of a core"
    quiet = {"cpu": cpu, "rate": {"narrows": [19_000.0, 24_000.0], "nginx": [45_000.0] * 2, "direct": [50_000.0] * 2}}
    assert judged_rates(quiet) == (quiet["rate"], "the generator bounds nginx (90% of direct)")

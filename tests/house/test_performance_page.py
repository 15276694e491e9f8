"""The page on speed has every target there is, and a reason for each that is missed; what it shows is what was kept."""

from __future__ import annotations

import pytest

from bench.dataplane.figures import Figure, Measure, Target
from tests.house import measured
from tests.house.pages import REPOSITORY

PAGE = (REPOSITORY / "docs" / "performance.md").read_text(encoding="utf-8")
SOAKS = (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8").partition("## The soak")[2]


def test_every_target_is_judged_and_every_missed_one_has_its_reason() -> None:
    there = [one for one in measured.figures("dataplane") if one.target is not None]
    assert len(there) >= 16
    assert [measured.named(one) for one in there if one.met() is None] == []
    reasons = PAGE.partition("## What is missed, and why")[2].partition("\n## ")[0]
    assert [name for name in measured.missed() if f"**{name}**" not in reasons] == []


def test_a_row_says_what_was_measured_and_how_it_was_judged() -> None:
    ratio = Figure("1 KB", "CPU", "us", {"narrows": [3.0, 4.0], "nginx": [2.0, 2.0]}, Target(Measure.RATIO, 1.8))
    assert (measured.judged(ratio), measured.spread(ratio)) == ("1.75 x nginx's", "1.50 to 2.00")
    assert measured.verdict(ratio) == "met"
    more = Figure("g", "lag", "ms", {"narrows": [3.0], "nginx": [2.5]}, Target(Measure.EXCESS, 0.4))
    assert (measured.judged(more), measured.verdict(more)) == ("nginx's +0.50 ms", "**missed**")
    alone = Figure("g", "memory", "MiB", {"narrows": [59.0]}, Target(Measure.VALUE, 60))
    assert (measured.judged(alone), measured.spread(alone), measured.verdict(alone)) == ("59 MiB", "", "met")
    nothing = Figure("g", "memory", "MiB", {}, Target(Measure.VALUE, 60))
    assert (measured.judged(nothing), measured.verdict(nothing)) == ("", "not judged")


@pytest.mark.parametrize(
    ("said", "version"),
    [("nginx version: nginx/1.22.1", "1.22.1"), ("HAProxy version 2.6.12-1+deb12u4 2026/10/17", "2.6.12-1+deb12u4"),
     ("headroom-ai[proxy]==0.42.0", "0.42.0"), ("@portkey-ai/gateway@1.15.2", "1.15.2"), ("unknown", "unknown")],
)  # fmt: skip
def test_versions_are_cut_to_their_numbers(said: str, version: str) -> None:
    assert measured.version(said) == version


@pytest.mark.parametrize("name", ["soak", "soak-short"])
def test_the_soaks_that_are_shown_were_flat_and_what_they_found_is_explained(name: str) -> None:
    kept = measured.run(name)
    assert all(one["flat"] for one in kept["levels"].values())
    assert [problem for problem in kept["problems"] if f"**{problem}**" not in SOAKS] == []


def test_one_soak_went_on_for_an_hour() -> None:
    assert measured.run("soak")["settings"]["seconds"] >= 3_600

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.dataplane.figures import Figure, Measure, Target, percentile, turned

TIMES = st.floats(0, 1e6)


@given(st.lists(TIMES, min_size=1), st.floats(0.001, 1))
def test_a_percentile_is_a_sample_that_its_share_does_not_exceed(samples: list[float], share: float) -> None:
    found = percentile(samples, share)
    assert found in samples
    assert sum(sample <= found for sample in samples) >= share * len(samples)
    assert sum(sample < found for sample in samples) < share * len(samples)


@pytest.mark.parametrize(("samples", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_a_percentile_of_nothing_is_refused(samples: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="needs samples"):
        percentile(samples, share)


@given(st.lists(st.text(), min_size=1), st.integers(0, 100))
def test_a_turn_leaves_nobody_out(names: list[str], by: int) -> None:
    assert sorted(turned(names, by)) == sorted(names)


def test_everyone_gets_to_be_first() -> None:
    assert [turned(["a", "b", "c"], by)[0] for by in range(4)] == ["a", "b", "c", "a"]


def figure(target: Target | None, **samples: list[float]) -> Figure:
    return Figure("group", "name", "us", samples, target)


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    # The machine was ten times as slow in one round, for both: the ratio of the medians would be 4.
    measured = figure(None, narrows=[2.0, 4.0, 20.0], nginx=[1.0, 1.0, 10.0])
    assert measured.ratio() == 2.0
    assert measured.value("narrows") == 4.0
    assert measured.excess() == 3.0


def test_a_ratio_to_nothing_is_unknown() -> None:
    assert figure(None, narrows=[1.0]).ratio() is None
    assert figure(None, narrows=[1.0], nginx=[0.0]).ratio() is None
    assert figure(None, nginx=[1.0]).ratio() is None


def test_another_proxys_ratio() -> None:
    assert figure(None, haproxy=[3.0], nginx=[2.0]).ratio("haproxy") == 1.5


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(Measure.RATIO, 2.0), True),
        (Target(Measure.RATIO, 1.9), False),
        (Target(Measure.RATIO, 2.1, at_least=True), False),
        (Target(Measure.RATIO, 2.0, at_least=True), True),
        (Target(Measure.VALUE, 6.0), True),
        (Target(Measure.VALUE, 5.0), False),
        (Target(Measure.EXCESS, 3.0), True),
        (Target(Measure.EXCESS, 2.9), False),
    ],
)
def test_verdicts(target: Target, met: bool) -> None:
    assert figure(target, narrows=[6.0], nginx=[3.0]).met() is met


def test_no_verdict_without_a_target_or_without_the_other() -> None:
    assert figure(None, narrows=[6.0], nginx=[3.0]).met() is None
    assert figure(Target(Measure.RATIO, 2.0), narrows=[6.0]).met() is None


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Target(Measure.RATIO, 1.5), "<= 1.5 x nginx"),
        (Target(Measure.RATIO, 0.5, at_least=True), ">= 0.5 x nginx"),
        (Target(Measure.VALUE, 60.0), "<= 60"),
        (Target(Measure.EXCESS, 1.0), "<= nginx + 1"),
    ],
)
def test_targets_in_words(target: Target, text: str) -> None:
    assert str(target) == text

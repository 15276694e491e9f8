from __future__ import annotations

from bench.soak.gateway import Sample
from bench.soak.verdict import Tally, at_share, level, levels, problems

FLAT = [Sample(float(i), 100 << 20, 50, 10) for i in range(30)]


def growing(by: int) -> list[Sample]:
    return [Sample(float(i), (100 << 20) + i * by, 50 + i * by // (1 << 20), 10) for i in range(30)]


def test_what_stays_is_flat_and_what_grows_is_not() -> None:
    assert all(one.flat for one in levels(FLAT).values())
    found = levels(growing(2 << 20))
    assert [name for name, one in found.items() if not one.flat] == ["resident bytes", "descriptors"]


def test_the_first_third_may_do_as_it_likes() -> None:
    samples = [Sample(float(i), 1, 9999, 9999) for i in range(10)] + FLAT[10:]
    assert all(one.flat for one in levels(samples).values())


def test_a_level_is_the_medians_of_two_thirds() -> None:
    one = level(growing(1 << 20), lambda sample: sample.descriptors, 1.1, 4)
    assert (one.second, one.last, round(one.limit, 2)) == (64.5, 74.5, 74.95)


def test_few_samples_are_compared_with_themselves() -> None:
    assert all(one.flat for one in levels(FLAT[:1]).values())


def test_shares() -> None:
    assert at_share([3.0, 1.0, 2.0], 0.5) == 2.0
    assert at_share([3.0, 1.0, 2.0], 0.99) == 3.0
    assert at_share([], 0.5) is None


def test_a_run_without_a_fault_of_ours_has_no_problems() -> None:
    tally = Tally()
    tally.outcomes.update(answered=3, cancelled=1)
    tally.cancels_s.append(0.084)
    tally.direct_s.append(0.02)
    assert problems(tally, levels(FLAT), {"answered": 3.0, "cancelled": 1.0}, {"held": 0.0}) == []


def test_each_promise_that_is_broken_is_a_problem() -> None:
    tally = Tally(wrong=["another byte"])
    tally.outcomes.update(answered=3)
    tally.cancels_s += [0.004, 0.2]
    said = problems(tally, levels(growing(9 << 20)), {"answered": 2.0, "truncated": 1.0}, {"held": 1.0})
    assert [one.split()[0] for one in said] == ["another", "resident", "descriptors", "a", "2", "1", "held"]

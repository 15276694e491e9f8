"""Limits of a key, with time as an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.server.rates import MINUTE_S, Allowance, Bucket, Limit
from narrows.settings import KeyLimits

WAITS = st.lists(st.tuples(st.floats(0, 90), st.integers(0, 50)), max_size=60)


def allowance(in_flight: int = 0, requests: int = 0, body_bytes: int = 0) -> Allowance:
    return Allowance(KeyLimits(in_flight, requests, body_bytes), 0)


@given(st.integers(1, 100), WAITS)
def test_no_minute_takes_more_than_two_minutes_worth_and_in_the_long_run_one(
    per_minute: int, steps: list[tuple[float, int]]
) -> None:
    bucket, now_s, taken = Bucket(per_minute, 0), 0.0, []
    for wait_s, amount in steps:
        now_s += wait_s
        if amount <= per_minute and bucket.wait_s(amount, now_s) == 0:
            bucket.take(amount)
            taken.append((now_s, amount))
    for start_s, _ in taken:
        minute = sum(amount for at_s, amount in taken if start_s <= at_s < start_s + MINUTE_S)
        assert minute <= 2 * per_minute + 1e-3
    assert sum(amount for _, amount in taken) <= per_minute * (1 + now_s / MINUTE_S) + 1e-3


@given(st.integers(1, 100), st.lists(st.integers(0, 500), max_size=20))
def test_what_is_counted_and_not_refused_is_a_debt_that_is_waited_for(per_minute: int, sizes: list[int]) -> None:
    counted, asked = allowance(9, per_minute, per_minute), allowance(9, per_minute, per_minute)
    for size in sizes:
        counted.count(size)
        asked._bytes.take(size) if asked._bytes else None
        asked._requests.take(1) if asked._requests else None
    assert counted.in_flight == 0
    assert counted.begin(1, 0) == asked.begin(1, 0)
    allowance().count(5)


def test_what_needs_no_place_in_flight_is_limited_in_all_else() -> None:
    key = allowance(in_flight=1, requests=2)
    assert key.begin(0, 0) is None
    over = key.begin(0, 0)
    assert over is not None
    assert over.limit is Limit.IN_FLIGHT
    assert key.begin(0, 0, place=False) is None
    assert key.in_flight == 1
    over = key.begin(0, 0, place=False)
    assert over is not None
    assert over.limit is Limit.REQUESTS


@given(st.integers(1, 10**6), WAITS, st.integers(0, 10**7))
def test_who_waits_as_long_as_told_passes(per_minute: int, steps: list[tuple[float, int]], amount: int) -> None:
    key = allowance(requests=per_minute, body_bytes=per_minute)
    now_s = 0.0
    for wait_s, size in steps:
        now_s += wait_s
        key.begin(size, now_s)
    over = key.begin(amount, now_s)
    for _ in range(2):  # requests, then bytes
        if over is not None:
            assert over.retry_after_s >= 1
            now_s += over.retry_after_s
            over = key.begin(amount, now_s)
    assert over is None


def test_requests_in_flight() -> None:
    key = allowance(in_flight=2)
    assert [key.begin(0, 0), key.begin(0, 0)] == [None, None]
    over = key.begin(0, 0)
    assert over is not None
    assert (over.limit, over.allowed, over.retry_after_s) == (Limit.IN_FLIGHT, 2, 1)
    key.end()
    assert key.begin(0, 0) is None
    assert key.in_flight == 2


def test_requests_in_a_minute() -> None:
    key = allowance(requests=2)
    assert [key.begin(0, 0), key.begin(0, 0)] == [None, None]
    over = key.begin(0, 10)
    assert over is not None
    assert (over.limit, over.allowed, over.retry_after_s) == (Limit.REQUESTS, 2, 20)
    assert key.begin(0, 29) is not None
    assert key.begin(0, 30) is None
    assert key.begin(0, 31) is not None, "what was refused took nothing, what passed did"


def test_body_bytes_in_a_minute() -> None:
    key = allowance(body_bytes=600)
    assert key.begin(500, 0) is None
    over = key.begin(200, 0)
    assert over is not None
    assert (over.limit, over.allowed, over.retry_after_s) == (Limit.BODY_BYTES, 600, 10)
    assert key.begin(100, 0) is None
    assert key.begin(0, 0) is None, "a request without a body needs none"
    assert key.begin(None, 0) is not None
    assert key.begin(None, 1) is None


def test_a_larger_body_than_a_minutes_worth_waits_for_all_of_it_and_leaves_a_debt() -> None:
    key = allowance(body_bytes=600)
    assert key.begin(1200, 0) is None
    assert key.begin(0, 0) is None, "a request without a body needs none"
    over = key.begin(1, 0)
    assert over is not None
    assert over.retry_after_s == 61
    assert key.begin(1, 61) is None


def test_a_body_of_unknown_size_is_taken_for_as_it_comes() -> None:
    key = allowance(body_bytes=600)
    assert key.begin(None, 0) is None
    key.add(900)
    over = key.begin(None, 0)
    assert over is not None
    assert over.retry_after_s == 31


def test_a_request_that_is_refused_takes_nothing() -> None:
    key = allowance(in_flight=5, requests=100, body_bytes=10)
    assert key.begin(10, 0) is None
    for _ in range(200):
        assert key.begin(10, 0) is not None
    assert key.in_flight == 1
    assert key.begin(0, 0) is None


@pytest.mark.parametrize("limits", [KeyLimits(), KeyLimits(0, 0, 0)])
def test_no_limit_is_no_limit(limits: KeyLimits) -> None:
    key = Allowance(limits, 0)
    assert all(key.begin(10**9, 0) is None for _ in range(1000))
    key.add(10**12)


def test_a_clock_that_stands_still_or_is_late_gives_nothing() -> None:
    key = allowance(requests=1)
    assert key.begin(0, 100) is None
    assert key.begin(0, 50) is not None
    over = key.begin(0, 100)
    assert over is not None
    assert over.retry_after_s == 60

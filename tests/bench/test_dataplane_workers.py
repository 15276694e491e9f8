from __future__ import annotations

from bench.dataplane.workers import scaling


def test_two_workers_scale_by_their_rates_or_by_what_their_cpu_time_allows() -> None:
    one, two = {"rate": 1000.0, "cpu": 30.0}, {"rate": 1900.0, "cpu": 32.0}
    assert scaling(one, two, measured=True) == 1.9
    assert scaling(one, two, measured=False) == 1.875

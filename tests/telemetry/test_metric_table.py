from __future__ import annotations

import re

from narrows.telemetry.metric_table import METRICS, MetricType


def test_names_are_unique_and_of_the_two_name_spaces() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"(narrows|gen_ai_client)_[a-z_]+", name) for name in names)


def test_names_say_type_and_unit() -> None:
    for metric in METRICS:
        assert (metric.type is MetricType.COUNTER) == metric.name.endswith("_total"), metric.name
        if metric.type is MetricType.HISTOGRAM:
            assert metric.name.endswith(("_seconds", "_token_usage")), metric.name


def test_only_histograms_have_buckets_and_they_rise() -> None:
    for metric in METRICS:
        assert bool(metric.buckets) == (metric.type is MetricType.HISTOGRAM)
        assert list(metric.buckets) == sorted(set(metric.buckets))


def test_the_recommended_buckets_of_the_conventions() -> None:
    buckets = {metric.name: metric.buckets for metric in METRICS}
    tokens = buckets["gen_ai_client_token_usage"]
    seconds = buckets["gen_ai_client_operation_duration_seconds"]
    assert (tokens[0], tokens[-1], len(tokens)) == (1, 67_108_864, 14)
    assert (seconds[0], seconds[-1], len(seconds)) == (0.01, 81.92, 14)
    assert buckets["gen_ai_client_operation_time_to_first_chunk_seconds"] == seconds

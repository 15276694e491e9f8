from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from narrows.compressors.types import Reason
from narrows.policy import Kind
from narrows.records.types import (
    AgentFigures,
    BodyDecision,
    ExchangeRecord,
    Outcome,
    PartDecision,
    PlanFigures,
    Timings,
)
from narrows.telemetry.metric_table import METRICS, MetricType
from narrows.telemetry.metrics import MAX_MODELS, MAX_OUTSIDE_NAMES, Histogram, Metrics, Readings
from tests.records.exchanges import EDITED, decision, exchange, proxied, response

Sample = tuple[str, frozenset[tuple[str, str]]]


def scraped(metrics: Metrics, readings: Readings | None = None) -> dict[Sample, float]:
    text = metrics.render(readings or Readings()).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def after(*records: ExchangeRecord) -> dict[Sample, float]:
    metrics = Metrics()
    for record in records:
        metrics.observe_exchange(record)
    return scraped(metrics)


def value(samples: dict[Sample, float], name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


CHAT: dict[str, Any] = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "openai",
    "gen_ai_request_model": "gpt-4o",
}


def test_every_metric_of_the_table_is_shown_as_it_says_and_no_other() -> None:
    metrics = Metrics(version="1", policy_version="2")
    metrics.observe_exchange(exchange(error_code="overloaded", outcome=Outcome.REFUSED), [decision()])
    metrics.observe_exchange(exchange(response=response(dropped="lagging"), key="alice"))
    metrics.observe_exchange(
        exchange(agent=AgentFigures(name="coder", run="requires_action", tool_calls=1, tools_unheard=True))
    )
    families = {family.name: family for family in text_string_to_metric_families(metrics.render(Readings()).decode())}
    assert set(families) == {metric.name.removesuffix("_total") for metric in METRICS}
    for metric in METRICS:
        family = families[metric.name.removesuffix("_total")]
        assert family.type == metric.type.value
        assert family.documentation == metric.help
        assert family.samples, f"{metric.name} has no sample"
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)


def test_every_reading_is_shown() -> None:
    names = [field.name for field in fields(Readings) if field.name != "draining"]
    counts: dict[str, Any] = {name: 100 + place for place, name in enumerate(names)}
    readings = Readings(**counts)
    shown = scraped(Metrics(), readings).values()
    assert {100.0 + place for place in range(len(names))} <= set(shown)


def test_an_exchange_is_counted() -> None:
    samples = after(exchange(), exchange(status=503), proxied(status=None, outcome=Outcome.CANCELLED))
    counted = {
        ("openai_chat", "answered", "2xx"): 1.0,
        ("openai_chat", "answered", "5xx"): 1.0,
        ("", "cancelled", "none"): 1.0,
    }
    for (wire, outcome, status), count in counted.items():
        assert value(samples, "narrows_exchanges_total", wire=wire, outcome=outcome, status=status) == count
    assert value(samples, "narrows_request_body_bytes_total", wire="openai_chat", stage="received") == 8_000
    assert value(samples, "narrows_request_body_bytes_total", wire="openai_chat", stage="forwarded") == 3_000
    assert value(samples, "narrows_response_body_bytes_total", wire="openai_chat") == 1_400


def test_requests_to_agents_are_counted_by_how_their_runs_stand() -> None:
    asked = AgentFigures(name="coder", run="requires_action", session="s", use="new", tools=3, tool_calls=2)
    answered = AgentFigures(name="coder", run="completed", session="s", use="resumed", tools=3, tool_outputs=2)
    samples = after(exchange(agent=asked), exchange(agent=answered), exchange(agent=answered), exchange())
    name = "narrows_agent_requests_total"
    assert value(samples, name, agent="coder", run="requires_action", use="new") == 1
    assert value(samples, name, agent="coder", run="completed", use="resumed") == 2
    assert value(samples, "narrows_agent_tool_calls_total", agent="coder") == 2
    assert sum(count for (one, _), count in samples.items() if one == name) == 3


def test_answers_of_agents_that_heard_of_no_tools_are_counted() -> None:
    heard = AgentFigures(name="coder", run="completed", tools=3)
    unheard = AgentFigures(name="coder", run="completed", tools=3, tools_unheard=True)
    samples = after(exchange(agent=heard), exchange(agent=unheard), exchange(agent=unheard))
    assert value(samples, "narrows_agent_tools_unheard_total", agent="coder") == 2


def test_requests_are_counted_by_key_and_limit() -> None:
    samples = after(exchange(key="alice"), exchange(key="alice"), exchange(key="alice", limit="requests"), exchange())
    assert value(samples, "narrows_key_requests_total", key="alice", result="admitted") == 2
    assert value(samples, "narrows_key_requests_total", key="alice", result="requests") == 1
    assert sum(count for (name, _), count in samples.items() if name == "narrows_key_requests_total") == 3


def test_what_was_planned_is_counted() -> None:
    untouched = PlanFigures(decision=BodyDecision.UNTOUCHED, reason="several_choices")
    samples = after(exchange(), exchange(), exchange(plan=untouched), proxied())
    assert value(samples, "narrows_bodies_total", wire="openai_chat", decision="edited", reason="") == 2
    assert (
        value(samples, "narrows_bodies_total", wire="openai_chat", decision="untouched", reason="several_choices") == 1
    )
    assert value(samples, "narrows_bodies_total", wire="", decision="proxied", reason="") == 1
    assert value(samples, "narrows_parts_shortened_total", kind="log") == 4
    assert value(samples, "narrows_parts_kept_total", reason="too_small") == 4
    assert value(samples, "narrows_shortened_tokens_total", stage="before", assumed="false") == 1_800
    assert value(samples, "narrows_shortened_tokens_total", stage="after", assumed="false") == 600
    assert value(samples, "narrows_decision_cache_lookups_total", result="hit") == 2
    assert value(samples, "narrows_decision_cache_lookups_total", result="miss") == 4


def test_first_time_decisions_are_counted_by_kind_and_reason() -> None:
    metrics = Metrics()
    kept = decision(decision=PartDecision.KEPT, kind=Kind.PROSE, reason=Reason.NEVER_SHORTENED)
    metrics.observe_exchange(exchange(), [decision(), decision(), kept])
    samples = scraped(metrics)
    assert value(samples, "narrows_decisions_total", kind="log", decision="shortened", reason="") == 2
    assert value(samples, "narrows_decisions_total", kind="prose", decision="kept", reason="never_shortened") == 1


def test_what_the_model_reported_goes_by_its_name() -> None:
    samples = after(exchange(), exchange(response=response(input_tokens=None, output_tokens=None)))
    assert value(samples, "gen_ai_client_token_usage_sum", **CHAT, gen_ai_token_type="input") == 1_000
    assert value(samples, "gen_ai_client_token_usage_count", **CHAT, gen_ai_token_type="input") == 1
    assert value(samples, "gen_ai_client_token_usage_bucket", **CHAT, gen_ai_token_type="output", le="64.0") == 1
    assert value(samples, "gen_ai_client_token_usage_bucket", **CHAT, gen_ai_token_type="output", le="16.0") == 0
    assert value(samples, "gen_ai_client_operation_duration_seconds_count", **CHAT, error_type="") == 2
    assert value(samples, "gen_ai_client_operation_time_to_first_chunk_seconds_sum", **CHAT) == 1.0


def test_the_first_chunk_is_a_figure_of_streams() -> None:
    samples = after(exchange(stream=False))
    assert value(samples, "gen_ai_client_operation_time_to_first_chunk_seconds_count", **CHAT) == 0


def test_errors_have_a_type() -> None:
    samples = after(
        exchange(status=429),
        exchange(outcome=Outcome.TRUNCATED),
        exchange(outcome=Outcome.REFUSED, status=504, error_code="upstream_timeout"),
    )
    other = {**CHAT, "gen_ai_request_model": "other"}
    assert value(samples, "gen_ai_client_operation_duration_seconds_count", **other, error_type="429") == 1
    assert value(samples, "gen_ai_client_operation_duration_seconds_count", **CHAT, error_type="truncated") == 1
    assert value(samples, "narrows_errors_total", code="upstream_timeout") == 1


def test_a_model_gets_its_name_by_a_good_answer_and_only_so_many_do() -> None:
    bad = [exchange(model=f"bad-{number}", status=404) for number in range(200)]
    good = [exchange(model=f"good-{number}") for number in range(200)]
    late = exchange(model="good-0", status=500)
    samples = after(*bad, *good, late)
    models = {dict(labels).get("gen_ai_request_model") for _, labels in samples} - {None}
    assert "other" in models
    assert len(models) <= MAX_MODELS + 1
    assert not any(str(model).startswith("bad") for model in models)
    late_labels = {**CHAT, "gen_ai_request_model": "good-0"}
    assert value(samples, "gen_ai_client_operation_duration_seconds_count", **late_labels, error_type="500") == 1


def test_reasons_from_elsewhere_are_bounded() -> None:
    samples = after(*(exchange(response=response(dropped=f"reason-{number}")) for number in range(500)))
    reasons = [labels for name, labels in samples if name == "narrows_observer_dropped_total"]
    assert len(reasons) <= MAX_OUTSIDE_NAMES + 1
    assert sum(count for (name, _), count in samples.items() if name == "narrows_observer_dropped_total") == 500


def test_labels_are_escaped() -> None:
    samples = after(exchange(model='a"b\\c\nd'))
    assert any(dict(labels).get("gen_ai_request_model") == 'a"b\\c\nd' for _, labels in samples)


def test_times_go_into_their_histograms() -> None:
    samples = after(exchange(), exchange(timings=Timings(total_s=1.0, overhead_s=0.02)))
    assert value(samples, "narrows_overhead_seconds_count") == 2
    assert value(samples, "narrows_overhead_seconds_bucket", le="0.0005") == 1
    assert value(samples, "narrows_time_to_first_byte_seconds_count", wire="openai_chat") == 1


def test_a_request_that_was_never_ready_to_go_upstream_has_no_overhead() -> None:
    samples = after(exchange(), exchange(timings=Timings(total_s=10.0)))
    assert value(samples, "narrows_overhead_seconds_count") == 1


def test_a_scrape_changes_nothing() -> None:
    metrics = Metrics()
    metrics.observe_exchange(exchange(), [decision()])
    assert metrics.render(Readings()) == metrics.render(Readings())


def test_what_is_running_is_shown() -> None:
    samples = scraped(Metrics(version="0.1", policy_version="abc"))
    assert value(samples, "narrows_build_info", version="0.1", policy_version="abc") == 1


@given(st.lists(st.floats(0, 200)))
def test_a_histogram_counts_each_value_up_to_each_bound(values: list[float]) -> None:
    histogram = Histogram((0.1, 1.0, 10.0))
    for one in values:
        histogram.observe(one)
    for bound, count in histogram.cumulative():
        assert count == sum(one <= float(bound) for one in values)
    assert histogram.total == pytest.approx(sum(values))


def test_edited_figures_are_what_the_tests_count_on() -> None:
    assert EDITED.parts == sum(EDITED.shortened.values()) + sum(EDITED.kept.values())
    assert any(metric.type is MetricType.GAUGE for metric in METRICS)

"""Counts for `/metrics`, cheap to keep and rendered only when asked for.

An exchange costs a few dictionary increments and list additions; prometheus_client's own counters take a lock and a
label look-up for each, which is more than the rest of a proxied request. It renders here, at scrape time, through its
custom collector interface, so escaping and format stay its business. Everything runs on the event loop's thread.

What others count by themselves (connections, buffers, caches) is read when scraped, and handed over as `Readings`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from narrows.records.types import AgentFigures, DecisionRecord, ExchangeRecord, Outcome, PlanFigures
from narrows.telemetry import metric_table as table
from narrows.telemetry.metric_table import Metric
from narrows.telemetry.sheets import Sample, Sheet, render

CONTENT_TYPE = CONTENT_TYPE_LATEST
MAX_MODELS = 64
"""So many model names get a label of their own, once the upstream has answered for them; the rest are `other`."""
MAX_OUTSIDE_NAMES = 64
OTHER = "other"
ADMITTED = "admitted"
"""A request that was over no limit of its key."""

_STATUS_CLASSES = ("none", "1xx", "2xx", "3xx", "4xx", "5xx")
_ANSWERED = Outcome.ANSWERED
_OPERATION = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What is counted elsewhere, at the moment of a scrape; counts are since the start, the first three are now.
    `draining`: this process takes no new exchange."""

    in_flight: int = 0
    buffered_bytes: int = 0
    cache_bytes: int = 0
    upstream_opened: int = 0
    upstream_reused: int = 0
    upstream_retried: int = 0
    workers_lost: int = 0
    log_lines_dropped: int = 0
    draining: bool = False


class Histogram:
    """Counts per bucket (not yet cumulative) and the sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[tuple[str, float]]:
        """Prometheus's buckets: each bound with the count of values up to it."""
        seen, buckets = 0, []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += count
            buckets.append(("+Inf" if bound == float("inf") else repr(bound), float(seen)))
        return buckets


class _WireFigures:
    """The sums of one wire; the empty name stands for paths that no wire knows."""

    __slots__ = ("answered", "first_byte", "forwarded", "received")

    def __init__(self) -> None:
        self.received = 0
        self.forwarded = 0
        self.answered = 0
        self.first_byte = Histogram(table.FIRST_BYTE.buckets)


class _ModelFigures:
    """The OpenTelemetry figures of one model on one wire."""

    __slots__ = ("durations", "first_chunk", "input_tokens", "labels", "output_tokens")

    def __init__(self, wire: str, model: str) -> None:
        self.labels = (_OPERATION, wire.partition("_")[0], model)
        self.input_tokens = Histogram(table.TOKEN_USAGE.buckets)
        self.output_tokens = Histogram(table.TOKEN_USAGE.buckets)
        self.first_chunk = Histogram(table.FIRST_CHUNK.buckets)
        self.durations: dict[str, Histogram] = {}


class Metrics:
    """All that is counted of exchanges."""

    def __init__(self, *, version: str = "", policy_version: str = "") -> None:
        self._build = (version, policy_version)
        self._exchanges: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._errors: defaultdict[str, int] = defaultdict(int)
        self._keys: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._agents: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._agent_calls: defaultdict[str, int] = defaultdict(int)
        self._agent_unheard: defaultdict[str, int] = defaultdict(int)
        self._bodies: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._decisions: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._shortened: defaultdict[str, int] = defaultdict(int)
        self._kept: defaultdict[str, int] = defaultdict(int)
        self._wires: dict[str, _WireFigures] = {}
        self._tokens: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._cache_hits = 0
        self._cache_misses = 0
        self._dropped: defaultdict[str, int] = defaultdict(int)
        self._unparsed = 0
        self._overhead = Histogram(table.OVERHEAD.buckets)
        self._models: dict[tuple[str, str], _ModelFigures] = {}

    def observe_exchange(self, record: ExchangeRecord, decisions: Sequence[DecisionRecord] = ()) -> None:
        """Count an exchange that has ended, and the first-time decisions it brought."""
        wire, status, timings = record.wire, record.status, record.timings
        self._exchanges[wire, record.outcome, _STATUS_CLASSES[min(status // 100, 5)] if status else "none"] += 1
        if timings.overhead_s is not None:
            self._overhead.observe(timings.overhead_s)
        figures = self._wires.get(wire)
        if figures is None:
            figures = self._wires[wire] = _WireFigures()
        figures.received += record.request_bytes
        figures.forwarded += record.forwarded_bytes
        figures.answered += record.response_bytes
        if timings.first_byte_s is not None:
            figures.first_byte.observe(timings.first_byte_s)
        if record.error_code is not None:
            self._errors[_bounded(record.error_code, self._errors)] += 1
        if record.key is not None:
            self._keys[record.key, record.limit or ADMITTED] += 1
        if record.agent is not None:
            self._observe_agent(record.agent)
        self._observe_plan(wire, record.plan)
        for decision in decisions:
            self._decisions[decision.kind, decision.decision, decision.reason or ""] += 1
        if wire:
            self._observe_model(record)

    def _observe_agent(self, figures: AgentFigures) -> None:
        self._agents[figures.name, figures.run, figures.use or ""] += 1
        if figures.tool_calls:
            self._agent_calls[figures.name] += figures.tool_calls
        if figures.tools_unheard:
            self._agent_unheard[figures.name] += 1

    def _observe_plan(self, wire: str, plan: PlanFigures) -> None:
        self._bodies[wire, plan.decision, plan.reason or ""] += 1
        if plan.parts is None:
            return
        self._cache_hits += plan.cache_hits or 0
        self._cache_misses += plan.cache_misses or 0
        for kind, count in plan.shortened.items():
            self._shortened[kind] += count
        for reason, count in plan.kept.items():
            self._kept[reason] += count
        if plan.tokens_before is not None and plan.tokens_after is not None:
            assumed = "true" if plan.encoding_assumed else "false"
            self._tokens["before", assumed] += plan.tokens_before
            self._tokens["after", assumed] += plan.tokens_after

    def _observe_model(self, record: ExchangeRecord) -> None:
        figures = self._model_figures(record)
        error = _error_type(record)
        duration = figures.durations.get(error)
        if duration is None:
            duration = figures.durations[error] = Histogram(table.DURATION.buckets)
        duration.observe(record.timings.total_s)
        if record.stream and record.timings.first_chunk_s is not None:
            figures.first_chunk.observe(record.timings.first_chunk_s)
        response = record.response
        if response is None:
            return
        if response.input_tokens is not None:
            figures.input_tokens.observe(response.input_tokens)
        if response.output_tokens is not None:
            figures.output_tokens.observe(response.output_tokens)
        self._unparsed += response.unparsed
        if response.dropped is not None:
            self._dropped[_bounded(response.dropped, self._dropped)] += 1

    def _model_figures(self, record: ExchangeRecord) -> _ModelFigures:
        """The figures of the record's model; a new name needs a good answer to get its own."""
        model = record.model or ""
        figures = self._models.get((record.wire, model))
        if figures is not None:
            return figures
        answered = record.status is not None and record.status < 300
        if model and (not answered or len(self._models) >= MAX_MODELS):
            model = OTHER
        return self._models.setdefault((record.wire, model), _ModelFigures(record.wire, model))

    def sheet(self, readings: Readings) -> Sheet:
        """All figures of this process, to be rendered or to be added to those of others."""
        return [
            Sample(family.name, sample.name, tuple(sample.labels.items()), sample.value)
            for families in (
                self._exchange_families(), self._model_families(), _reading_families(readings), [self._info()]
            )
            for family in families
            for sample in family.samples
        ]  # fmt: skip

    def render(self, readings: Readings) -> bytes:
        """The text exposition, of media type `CONTENT_TYPE`."""
        return render(self.sheet(readings))

    def _exchange_families(self) -> Iterator[Family]:
        wires = self._wires.items()
        yield _counter(table.EXCHANGES, self._exchanges.items())
        yield _counter(table.ERRORS, _single(self._errors))
        yield _counter(table.KEY_REQUESTS, self._keys.items())
        yield _counter(table.AGENT_REQUESTS, self._agents.items())
        yield _counter(table.AGENT_TOOL_CALLS, _single(self._agent_calls))
        yield _counter(table.AGENT_TOOLS_UNHEARD, _single(self._agent_unheard))
        yield _counter(table.BODIES, self._bodies.items())
        yield _counter(table.DECISIONS, self._decisions.items())
        yield _counter(table.PARTS_SHORTENED, _single(self._shortened))
        yield _counter(table.PARTS_KEPT, _single(self._kept))
        yield _counter(
            table.REQUEST_BYTES,
            [
                sample
                for wire, figures in wires
                for sample in (((wire, "received"), figures.received), ((wire, "forwarded"), figures.forwarded))
            ],
        )
        yield _counter(table.RESPONSE_BYTES, [((wire,), figures.answered) for wire, figures in wires])
        yield _counter(table.SHORTENED_TOKENS, self._tokens.items())
        yield _counter(table.CACHE_LOOKUPS, [(("hit",), self._cache_hits), (("miss",), self._cache_misses)])
        yield _counter(table.OBSERVER_DROPPED, _single(self._dropped))
        yield _counter(table.UNPARSED, _plain(self._unparsed))
        yield _histogram(table.OVERHEAD, [((), self._overhead)])
        yield _histogram(table.FIRST_BYTE, [((wire,), figures.first_byte) for wire, figures in wires])

    def _model_families(self) -> Iterator[Family]:
        tokens = [
            ((*figures.labels, side), histogram)
            for figures in self._models.values()
            for side, histogram in (("input", figures.input_tokens), ("output", figures.output_tokens))
        ]
        durations = [
            ((*figures.labels, error), histogram)
            for figures in self._models.values()
            for error, histogram in figures.durations.items()
        ]
        yield _histogram(table.TOKEN_USAGE, tokens)
        yield _histogram(table.DURATION, durations)
        yield _histogram(
            table.FIRST_CHUNK, [(figures.labels, figures.first_chunk) for figures in self._models.values()]
        )

    def _info(self) -> Family:
        return _gauge(table.BUILD_INFO, 1, *self._build)


def _reading_families(readings: Readings) -> Iterator[Family]:
    yield _gauge(table.IN_FLIGHT, readings.in_flight)
    yield _gauge(table.BUFFERED_BYTES, readings.buffered_bytes)
    yield _gauge(table.CACHE_BYTES, readings.cache_bytes)
    yield _counter(table.UPSTREAM_OPENED, _plain(readings.upstream_opened))
    yield _counter(table.UPSTREAM_REUSED, _plain(readings.upstream_reused))
    yield _counter(table.UPSTREAM_RETRIED, _plain(readings.upstream_retried))
    yield _counter(table.WORKERS_LOST, _plain(readings.workers_lost))
    yield _counter(table.LOG_DROPPED, _plain(readings.log_lines_dropped))
    yield _gauge(table.GATEWAY_WORKERS, 1, "draining" if readings.draining else "serving")
    yield _counter(table.GATEWAY_WORKERS_LOST, _plain(0))


def _error_type(record: ExchangeRecord) -> str:
    """OpenTelemetry's `error.type`; empty, which Prometheus reads as absent, where the exchange went well."""
    if record.error_code is not None:
        return record.error_code
    if record.outcome is not _ANSWERED:
        return record.outcome
    status = record.status
    return str(status) if status is not None and status >= 400 else ""


def _bounded(name: str, seen: Mapping[str, object]) -> str:
    """`name`, or `OTHER` where it is new and there are enough names already."""
    return name if name in seen or len(seen) < MAX_OUTSIDE_NAMES else OTHER


def _single(counts: Mapping[str, int]) -> Iterable[tuple[tuple[str, ...], int]]:
    return (((name,), count) for name, count in counts.items())


def _plain(count: int) -> Iterable[tuple[tuple[str, ...], int]]:
    return [((), count)]


def _counter(metric: Metric, samples: Iterable[tuple[tuple[str, ...], int]]) -> Family:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, count in samples:
        family.add_metric(labels, count)
    return family


def _gauge(metric: Metric, value: int, *labels: str) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    family.add_metric(labels, value)
    return family


def _histogram(metric: Metric, samples: Iterable[tuple[tuple[str, ...], Histogram]]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, histogram in samples:
        family.add_metric(labels, histogram.cumulative(), histogram.total)
    return family

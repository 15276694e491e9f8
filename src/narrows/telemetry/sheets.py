"""The figures of one process as plain rows, added up over processes, and rendered.

Several workers serve one port, and a scrape reaches one of them; the answer has to be about all. Counters and
histograms add up. So do the gauges of the table, each of which is a number of things held or in progress; only what
describes the build is the same row everywhere, and stays one.

A counter must not go down while one of its processes lives on, or Prometheus takes the fall for a restart and counts
everything twice. So the figures of processes that are gone are kept, without their gauges (`ended`).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from narrows.telemetry import metric_table as table
from narrows.telemetry.metric_table import METRICS, Metric, MetricType


class Sample(Struct, frozen=True, array_like=True):
    """One number: the family it belongs to, its own name, its labels, its value."""

    family: str
    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


Sheet = list[Sample]

_FAMILIES = {metric.name.removesuffix("_total"): metric for metric in METRICS}
_SAME_EVERYWHERE = table.BUILD_INFO.name


def added(sheets: Iterable[Sheet]) -> Sheet:
    """The sum of sheets, row by row. Rows of families that this version does not know are left out."""
    sums: dict[tuple[str, str, tuple[tuple[str, str], ...]], float] = {}
    for sheet in sheets:
        for row in sheet:
            if row.family not in _FAMILIES:
                continue
            key = (row.family, row.name, row.labels)
            sums[key] = row.value if row.family == _SAME_EVERYWHERE else sums.get(key, 0.0) + row.value
    return [Sample(*key, value) for key, value in sums.items()]


def ended(sheet: Sheet) -> Sheet:
    """What stays true of a process that is gone: its counts."""
    known = ((row, _FAMILIES.get(row.family)) for row in sheet)
    return [row for row, metric in known if metric is not None and metric.type is not MetricType.GAUGE]


def silent(sheet: Sheet) -> Sheet:
    """The last known figures of a process that does not answer."""
    known = [row for row in sheet if row.family != table.GATEWAY_WORKERS.name]
    return [*known, _row(table.GATEWAY_WORKERS, 1, state="silent")]


def lost(count: int) -> Sheet:
    """How many workers were lost, which only the one who replaces them knows."""
    return [_row(table.GATEWAY_WORKERS_LOST, count)]


def render(sheet: Sheet) -> bytes:
    """The text exposition, families in the order of the table."""
    families = {name: Family(name, metric.help, metric.type.value) for name, metric in _FAMILIES.items()}
    for row in sheet:
        families[row.family].add_sample(row.name, dict(row.labels), row.value)
    registry = CollectorRegistry()
    registry.register(_Scrape(tuple(families.values())))
    return generate_latest(registry)


def _row(metric: Metric, value: float, **labels: str) -> Sample:
    return Sample(metric.name.removesuffix("_total"), metric.name, tuple(labels.items()), value)


class _Scrape(Collector):
    """What one scrape sees."""

    def __init__(self, families: tuple[Family, ...]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families

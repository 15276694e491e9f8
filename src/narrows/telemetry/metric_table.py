"""The table of metrics: what `/metrics` shows, and what docs/metrics.md is checked against.

Names under `gen_ai_` are those of OpenTelemetry's semantic conventions for generative AI clients, which is what a
gateway is towards a model's server (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/), written as the
Prometheus exporter of OpenTelemetry writes them: dots become underscores, a unit in seconds becomes a suffix. Their
bucket bounds are the recommended ones. All others begin with `narrows_`.

Every label is of a closed set, or bounded where the values come from outside (`gen_ai_request_model`): a client must
not be able to grow our memory or a scrape by inventing names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MetricType(StrEnum):
    """Prometheus metric types."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """A row of the table. `buckets` are a histogram's upper bounds, without infinity."""

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, MetricType.COUNTER, text, labels)


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, MetricType.GAUGE, text, labels)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name, MetricType.HISTOGRAM, text, labels, buckets)


_GEN_AI_SECONDS = tuple(0.01 * 2**step for step in range(14))
_GEN_AI_TOKENS = tuple(float(4**step) for step in range(14))
_OVERHEAD_SECONDS = (
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0,
)  # fmt: skip
_FIRST_BYTE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")

EXCHANGES = _counter(
    "narrows_exchanges_total",
    "Exchanges that ended: by wire (empty: no wire knows the path), by how they ended, and by the class of the status.",
    "wire",
    "outcome",
    "status",
)
ERRORS = _counter("narrows_errors_total", "Answers that the gateway made itself, by error code.", "code")
KEY_REQUESTS = _counter(
    "narrows_key_requests_total",
    "Requests by the name of the gateway key they showed, or count for, and whether they were `admitted` or which limit"
    " of the key refused them: `in_flight`, `requests` or `body_bytes`.",
    "key",
    "result",
)
AGENT_REQUESTS = _counter(
    "narrows_agent_requests_total",
    "Requests to agents, by the agent, the state of the run when the exchange ended, and how the session was come by"
    " (empty where there was none).",
    "agent",
    "run",
    "use",
)
AGENT_TOOL_CALLS = _counter(
    "narrows_agent_tool_calls_total", "Calls of clients' tools that answers of agents ended with.", "agent"
)
AGENT_TOOLS_UNHEARD = _counter(
    "narrows_agent_tools_unheard_total",
    "Answers of agents for which no model call carried the client's tools, where they are offered on these calls.",
    "agent",
)
BODIES = _counter(
    "narrows_bodies_total",
    "Request bodies by what was done with them; the reason is that of untouched ones.",
    "wire",
    "decision",
    "reason",
)
DECISIONS = _counter(
    "narrows_decisions_total",
    "Decisions made for the first time, by what the text was taken for; the reason is empty where it was shortened.",
    "kind",
    "decision",
    "reason",
)
PARTS_SHORTENED = _counter(
    "narrows_parts_shortened_total", "Parts forwarded shortened, replayed decisions included.", "kind"
)
PARTS_KEPT = _counter(
    "narrows_parts_kept_total", "Parts forwarded as they came, replayed decisions included.", "reason"
)
REQUEST_BYTES = _counter(
    "narrows_request_body_bytes_total", "Bytes of request bodies, as received and as forwarded.", "wire", "stage"
)
RESPONSE_BYTES = _counter("narrows_response_body_bytes_total", "Bytes of response bodies passed on.", "wire")
SHORTENED_TOKENS = _counter(
    "narrows_shortened_tokens_total",
    "Tokens of the shortened parts, before and after, as counted by the gateway, without those over 4,000,000"
    " characters; `assumed` says that the model's own encoding is not known and another stood in.",
    "stage",
    "assumed",
)
CACHE_LOOKUPS = _counter(
    "narrows_decision_cache_lookups_total", "Decisions asked of the cache: hits were replayed, misses made.", "result"
)
OBSERVER_DROPPED = _counter(
    "narrows_observer_dropped_total", "Answers that were forwarded but not, or not wholly, observed, by why.", "reason"
)
UNPARSED = _counter("narrows_unparsed_events_total", "Events or bodies of answers that the observer could not read.")
OVERHEAD = _histogram(
    "narrows_overhead_seconds",
    "Time the gateway added: from a request's last byte until it was ready to go upstream.",
    _OVERHEAD_SECONDS,
)
FIRST_BYTE = _histogram(
    "narrows_time_to_first_byte_seconds",
    "From a request's first byte to the first byte of the upstream's answer.",
    _FIRST_BYTE_SECONDS,
    "wire",
)
TOKEN_USAGE = _histogram(
    "gen_ai_client_token_usage",
    "Tokens of an exchange as the model's server reported them.",
    _GEN_AI_TOKENS,
    *_GEN_AI,
    "gen_ai_token_type",
)
DURATION = _histogram(
    "gen_ai_client_operation_duration_seconds",
    "Duration of an exchange on a known wire; `error_type` is the status, our error code, or how it ended otherwise.",
    _GEN_AI_SECONDS,
    *_GEN_AI,
    "error_type",
)
FIRST_CHUNK = _histogram(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "From a request's first byte to the first bytes of a streamed answer's body.",
    _GEN_AI_SECONDS,
    *_GEN_AI,
)
IN_FLIGHT = _gauge("narrows_exchanges_in_flight", "Exchanges that have begun and not ended.")
BUFFERED_BYTES = _gauge("narrows_buffered_bytes", "Bytes of bodies held now, of the budget `max_buffered_bytes`.")
CACHE_BYTES = _gauge("narrows_decision_cache_bytes", "Bytes of the decisions held now, of the budget `cache_bytes`.")
UPSTREAM_OPENED = _counter("narrows_upstream_connections_opened_total", "Connections opened to the upstream.")
UPSTREAM_REUSED = _counter("narrows_upstream_connections_reused_total", "Exchanges that took an idle connection.")
UPSTREAM_RETRIED = _counter(
    "narrows_upstream_retries_total", "Requests sent again because an idle connection was found dead before any answer."
)
WORKERS_LOST = _counter("narrows_planning_workers_lost_total", "Planning processes that died and were replaced.")
LOG_DROPPED = _counter("narrows_log_lines_dropped_total", "Log lines dropped because their stream was slow or closed.")
GATEWAY_WORKERS = _gauge(
    "narrows_workers",
    "Gateway processes: `serving`, `draining` (they end what they have begun), or `silent` (they did not answer this"
    " scrape in time: their last known figures stand in).",
    "state",
)
GATEWAY_WORKERS_LOST = _counter(
    "narrows_workers_lost_total", "Gateway processes that ended without having been told to, and were replaced."
)
BUILD_INFO = _gauge("narrows_build_info", "Always 1; says what is running.", "version", "policy_version")

METRICS: tuple[Metric, ...] = (
    EXCHANGES,
    ERRORS,
    KEY_REQUESTS,
    AGENT_REQUESTS,
    AGENT_TOOL_CALLS,
    AGENT_TOOLS_UNHEARD,
    BODIES,
    DECISIONS,
    PARTS_SHORTENED,
    PARTS_KEPT,
    REQUEST_BYTES,
    RESPONSE_BYTES,
    SHORTENED_TOKENS,
    CACHE_LOOKUPS,
    OBSERVER_DROPPED,
    UNPARSED,
    OVERHEAD,
    FIRST_BYTE,
    TOKEN_USAGE,
    DURATION,
    FIRST_CHUNK,
    IN_FLIGHT,
    BUFFERED_BYTES,
    CACHE_BYTES,
    UPSTREAM_OPENED,
    UPSTREAM_REUSED,
    UPSTREAM_RETRIED,
    WORKERS_LOST,
    LOG_DROPPED,
    GATEWAY_WORKERS,
    GATEWAY_WORKERS_LOST,
    BUILD_INFO,
)
"""In the order in which `/metrics` and docs/metrics.md show them."""

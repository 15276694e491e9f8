"""The gateway's own routes: GET and HEAD of exactly these paths, and nothing else but what lies under `/narrows`.

That name is reserved: a mistyped path under it is answered here, with a 404, and never shown to the provider. They live
under a prefix that the settings may move, for an upstream that has routes of these names. None of them talks to the
upstream, and none shows a body, a header or a key.

Where several workers serve the port, a request reaches one of them, and the answers about readiness, figures and
exchanges are about all: that one asks the others first (`Together`).

Where only this machine can connect, only it is answered: a page in a browser can make its own name resolve to loopback,
and then read what it asks for there under that name (DNS rebinding). So a request that names another host than an
address or `localhost` gets the 404, except at `/healthz`, which probes of every kind ask, and which shows nothing.

Where the gateway has keys, these routes need one as well: figures and exchanges tell who uses it, and how much. Only
`/healthz` and `/readyz` need none, as probes have none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from narrows.core.http1 import RequestHead
from narrows.errors import NoSuchRoute
from narrows.server.browsers import names_another_host
from narrows.server.replies import Reply, error_reply
from narrows.settings import is_loopback
from narrows.telemetry.metrics import CONTENT_TYPE

JSON = "application/json"
ROUTES: Mapping[str, str] = {
    "/healthz": "the process answers; says nothing of the upstream",
    "/readyz": "whether requests can be served: 200, or 503 with the reasons",
    "/metrics": "figures in Prometheus's text format",
    "/narrows/": "this list",
    "/narrows/exchanges": "the last exchanges, newest first: figures and names, no bodies",
}
"""Each own route and what it is for."""

RESERVED = "/narrows"
"""What is at or under this path is never the upstream's."""

HEALTH = "/healthz"
"""The one that is answered under any host name."""

OPEN = frozenset({"/healthz", "/readyz"})
"""Those that need no key."""

_METHODS = frozenset({b"GET", b"HEAD"})


Told = Reply | Awaitable[Reply]


class Together(Protocol):
    """Speaks for all workers."""

    async def readiness(self) -> Reply: ...

    async def metrics(self) -> Reply: ...

    async def exchanges(self) -> Reply: ...


class OwnRoutes:
    """Finds the answer to a request for one of our own paths. `listens_on` is the host of the settings."""

    def __init__(
        self,
        prefix: str,
        *,
        listens_on: str,
        not_ready: Callable[[], list[str]],
        metrics: Callable[[], bytes],
        exchanges: Callable[[], bytes],
        together: Together | None = None,
    ) -> None:
        self._prefix = prefix
        self._local_only = is_loopback(listens_on)
        self._health_path = (prefix + HEALTH).encode()
        self._open_paths = {(prefix + path).encode() for path in OPEN}
        self._not_ready = not_ready
        self._metrics = metrics
        self._exchanges = exchanges
        self._together = together
        answers = (self._health, self._readiness, self._figures, self._list, self._last_exchanges)
        self._reserved = (prefix + RESERVED).encode()
        self._routes = {(prefix + path).encode(): answer for path, answer in zip(ROUTES, answers, strict=True)}

    def find(self, head: RequestHead) -> Callable[[], Told] | None:
        """What answers this request, or None where the upstream does."""
        path = head.origin_form.partition(b"?")[0]
        own = self._routes.get(path) if head.method in _METHODS else None
        if own is None and (path == self._reserved or path.startswith(self._reserved + b"/")):
            return self._no_such_route
        if own is not None and self._local_only and path != self._health_path and names_another_host(head):
            return self._not_under_this_name
        return own

    def is_open(self, head: RequestHead) -> bool:
        """Whether this request is for a route of ours that needs no key."""
        return head.method in _METHODS and head.origin_form.partition(b"?")[0] in self._open_paths

    def _no_such_route(self) -> Reply:
        return error_reply(
            NoSuchRoute(f"no such route of the gateway; GET {self._prefix}{RESERVED}/ lists those there are")
        )

    def _not_under_this_name(self) -> Reply:
        return error_reply(
            NoSuchRoute(
                "this gateway listens on this machine alone, and shows this only to requests whose Host is an address"
                " or localhost; ask for it under one of these"
            )
        )

    def _health(self) -> Reply:
        return Reply(200, JSON, b'{"status":"ok"}\n')

    def _readiness(self) -> Told:
        return readiness_reply(self._not_ready()) if self._together is None else self._together.readiness()

    def _figures(self) -> Told:
        return metrics_reply(self._metrics()) if self._together is None else self._together.metrics()

    def _list(self) -> Reply:
        routes = [{"path": self._prefix + path, "about": about} for path, about in ROUTES.items()]
        return Reply(200, JSON, msgspec.json.encode({"routes": routes}) + b"\n")

    def _last_exchanges(self) -> Told:
        return exchanges_reply(self._exchanges()) if self._together is None else self._together.exchanges()


def readiness_reply(reasons: list[str], workers: list[dict[str, object]] | None = None) -> Reply:
    """Whether requests can be served, and why not; `workers`: how each of several stands."""
    told: dict[str, object] = {"ready": not reasons, "reasons": reasons}
    if workers is not None:
        told["workers"] = workers
    return Reply(503 if reasons else 200, JSON, msgspec.json.encode(told) + b"\n")


def metrics_reply(exposition: bytes) -> Reply:
    """Figures in Prometheus's text format."""
    return Reply(200, CONTENT_TYPE, exposition)


def exchanges_reply(listed: bytes) -> Reply:
    """The last exchanges, as JSON."""
    return Reply(200, JSON, listed + b"\n")

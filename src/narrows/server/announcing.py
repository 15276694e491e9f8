"""How a gateway speaks of itself: its log, the line of its start, the mark on its requests. Loads nothing of what it
serves with, because the process that watches over workers needs these and no more."""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from secrets import token_hex
from urllib.parse import urlsplit

from narrows.policy import Policy
from narrows.settings import Reload, Settings, is_listed
from narrows.telemetry.events import SettingsReloaded, Started
from narrows.telemetry.log import EventLog


def standard_log(settings: Settings, worker: int | None = None) -> EventLog:
    """The log on standard error, as the settings want it; `worker` is the number of this process among several, 0 of
    the one that watches over them."""
    text = settings.logs_as_text(terminal=sys.stderr.isatty())
    return EventLog(sys.stderr.buffer, time.time, level=settings.log_level, text=text, worker=worker)


def log_as(log: EventLog, settings: Settings) -> None:
    """Write the log on standard error from now on as these settings want it."""
    log.write_as(settings.log_level, text=settings.logs_as_text(terminal=sys.stderr.isatty()))


def proxy_of(settings: Settings) -> str | None:
    """The proxy by which the upstream is reached, without its credentials."""
    upstream, proxy = urlsplit(settings.upstream), urlsplit(settings.upstream_proxy)
    port = upstream.port or (443 if upstream.scheme == "https" else 80)
    if not settings.upstream_proxy or is_listed(upstream.hostname or "", port, settings.no_proxy):
        return None
    return proxy.netloc.rpartition("@")[2]


def started(settings: Settings, policy: Policy, port: int, workers: int | None = None) -> Started:
    """What is logged of a start."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return Started(
        version=version("narrows"),
        address=f"{host}:{port}",
        upstream=settings.upstream,
        proxy=proxy_of(settings),
        keys=len(settings.keys) or None,
        policy_version=policy.version,
        level=policy.level,
        scope=policy.scope,
        classifier=policy.classifier,
        workers=workers,
    )


REWRITES = "prefixes of live conversations will be rewritten once"
"""What another policy does, in the words of log and docs."""


def settings_reloaded(change: Reload) -> SettingsReloaded:
    """What is logged of settings that were read anew."""
    note = None
    if change.rewrites:
        note = f"what is shortened changes only at a restart, for all workers together; then {REWRITES}"
    return SettingsReloaded(changed=change.changed, waiting=change.waiting, note=note)


def new_loop_mark() -> str:
    """What a gateway is known by to itself."""
    return token_hex(8)

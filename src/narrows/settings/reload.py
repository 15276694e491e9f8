"""Which of the settings that were read anew come into force at once, and which wait for a restart.

What an edit depends on must be the same for every turn of a conversation and in every worker, so it never changes under
way: it waits, and the gateway says so. The same goes for what the process was built around: its address, its workers,
its cache. Everything else is taken by the next exchange.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from narrows.settings.hosts import is_loopback
from narrows.settings.table import SETTINGS, Group, Settings

AT_A_START = frozenset({"agent_sessions_file", "agents", "host", "port", "workers"})
"""They change when the gateway is stopped and started."""

AT_A_RESTART = frozenset(
    {"plan_workers", "cache_bytes", *(setting.name for setting in SETTINGS if setting.about.group is Group.EDITS)}
)
"""They change when the workers are replaced."""


@dataclass(frozen=True, slots=True)
class Reload:
    """What comes of settings that were read anew: those now in force, the names of those that `changed`, and of those
    that are `waiting` for a restart. `rewrites`: that restart shortens live conversations differently."""

    settings: Settings
    changed: tuple[str, ...]
    waiting: tuple[str, ...]

    @property
    def rewrites(self) -> bool:
        return any(setting.name in self.waiting for setting in SETTINGS if setting.about.group is Group.EDITS)


def reloaded(running: Settings, read: Settings) -> Reload:
    """`read` as far as it can come into force beside `running`."""
    return _within(running, read, AT_A_START | AT_A_RESTART)


def restarted(running: Settings, read: Settings) -> Reload:
    """The same where the workers are replaced."""
    return _within(running, read, AT_A_START)


def _within(running: Settings, read: Settings, kept: frozenset[str]) -> Reload:
    read = replace(read, port=read.port or running.port)  # 0 asks for any, and the running one is one
    differing = [setting.name for setting in SETTINGS if getattr(running, setting.name) != getattr(read, setting.name)]
    if "host" in differing and not is_loopback(running.host) and not read.keys:
        kept |= {"keys"}  # what is open to other machines until it is stopped keeps its door until then
    waiting = tuple(name for name in differing if name in kept)
    settings = replace(read, **{name: getattr(running, name) for name in waiting})
    return Reload(settings, tuple(name for name in differing if name not in kept), waiting)

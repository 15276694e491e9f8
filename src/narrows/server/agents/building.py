"""Makes the agents of a gateway's settings, each with its backend, its sessions and its places.

A protocol that is spoken by its official SDK is imported when an agent of its kind is made: the SDKs are extras of the
package, and nobody loads one who has no such agent.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from narrows.agents.sessions import Sessions
from narrows.backends.cascade import CascadeBackend, CascadeOptions
from narrows.backends.cascade.calls import Calls
from narrows.backends.credentials import CommandToken, FileToken, GivenToken, NoToken
from narrows.backends.types import Backend, Credentials
from narrows.errors import SettingsError
from narrows.server.agents.agent import Agent
from narrows.server.agents.plane import AgentPlane
from narrows.server.agents.session_store import SessionStore
from narrows.settings import AgentKind, AgentSettings
from narrows.settings.agents import Correlation
from narrows.telemetry.events import AgentProcessEnded, LoggedEvent
from narrows.upstream.calling import Caller
from narrows.upstream.pool import Pool
from narrows.upstream.target import parse_target
from narrows.upstream.tls import client_context

if TYPE_CHECKING:
    import httpx


def agent_plane(
    settings: Sequence[AgentSettings],
    *,
    ca_bundle: str,
    connect_timeout_s: float,
    sessions_file: str,
    fault: Callable[[BaseException], None],
    log: Callable[[LoggedEvent], None],
) -> AgentPlane | None:
    """The agents of these settings; None where there are none.

    Raises:
        SettingsError: an agent's url, the CA bundle or the sessions' file cannot be used.
    """
    if not settings:
        return None
    store = SessionStore(sessions_file, fault) if sessions_file else None
    agents: list[Agent] = []
    pools: list[Pool] = []
    for one in settings:
        if one.kind is AgentKind.ACP:
            agents.append(_process_agent(one, store, log))
            continue
        target = parse_target(one.url)
        tls: ssl.SSLContext | None = client_context(ca_bundle) if target.tls else None
        way = _Way(Pool(target, tls, connect_timeout_s), tls, connect_timeout_s)
        pools.append(way.pool)
        agents.append(served(one, _made(one, partial(_MAKERS[one.kind], one, way)), store))
    for agent in agents:
        agent.log = log
    return AgentPlane(agents, pools, fault, store)


def served(settings: AgentSettings, backend: Backend, store: SessionStore | None = None) -> Agent:
    """An agent of these settings behind this backend, with the sessions that the store has of it."""
    name, limit, ttl_s = settings.name, settings.max_sessions, settings.session_ttl_s
    if store is None:
        sessions = Sessions(limit, ttl_s)
    else:
        sessions = Sessions(limit, ttl_s, store, store.of(name), store.expired_of(name))
    return Agent(settings, backend, sessions, asyncio.Semaphore(settings.max_runs))


@dataclass(frozen=True, slots=True)
class _Way:
    """How an agent's server is reached."""

    pool: Pool
    tls: ssl.SSLContext | None
    connect_timeout_s: float


def _cascade(settings: AgentSettings, way: _Way) -> Backend:
    calls = Calls(
        Caller(way.pool),
        _credentials(settings),
        service=settings.service,
        token_field=settings.token_header or "x-cascade-token",
        max_calls=settings.max_calls,
    )
    return CascadeBackend(calls, CascadeOptions(settings.model), asyncio.get_running_loop().time)


def _langgraph(settings: AgentSettings, way: _Way) -> Backend:
    from narrows.backends.langgraph import LangGraphBackend, LangGraphOptions

    http = _sdk_client(settings, way, "x-api-key")
    return LangGraphBackend(http, LangGraphOptions(settings.assistant, settings.model))


def _a2a(settings: AgentSettings, way: _Way) -> Backend:
    from narrows.backends.a2a import A2ABackend, A2AOptions

    backend = A2ABackend(_sdk_client(settings, way, "Authorization"), A2AOptions(settings.url, settings.model))
    backend.learn()
    return backend


def _sdk_client(settings: AgentSettings, way: _Way, token_field: str) -> httpx.AsyncClient:
    from narrows.backends.sdk_http import TokenAuth, sdk_client

    return sdk_client(
        settings.url,
        way.tls,
        TokenAuth(_credentials(settings), settings.token_header or token_field),
        connect_timeout_s=way.connect_timeout_s,
        max_connections=settings.max_runs + settings.max_calls,
    )


def _process_agent(settings: AgentSettings, store: SessionStore | None, log: Callable[[LoggedEvent], None]) -> Agent:
    """An agent whose processes the gateway starts.

    Raises:
        SettingsError: its folder is none, its SDK is not installed, or the system cannot do it.
    """
    if sys.platform == "win32":
        raise SettingsError((f"agents.{settings.name}: agents of kind acp need Linux or macOS",))
    if not Path(settings.cwd).is_dir():
        raise SettingsError((f"agents.{settings.name}: cwd {settings.cwd} is no folder",))
    found: list[Agent] = []

    def ended(status: int | None, last: tuple[str, ...]) -> None:
        log(AgentProcessEnded(agent=settings.name, status=status, last_lines=last))

    def shared() -> str:
        return found[0].traffic.shared_address()

    def acp() -> Backend:
        from narrows.backends.acp import AcpBackend, AcpOptions

        options = AcpOptions(
            settings.command,
            settings.cwd,
            settings.environment,
            settings.env,
            apart=settings.correlation is Correlation.ENDPOINT,
            max_processes=settings.max_processes,
            max_conversations=settings.max_sessions,
        )
        token = partial(_credentials(settings).token, again=True)  # a process keeps what it is told at its start
        return AcpBackend(options, token, shared, ended)

    found.append(served(settings, _made(settings, acp), store))
    return found[0]


def _made(settings: AgentSettings, make: Callable[[], Backend]) -> Backend:
    """The backend of an agent's kind.

    Raises:
        SettingsError: its SDK is not installed.
    """
    try:
        return make()
    except ModuleNotFoundError as error:
        raise SettingsError(
            (
                f"agents.{settings.name}: kind {settings.kind} needs its SDK, and there is no {error.name};"
                f" install it by: pip install 'narrows[{settings.kind}]'",
            )
        ) from error


_MAKERS: Mapping[AgentKind, Callable[[AgentSettings, _Way], Backend]] = {
    AgentKind.CASCADE: _cascade,
    AgentKind.LANGGRAPH: _langgraph,
    AgentKind.A2A: _a2a,
}


def _credentials(settings: AgentSettings) -> Credentials:
    if settings.token_file:
        return FileToken(settings.token_file)
    if settings.token_command:
        return CommandToken(settings.token_command)
    if settings.token_env:
        return GivenToken(settings.token, settings.token_env)
    return NoToken()

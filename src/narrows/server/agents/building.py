"""Makes the agents of a gateway's settings, each with its backend, its sessions and its places."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence

from narrows.agents.session import Sessions
from narrows.backends.cascade import CascadeBackend, CascadeOptions
from narrows.backends.cascade.calls import Calls
from narrows.backends.credentials import FileToken, GivenToken, NoToken
from narrows.backends.types import Backend, Credentials
from narrows.server.agents.agent import Agent
from narrows.server.agents.plane import AgentPlane
from narrows.server.agents.session_store import SessionStore
from narrows.settings import AgentSettings
from narrows.upstream.calling import Caller
from narrows.upstream.pool import Pool
from narrows.upstream.target import parse_target
from narrows.upstream.tls import client_context


def agent_plane(
    settings: Sequence[AgentSettings],
    *,
    ca_bundle: str,
    connect_timeout_s: float,
    sessions_file: str,
    fault: Callable[[BaseException], None],
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
        target = parse_target(one.url)
        tls: ssl.SSLContext | None = client_context(ca_bundle) if target.tls else None
        pool = Pool(target, tls, connect_timeout_s)
        pools.append(pool)
        agents.append(served(one, _cascade(one, pool), store))
    return AgentPlane(agents, pools, fault, store)


def served(settings: AgentSettings, backend: Backend, store: SessionStore | None = None) -> Agent:
    """An agent of these settings behind this backend, with the sessions that the store has of it."""
    name, limit, ttl_s = settings.name, settings.max_sessions, settings.session_ttl_s
    if store is None:
        sessions = Sessions(limit, ttl_s)
    else:
        sessions = Sessions(limit, ttl_s, store, store.of(name), store.expired_of(name))
    return Agent(settings, backend, sessions, asyncio.Semaphore(settings.max_runs))


def _cascade(settings: AgentSettings, pool: Pool) -> Backend:
    calls = Calls(
        Caller(pool),
        _credentials(settings),
        service=settings.service,
        token_field=settings.token_header,
        max_calls=settings.max_calls,
    )
    return CascadeBackend(calls, CascadeOptions(settings.model), asyncio.get_running_loop().time)


def _credentials(settings: AgentSettings) -> Credentials:
    if settings.token_file:
        return FileToken(settings.token_file)
    if settings.token_env:
        return GivenToken(settings.token, settings.token_env)
    return NoToken()

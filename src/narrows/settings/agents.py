"""The `[agents.NAME]` tables of the TOML file: agents that answer `/v1/chat/completions` for the models they serve.

[agents.coder]
kind = "cascade"
url = "http://127.0.0.1:9901"
token_env = "CODER_TOKEN"
models = ["coder", "coder-large"]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from narrows.agents.deltas import OnRevision
from narrows.agents.run import OnWaiting, TimeoutFinish
from narrows.core.units import parse_duration_s
from narrows.settings.agent_kinds import check_heeded
from narrows.settings.agent_process import check_process, handed_on, read_cwd, read_env

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_SERVICE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}", re.ASCII)
_FIELD_NAME = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


class AgentKind(StrEnum):
    """The protocols that agents are driven by."""

    CASCADE = "cascade"
    LANGGRAPH = "langgraph"
    A2A = "a2a"
    ACP = "acp"


class ToolPolicy(StrEnum):
    """Whether a client's tools are offered to the agent, and how: wherever that can be, by its server first; on its own
    model calls; or not at all."""

    AUTO = "auto"
    TRAFFIC = "traffic"
    OFF = "off"


class DisconnectPolicy(StrEnum):
    """What becomes of a run whose client has left: it goes on where the client named the session, by which it can ask
    for the answer, and is stopped elsewhere; or what `OnDisconnect` has."""

    AUTO = "auto"
    CANCEL = "cancel"
    DETACH = "detach"
    GRACE = "grace"


class Correlation(StrEnum):
    """How an agent's own model calls are known to belong to a session of it."""

    NONE = "none"
    """They do not come through the gateway, as far as it knows."""
    ENDPOINT = "endpoint"
    """Each conversation is given an address of its own to send them to."""
    HEADER = "header"
    """They name the conversation in a header."""
    SINGLE = "single"
    """They are those of the one run that there can be."""


class ModelWire(StrEnum):
    """The format of an agent's model calls, in the words of the cascade protocol, which has none for Responses."""

    OPENAI_CHAT = "openai-chat"
    OPENAI_RESPONSES = "openai-responses"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """An agent by name. Times are seconds; `token` is what the variable that `token_env` names held at the start.
    `token_header`: empty for the header that agents of the kind use. `environment`: what an
    agent's process gets of the gateway's own."""

    name: str
    url: str = ""
    kind: AgentKind = AgentKind.CASCADE
    models: tuple[str, ...] = ()
    model: str = ""
    default: bool = False
    service: str = "cascade.v1.CascadeService"
    assistant: str = "agent"
    command: tuple[str, ...] = ()
    cwd: str = ""
    env: tuple[tuple[str, str], ...] = ()
    max_processes: int = 8
    token_env: str = ""
    token_file: str = ""
    token_command: tuple[str, ...] = ()
    token_header: str = ""
    token: str = ""
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    correlation: Correlation = Correlation.NONE
    session_header: str = "x-session-id"
    gateway_url: str = ""
    calls_key: str = ""
    model_wire: ModelWire = ModelWire.OPENAI_CHAT
    background_models: tuple[str, ...] = ()
    lenient: bool = False
    tools: ToolPolicy = ToolPolicy.AUTO
    on_disconnect: DisconnectPolicy = DisconnectPolicy.AUTO
    grace_s: float = 60.0
    on_waiting: OnWaiting = OnWaiting.DENY
    on_revision: OnRevision = OnRevision.APPEND
    timeout_finish: TimeoutFinish = TimeoutFinish.ERROR
    user_names_session: bool = False
    first_event_timeout_s: float = 120.0
    idle_timeout_s: float = 120.0
    tool_idle_timeout_s: float = 600.0
    total_timeout_s: float = 1800.0
    queue_timeout_s: float = 30.0
    hold_timeout_s: float = 600.0
    keep_alive_s: float = 15.0
    session_ttl_s: float = 86_400.0
    max_sessions: int = 1000
    max_runs: int = 16
    max_queued: int = 64
    max_calls: int = 4

    @property
    def needs_calls_key(self) -> bool:
        """Whether it offers a client's tools in model calls that, where there are keys, anybody's could make."""
        return (
            self.tools is ToolPolicy.TRAFFIC
            and self.correlation in (Correlation.HEADER, Correlation.SINGLE)
            and not self.calls_key
        )


ANYBODYS_CALLS: Final = (
    "offers a client's tools on its model calls (tools = traffic), which whoever has one of [keys] could make in its"
    " stead: set calls_key to the name of the key that the agent shows for them, or correlation to endpoint"
)
"""What is wrong with an agent that needs such a key."""


def read_agents(table: object) -> tuple[AgentSettings, ...]:
    """The agents of the `[agents]` table.

    Raises:
        ValueError: with everything that is wrong with it.
    """
    if not isinstance(table, Mapping):
        raise ValueError("needs tables: [agents.NAME] and below it kind, url and so on")
    found: list[AgentSettings] = []
    problems: list[str] = []
    for name, entry in table.items():
        try:
            found.append(_read_agent(str(name), entry))
        except ValueError as error:
            problems.append(f"{name}: {error}")
    served = [model for agent in found for model in agent.models]
    problems += [
        f"the model {model!r} is served more than once" for model in sorted(set(served)) if served.count(model) > 1
    ]
    defaults = [agent.name for agent in found if agent.default]
    if len(defaults) > 1:
        problems.append(f"{' and '.join(defaults)} are both the default; leave one of them")
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(found)


def show_agents(agents: tuple[AgentSettings, ...]) -> str:
    """The names alone."""
    return ", ".join(agent.name for agent in agents)


def with_tokens(agents: tuple[AgentSettings, ...], environ: Mapping[str, str]) -> tuple[AgentSettings, ...]:
    """The agents with their tokens out of the variables that they name, and what their processes get."""
    return tuple(
        replace(
            agent,
            token=environ.get(agent.token_env, "").strip() if agent.token_env else "",
            environment=handed_on(environ) if agent.kind is AgentKind.ACP else (),
        )
        for agent in agents
    )


def _read_agent(name: str, entry: object) -> AgentSettings:
    if not isinstance(entry, Mapping):
        raise ValueError("needs a table, such as [agents.coder]")
    if not _NAME.fullmatch(name):
        raise ValueError("an agent's name needs 1 to 64 letters, digits, dots, dashes or underscores")
    unknown = sorted(str(word) for word in entry if word not in _READERS)
    if unknown:
        raise ValueError(f"there is no {', '.join(unknown)}; known are {', '.join(sorted(_READERS))}")
    given = {word: _read(word, value) for word, value in entry.items()}
    agent = AgentSettings(name, **given)
    if agent.kind is AgentKind.ACP:
        way = agent.correlation
        check_process(agent, tells=way is not Correlation.NONE, apart=way is Correlation.ENDPOINT)
    elif not agent.url:
        raise ValueError("needs a url, such as http://127.0.0.1:9901")
    tokens = [word for word in ("token_env", "token_file", "token_command") if getattr(agent, word)]
    if len(tokens) > 1:
        raise ValueError(f"has {' and '.join(tokens)}; leave one of them")
    _check_correlation(agent)
    check_heeded(agent.kind, agent.correlation, given)
    return replace(agent, models=agent.models or (name,))


def _check_correlation(agent: AgentSettings) -> None:
    """Runs at once whose model calls cannot be told apart would get each other's figures and calls."""
    if agent.gateway_url and agent.correlation is Correlation.NONE:
        raise ValueError(
            "has a gateway_url, to which its model calls are to come, and no correlation by which they could be known"
            " to be a session's: set correlation to endpoint, header, or (with max_runs = 1) single"
        )
    if agent.tools is ToolPolicy.TRAFFIC and agent.correlation is Correlation.NONE:
        raise ValueError(
            "offers a client's tools on its model calls (tools = traffic), and has no correlation by which these could"
            " be known to be a session's: set correlation to endpoint, header, or (with max_runs = 1) single"
        )
    if agent.correlation is Correlation.SINGLE and agent.max_runs > 1:
        raise ValueError(
            f"has correlation single, by which model calls are those of the one run there is, and max_runs"
            f" {agent.max_runs}: set max_runs = 1, or correlation to endpoint or header"
        )


def _read(word: str, value: object) -> Any:
    try:
        return _READERS[word](value)
    except ValueError as error:
        raise ValueError(f"{word} {error}") from None


def _text(pattern: re.Pattern[str], needed: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"needs {needed}")
        return value

    return read


def _url(value: object) -> str:
    try:
        url = urlsplit(value) if isinstance(value, str) and value.isascii() and " " not in value else None
        plain = url is not None and url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        plain = False
    if url is None or not plain or url.username is not None or url.query or url.fragment:
        raise ValueError("needs http:// or https://, a host, and no user name or query, as http://127.0.0.1:9901")
    return str(value).rstrip("/")


def _command(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('needs a list of words, such as ["pass", "show", "coder"]')
    if not all(isinstance(one, str) and one and "\x00" not in one for one in value):
        raise ValueError("needs a list of words that are texts, none of them empty or with a NUL")
    return tuple(value)


def _models(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise ValueError('needs a list of names, such as ["coder"]')
    return tuple(value)


def _one_of(choices: type[StrEnum]) -> Callable[[object], StrEnum]:
    def read(value: object) -> StrEnum:
        if value not in [choice.value for choice in choices]:
            raise ValueError(f"needs one of {', '.join(choices)}")
        return choices(str(value))

    return read


def _duration(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("needs a duration, such as 30s")
    duration_s = parse_duration_s(str(value))
    if duration_s == 0:
        raise ValueError("needs a duration over 0")
    return duration_s


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 10**9:
        raise ValueError("needs a whole number of 1 or more")
    return value


def _queue(value: object) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else _count(value)


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("needs true or false")
    return value


_ANY_NAME = _text(re.compile(r"[^\x00-\x1f]{1,256}"), "a name")
_READERS: Mapping[str, Callable[[object], Any]] = {
    "kind": _one_of(AgentKind),
    "url": _url,
    "models": _models,
    "model": _ANY_NAME,
    "service": _text(_SERVICE, "the name of a service, such as cascade.v1.CascadeService"),
    "assistant": _ANY_NAME,
    "command": _command,
    "cwd": read_cwd,
    "env": read_env,
    "max_processes": _count,
    "token_env": _text(_VARIABLE, "the name of an environment variable, and not the token itself"),
    "token_file": _ANY_NAME,
    "token_command": _command,
    "default": _switch,
    "token_header": _text(_FIELD_NAME, "the name of a header"),
    "correlation": _one_of(Correlation),
    "session_header": _text(_FIELD_NAME, "the name of a header"),
    "gateway_url": _url,
    "calls_key": _ANY_NAME,
    "model_wire": _one_of(ModelWire),
    "background_models": _models,
    "lenient": _switch,
    "tools": _one_of(ToolPolicy),
    "on_disconnect": _one_of(DisconnectPolicy),
    "on_waiting": _one_of(OnWaiting),
    "on_revision": _one_of(OnRevision),
    "timeout_finish": _one_of(TimeoutFinish),
    "user_names_session": _switch,
    "max_sessions": _count,
    "max_runs": _count,
    "max_queued": _queue,
    "max_calls": _count,
    **{one.name: _duration for one in fields(AgentSettings) if one.name.endswith("_s")},
}

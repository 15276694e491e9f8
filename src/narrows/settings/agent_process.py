"""What the settings of an agent say that the gateway starts as a process: its command, its folder, its environment.

A process gets nothing of the gateway's environment but what `HANDED_ON` names, so no key of the gateway's or of its
neighbours; what else it needs stands in `env`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Protocol

HANDED_ON: Final = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
"""Where programs and their own files are, and how text is written."""
BASE_URL: Final = "{base_url}"
API_KEY: Final = "{api_key}"
"""The places in `command` and `env` where an agent is told of its model's address, and of the key for it."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_ABSOLUTE: Final = re.compile(r"/[^\x00]*")


class Process(Protocol):
    """The settings that are looked at together."""

    @property
    def url(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def command(self) -> tuple[str, ...]: ...

    @property
    def cwd(self) -> str: ...

    @property
    def env(self) -> tuple[tuple[str, str], ...]: ...


def handed_on(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What a process gets of this environment."""
    return tuple((name, environ[name]) for name in HANDED_ON if name in environ)


def check_process(agent: Process, *, tells: bool, apart: bool) -> None:
    """Refuse settings that do not fit together; `tells`: the agent's model calls are to come through the gateway, and
    `apart`: each conversation's to an address of its own.

    Raises:
        ValueError: they do not.
    """
    if agent.url:
        raise ValueError("has a url, and an agent of kind acp is started by its command; leave the url out")
    if agent.model:
        raise ValueError("has a model, and an agent of kind acp is told its model by its own command, env or files")
    if not agent.command or not agent.cwd:
        raise ValueError('needs a command and a cwd, such as ["opencode", "acp"] and "/srv/project"')
    told = [word for word in (*agent.command, *dict(agent.env).values()) if BASE_URL in word or API_KEY in word]
    if apart and not any(BASE_URL in word for word in told):
        raise ValueError(f"has correlation endpoint, and neither its command nor its env has a place for {BASE_URL}")
    if told and not tells:
        raise ValueError(
            f"names {BASE_URL} or {API_KEY}, and its model calls do not come through the gateway: set correlation to"
            " endpoint, header, or (with max_runs = 1) single"
        )


def read_cwd(value: object) -> str:
    """An absolute path.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, str) or not _ABSOLUTE.fullmatch(value):
        raise ValueError("needs an absolute path, such as /srv/project")
    return value


def read_env(value: object) -> tuple[tuple[str, str], ...]:
    """Variables by their names.

    Raises:
        ValueError: there is none of such a name or value.
    """
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and _NAME.fullmatch(name) and isinstance(one, str) and "\x00" not in one
        for name, one in value.items()
    ):
        raise ValueError('needs names of variables with texts, such as { OPENAI_BASE_URL = "{base_url}" }')
    return tuple(value.items())

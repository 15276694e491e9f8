"""From flags, environment and TOML to settings, or to every problem at once.

A flag beats the environment, the environment beats the file, the file beats the default; an empty environment variable
counts as not set. The caller reads the environment and the file: this module is pure. All problems are reported
together, because a start that fails three times for three typing errors is two too many. A name it does not know is a
problem too: a setting that is silently ignored is worse than one that is refused.

The upstream may also come from `OPENAI_BASE_URL`, which is the variable that users set to reach *us*: one that names
our own listener would make the gateway call itself, and is refused with that explanation.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from narrows.errors import SettingsError
from narrows.settings.table import ENVIRONMENT_PREFIX, SETTINGS, Setting, Settings

CONFIG_VARIABLE = "NARROWS_CONFIG"
"""Names the TOML file; the command line reads it, it is not a setting."""
BASE_URL_VARIABLE = "OPENAI_BASE_URL"


@dataclass(frozen=True, slots=True)
class ParsedSettings:
    """Settings, and for each name where its value came from: `default`, `flag --port`, `environment NARROWS_PORT` or
    `file narrows.toml`."""

    settings: Settings
    sources: Mapping[str, str]

    def rows(self) -> list[tuple[str, str, str]]:
        """Name, value and source of each setting, for `--print-settings`; a secret's value is never among them."""
        rows: list[tuple[str, str, str]] = []
        for setting in SETTINGS:
            source = self.sources[setting.name]
            rows.append((setting.name, shown(setting, getattr(self.settings, setting.name), source), source))
        return rows


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as it was written, and where. `place` names it in a problem, `source` in `--print-settings`."""

    text: object
    place: str
    source: str


def parse(
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    toml: Mapping[str, object],
    *,
    file: str = "narrows.toml",
    serving: bool = True,
) -> ParsedSettings:
    """Settings from flags (by setting name), the environment, and the TOML document read from `file`.

    `serving` false is for commands that only need the policy: nothing is said of upstream, address and bounds.

    Raises:
        SettingsError: with one line for each problem; every line names the place and what to write there.
    """
    problems = [*_unknown_names(flags, environ, toml, file)]
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for setting in SETTINGS:
        given = _given(setting, flags, environ, toml, file)
        sources[setting.name] = given.source if given else "default"
        if given is None:
            continue
        try:
            values[setting.name] = setting.about.form.read(_text_of(given.text))
        except ValueError as error:
            problems.append(f"{given.place}{_quoted(setting, given.text)}: {error}")
    settings = Settings(**values)
    if serving:
        unreadable = {name for name, source in sources.items() if source != "default"} - values.keys()
        problems += _conflicts(settings, sources, unreadable)
    if problems:
        raise SettingsError(tuple(problems))
    return ParsedSettings(settings, sources)


def shown(setting: Setting, value: object, source: str) -> str:
    """A setting's value for the eye; a secret only as `set (from NAME)`."""
    if setting.about.secret and value != setting.default:
        return f"set (from {source.partition(' ')[2]})"
    return setting.show(value)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine only: `localhost`, `127.0.0.0/8` or `::1`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.")


def names_listener(url: str, host: str, port: int) -> bool:
    """Whether `url` leads to what listens on `host` and `port`; port 0 is not known yet and equals none."""
    parts = urlsplit(url)
    url_port = parts.port or (443 if parts.scheme == "https" else 80)
    url_host = (parts.hostname or "").lower()
    same = url_host == host.lower() or (is_loopback(url_host) and (is_loopback(host) or _is_wildcard(host)))
    return same and url_port == port


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _given(
    setting: Setting, flags: Mapping[str, str], environ: Mapping[str, str], toml: Mapping[str, object], file: str
) -> _Given | None:
    if setting.name in flags:
        return _Given(flags[setting.name], setting.flag, f"flag {setting.flag}")
    if environ.get(setting.variable):
        return _Given(environ[setting.variable], setting.variable, f"environment {setting.variable}")
    if setting.name in toml:
        return _Given(toml[setting.name], f"{setting.name} in {file}", f"file {file}")
    if setting.name == "upstream" and environ.get(BASE_URL_VARIABLE):
        return _Given(environ[BASE_URL_VARIABLE], BASE_URL_VARIABLE, f"environment {BASE_URL_VARIABLE}")
    return None


def _quoted(setting: Setting, text: object) -> str:
    """The value as it was written, for a problem; not where it may hold a key, as a URL with `@` or `?` does."""
    return "" if setting.about.secret or set(str(text)) & set("@?") else f" {text!r}"


def _text_of(value: object) -> str:
    match value:
        case str():
            return value.strip()
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"{value}"
        case _:
            raise ValueError("needs a string, a number, or true or false")


def _unknown_names(
    flags: Mapping[str, str], environ: Mapping[str, str], toml: Mapping[str, object], file: str
) -> list[str]:
    variables = {setting.variable for setting in SETTINGS} | {CONFIG_VARIABLE}
    names = {setting.name for setting in SETTINGS}
    asked = [(name, f"flag {name}", names) for name in flags]
    asked += [(name, name, variables) for name in sorted(environ) if name.startswith(ENVIRONMENT_PREFIX)]
    asked += [(name, f"{name} in {file}", names) for name in toml]
    return [
        f"{place}: there is no such setting{_nearest(name, known)}" for name, place, known in asked if name not in known
    ]


def _nearest(name: str, known: set[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else "; `narrows serve --help` lists them"


def _conflicts(settings: Settings, sources: Mapping[str, str], unreadable: set[str]) -> list[str]:
    """What is wrong with values that can each be read; the `unreadable` ones are reported already."""
    problems: list[str] = []
    if "upstream" not in unreadable:
        problems += _upstream_problems(settings, sources["upstream"])
    if "host" not in unreadable and not is_loopback(settings.host) and not settings.allow_remote:
        problems.append(
            f"host {settings.host!r} ({sources['host']}) can be reached from other machines, and the gateway asks for"
            " no key of its own: listen on 127.0.0.1, or say --allow-remote if something in front of it decides who may"
        )
    if settings.max_body_bytes > settings.max_buffered_bytes and not unreadable & {
        "max_body_bytes",
        "max_buffered_bytes",
    }:
        problems.append(
            f"max_body_bytes ({settings.max_body_bytes}) is over max_buffered_bytes ({settings.max_buffered_bytes}): a"
            " body of that size could never be held; lower the first or raise the second"
        )
    return problems


def _upstream_problems(settings: Settings, source: str) -> list[str]:
    if not settings.upstream:
        return [
            "no upstream: say where the model is, such as `narrows serve --upstream https://api.openai.com`, or set"
            " NARROWS_UPSTREAM, or `upstream` in narrows.toml"
        ]
    if not names_listener(settings.upstream, settings.host, settings.port):
        return []
    own = f"{settings.upstream} ({source}) is this gateway's own address"
    if source.endswith(BASE_URL_VARIABLE):
        return [
            f"{own}: {BASE_URL_VARIABLE} is what points clients at the gateway, so it cannot also say where the model"
            " is; give that with --upstream or NARROWS_UPSTREAM"
        ]
    return [f"{own}: requests would go round in a circle; name the model's server, or listen on another --port"]

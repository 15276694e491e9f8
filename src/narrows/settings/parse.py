"""From flags, environment and TOML to settings, or to every problem at once.

A flag beats the environment, the environment beats the file, the file beats the default; an empty environment variable
counts as not set. The caller reads the environment and the file: this module is pure. All problems are reported
together, because a start that fails three times for three typing errors is two too many. A name it does not know is a
problem too: a setting that is silently ignored is worse than one that is refused.

A few settings are also looked for in variables that other programs share (`_shared_variables`). The upstream may come
from `OPENAI_BASE_URL`, which is the variable that users set to reach *us*: one that names our own listener would make
the gateway call itself, and is refused with that explanation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from narrows.errors import SettingsError
from narrows.settings.agents import ANYBODYS_CALLS, with_tokens
from narrows.settings.credentials import key_problems, with_upstream_key
from narrows.settings.hosts import is_loopback, names_listener
from narrows.settings.table import ENVIRONMENT_PREFIX, SETTINGS, Places, Setting, Settings

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


@dataclass(frozen=True, slots=True)
class _Places:
    """The three places, and the variables that settings share with other programs, which come last."""

    flags: Mapping[str, str]
    environ: Mapping[str, str]
    toml: Mapping[str, object]
    file: str

    def find(self, setting: Setting, upstream: str) -> _Given | None:
        """The value of a setting, from the first place that has one; `upstream` is the one found before."""
        if setting.has_flag and setting.name in self.flags:
            return _Given(self.flags[setting.name], setting.flag, f"flag {setting.flag}")
        own = (setting.variable,) if setting.has_variable else ()
        if (given := self._variable(own)) is not None:
            return given
        if setting.in_file and setting.name in self.toml:
            return _Given(self.toml[setting.name], f"{setting.name} in {self.file}", f"file {self.file}")
        return self._variable(_shared_variables(setting.name, upstream))

    def _variable(self, names: tuple[str, ...]) -> _Given | None:
        name = next((name for name in names if self.environ.get(name)), None)
        return None if name is None else _Given(self.environ[name], name, f"environment {name}")


def _shared_variables(name: str, upstream: str) -> tuple[str, ...]:
    """What a setting may come from that is not ours alone. No environment sends requests for this machine to a proxy:
    many do not list it in NO_PROXY, and no proxy can reach it."""
    if name == "upstream":
        return (BASE_URL_VARIABLE,)
    if name == "no_proxy":
        return ("no_proxy", "NO_PROXY")
    if name == "upstream_proxy" and upstream and not is_loopback(urlsplit(upstream).hostname or ""):
        own = f"{urlsplit(upstream).scheme}_proxy"
        return (own, own.upper(), "all_proxy", "ALL_PROXY")
    return ()


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
    places = _Places(flags, environ, toml, file)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for setting in SETTINGS:
        given = places.find(setting, str(values.get("upstream", "")))
        sources[setting.name] = given.source if given else "default"
        if given is None:
            continue
        try:
            values[setting.name] = _read(setting, given)
        except ValueError as error:
            problems.append(f"{given.place}{_quoted(setting, given.text)}: {error}")
    settings = Settings(**values)
    if serving:
        unreadable = {name for name, source in sources.items() if source != "default"} - values.keys()
        settings = replace(settings, agents=with_tokens(settings.agents, environ))
        settings, found = with_upstream_key(settings, sources, environ)
        problems += found + _conflicts(settings, sources, unreadable)
    if problems:
        raise SettingsError(tuple(problems))
    return ParsedSettings(settings, sources)


def shown(setting: Setting, value: object, source: str) -> str:
    """A setting's value for the eye; a secret only as `set (from NAME)`."""
    if setting.about.secret and value != setting.default:
        return f"set (from {source.partition(' ')[2]})"
    return setting.show(value)


def _read(setting: Setting, given: _Given) -> object:
    form = setting.about.form
    value = form.read(given.text if form.structured else _text_of(given.text))
    if setting.name == "upstream_proxy" and "@" in str(value) and given.place == setting.flag:
        raise ValueError(
            f"a password in a flag can be read by every user of this machine; give the proxy by {setting.variable}"
        )
    return value


def _quoted(setting: Setting, text: object) -> str:
    """The value as it was written, for a problem; not where it may hold a key, as a URL with `@` or `?` does."""
    return "" if setting.about.secret or setting.about.form.structured or set(str(text)) & set("@?") else f" {text!r}"


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
    variables = {setting.variable for setting in SETTINGS if setting.has_variable} | {CONFIG_VARIABLE}
    asked = [(name, f"flag {name}", {setting.name for setting in SETTINGS if setting.has_flag}) for name in flags]
    asked += [(name, name, variables) for name in sorted(environ) if name.startswith(ENVIRONMENT_PREFIX)]
    asked += [(name, f"{name} in {file}", {setting.name for setting in SETTINGS if setting.in_file}) for name in toml]
    elsewhere = {word: setting for setting in SETTINGS for word in (setting.name, setting.variable)}
    return [
        f"{place}: {_belongs(elsewhere.get(name)) or _no_such(name, known, toml.get(name))}"
        for name, place, known in asked
        if name not in known
    ]


def _belongs(setting: Setting | None) -> str:
    """Where a setting can be given, that stands elsewhere; empty for what is none, or is merely written otherwise."""
    if setting is None or setting.about.places is Places.ANYWHERE:
        return ""
    if setting.about.places is Places.FILE:
        return f"this can be given in the TOML file only, as the table [{setting.name}]"
    return f"this is a secret, and can be given by the variable {setting.variable} only"


def _no_such(name: str, known: set[str], value: object) -> str:
    """That a name is no setting, and what may have been meant; `value` is what the TOML file has under it."""
    if isinstance(value, dict):
        return f"there is no such table; settings stand at the top of the file, under no heading like [{name}]"
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return "there is no such setting" + (
        f"; did you mean {near[0]}?" if near else "; `narrows serve --help` lists them"
    )


def _conflicts(settings: Settings, sources: Mapping[str, str], unreadable: set[str]) -> list[str]:
    """What is wrong with values that can each be read; the `unreadable` ones are reported already."""
    problems: list[str] = []
    if "upstream" not in unreadable and (settings.upstream or not settings.agents):
        problems += _upstream_problems(settings, sources["upstream"])
    if not unreadable & {"host", "keys", "upstream_key", "upstream_key_env"}:
        problems += key_problems(settings, sources)
    names = {key.name for key in settings.keys}
    if "keys" not in unreadable:
        problems += [
            f"agents: {agent.name}: calls_key {agent.calls_key!r} is the name of no key; [keys] has"
            f" {', '.join(sorted(names)) or 'none'}"
            for agent in settings.agents
            if agent.calls_key and agent.calls_key not in names
        ]
        problems += [
            f"agents: {agent.name}: {ANYBODYS_CALLS}" for agent in settings.agents if names and agent.needs_calls_key
        ]
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

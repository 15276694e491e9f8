"""Run the gateway: every request goes to the upstream byte for byte, except that large tool outputs are shortened.

Settings come from flags, from NARROWS_* variables, and from a TOML file, in this order; --print-settings shows each
value and where it came from. SIGTERM and Ctrl-C end it after the exchanges in flight, a second one at once. SIGHUP, or
a change of the file, brings other settings into force; with --workers, SIGUSR2 replaces the workers without a gap.
"""

from __future__ import annotations

import errno
import os
import socket
from argparse import SUPPRESS, ArgumentParser, Namespace
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Protocol, cast
from urllib.parse import urlsplit

from narrows.classifiers import Proof, check_loadable
from narrows.cli.configuration import add_setting_flags, read_settings
from narrows.cli.failure import OK
from narrows.core.tokens import TOKENIZER
from narrows.errors import SettingsError
from narrows.policy import Policy
from narrows.server.announcing import proxy_of
from narrows.settings import ParsedSettings, Settings, is_loopback
from narrows.upstream.tls import client_context

WORKER_FLAG = "--worker-channel"
"""Given by the supervisor to the workers it starts, and by nobody else."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a gateway is started with. `proof`: the classifier being tried, which goes on while the gateway comes up."""

    arguments: Namespace
    settings: Settings
    policy: Policy
    proof: Proof


class _Way(Protocol):
    """One of the ways to serve, each in a module of its own: a process loads what its own takes, and no more."""

    def run(self, start: Start) -> int: ...


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of `narrows serve`."""
    parser.usage = "narrows serve --upstream URL [options]"
    parser.add_argument(
        "--print-settings", action="store_true", help="show each setting, and where it came from, and end"
    )
    parser.add_argument(WORKER_FLAG, type=int, help=SUPPRESS)
    add_setting_flags(parser)


def run(arguments: Namespace) -> int:
    """`narrows serve`."""
    if arguments.worker_channel is not None:
        return int(import_module("narrows.cli.serving.worker").run(arguments))
    parsed = read_settings(arguments)
    if arguments.print_settings:
        print(settings_table(parsed))
        return OK
    settings = parsed.settings
    policy = settings.policy(_startable(settings), TOKENIZER)
    proof = Proof(settings.classifier.value)
    way = "supervised" if settings.workers > 1 else "alone"
    try:
        return cast(_Way, import_module(f"narrows.cli.serving.{way}")).run(Start(arguments, settings, policy, proof))
    finally:
        proof.stop()


def settings_table(parsed: ParsedSettings) -> str:
    """Name, value and source of every setting, in columns."""
    rows = parsed.rows()
    name_width, value_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:{name_width}}  {value:{value_width}}  {source}".rstrip() for name, value, source in rows)


def _startable(settings: Settings) -> str:
    """The classifier's version; what only this machine can tell is tried here, before anything listens, but for the
    loading of the classifier, which takes longer than all the rest."""
    problems: list[str] = []
    classifier = ""
    try:
        classifier = check_loadable(settings.classifier.value)
    except SettingsError as error:
        problems += error.problems
    try:
        client_context(settings.ca_bundle)
    except SettingsError as error:
        problems += error.problems
    if problems:
        raise SettingsError(tuple(problems))
    return classifier


def cannot_listen(settings: Settings, error: OSError) -> str:
    """The event loops put more words around the system's; an unknown host's number is none of the system's."""
    if isinstance(error, socket.gaierror) or error.errno is None:
        why, remedy = error.strerror or str(error), "--host takes an address of this machine"
    elif error.errno == errno.EADDRNOTAVAIL:
        why, remedy = os.strerror(error.errno), "--host takes an address of this machine"
    elif error.errno in (errno.EMFILE, errno.ENFILE):
        why, remedy = os.strerror(error.errno), "raise the limit (ulimit -n), or start fewer --workers"
    else:
        why, remedy = os.strerror(error.errno), "--port takes another"
    return f"cannot listen on {settings.host} port {settings.port}: {why}; {remedy}"


def start_lines(settings: Settings, policy: Policy, port: int) -> str:
    """What somebody who has just started a gateway wants to know."""
    here, client = (f"http://{host}:{port}" for host in _in_urls(settings.host))
    proxy = proxy_of(settings)
    through = f" through the proxy {proxy}" if proxy else ""
    by = f" with {settings.workers} workers" if settings.workers > 1 else ""
    forwards = f"forwards to {settings.upstream}{through}" if settings.upstream else "has agents alone"
    lines = [
        f"narrows {version('narrows')} listens on {here}{by} and {forwards}"
        f" (policy {policy.version}: {policy.level}, {policy.scope}, classifier {policy.classifier})",
        f"Point a client at it: {_pointing(settings.upstream, client)}",
    ]
    if settings.agents:
        served = ", ".join(model for agent in settings.agents for model in agent.models)
        lines.append(f"Agents answer for these models: {served}")
    if settings.keys:
        lines.append(f"Every client needs a gateway key as its API key; there are {len(settings.keys)}.")
    elif not is_loopback(settings.host):
        lines.append("Warning: other machines can reach this address, and the gateway asks them for no key of its own.")
    return "\n".join(lines)


def _pointing(upstream: str, client: str) -> str:
    """How a client of the upstream's provider finds the gateway; what is no known provider speaks OpenAI's formats."""
    match urlsplit(upstream).hostname:
        case "api.anthropic.com":
            return f"Anthropic(base_url='{client}'), or export ANTHROPIC_BASE_URL={client}"
        case "generativelanguage.googleapis.com":
            return f"genai.Client(http_options={{'base_url': '{client}'}}), or export GOOGLE_GEMINI_BASE_URL={client}"
        case _:
            return f"OpenAI(base_url='{client}/v1'), or export OPENAI_BASE_URL={client}/v1"


def _in_urls(host: str) -> tuple[str, str]:
    """The host as URLs write it, where the gateway listens and where a client finds it: no client connects to a
    wildcard address everywhere."""
    found = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return _bracketed(host), _bracketed(found)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host

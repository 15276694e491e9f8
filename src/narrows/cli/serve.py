"""Run the gateway: every request goes to the upstream byte for byte, except that large tool outputs are shortened.

Settings come from flags, from NARROWS_* variables, and from a TOML file, in this order; --print-settings shows each
value and where it came from. SIGTERM and Ctrl-C end it after the exchanges in flight, a second one at once.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib.metadata import version

from narrows.classifiers import check_loadable, prove_loadable
from narrows.cli.configuration import add_setting_flags, read_settings
from narrows.cli.failure import OK, Failure
from narrows.core.tokens import TOKENIZER
from narrows.errors import SettingsError
from narrows.policy import Policy
from narrows.server.app import RunningGateway, serve, tune_process
from narrows.settings import ParsedSettings, Settings, is_loopback
from narrows.upstream.tls import client_context


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of `narrows serve`."""
    parser.add_argument(
        "--print-settings", action="store_true", help="show each setting, and where it came from, and end"
    )
    add_setting_flags(parser)


def run(arguments: Namespace) -> int:
    """`narrows serve`."""
    parsed = read_settings(arguments)
    if arguments.print_settings:
        print(settings_table(parsed))
        return OK
    settings = parsed.settings
    policy = settings.policy(_startable(settings), TOKENIZER)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(settings, policy))


def settings_table(parsed: ParsedSettings) -> str:
    """Name, value and source of every setting, in columns."""
    rows = parsed.rows()
    name_width, value_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:{name_width}}  {value:{value_width}}  {source}".rstrip() for name, value, source in rows)


def _startable(settings: Settings) -> str:
    """The classifier's version; everything that only this machine can tell is tried here, before anything listens."""
    problems: list[str] = []
    classifier = ""
    try:
        classifier = check_loadable(settings.classifier.value)
        prove_loadable(settings.classifier.value)
    except SettingsError as error:
        problems += error.problems
    try:
        client_context(settings.ca_bundle)
    except SettingsError as error:
        problems += error.problems
    if problems:
        raise SettingsError(tuple(problems))
    return classifier


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, which halves the event loop's cost, where it is installed."""
    try:
        import uvloop  # here and not at the top: it does not exist for every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(settings: Settings, policy: Policy) -> int:
    try:
        gateway = await serve(settings, policy)
    except OSError as error:
        raise Failure(_cannot_listen(settings, error)) from None
    if settings.logs_as_text(terminal=sys.stderr.isatty()):  # in a JSON log the event `started` says it
        print(start_lines(settings, policy, gateway.port), file=sys.stderr, flush=True)
    tune_process()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    await _drain(gateway)
    return OK


def _cannot_listen(settings: Settings, error: OSError) -> str:
    """The event loops put more words around the system's; an unknown host's number is none of the system's."""
    if isinstance(error, socket.gaierror) or error.errno is None:
        why, remedy = error.strerror or str(error), "--host takes an address of this machine"
    elif error.errno == errno.EADDRNOTAVAIL:
        why, remedy = os.strerror(error.errno), "--host takes an address of this machine"
    else:
        why, remedy = os.strerror(error.errno), "--port takes another"
    return f"cannot listen on {settings.host} port {settings.port}: {why}; {remedy}"


async def _drain(gateway: RunningGateway) -> None:
    """Let the exchanges in flight end; a second signal finds the default action again, which is to die."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
    await gateway.close()


def start_lines(settings: Settings, policy: Policy, port: int) -> str:
    """What somebody who has just started a gateway wants to know."""
    here, client = (f"http://{host}:{port}" for host in _in_urls(settings.host))
    lines = [
        f"narrows {version('narrows')} listens on {here} and forwards to {settings.upstream}"
        f" (policy {policy.version}: {policy.level}, {policy.scope}, classifier {policy.classifier})",
        f"Point a client at it: OpenAI(base_url='{client}/v1'), or export OPENAI_BASE_URL={client}/v1",
    ]
    if settings.keys:
        lines.append(f"Every client needs a gateway key as its API key; there are {len(settings.keys)}.")
    elif not is_loopback(settings.host):
        lines.append("Warning: other machines can reach this address, and the gateway asks them for no key of its own.")
    return "\n".join(lines)


def _in_urls(host: str) -> tuple[str, str]:
    """The host as URLs write it, where the gateway listens and where a client finds it: no client connects to a
    wildcard address everywhere."""
    found = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return _bracketed(host), _bracketed(found)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host

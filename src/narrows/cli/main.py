"""The `narrows` command: one table of commands, one file for each.

Only the chosen command's module is imported, so that `narrows serve` does not pay for what draws tables. Exit statuses
are the same everywhere: 0 done, 1 an input or the network failed, 2 the command or a setting is wrong, 3 there was
nothing to do for a command that was asked to say so.
"""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from typing import Protocol, cast

from narrows.cli.failure import FAILED, UNUSABLE, Failure
from narrows.errors import SettingsError

INTERRUPTED = 130


class Command(Protocol):
    """What the module of a command offers."""

    def configure(self, parser: ArgumentParser) -> None:
        """Add the command's arguments; the module's docstring is its description."""
        ...

    def run(self, arguments: Namespace) -> int:
        """Do it, and return the exit status; raises Failure or SettingsError for what ends in a message."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """A command's name, its line in `narrows --help`, and the module that is it."""

    name: str
    summary: str
    module: str

    def load(self) -> Command:
        return cast(Command, import_module(self.module))


COMMANDS: tuple[Row, ...] = (
    Row("serve", "run the gateway in front of a model's server", "narrows.cli.serve"),
    Row("key", "make a key that clients of the gateway must show", "narrows.cli.key"),
    Row("explain", "show what would be shortened in a request body, and why", "narrows.cli.explain"),
    Row("compress", "shorten one text, as the gateway would", "narrows.cli.compress"),
    Row("expand", "give back the source of a losslessly shortened text", "narrows.cli.expand"),
    Row("cascade-server", "run a reference agent server, to try [agents] out", "narrows.cli.cascade_server.command"),
    Row("demo", "replay an agent's session on a local model, straight and narrowed", "narrows.cli.demo.command"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: this process's) and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    row = next((row for row in COMMANDS if words[:1] == [row.name]), None)
    arguments, unknown = _parser(row).parse_known_args(words)
    if unknown:
        arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}{_meant(unknown[0], arguments.parser)}")
    if row is None:
        _parser(None).print_help(sys.stderr)
        return UNUSABLE
    try:
        status = row.load().run(arguments)
        sys.stdout.flush()  # here, where a reader that has gone can still be met quietly
        return status
    except SettingsError as error:
        for problem in error.problems:
            print(f"narrows {row.name}: {problem}", file=sys.stderr)
        return UNUSABLE
    except Failure as error:
        print(f"narrows {row.name}: {error}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _meant(unknown: str, parser: ArgumentParser) -> str:
    """The flag that an unknown one may stand for."""
    flags = re.findall(r"--[a-z][a-z-]+", parser.format_help())
    near = get_close_matches(unknown.partition("=")[0], flags, n=1, cutoff=0.8)
    return f"; did you mean {near[0]}?" if near else ""


def _parser(chosen: Row | None) -> ArgumentParser:
    parser = ArgumentParser(
        prog="narrows",
        description="An LLM gateway that shortens what agents re-read, and keeps the prompt cache whole.",
        epilog="`narrows COMMAND --help` says more about a command.",
        allow_abbrev=False,
    )
    parser.set_defaults(parser=parser)  # whose usage fits an argument that nobody knows
    parser.add_argument("--version", action="version", version=f"narrows {version('narrows')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for row in COMMANDS:
        child = commands.add_parser(
            row.name, help=row.summary, allow_abbrev=False, formatter_class=RawDescriptionHelpFormatter
        )
        if row is chosen:
            command = row.load()
            child.set_defaults(parser=child)
            child.description = (command.__doc__ or "").strip()
            command.configure(child)
    return parser

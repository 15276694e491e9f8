"""Make a gateway key: `narrows key new NAME` prints the key, once, and the line that lets it in.

The line goes under [keys] in the TOML file of the gateway, and holds the key's hash alone: whoever reads the file
learns no key. The client sends the key where it would send its provider's: as Authorization: Bearer (OpenAI's SDKs),
x-api-key (Anthropic's) or x-goog-api-key (Google's). A lost key cannot be shown again; make another, and take out the
old line.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from secrets import token_urlsafe

from narrows.cli.failure import OK, UNUSABLE, Failure
from narrows.settings.keys import KEY_BYTES, KEY_PREFIX, key_line


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of `narrows key`."""
    parser.add_argument("action", choices=["new"], help="new: make a key")
    parser.add_argument("name", metavar="NAME", help="whose key it is; shown in logs and metrics")


def run(arguments: Namespace) -> int:
    """`narrows key`."""
    key = KEY_PREFIX + token_urlsafe(KEY_BYTES)
    try:
        line = key_line(arguments.name, key)
    except ValueError as error:
        raise Failure(str(error), UNUSABLE) from None
    print(f"The key of {arguments.name}, shown this once:\n\n  {key}\n")
    print(f"The line for the gateway's TOML file:\n\n  [keys]\n  {line}")
    return OK

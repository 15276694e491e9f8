"""Give back the source of a losslessly shortened text.

The text comes from FILE, or from standard input where FILE is `-`; its source goes to standard output: exactly, except
that JSON comes without the white space between its values. A text that is no lossless output of ours gives nothing, a
message on standard error, and the exit status 3.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from narrows import api
from narrows.cli.failure import NOTHING_DONE, OK, Failure
from narrows.cli.sources import read_text, write_text


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of `narrows expand`."""
    parser.add_argument("file", metavar="FILE", help="the shortened text; - for standard input")


def run(arguments: Namespace) -> int:
    """`narrows expand`."""
    source = api.expand(read_text(arguments.file))
    if source is None:
        raise Failure(
            "this is not a lossless output: either nothing was shortened, or things were left out, and only the one"
            " who sent the text still has them",
            NOTHING_DONE,
        )
    write_text(source)
    return OK

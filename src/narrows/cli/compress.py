"""Shorten one text, as the gateway would shorten a tool's output.

The text comes from FILE, or from standard input where FILE is `-`. The shortened text goes to standard output, and the
decision, in one line, to standard error. A text that is kept comes out as it went in.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from narrows import api
from narrows.cli.configuration import add_setting_flags
from narrows.cli.failure import NOTHING_DONE, OK
from narrows.cli.policies import policy_of
from narrows.cli.sources import read_text, write_text
from narrows.cli.words import describe
from narrows.compressors.types import Compressed
from narrows.settings import Group


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of `narrows compress`."""
    parser.usage = "narrows compress [options] FILE"
    parser.add_argument("file", metavar="FILE", help="the text; - for standard input")
    parser.add_argument("--tool", metavar="NAME", help="the tool that wrote it, such as bash: evidence for its kind")
    parser.add_argument("--arguments", metavar="JSON", default="", help="what the tool was called with")
    parser.add_argument("--model", metavar="NAME", help="whose tokens to count (default: an assumed encoding)")
    parser.add_argument("--exit-code", action="store_true", help="exit with 3 where the text was kept")
    add_setting_flags(parser, groups=[Group.EDITS])


def run(arguments: Namespace) -> int:
    """`narrows compress`."""
    policy, classifier = policy_of(arguments)
    text = read_text(arguments.file)
    decision = api.compress_text(
        text,
        tool=arguments.tool,
        arguments=arguments.arguments,
        model=arguments.model,
        policy=policy,
        classifier=classifier,
    )
    shortened = isinstance(decision.result, Compressed)
    write_text(decision.result.text if isinstance(decision.result, Compressed) else text)
    print(f"narrows: {describe(decision)}", file=sys.stderr)
    return NOTHING_DONE if arguments.exit_code and not shortened else OK

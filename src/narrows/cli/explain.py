"""Show what the gateway would shorten in a request body, and why, without sending anything.

The body comes from BODY.json, or from standard input where it is `-`. For each part that may be edited: its place, the
tool that wrote it, its kind, kept or shortened and why, bytes and tokens before and after, and the first lines of both
texts as in a diff. --json gives the same for machines, without the texts.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace

import msgspec
from msgspec.structs import replace
from rich.console import Console

from narrows import plan
from narrows.cli.body_shape import wire_of
from narrows.cli.configuration import add_setting_flags
from narrows.cli.failure import OK, UNUSABLE, Failure
from narrows.cli.plan_view import print_plan
from narrows.cli.policies import policy_of
from narrows.cli.sources import read_bytes
from narrows.compressors.types import Classifier, Compressed, Kept
from narrows.plan import Plan, PlannedPart
from narrows.policy import Policy
from narrows.settings import Group
from narrows.wire.registry import WIRES, wire_named
from narrows.wire.types import Untouched, Wire


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of `narrows explain`."""
    parser.usage = "narrows explain [options] BODY.json"
    parser.add_argument("file", metavar="BODY.json", help="the body of a request; - for standard input")
    names = ", ".join(wire.name for wire in WIRES)
    parser.add_argument("--wire", metavar="NAME", help=f"its format: {names} (default: what its keys look like)")
    parser.add_argument("--model", metavar="NAME", help="count tokens as for this model, not the body's own")
    parser.add_argument("--json", action="store_true", help="for machines: one JSON document, without the texts")
    parser.add_argument("--lines", metavar="N", type=_lines, default=6, help="lines to show of each text [6]")
    add_setting_flags(parser, groups=[Group.EDITS])


def run(arguments: Namespace) -> int:
    """`narrows explain`."""
    policy, classifier = policy_of(arguments)
    named = _named_wire(arguments.wire) if arguments.wire else None
    body = read_bytes(arguments.file)
    wire = named or wire_of(body)
    planned = plan_as_model(body, wire, policy, classifier, arguments.model)
    if arguments.json:
        sys.stdout.buffer.write(
            msgspec.json.format(msgspec.json.encode(report(body, wire, planned, policy)), indent=2) + b"\n"
        )
    else:
        console = Console(highlight=False, soft_wrap=True, markup=False)
        told = "" if named else ", by the body's keys; --wire names another"
        console.print(f"wire {wire.name}{told}", style="dim")
        print_plan(console, body, planned, policy, lines=arguments.lines)
    return OK


def plan_as_model(body: bytes, wire: Wire, policy: Policy, classifier: Classifier | None, model: str | None) -> Plan:
    """`plan.plan_body`, with tokens counted as for `model` where one is named."""
    located = wire.locate(body, policy.scope)
    if isinstance(located, Untouched):
        return plan.untouched_plan(located)
    located = replace(located, model=model or located.model)
    return plan.plan_located(body, located, policy, classifier)


def report(body: bytes, wire: Wire, planned: Plan, policy: Policy) -> dict[str, object]:
    """The plan for machines; docs/cli.md describes it. An unknown number is null, never zero."""
    saved = sum(len(edit.span) - len(edit.replacement) for edit in planned.edits)
    located, untouched = planned.located, planned.untouched
    return {
        "wire": wire.name,
        "model": located.model if located else None,
        "messages": located.message_count if located else None,
        "encoding": planned.encoding.name if planned.encoding else None,
        "encoding_assumed": planned.encoding.assumed if planned.encoding else None,
        "policy": policy.version,
        "untouched": {"reason": untouched.reason, "detail": untouched.detail} if untouched else None,
        "body_bytes_before": len(body),
        "body_bytes_after": len(body) - saved,
        "parts": [_part(one) for one in planned.parts],
    }


def _part(one: PlannedPart) -> dict[str, object]:
    decision, call = one.outcome.decision, one.part.tool_call
    result = decision.result
    return {
        "pointer": one.part.pointer,
        "role": one.part.role,
        "tool": call.name if call else None,
        "kind": result.kind,
        "shortened": isinstance(result, Compressed),
        "lossless": result.lossless if isinstance(result, Compressed) else None,
        "reason": result.reason if isinstance(result, Kept) else None,
        "detail": result.detail if isinstance(result, Kept) else result.summary,
        "bytes_before": decision.bytes_before,
        "bytes_after": decision.bytes_after,
        "tokens_before": decision.tokens_before,
        "tokens_after": decision.tokens_after,
    }


def _named_wire(name: str) -> Wire:
    try:
        return wire_named(name)
    except ValueError as error:
        raise Failure(f"--wire: {error}", UNUSABLE) from None


def _lines(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ArgumentTypeError(f"{text!r} is not a number of lines: 0 shows none of the texts")
    return int(text)

"""A plan drawn like a diff: the part's place as a hunk header, the original's first lines, the shortened text's.

The texts come from strangers, so control characters, with which a text could move the cursor or hide itself, are shown
as escapes and never sent to the terminal.
"""

from __future__ import annotations

import re

from rich.console import Console
from rich.text import Text

from narrows.cli.words import describe, why_untouched
from narrows.compressors.types import Compressed
from narrows.core import jsonstr
from narrows.plan import Plan, PlannedPart
from narrows.policy import Policy
from narrows.wire.types import Located

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_LONGEST_LINE = 160
_LONGEST_ARGUMENTS = 60


def print_plan(console: Console, body: bytes, plan: Plan, policy: Policy, *, lines: int) -> None:
    """Draw `plan` on `console`, with at most `lines` lines of each text."""
    console.print(
        f"policy {policy.version}: {policy.level}, {policy.scope}, classifier {policy.classifier}", style="dim"
    )
    if plan.untouched is not None:
        detail = f" ({visible(plan.untouched.detail)})" if plan.untouched.detail else ""
        console.print(f"forwarded as it came, {plan.untouched.reason}: {why_untouched(plan.untouched.reason)}{detail}")
        return
    for planned in plan.parts:
        _print_part(console, body, planned, lines)
    console.print(_total(body, plan, plan.located), style="bold")


def visible(text: str) -> str:
    """`text` with every character that a terminal might obey written as an escape."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _print_part(console: Console, body: bytes, planned: PlannedPart, lines: int) -> None:
    part, result = planned.part, planned.outcome.decision.result
    call = part.tool_call
    by = f"{part.role} {visible(call.name)} {_cut(call.arguments, _LONGEST_ARGUMENTS)}" if call else part.role
    console.print(f"\n@@ {visible(part.pointer)} @@ {by}".rstrip(), style="cyan")
    console.print(
        f"  {visible(describe(planned.outcome.decision))}", style="bold" if isinstance(result, Compressed) else "dim"
    )
    if isinstance(result, Compressed):
        _print_lines(console, "-", jsonstr.decode(part.span.of(body)), lines, "red")
        _print_lines(console, "+", result.text, lines, "green")


def _print_lines(console: Console, sign: str, text: str, lines: int, style: str) -> None:
    if not lines:
        return
    every = text.split("\n")
    for line in every[:lines]:
        console.print(Text(f"{sign} {_cut(line, _LONGEST_LINE)}", style=style))
    if len(every) > lines:
        more = len(every) - lines
        console.print(f"{sign} ... {more:,} {'line' if more == 1 else 'lines'} more", style="dim")


def _cut(line: str, longest: int) -> str:
    """The start of a line, visible; a longer one says how long it is."""
    shown = visible(line[:longest].replace("\n", " "))
    return shown if len(line) <= longest else f"{shown}... ({len(line):,} characters)"


def _total(body: bytes, plan: Plan, located: Located | None) -> str:
    after = len(body) - sum(len(edit.span) - len(edit.replacement) for edit in plan.edits)
    messages = located.message_count if located else 0
    return (
        f"\n{len(plan.edits)} of {len(plan.parts)} parts in {messages} messages shortened:"
        f" the body's {len(body):,} bytes become {after:,}"
    )

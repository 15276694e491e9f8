"""The demo's table and the words under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from narrows.cli.demo.forwarded import Forwarded
from narrows.cli.demo.replay import Measured
from narrows.cli.demo.session import Turn

ABSENT = "-"


@dataclass(frozen=True, slots=True)
class TurnResult:
    """One turn, both ways. `counted` are tokens counted here (o200k_base) where the model reports none."""

    turn: Turn
    straight: Measured
    narrowed: Measured
    forwarded: Forwarded
    counted: tuple[int, int] | None = None

    @property
    def prompt_tokens(self) -> tuple[int | None, int | None]:
        """Prompt tokens of the straight and of the narrowed request."""
        return self.counted or (self.straight.prompt_tokens, self.narrowed.prompt_tokens)


def print_report(console: Console, results: Sequence[TurnResult], reports_figures: bool) -> None:
    """One row per turn, the edits in words, the sums."""
    console.print(_table(results, reports_figures))
    for number, result in enumerate(results, 1):
        edit = result.forwarded.edit or "the newest tool output was forwarded as sent"
        console.print(Text(f"turn {number}  $ {result.turn.command}\n        {edit}"), soft_wrap=True)
    console.print(Text(_sums(results, reports_figures)), soft_wrap=True)


def _table(results: Sequence[TurnResult], reports_figures: bool) -> Table:
    """Ten narrow columns, so that eighty characters hold them."""
    table = Table(
        title="Each turn re-sends the whole conversation.",
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    headings = ["turn", "prompt\nsent", "tokens\nforwarded", "\nsaved", "outputs\nedited", "same\nprefix"]
    if reports_figures:
        headings += ["cached\nstraight", "tokens\nnarrowed", "1st tok.\nstraight", "after\nnarrowed"]
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for number, result in enumerate(results, 1):
        before, after = result.prompt_tokens
        row = [str(number), _count(before), _count(after), _saved(before, after)]
        row += [str(result.forwarded.edited_parts), _yes_no(result.forwarded.extends_previous)]
        if reports_figures:
            row += [_count(result.straight.cached_tokens), _count(result.narrowed.cached_tokens)]
            row += [f"{result.straight.first_token_s:.2f} s", f"{result.narrowed.first_token_s:.2f} s"]
        table.add_row(*row)
    return table


def _sums(results: Sequence[TurnResult], reports_figures: bool) -> str:
    pairs = [result.prompt_tokens for result in results]
    sent = sum(before or 0 for before, _ in pairs)
    forwarded = sum(after or 0 for _, after in pairs)
    waited = ""
    if reports_figures:
        straight = sum(result.straight.first_token_s for result in results)
        narrowed = sum(result.narrowed.first_token_s for result in results)
        waited = f"; first tokens waited for: {straight:.1f} s straight, {narrowed:.1f} s narrowed"
    kept = all(result.forwarded.extends_previous in (None, True) for result in results)
    return (
        f"\nSum of all turns: {sent:,} prompt tokens sent, {forwarded:,} forwarded "
        f"({_saved(sent, forwarded)} saved){waited}.\n"
        f"Every turn's prefix arrived as the turn before had sent it: {'yes' if kept else 'NO'}."
    )


def _count(value: int | None) -> str:
    return ABSENT if value is None else f"{value:,}"


def _saved(before: int | None, after: int | None) -> str:
    return ABSENT if not before or after is None else f"{(before - after) / before:.0%}"


def _yes_no(value: bool | None) -> str:
    return ABSENT if value is None else ("yes" if value else "NO")

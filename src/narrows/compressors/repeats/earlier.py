"""What a text may refer to: the tool outputs before it, as the model sees them.

An output that was kept is there to the letter, so any of its lines may be named. Of a folded one those are there that
are not marks; of a view whose line numbers are reduced all are, with the numbers that its head line says, and of a text
without what was only for a screen all that it shows. A shortened one may only be named as a whole: what is our own
output is never decoded or referred to line by line (law 3). What only stands for another output, or looks like our
output without being it, is not named at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from narrows.compressors.types import Compressed, Kept, Reason
from narrows.core import envelope
from narrows.core.tool_call import OutputPlace
from narrows.policy import Kind

FLOOR_BYTES = 256
"""Smaller outputs neither refer nor are referred to, whatever the policy says: the wires digest none of them."""


class Shown(StrEnum):
    """How much of a forwarded output is there to be named."""

    LINES = "lines"
    """All of it: the tool's own text."""
    HEADED = "headed"
    """The tool's own text below a head line of ours, all that there is to read of it: a view whose line numbers are
    reduced (what is looked at has them: `registry.readable`), or a text without progress and colours."""
    UNMARKED = "unmarked"
    """The lines that are not marks: an output whose repeats are folded."""
    WHOLE = "whole"
    """A shortened form, which is only ever named as a whole."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier tool output as it was forwarded, and where it stands."""

    text: str
    place: OutputPlace
    shown: Shown = Shown.LINES

    @property
    def whole(self) -> str:
        """What is named where it is named as a whole."""
        return self.text.partition("\n")[2] if self.shown is Shown.HEADED else self.text


def shown_by(result: Compressed | Kept) -> Shown:
    """How much of an output is there, after this was decided for it."""
    match result:
        case Compressed(Kind.REPEAT, text):
            return Shown.UNMARKED if "\n" in envelope.bare(text) else Shown.NOTHING
        case Compressed(Kind.VIEW | Kind.SCREEN):
            return Shown.HEADED
        case Compressed():
            return Shown.WHOLE
        case Kept(reason):
            return Shown.LINES if reason in _VERBATIM else Shown.NOTHING
        case _:
            assert_never(result)


_VERBATIM = frozenset(
    (
        Reason.TOO_SMALL,
        Reason.UNKNOWN_KIND,
        Reason.NEVER_SHORTENED,
        Reason.GRAMMAR,
        Reason.NOTHING_TO_SAVE,
        Reason.GATE,
        Reason.BEFORE_CACHE_MINIMUM,
    )
)
"""Kept for what they are, and without a line that looks like a mark."""

"""From the growing texts of steps to the pieces that a stream is made of.

The rule, for each step: a text that starts with what was sent gives the rest; one that is the start of what was sent
gives nothing; any other has diverged, and gives nothing more until its step is over. Then, if it starts with what was
sent after all, the rest goes out, and if not, it was *revised*: under `append` what follows the longest common prefix
goes out, under `error` the run fails. What has been sent is never sent again.

Steps go out in their order, a blank line between two that say something: one step's text waits for the end of those
before it. A revision apart, the pieces of a stream are together the text of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from narrows.agents.observation import StepText

BETWEEN_STEPS = "\n\n"


class OnRevision(StrEnum):
    """What is done with a text that was changed after a part of it had been sent."""

    APPEND = "append"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Sent:
    """What has been sent of the step that is being sent; `closed` steps are those before it. `revised`: some step was
    changed after the fact."""

    closed: frozenset[int] = frozenset()
    text: str = ""
    anything: bool = False
    revised: bool = False


def answer_text(texts: Sequence[StepText]) -> str:
    """The answer as one text."""
    return BETWEEN_STEPS.join(step.text for step in texts if step.text)


def advance(sent: Sent, texts: Sequence[StepText], *, ended: bool) -> tuple[Sent, str]:
    """What is to be sent now, and what has been sent then. `ended`: the run is over, and with it every step."""
    pieces: list[str] = []
    for step in texts:
        if step.index in sent.closed:
            continue
        over = step.terminal or ended
        piece, text, revised = _of_step(sent.text, step.text, over)
        if piece and not sent.text and sent.anything:
            pieces.append(BETWEEN_STEPS)
        pieces.append(piece)
        anything, revised = sent.anything or bool(piece), sent.revised or revised
        if not over:
            return replace(sent, text=text, anything=anything, revised=revised), "".join(pieces)
        sent = Sent(sent.closed | {step.index}, "", anything, revised)
    return sent, "".join(pieces)


def _of_step(before: str, text: str, over: bool) -> tuple[str, str, bool]:
    """The piece of a step to send, what of the step is sent then, and whether it was revised."""
    if not over:
        text = _settled(text)
    if text.startswith(before):
        return text[len(before) :], text, False
    if not over:
        return "", before, False
    return text[_common(before, text) :], text, True


def _common(one: str, other: str) -> int:
    """The length of the longest common prefix."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _settled(text: str) -> str:
    """A growing text without an end that may be half of a character: of a surrogate pair, of UTF-8 that was cut, or of
    characters that are joined."""
    return text.rstrip("\ufffd\u200d" + _HIGH_SURROGATES)


_HIGH_SURROGATES = "".join(map(chr, range(0xD800, 0xDC00)))

"""What an answer says, as an agent may keep it: texts and thoughts in their order, whatever parts they came in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from msgspec import Struct

from narrows.inject.places import joined, text_of

_THOUGHT, _TEXT = "thought:", "text:"


class Run(Struct, frozen=True, gc=False):
    """Texts, or thoughts, that stand one behind the other."""

    is_thought: bool
    text: str

    def __str__(self) -> str:
        return (_THOUGHT if self.is_thought else _TEXT) + self.text

    @classmethod
    def read(cls, said: str) -> Self:
        """The run that `str` has written."""
        is_thought = said.startswith(_THOUGHT)
        return cls(is_thought, said.removeprefix(_THOUGHT if is_thought else _TEXT))


def run_of(text: bytes, thought: bytes) -> Run:
    """What one part says, given the bytes of its members."""
    return Run(thought == b"true", text_of(text) or "")


def runs(pieces: Iterable[Run]) -> list[Run]:
    """The runs that pieces make; what says nothing parts nothing."""
    found: list[tuple[bool, list[str]]] = []
    for piece in pieces:
        if found and found[-1][0] == piece.is_thought:
            found[-1][1].append(piece.text)
        elif piece.text:
            found.append((piece.is_thought, [piece.text]))
    return [Run(is_thought, joined(texts)) for is_thought, texts in found]

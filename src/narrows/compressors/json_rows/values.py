"""The values of one document as they are written, with what they have in common said once.

A long value that stands several times is named where it first stands, `&1 value`, and repeated as `*1`, the notation of
YAML. Values are numbered in the order of reading, which is known only when all is written; until then a placeholder
stands for every long value, and `resolved` puts the values in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from narrows.compressors.json_rows import embedded, moments, opaque
from narrows.compressors.json_rows.notation import BARE, key, string
from narrows.compressors.json_rows.reading import JsonValue, Number

MIN_SHARED = 40
"""Shorter values are repeated in full, in characters."""
MIN_GAIN = 60
"""The least number of characters that naming a value has to save."""

_USUAL = re.compile(
    r"(?:(?:[A-Za-z/][A-Za-z0-9_./:@+-]*(?: [A-Za-z0-9_./:@+-]+)*"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.Z+-]+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]+)\n)*\Z"
)
"""Lines that are words, times and identifiers: bare strings, if they are none of `_UNUSUAL`."""
_UNUSUAL = frozenset(("true", "false", "null"))
_PLACE = re.compile("\x00([0-9]+)\x00")
_CONSTANTS = {None: "null", True: "true", False: "false"}


@dataclass(slots=True)
class Resolved:
    """A text without placeholders, how many values it names, and how many strings in it are cut."""

    text: str = ""
    named: int = 0
    strings_cut: int = 0


class Values:
    """Writes the values of one document. `cut`: what nobody can read in a string may be left out."""

    def __init__(self, *, cut: bool) -> None:
        self._cut = cut
        self._levels = 0
        self._numbers: dict[tuple[str, str], int] = {}
        self._texts: list[str] = []
        self._lengths: list[int] = []
        self._cut_numbers: set[int] = set()

    def inline(self, value: JsonValue, name: str = "") -> str:
        """Any value, on one line. Different values never look the same. `name`: the key that it has."""
        if isinstance(value, Number):
            return value
        if isinstance(value, str):
            return string(value) if len(value) < embedded.MIN_CHARACTERS else self._string(value, name)
        if isinstance(value, dict):
            moment = moments.written(value) if "__class__" in value else None
            return moment or self.shared(self.container(value))
        if isinstance(value, list):
            return self.shared(self.container(value))
        return _CONSTANTS[value]

    def strings(self, texts: Sequence[str], name: str) -> list[str]:
        """As `inline`, of many strings at once. Most are short and stand as they are, which is seen at one look."""
        if stand_as_they_are(texts):
            return list(texts)
        stands = BARE.match
        written = {
            text: text if len(text) < MIN_SHARED and stands(text) else self.inline(text, name) for text in set(texts)
        }
        return [written[text] for text in texts]

    def container(self, value: embedded.Container) -> str:
        """An object or array as it stands, never named or in another form: a sign may stand right before it."""
        if isinstance(value, dict):
            return "{" + ",".join([f"{key(name)}:{self.inline(member, name)}" for name, member in value.items()]) + "}"
        return "[" + ",".join([self.inline(item) for item in value]) + "]"

    def shared(self, text: str, header: str = "") -> str:
        """A written value, or a placeholder for it if it is long enough to be named. `header`: the columns without
        which the text does not say the whole value."""
        if len(text) < MIN_SHARED and "\x00" not in text:
            return text
        return f"\x00{self._number(text, (text, header))}\x00"

    def held(self, text: str) -> embedded.Held | None:
        """The JSON that a string holds; None where it holds none, or stands in too many of such strings itself."""
        return embedded.held(text) if text[:1] in ("{", "[") and self._levels < embedded.MAX_LEVELS else None

    @contextmanager
    def inside(self) -> Iterator[None]:
        """While the JSON in a string is written."""
        self._levels += 1
        yield
        self._levels -= 1

    def length(self, text: str) -> int:
        """Characters of a text with every placeholder written out."""
        if "\x00" not in text:
            return len(text)
        return len(_PLACE.sub("", text)) + sum(self._lengths[int(number)] for number in _PLACE.findall(text))

    def resolved(self, text: str) -> Resolved:
        """The text with every placeholder replaced, as if it were the whole document."""
        if "\x00" not in text:
            return Resolved(text)
        uses = self._uses(text)
        names: dict[int, int] = {}
        result = Resolved()

        def put_in(found: re.Match[str]) -> str:
            number = int(found[1])
            if number in names:
                return f"*{names[number]}"
            written = self._texts[number]
            opening = ""
            if (uses.get(number, 0) - 1) * self._lengths[number] >= MIN_GAIN:
                names[number] = len(names) + 1
                opening = f"&{names[number]} "
            result.strings_cut += number in self._cut_numbers
            return opening + (_PLACE.sub(put_in, written) if "\x00" in written else written)

        result.text = _PLACE.sub(put_in, text)
        result.named = len(names)
        return result

    def _uses(self, text: str) -> dict[int, int]:
        """How often each value stands, once inside a value that is itself repeated."""
        uses: dict[int, int] = {}
        waiting = [text]
        while waiting:
            for digits in _PLACE.findall(waiting.pop()):
                number = int(digits)
                if number not in uses and "\x00" in self._texts[number]:
                    waiting.append(self._texts[number])
                uses[number] = uses.get(number, 0) + 1
        return uses

    def _number(self, text: str, identity: tuple[str, str]) -> int:
        number = self._numbers.get(identity)
        if number is None:
            number = self._numbers[identity] = len(self._texts)
            self._texts.append(text)
            self._lengths.append(self.length(text))
        return number

    def _string(self, text: str, name: str) -> str:
        found = self.held(text)
        if found is not None:
            with self.inside():
                inner = self.container(found.value)
            return self.shared(found.around(inner))
        if self._cut and (cut := opaque.cut(text, name)) is not None:
            number = self._number(cut, (cut, text))
            self._cut_numbers.add(number)
            return f"\x00{number}\x00"
        return self.shared(string(text))


def stand_as_they_are(texts: Sequence[str]) -> bool:
    """Whether strings are all short and bare, by a rule that knows the usual ones only."""
    if max(map(len, texts)) >= MIN_SHARED or not _UNUSUAL.isdisjoint(texts):
        return False
    lines = "\n".join(texts) + "\n"
    return "narrows:" not in lines and lines.count("\n") == len(texts) and _USUAL.match(lines) is not None

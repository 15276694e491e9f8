"""The letters of the short form: a cursor over a body that takes signs, strings and keys from it."""

from __future__ import annotations

import re

from narrows.compressors.json_rows.notation import BARE_KEY, RAW, quoted

MAX_CHARACTERS = 128 << 20

STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_PLAIN = re.compile(r'[^,{}\[\]"\n]*')
_UNSPACED = re.compile(r'[^ ,{}\[\]"\n]*')
_NAME = re.compile(r'[^,{}\[\]"\n:=]*')
_UNSPACED_NAME = re.compile(r'[^ ,{}\[\]"\n:=]*')
_CUT = re.compile(r"\+<[1-9][0-9]{0,8} characters left out>")


class NotOurs(ValueError):
    """The text is not in short form."""


class Cursor:
    """A place in a body. `separator`: what stands between cells, a comma or a space, where a space also ends a value.
    `strings_cut`: strings read of which a part was left out."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.position = 0
        self.separator = ","
        self.strings_cut = 0
        self._characters = 0

    def string(self) -> str:
        """A JSON string, or what is left of one that was cut."""
        text = self.found(STRING)
        cut = _CUT.match(self.body, self.position)
        if cut is None:
            return text
        while cut is not None:
            self.position = cut.end()
            if self.skip("+"):
                self.found(STRING)
            cut = _CUT.match(self.body, self.position)
        self.strings_cut += 1
        return text

    def raw(self) -> str:
        """A string between backticks."""
        end = self.body.find("`", self.position + 1)
        text = self.body[self.position + 1 : end] if end >= 0 else ""
        if not RAW.match(text):
            raise NotOurs(f"not a string at {self.position}")
        self.position = end + 1
        return quoted(text)

    def plain(self) -> str:
        """The letters up to a sign, and in a table whose cells are set apart by spaces up to a space."""
        return self.found(_UNSPACED if self.separator == " " else _PLAIN)

    def key(self) -> str:
        """A key, as a JSON string."""
        if self.body.startswith('"', self.position):
            return self.found(STRING)
        name = self.found(_UNSPACED_NAME if self.separator == " " else _NAME)
        if not BARE_KEY.match(name):
            raise NotOurs(f"not a key at {self.position}")
        return quoted(name)

    def count_characters(self, count: int) -> None:
        """Count what the text expands to.

        Raises:
            NotOurs: it has become more than any source.
        """
        self._characters += count
        if self._characters > MAX_CHARACTERS:
            raise NotOurs("expands beyond any source")

    def found(self, pattern: re.Pattern[str]) -> str:
        """What fits the pattern here, taken.

        Raises:
            NotOurs: nothing does.
        """
        found = pattern.match(self.body, self.position)
        if found is None:
            raise NotOurs(f"nothing that fits at {self.position}")
        self.position = found.end()
        return found[0]

    def skip(self, text: str) -> bool:
        """Take this text if it stands here, and say whether it did."""
        if self.body.startswith(text, self.position):
            self.position += len(text)
            return True
        return False

    def expect(self, text: str) -> None:
        """Take this text.

        Raises:
            NotOurs: it does not stand here.
        """
        if not self.skip(text):
            raise NotOurs(f"{text!r} is missing at {self.position}")

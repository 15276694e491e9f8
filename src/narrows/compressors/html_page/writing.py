"""Lines of text out of running text, blocks, links and the rows of tables.

White space is collapsed as a browser does, except in code, which stays to the letter between fences. What is ours
stands in the text as a control character until its line is whole (no page that is read has any), so that the page's own
words can be told from our signs: where they look alike, theirs get a backslash, as in Markdown.
"""

from __future__ import annotations

import re

LINK, ADDRESS, ADDRESS_END, FIELD, IMAGE, STRUCK = "\x01", "\x02", "\x03", "\x04", "\x05", "\x06"
"""What begins a link, stands around the number of its address, begins a form's field, an image, and struck out text."""
SIGNS = {LINK: "[", FIELD: "<", IMAGE: "![", STRUCK: "~~"}
MOST_INDENTED = 8

_ALIKE = re.compile(rf"(?<=\])(?=\()|!(?=[\[{LINK}])|<(?=/?(?:form|input|select|option|textarea|button)\b)|~~")
_LINE_ALIKE = re.compile(r"#{1,6} |[|`>]|: ")
_SIGN = re.compile("[" + "".join(SIGNS) + "]")
_FENCES = re.compile(r"`{3,}")


class Writer:
    """The lines so far, and the one that is being written. `lead`: what its first words are led by."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.lead = ""
        self.depth = 0
        self.quotes = 0
        self.cell: list[str] | None = None
        self.code: list[str] | None = None
        self._line: list[str] = []
        self._opening = ""

    def words(self, text: str) -> None:
        """Running text, or code where it stands in such."""
        if self._opening and self.code is None and not text.isspace():
            if text[0].isspace():
                self._append(" ")
                text = text.lstrip()
            self._append(self._opening)
            self._opening = ""
        self._append(text)

    def _append(self, text: str) -> None:
        (self._line if self.code is None else self.code).append(text)

    def sign(self, text: str) -> None:
        """Something of ours, with its control characters."""
        if self.code is None:
            self.words(text)

    def open_link(self) -> None:
        """A link begins before the next words outside of code."""
        self._opening = LINK

    def close_link(self, address: str, label: str) -> None:
        """It ends with its address; `label` stands for a link without words. A link in code ends without."""
        opening, self._opening = self._opening, ""
        if self.code is not None:
            return
        if not opening and self._line and self._line[-1][-1:].isspace():
            self._line[-1] = self._line[-1].rstrip()
            address += " "
        ended = not opening and not self._line
        self._append(f"{opening}{label if opening else ''}{address}")
        if ended:
            self.end_line()

    @property
    def written(self) -> int:
        """A place in the line that is being written."""
        return len(self._line)

    def since(self, place: int) -> str:
        """What the line holds from a place on."""
        return "".join(self._line[place:])

    def end_line(self) -> None:
        """A block begins or ends here; in code and in a cell that is no more than white space."""
        if self.code is not None:
            if self.code and not self.code[-1].endswith("\n"):
                self.code.append("\n")
            return
        if not self._line:
            return
        words = " ".join("".join(self._line).split())
        self._line.clear()
        if not words:
            return
        words = _ALIKE.sub(r"\\\g<0>", words)
        if self.cell is not None:
            self.cell.append(self.lead + words)
            self.lead = ""
            return
        if not self.lead and _LINE_ALIKE.match(words):
            words = "\\" + words
        self.put(self.lead + words)
        self.lead = ""

    def put(self, words: str) -> None:
        """A whole line of the text."""
        depth, quotes = min(self.depth, MOST_INDENTED), min(self.quotes, MOST_INDENTED)
        self.lines.append(f"{'> ' * quotes}{'  ' * (depth - 1)}{words}")

    def gap(self) -> None:
        """An empty line, if there is none."""
        if self.lines and self.lines[-1] and self.cell is None and self.code is None:
            self.lines.append("")

    def begin_code(self) -> None:
        """Text that stays to the letter begins."""
        self.end_line()
        self.code = []

    def end_code(self) -> None:
        """It ends, and stands between fences longer than any in it."""
        code, self.code = "".join(self.code or []), None
        code = code.removeprefix("\n").removesuffix("\n")
        if not code.strip():
            return
        fence = "`" * (max((len(one) for one in _FENCES.findall(code)), default=2) + 1)
        self.lines += [fence, *code.split("\n"), fence]
        self.lead = ""


def cell_words(parts: list[str]) -> str:
    """A cell of a row; what would pass for a border or for our signs of a wide cell gets a backslash."""
    words = " ".join(parts).replace("|", "\\|")
    return "\\" + words if words in ("^", "<") else words


def signed(line: str) -> str:
    """A line with our signs in the place of their control characters; those of addresses stay."""
    return _SIGN.sub(lambda found: SIGNS[found[0]], line)

"""What a page's own markup hides: by `hidden`, `display:none` or `visibility:hidden` in an element's own attributes,
as templates, closed dialogs, and the notes to formulas.

A style sheet may hide more; that is not known here, so whatever else there is counts as visible. What is not seen by
people is a place for instructions to machines: it is left out, and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from narrows.compressors.html_page.pieces import CLOSE, OPEN, RAW_TEXT, TEXT, VOID, Piece, attributes, decoded
from narrows.compressors.html_page.rows import OddPageError

_MAY_HIDE = re.compile(r"hidden|display[ \t\n\f\r]*:|visibility[ \t\n\f\r]*:", re.IGNORECASE)
_HIDES = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))\s*(?:!\s*important\s*)?(?:;|$)",
    re.IGNORECASE,
)
_ALWAYS = frozenset({"template", "annotation", "annotation-xml"})
_ENDED_BY = {
    "li": frozenset({"li"}),
    "dt": frozenset({"dt", "dd"}),
    "dd": frozenset({"dt", "dd"}),
    "option": frozenset({"option", "optgroup"}),
    "optgroup": frozenset({"optgroup"}),
    "td": frozenset({"td", "th", "tr", "tbody", "tfoot"}),
    "th": frozenset({"td", "th", "tr", "tbody", "tfoot"}),
    "tr": frozenset({"tr", "tbody", "tfoot"}),
    "thead": frozenset({"tbody", "tfoot"}),
    "tbody": frozenset({"tbody", "tfoot"}),
    "tfoot": frozenset({"tbody", "tfoot"}),
    "p": frozenset(
        [
            "address",
            "article",
            "aside",
            "blockquote",
            "details",
            "dialog",
            "div",
            "dl",
            "fieldset",
            "figcaption",
            "figure",
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "header",
            "hgroup",
            "hr",
            "main",
            "menu",
            "nav",
            "ol",
            "p",
            "pre",
            "search",
            "section",
            "table",
            "ul",
            "dd",
            "dt",
            "li",
        ]
    ),
}
"""Elements whose end tag may be left out, and what then ends them by beginning."""
_NEVER_END = frozenset({"body", "html"})


def hides(name: str, rest: str) -> bool:
    """Whether the tag hides its element."""
    if name in _ALWAYS:
        return True
    if name == "dialog":
        return "open" not in attributes(rest)
    if not rest or _MAY_HIDE.search(rest) is None:
        return False
    found = attributes(rest)
    return "hidden" in found or _HIDES.search(found.get("style", "")) is not None


class Hidden:
    """A hidden element that is being passed over: what is open in it, and its characters so far, white space
    not counted."""

    def __init__(self, name: str) -> None:
        self._open = [name]
        self._counts = Counter((name,))
        self.characters = 0

    def passes(self, piece: Piece, around: Mapping[str, int]) -> bool:
        """Whether the piece lies inside; `around`: the elements that are open outside, by name.

        Raises:
            OddPageError: where the element ends cannot be said.
        """
        sort, name, rest, content = piece
        if sort == OPEN:
            return self._opened(name)
        if sort == CLOSE:
            return self._closed(name, around)
        if sort == TEXT or (sort == RAW_TEXT and name == "textarea"):
            text = rest if sort == TEXT else content
            self.characters += sum(map(len, decoded(text).split()))
        return True

    @property
    def over(self) -> bool:
        """Whether its own end tag was the last piece."""
        return not self._open

    def _opened(self, name: str) -> bool:
        while self._open and name in _ENDED_BY.get(self._open[-1], ()):
            self._pop()
        if not self._open:
            return False
        if name not in VOID:
            self._open.append(name)
            self._counts[name] += 1
        return True

    def _closed(self, name: str, around: Mapping[str, int]) -> bool:
        if not self._counts[name]:
            if name in _NEVER_END or not around.get(name) or name == "p":
                return True
            if all(one in _ENDED_BY for one in self._open):
                self._open.clear()
                return False
            raise OddPageError("a hidden element that does not end")
        while self._pop() != name:
            pass
        return True

    def _pop(self) -> str:
        name = self._open.pop()
        self._counts[name] -= 1
        return name

"""Whether a page's elements nest, as far as that decides what belongs to what.

Browsers mend what does not: they move text out of tables, and open links again in the next block. A page in which an
element ends over another one that is open, or stands where none of its sort can, is not one that can be said for
certain. End tags that HTML lets out are no fault, nor is a page that breaks off.
"""

from __future__ import annotations

from narrows.compressors.html_page.rows import OddPageError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SIGNED = _words(
    "a h1 h2 h3 h4 h5 h6 ul ol menu dl blockquote pre sup sub del s strike q time math svg form select"
    " button table label video audio object noscript"
)
_ENDS_BY_ITSELF = _words("html head body p li dt dd tr td th thead tbody tfoot option optgroup colgroup rp rt")
_REOPENED = _words("a s strike")
"""What browsers open again in an element that is open when it ends."""
_MATTERS = _SIGNED | _words("p li dt dd tr td th thead tbody tfoot caption")
_BLOCKS = _words(
    "address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer"
    " form h1 h2 h3 h4 h5 h6 header hgroup hr main menu nav ol p pre search section summary table ul li dt"
    " dd"
)
_LISTS = _words("ul ol menu table td th")
_ENDS = {
    "li": (frozenset({"li"}), _LISTS),
    **dict.fromkeys(("dt", "dd"), (frozenset({"dt", "dd"}), frozenset({"dl", "table", "td", "th"}))),
    **dict.fromkeys(("option", "optgroup"), (frozenset({"option"}), frozenset({"select", "datalist"}))),
    **dict.fromkeys(("td", "th"), (frozenset({"td", "th", "caption"}), frozenset({"tr", "table"}))),
    "tr": (frozenset({"tr", "caption", "colgroup"}), frozenset({"table"})),
    **dict.fromkeys(
        ("thead", "tbody", "tfoot"),
        (frozenset({"thead", "tbody", "tfoot", "caption", "colgroup"}), frozenset({"table"})),
    ),
}
"""What a tag ends by beginning, and what keeps it from reaching further out."""
_PARAGRAPH = (frozenset({"p"}), _words("button caption table td th object"))
_ALONE = _words("a form select button h1 h2 h3 h4 h5 h6")
"""Elements that do not stand in one another of their sort."""
_ROWS = _words("table thead tbody tfoot tr")
_IN_ROWS = _words("caption colgroup col thead tbody tfoot tr td th script style template input")
_IN_SELECT = _words("option optgroup hr script style template")
_IN_DRAWINGS = _BLOCKS | _words("b i em strong span img br code ul ol small sub sup u s strike table input")
MOST_LOOKED_AT = 64
"""Open elements that are looked through, from the innermost."""


class Nesting:
    """The elements that are open, hidden ones aside."""

    def __init__(self) -> None:
        self.stack: list[str] = []

    def opened(self, name: str, *, void: bool) -> None:
        """A tag begins an element.

        Raises:
            OddPageError: a browser would put it elsewhere, or end what is not of its sort.
        """
        if name in _ENDS:
            self._end(*_ENDS[name])
        elif name in _BLOCKS:
            self._end(*_PARAGRAPH)
        innermost = self.stack[-1] if self.stack else ""
        if innermost in _ROWS and name not in _IN_ROWS:
            raise OddPageError(f"<{name}> in a table outside of its cells")
        near = self.stack[-MOST_LOOKED_AT:]
        if (
            (name in _ALONE and not _ALONE.isdisjoint(near) and _stands_in_its_sort(name, near))
            or ("select" in near and name not in _IN_SELECT)
            or ("svg" in near and name in _IN_DRAWINGS and "foreignobject" not in near)
        ):
            raise OddPageError(f"<{name}> where none can stand")
        if not void:
            self.stack.append(name)

    def closed(self, name: str) -> None:
        """A tag ends an element.

        Raises:
            OddPageError: it would end one that is still open, or only half of itself.
        """
        stack = self.stack
        if stack and stack[-1] == name:
            stack.pop()
            return
        near = stack[-MOST_LOOKED_AT:]
        if name not in near:
            if name in _MATTERS:
                raise OddPageError(f"</{name[:20]}> of an element that was never opened")
            return
        place = len(stack) - 1 - near[::-1].index(name)
        if name in _REOPENED or not _ENDS_BY_ITSELF.issuperset(stack[place + 1 :]):
            raise OddPageError(f"</{name[:20]}> over an element that is open")
        del stack[place:]

    def passed(self) -> None:
        """What was opened last is hidden, and passed over."""
        self.stack.pop()

    def _end(self, ended: frozenset[str], barriers: frozenset[str]) -> None:
        for place in range(len(self.stack) - 1, max(-1, len(self.stack) - 1 - MOST_LOOKED_AT), -1):
            if self.stack[place] in ended:
                if not _SIGNED.isdisjoint(self.stack[place + 1 :]):
                    raise OddPageError("an element that ends with its surroundings")
                del self.stack[place:]
                return
            if self.stack[place] in barriers:
                return


def _stands_in_its_sort(name: str, near: list[str]) -> bool:
    if name[1:].isdigit():
        return near[-1][:1] == "h" and near[-1][1:].isdigit()
    return name in near

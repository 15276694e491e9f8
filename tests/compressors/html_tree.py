"""What a page holds, by the tree of a parser that keeps to the HTML standard (html5lib): its words in their order, with
the signs that must stand before each, and counts of what is not shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import html5lib

_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "body",
        "center",
        "details",
        "dialog",
        "dir",
        "div",
        "dl",
        "dt",
        "dd",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hgroup",
        "html",
        "legend",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "optgroup",
        "p",
        "pre",
        "search",
        "section",
        "summary",
        "table",
        "caption",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "td",
        "th",
        "ul",
        "noscript",
        "blockquote",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "br",
        "hr",
    ]
)
_HIDES = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))\s*(?:!\s*important)?\s*(?:;|$)",
    re.IGNORECASE,
)
_ELSEWHERE = {"iframe": "src", "video": "src", "audio": "src", "embed": "src", "object": "data"}
_FIELD = ("type", "name", "value", "placeholder", "aria-label", "checked", "disabled", "required")
_SHOWN = {"form": ("method", "action"), "option": ("value", "selected"), "button": ("name", "value")}
_LAYOUT = frozenset(["table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "form", "hr", "textarea"])

Item = tuple[str, str]
"""What must stand in the gap before a word, and the word."""


class Tree:
    """What a page holds: `items` in order, code that stands there to the letter, and counts of what is not shown."""

    def __init__(self, source: str) -> None:
        self.document: Any = html5lib.parse(source, treebuilder="dom", namespaceHTMLElements=False)
        self.about: list[Item] = []
        self.body: list[Item] = []
        self.verbatim: list[str] = []
        self.need = "\n"
        self.counts = dict.fromkeys(
            ("scripts", "styles", "comments", "heads", "drawings", "hidden", "images", "unaddressed", "in_code"), 0
        )
        self.hidden_characters = 0
        self.in_code = False
        self.code_links: list[list[Item]] = []
        self.cells = 0
        self._walk()

    @property
    def items(self) -> list[Item]:
        return [*self.about, *self.body]

    def left_out(self) -> str:
        """As the head line counts it."""
        names = {
            "scripts": ("script", "scripts"),
            "styles": ("style sheet", "style sheets"),
            "comments": ("comment", "comments"),
            "heads": ("meta or link tag", "meta or link tags"),
            "drawings": ("drawing", "drawings"),
            "hidden": ("hidden element", "hidden elements"),
            "images": ("image address", "image addresses"),
            "unaddressed": ("link that runs a script or leads nowhere", "links that run a script or lead nowhere"),
            "in_code": ("link within code to a place of the page", "links within code to places of the page"),
        }
        said = [f"{count} {names[name][count != 1]}" for name, count in self.counts.items() if count]
        with_characters = f" with {self.hidden_characters} characters"
        return ", ".join(one + with_characters if " hidden element" in one else one for one in said)

    # --- the walk -----------------------------------------------------------------------------------------------------

    def _walk(self) -> None:
        """Every node in document order, entered and left; no recursion, pages nest deeply."""
        stack: list[tuple[Any, bool]] = [(self.document, False)]
        hidden_below: list[Any] = []
        while stack:
            node, leaving = stack.pop()
            if leaving:
                if hidden_below and hidden_below[-1] is node:
                    hidden_below.pop()
                elif not hidden_below:
                    self._leave(node, _name(node))
                continue
            if node.nodeType == node.COMMENT_NODE:
                self.counts["comments"] += 1
            elif node.nodeType == node.TEXT_NODE:
                self._text(node, hidden=bool(hidden_below))
            elif node.nodeType == node.ELEMENT_NODE:
                name = _name(node)
                self.counts["scripts"] += name == "script"
                self.counts["styles"] += name == "style"
                if not hidden_below and _hides(node, name):
                    self.counts["hidden"] += 1
                    hidden_below.append(node)
                elif not hidden_below:
                    self._enter(node, name)
                stack.append((node, True))
                stack += [(child, False) for child in reversed(node.childNodes)]
            else:
                stack += [(child, False) for child in reversed(node.childNodes)]

    def _text(self, node: Any, *, hidden: bool) -> None:
        names = {_name(parent) for parent in _parents(node)}
        if names & {"script", "style", "iframe"} or (hidden and "title" in names):
            return
        if hidden:
            self.hidden_characters += sum(map(len, node.data.split()))
            return
        if "title" in names or ("svg" in names and not names & {"text", "foreignobject", "foreignObject"}):
            return
        self._words(node.data)

    def _words(self, text: str, into: list[Item] | None = None) -> None:
        into = self.body if into is None else into
        for number, word in enumerate(text.replace("\\", "").split()):
            if text[:1].isspace() or number:
                self._needs(" ")
            into.append((self.need, word))
            self.need = ""
        if text[-1:].isspace():
            self._needs(" ")

    def _needs(self, need: str) -> None:
        """What the gap before the next word must have; a stronger need stays."""
        if need == " " and self.need:
            return
        if self.cells and need == "\n":
            need = " "
            if self.need:
                return
        if not self.need.startswith(("\n|", "|")) or need.startswith(("\n|", "|")):
            self.need = need

    def _enter(self, node: Any, name: str) -> None:
        if name in _BLOCKS:
            self._needs("\n")
        if re.fullmatch("h[1-6]", name):
            self._needs("#" * int(name[1]) + " ")
        entering = getattr(self, f"enter_{name}", None)
        if entering is not None:
            entering(node)
        elif name in _ELSEWHERE:
            self._elsewhere(node, name)
        elif name in ("select", "textarea", "input") or (name == "form") or self._in(node, name):
            self._field(node, name)

    def _in(self, node: Any, name: str) -> bool:
        above = {_name(parent) for parent in _parents(node)}
        return (name == "button" and "form" in above) or (name == "option" and "select" in above)

    def _leave(self, node: Any, name: str) -> None:
        if name in _BLOCKS:
            self._needs("\n")
        leaving = getattr(self, f"leave_{name}", None)
        if leaving is not None:
            leaving(node)
        elif name in ("select", "textarea") or name == "form" or (name == "button" and self._in(node, name)):
            self.body.append((self.need if name == "form" else "", f"/{name}>"))
            self.need = "\n" if name == "form" else ""

    # --- the head -----------------------------------------------------------------------------------------------------

    def _about(self, what: str, value: str) -> None:
        words = value.replace("\\", "").split()
        if words:
            self.about += [("\n", f"{what}:"), *((" ", word) for word in words)]

    def enter_title(self, node: Any) -> None:
        if not any(_name(parent) == "svg" for parent in _parents(node)):
            self._about("title", "".join(child.data for child in node.childNodes))

    def enter_meta(self, node: Any) -> None:
        said = (node.getAttribute("name") or node.getAttribute("http-equiv")).lower()
        content = node.getAttribute("content")
        shown = said in ("description", "refresh") and content.strip()
        self.counts["heads"] += not shown
        self._about(said, content) if shown else None

    def enter_link(self, node: Any) -> None:
        shown = node.getAttribute("rel").lower() == "canonical" and node.getAttribute("href")
        self.counts["heads"] += not shown
        self._about("canonical", node.getAttribute("href")) if shown else None

    def enter_base(self, node: Any) -> None:
        self._about("base", node.getAttribute("href"))

    # --- text, links, images ------------------------------------------------------------------------------------------

    def enter_a(self, node: Any) -> None:
        node.setUserData("at", len(self.body), None)

    def leave_a(self, node: Any) -> None:
        if not (node.hasAttribute("href") or node.hasAttribute("xlink:href")):
            return
        address = _address(node.getAttribute("href") or node.getAttribute("xlink:href"))
        if address is None:
            self.counts["unaddressed"] += 1
            return
        at = node.getUserData("at")
        if self.in_code:
            if address.startswith("#"):
                self.counts["in_code"] += 1
            else:
                self.code_links.append([("", word) for _, word in self.body[at:]] + [("", f"\x02{address}\x03")])
            return
        if len(self.body) == at:
            label = node.getAttribute("aria-label") or node.getAttribute("title")
            self._words(label)
            self.need = ""
        need, self.need = (self.need, "") if len(self.body) == at else ("", self.need)
        self.body.append((need if len(self.body) == at else "", f"\x02{address}\x03"))

    def enter_area(self, node: Any) -> None:
        address = _address(node.getAttribute("href"))
        self.counts["unaddressed"] += address is None and node.hasAttribute("href")
        if address is not None:
            self._needs(" ")
            self._words(node.getAttribute("alt").strip())
            self.body.append(("", f"\x02{address}\x03"))

    def enter_img(self, node: Any) -> None:
        self.counts["images"] += 1
        if not self.in_code:
            need = self.need
            self._words(" ".join(node.getAttribute("alt").split()))
            self.need = self.need if node.getAttribute("alt").strip() else need

    def _elsewhere(self, node: Any, name: str) -> None:
        address = _address(node.getAttribute(_ELSEWHERE[name]))
        if address is not None and not self.in_code:
            self._needs(" ")
            self._words(f"{name} {node.getAttribute('title')}".strip())
            self.body.append(("", f"\x02{address}\x03"))
            self._needs(" ")

    def enter_sup(self, node: Any) -> None:
        if not self.in_code and not _begins_with_link(node):
            self.need = "^(" if node.hasChildNodes() else self.need

    def enter_sub(self, node: Any) -> None:
        if not self.in_code and not _begins_with_link(node):
            self.need = "_(" if node.hasChildNodes() else self.need

    def enter_math(self, node: Any) -> None:
        self._words(" math(")

    def leave_time(self, node: Any) -> None:
        moment = " ".join(node.getAttribute("datetime").split())
        shown = "".join(child.data for child in node.childNodes if child.nodeType == child.TEXT_NODE)
        if moment and moment not in shown and not self.in_code:
            self._words(f" {moment}")

    def enter_svg(self, node: Any) -> None:
        self.counts["drawings"] += not any(_name(parent) == "svg" for parent in _parents(node))

    # --- code and forms -----------------------------------------------------------------------------------------------

    def enter_pre(self, node: Any) -> None:
        if not self.in_code:
            self.in_code, self.code_links = True, []
            inside = [child for child in _below(node) if child.nodeType == child.ELEMENT_NODE]
            if not any(_name(child) in _BLOCKS or _hides(child, _name(child)) for child in inside):
                text = "".join(child.data for child in _below(node) if child.nodeType == child.TEXT_NODE)
                text = text.removesuffix("\n")
                self.verbatim += [text.removeprefix("\n")] if text.strip() else []

    def leave_pre(self, node: Any) -> None:
        if any(_name(parent) == "pre" for parent in _parents(node)):
            return
        self.in_code = False
        distinct = list(dict.fromkeys(tuple(link) for link in self.code_links))
        if distinct:
            self.body += [("\n", "links"), (" ", "in"), (" ", "the"), (" ", "code:")]
            for link in distinct:
                self.body += link
            self.need = "\n"

    def _field(self, node: Any, name: str) -> None:
        if self.in_code:
            return
        said = name
        for one in _SHOWN.get(name, _FIELD):
            if node.hasAttribute(one):
                value = node.getAttribute(one).replace('"', "&quot;")
                said += f' {one}="{value}"' if value or one in ("value", "action") else f" {one}"
        self._needs("\n" if name == "form" else " ")
        self._words(f"{said}>")

    # --- tables -------------------------------------------------------------------------------------------------------

    def enter_table(self, node: Any) -> None:
        below = [child for child in _below(node) if child.nodeType == child.ELEMENT_NODE]
        if any(_name(child) in _LAYOUT for child in below):
            return
        grid = list(_grid(node))
        if max((cells for cells, _ in grid), default=0) < 2:
            return
        for _, places in grid:
            for cell, need in places:
                cell.setUserData("need", need, None)

    def enter_td(self, node: Any) -> None:
        need = node.getUserData("need")
        if need is not None:
            self.cells += 1
            self.need = need

    enter_th = enter_td

    def leave_td(self, node: Any) -> None:
        if node.getUserData("need") is not None:
            self.cells -= 1
            self.need = "\n"

    leave_th = leave_td


def _grid(table: Any) -> Iterator[tuple[int, list[tuple[Any, str]]]]:
    """Of each row how many cells it has, and those with words, each with the borders and reaches before it."""
    for group in [child for child in table.childNodes if child.nodeType == child.ELEMENT_NODE]:
        above: dict[int, int] = {}
        for row in [child for child in group.childNodes if _name(child) == "tr"]:
            places, border, column = [], "\n|", 0
            cells = [child for child in row.childNodes if _name(child) in ("td", "th")]
            below = {place: rows - 1 for place, rows in above.items() if rows > 1}
            for cell in cells:
                while column in above:
                    border, column = border + "^|", column + 1
                columns = min(max(_extent(cell, "colspan"), 1), 64)
                rows = _extent(cell, "rowspan") or 65534
                if _has_words(cell):
                    places.append((cell, border))
                    border = ""
                border += "|" + "<|" * (columns - 1)
                below |= dict.fromkeys(range(column, column + columns), rows - 1) if rows > 1 else {}
                column += columns
            if cells:
                above = below
            yield len(cells), places


def _has_words(cell: Any) -> bool:
    tree = Tree.__new__(Tree)
    tree.document, tree.about, tree.body, tree.verbatim, tree.need = cell, [], [], [], ""
    tree.counts = dict.fromkeys(("scripts", "styles", "comments", "heads", "drawings", "hidden", "images"), 0)
    tree.counts |= {"unaddressed": 0, "in_code": 0}
    tree.hidden_characters, tree.in_code, tree.code_links, tree.cells = 0, False, [], 0
    for child in cell.childNodes:
        tree.document = child
        tree._walk()
    return bool(tree.body)


def _extent(cell: Any, name: str) -> int:
    said = cell.getAttribute(name)
    return int(said) if re.fullmatch(r"[0-9]{1,5}", said) else 1


def _name(node: Any) -> str:
    return (node.nodeName or "").rpartition(":")[2].lower() if node.nodeType == node.ELEMENT_NODE else ""


def _parents(node: Any) -> Iterator[Any]:
    while (node := node.parentNode) is not None and node.nodeType == node.ELEMENT_NODE:
        yield node


def _below(node: Any) -> Iterator[Any]:
    stack = list(reversed(node.childNodes))
    while stack:
        one = stack.pop()
        yield one
        stack += reversed(one.childNodes)


def _begins_with_link(node: Any) -> bool:
    return bool(node.childNodes) and _name(node.childNodes[0]) == "a"


def _hides(node: Any, name: str) -> bool:
    return (
        name in ("template", "annotation", "annotation-xml")
        or node.hasAttribute("hidden")
        or (name == "dialog" and not node.hasAttribute("open"))
        or _HIDES.search(node.getAttribute("style")) is not None
    )


def _address(said: str) -> str | None:
    address = re.sub(r"[\n\r\t]", "", said.strip())
    if address in ("", "#") or address.lower().startswith(("javascript:", "data:", "vbscript:")):
        return None
    if re.search(r"[\s()<>]", address) or re.match(r"[&*]\d", address):
        address = "".join({"<": "%3C", ">": "%3E"}.get(one, "%20" if one.isspace() else one) for one in address)
    return address.replace("\\", "")

"""The judge of pages as text. A parser that keeps to the HTML standard (html5lib) says what the page holds; this walks
its tree and reads the output beside it: every word of the tree must come next in the output, with nothing between two
words but our own signs, and with those signs that the tree calls for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import html5lib
from hypothesis import strategies as st

from narrows.compressors.html_page import COMPRESSOR
from narrows.core.tool_call import ToolCall
from tests.compressors.html_sources import page
from tests.laws.kinds import KindUnderTest

_HEAD = re.compile(
    r"\[narrows: HTML page as text in (?P<lines>\d+) lines?, all text that its markup does not hide"
    r"(?:; left out: (?P<left>.*?))?; of (?P<tags>\d+) tags with (?P<attributes>\d+) attributes only what stands here"
    r"(?:; the source breaks off inside a (?P<cut>\w+))?(?P<named>; &1 names an address, \*1 repeats it)?"
    r"(?:; ~ begins an address with \"(?P<begins>[^\"]*)\")?"
    r"(?P<reach>; \^ in a row: the cell above reaches here, <: the one to the left)?\]"
)
_ADDRESS = re.compile(r"\]\((?:(&\d+) )?(<[^>]*>|[^()\s<>]*)\)")
_GAP = frozenset('#>|[]!()"~:^_<`-')
_NUMBERED = re.compile(r"\d+\. ")
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


def check_truth(source: str, output: str) -> None:
    """The output says what the tree says, in its order, and counts what it does not say."""
    head, _, body = output.partition("\n")
    said = _HEAD.fullmatch(head)
    assert said, head
    assert int(said["lines"]) == body.count("\n") + 1
    start = re.search(r"<(?:!doctype|!--|\?xml|html|head|body)", source, re.IGNORECASE)
    assert start
    before = source[: start.start()].strip("\ufeff \t\r\n\f")
    assert body.startswith(source[: start.start()].rstrip()) if before else True
    tree = Tree(source[start.start() :])
    text = body[len(source[: start.start()].rstrip()) :] if before else body
    _consume(tree.items, plain(text, said["begins"] or "", named=bool(said["named"])))
    for line in tree.verbatim:
        assert f"\n{line}\n" in f"{body}\n", line
    counter = _Tags()
    counter.feed(source[start.start() :])
    assert int(said["tags"]) == counter.tags, "tags"
    assert int(said["attributes"]) == counter.attributes, "attributes"
    assert (said["left"] or "") == tree.left_out(), (said["left"], tree.left_out())
    if said["cut"]:
        _check_cut(source, said["cut"])
    assert bool(said["reach"]) == bool(re.search(r"(?m)^[> ]*\|(?: .*\|)? [\^<](?: \||$)", body))


def _check_cut(source: str, inside: str) -> None:
    opened = {"tag": "<", "comment": "<!"}.get(inside, f"<{inside}")
    closed = {"tag": ">", "comment": "-->"}.get(inside, f"</{inside}>")
    at = source.lower().rfind(opened)
    assert at >= 0
    assert inside == "tag" or closed not in source.lower()[at:]


class _Tags(HTMLParser):
    """Counts tags and attributes in another reader's way."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.tags = self.attributes = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += 1
        self.attributes += len(attrs)


def in_full(output: str) -> str:
    """An output with every address in full."""
    head, _, body = output.partition("\n")
    said = _HEAD.fullmatch(head)
    assert said, head
    return plain(body, said["begins"] or "", named=bool(said["named"]))


def plain(body: str, begins: str, *, named: bool) -> str:
    """The text with every address in full between control characters, without backslashes, and without our signs for
    code."""
    names: dict[str, str] = {}

    def full(found: re.Match[str]) -> str:
        name, address = found[1], found[2]
        if named and re.fullmatch(r"\*\d+", address):
            return f"]\x02{names['&' + address[1:]]}\x03"
        address = address[1:-1] if address.startswith("<") else address
        if begins and address.startswith("~"):
            address = begins + address[1:]
        if name:
            assert named
            assert name not in names
            names[name] = address
        return f"]\x02{address}\x03"

    lines, fence = [], ""
    for line in body.split("\n"):
        if fence:
            lines.append("" if line == fence else line)
            fence = "" if line == fence else fence
        elif re.fullmatch("`{3,}", line):
            fence = line
            lines.append("")
        else:
            lines.append(_ADDRESS.sub(full, line))
    return "\n".join(lines).replace("\\", "")


def _consume(items: list[Item], text: str) -> None:
    """Each item comes next, behind a gap of our signs only that has what it needs."""
    place = 0
    for number, (need, word) in enumerate(items):
        at = place
        while not (text.startswith(word, at) and _meets(text, place, at, need)):
            step = _gap_step(text, at)
            assert step, (
                f"{items[max(0, number - 4) : number + 3]} but {text[max(0, place - 60) : at + 60]!r}, needs {need!r}"
            )
            at += step
        place = at + len(word)
    while place < len(text):
        step = _gap_step(text, place)
        assert step, f"nothing in the page says {text[place : place + 60]!r}"
        place += step


def _gap_step(text: str, at: int) -> int:
    if at < len(text) and (text[at] in _GAP or text[at].isspace()):
        return 1
    numbered = _NUMBERED.match(text, at)
    return len(numbered[0]) if numbered else 0


def _meets(text: str, start: int, stop: int, need: str) -> bool:
    gap = text[start:stop]
    if need.startswith("\n|"):
        return "\n" in text[max(0, start - 1) : stop] and "".join(re.findall(r"[|^<]", gap)) == need[1:]
    if need.startswith("|"):
        return "\n" not in gap and "".join(re.findall(r"[|^<]", gap)) == need
    return (
        need in (" " if start == 0 else "") + gap
        or (need == " " and any(map(str.isspace, gap)))
        or (need == "\n" and start == 0)
    )


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


CALL = ToolCall("fetch", json.dumps({"url": "https://www.example.org/page"}))


@st.composite
def pages(draw: st.DrawFn) -> str:
    """Pages, whole, cut off behind a tag, with end tags of nothing, below an answer's headers."""
    text = page(draw(st.integers(0, 9999)), draw(st.integers(2, 10)))
    harm = draw(st.integers(0, 9))
    if harm == 0:
        text = text[: text.rfind(">", 0, draw(st.integers(200, len(text)))) + 1]
    elif harm == 1:
        text = text.replace(
            "</p>", draw(st.sampled_from(["</p></p>", "</a></p>", "</ul></p>", "</p></td>", "</q></p>"]))
        )
    elif harm == 2:
        text = "HTTP/2 200 \r\ncontent-type: text/html\r\nlink: </s.css>; rel=preload\r\n\r\n" + text
    elif harm == 3:
        text = text.replace(
            "</p>", draw(st.sampled_from(["<plaintext>", "&#99999999;", "\x00", "[narrows: x]</p>", "</p>x"]))
        )
    return text


UNDER_TEST = KindUnderTest(
    compressor=COMPRESSOR,
    sources=pages(),
    examples=tuple((page(seed, 20), "balanced") for seed in (1, 2, 3)),
    check_truth=check_truth,
    same=lambda source, expanded: source == expanded,
    tool_call=CALL,
)

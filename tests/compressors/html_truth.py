"""The judge of pages as text. What the page holds is read from its tree (`html_tree`); this reads the output beside it:
every word of the tree must come next in the output, with nothing between two words but our own signs, and with those
signs that the tree calls for."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

from hypothesis import strategies as st

from narrows.compressors.html_page import COMPRESSOR
from narrows.core.tool_call import ToolCall
from tests.compressors.html_sources import page
from tests.compressors.html_tree import Item, Tree
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

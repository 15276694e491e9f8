"""Headings, lists, quotations, code: what stands on lines of its own."""

from __future__ import annotations

from narrows.compressors.html_page.reading import Close, Open, Reading
from narrows.compressors.html_page.writing import LINK

BLOCKS = frozenset(
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
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "header",
        "hgroup",
        "html",
        "legend",
        "main",
        "nav",
        "p",
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
        "noscript",
        "optgroup",
    ]
)
"""Elements that begin and end lines."""
HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}


def _open_heading(page: Reading, name: str, found: dict[str, str]) -> None:
    page.writer.end_line()
    page.writer.gap()
    if "#" not in page.writer.lead:
        page.writer.lead += HEADINGS[name]


def _close_heading(page: Reading, name: str) -> None:
    page.writer.end_line()
    page.writer.lead = page.writer.lead.removesuffix(HEADINGS[name])


def _open_list(page: Reading, name: str, found: dict[str, str]) -> None:
    page.writer.end_line()
    counted = name == "ol" and found.get("type", "1") == "1" and "reversed" not in found
    page.lists.append(_number(found.get("start", "1"), 1) if counted else None)
    page.writer.depth += 1


def _close_list(page: Reading, name: str) -> None:
    page.writer.end_line()
    page.writer.lead = ""
    page.lists.pop()
    page.writer.depth -= 1


def _item(page: Reading, name: str, found: dict[str, str]) -> None:
    page.writer.end_line()
    number = page.lists[-1] if page.lists else None
    page.writer.lead = "- "
    if number is not None:
        number = _number(found.get("value", ""), number)
        page.lists[-1] = number + 1
        page.writer.lead = f"{number}. "


def _number(said: str, otherwise: int) -> int:
    return int(said) if said.isascii() and said.isdigit() and len(said) < 9 else otherwise


def _term(page: Reading, name: str, found: dict[str, str]) -> None:
    page.writer.end_line()
    page.writer.lead = ": " if name == "dd" else ""


def _end_block(page: Reading, name: str) -> None:
    page.writer.end_line()
    page.writer.lead = ""


def _open_quote(page: Reading, name: str, found: dict[str, str]) -> None:
    page.writer.end_line()
    page.writer.quotes += 1


def _close_quote(page: Reading, name: str) -> None:
    page.writer.end_line()
    page.writer.quotes -= 1


def _line_break(page: Reading, name: str, found: dict[str, str]) -> None:
    if page.writer.code is not None:
        page.writer.code.append("\n")
    else:
        page.writer.end_line()


def _open_code(page: Reading, name: str, found: dict[str, str]) -> None:
    if page.writer.code is None:
        page.writer.begin_code()
        page.code_links = {}


def _close_code(page: Reading, name: str) -> None:
    if not page.open["pre"]:
        end_code(page)


def end_code(page: Reading) -> None:
    """The code so far, and below it the links that stand in it, which must not alter it."""
    page.writer.end_code()
    if page.code_links:
        links = (f"{LINK}{words}{page.address(link)}" for words, link in page.code_links)
        page.writer.put("links in the code: " + " ".join(links))


OPENED: dict[str, Open] = {
    **dict.fromkeys(HEADINGS, _open_heading),
    **dict.fromkeys(("ul", "ol", "menu"), _open_list),
    **dict.fromkeys(("dt", "dd"), _term),
    **dict.fromkeys(("br", "hr"), _line_break),
    "li": _item,
    "blockquote": _open_quote,
    "pre": _open_code,
}
CLOSED: dict[str, Close] = {
    **dict.fromkeys(HEADINGS, _close_heading),
    **dict.fromkeys(("ul", "ol", "menu"), _close_list),
    **dict.fromkeys(("li", "dt", "dd"), _end_block),
    "blockquote": _close_quote,
    "pre": _close_code,
}

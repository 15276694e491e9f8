"""What stands within a line: links, images, and text that would say something else without its markup."""

from __future__ import annotations

from narrows.compressors.html_page.pieces import OPEN
from narrows.compressors.html_page.reading import Close, Open, Reading
from narrows.compressors.html_page.writing import IMAGE, LINK, STRUCK

_ELSEWHERE = {"iframe": "src", "video": "src", "audio": "src", "embed": "src", "object": "data"}
"""Elements that show something from another address."""
_NO_ADDRESS = ("javascript:", "data:", "vbscript:")


def _open_link(page: Reading, name: str, found: dict[str, str]) -> None:
    close_link(page)
    said = found.get("href", found.get("xlink:href"))
    if said is None:
        return
    page.link = _address(said)
    if page.link is None:
        page.left_out.unaddressed += 1
        return
    page.link_label = found.get("aria-label") or found.get("title") or ""
    page.link_start = None if page.writer.code is None else len(page.writer.code)
    page.writer.open_link()


def _address(said: str) -> str | None:
    """An address as a browser reads it; None where it leads nowhere or is a program."""
    address = said.strip().replace("\n", "").replace("\r", "").replace("\t", "")
    return None if address in ("", "#") or address.lower().startswith(_NO_ADDRESS) else address


def close_link(page: Reading, name: str = "a") -> None:
    """The link that is open ends, if one is."""
    link, page.link = page.link, None
    if link is None:
        return
    code = page.writer.code
    if code is None:
        page.writer.close_link(page.address(link), page.link_label)
        return
    page.writer.close_link("", "")
    if link.startswith("#"):
        page.left_out.in_code += 1
        return
    words = "" if page.link_start is None else " ".join("".join(code[page.link_start :]).split())
    page.code_links[words, link] = None


def _area(page: Reading, name: str, found: dict[str, str]) -> None:
    address = _address(found.get("href", ""))
    if address is not None:
        page.writer.sign(f" {LINK}{found.get('alt', '')}{page.address(address)} ")
    elif "href" in found:
        page.left_out.unaddressed += 1


def _image(page: Reading, name: str, found: dict[str, str]) -> None:
    page.left_out.images += 1
    words = " ".join(found.get("alt", "").split())
    if words:
        page.writer.sign(f"{IMAGE}{words}]")


def elsewhere(page: Reading, name: str, found: dict[str, str]) -> None:
    """A frame, a film: by its name, title and address."""
    address = _address(found.get(_ELSEWHERE[name], ""))
    if address is not None and page.writer.code is None:
        words = f"{name} {found.get('title', '')}".strip()
        page.writer.sign(f" {LINK}{words}{page.address(address)} ")


def _drawing(page: Reading, name: str, found: dict[str, str]) -> None:
    page.left_out.drawings += page.open["svg"] == 1


def _raised(page: Reading, name: str, found: dict[str, str]) -> None:
    """A power or an index must not become another number. The link to a note needs no mark."""
    behind = page.pieces[page.at + 1 : page.at + 2]
    note = bool(behind) and behind[0][:2] == (OPEN, "a")
    page.raised.append(not note)
    if not note:
        page.writer.sign("^(" if name == "sup" else "_(")


def _end_raised(page: Reading, name: str) -> None:
    if page.raised.pop():
        page.writer.sign(")")


def _struck(page: Reading, name: str, found: dict[str, str] | None = None) -> None:
    page.writer.sign(STRUCK)


def _quotation(page: Reading, name: str, found: dict[str, str] | None = None) -> None:
    page.writer.sign('"')


def _time(page: Reading, name: str, found: dict[str, str]) -> None:
    page.times.append((" ".join(found.get("datetime", "").split()), page.writer.written))


def _end_time(page: Reading, name: str) -> None:
    """The moment that "two hours ago" stands for."""
    moment, start = page.times.pop()
    if moment and moment not in page.writer.since(start):
        page.writer.sign(f" ({moment})")


def _formula(page: Reading, name: str, found: dict[str, str]) -> None:
    page.writer.sign(" math( ")


def _end_formula(page: Reading, name: str) -> None:
    page.writer.sign(" ) ")


def _formula_part(page: Reading, name: str, found: dict[str, str]) -> None:
    page.writer.words(" ")


OPENED: dict[str, Open] = {
    **dict.fromkeys((name for name in _ELSEWHERE if name != "iframe"), elsewhere),
    **dict.fromkeys(("sup", "sub"), _raised),
    **dict.fromkeys(("del", "s", "strike"), _struck),
    **dict.fromkeys(("mi", "mo", "mn", "mtext", "ms"), _formula_part),
    "a": _open_link,
    "area": _area,
    "img": _image,
    "svg": _drawing,
    "q": _quotation,
    "time": _time,
    "math": _formula,
}
CLOSED: dict[str, Close] = {
    **dict.fromkeys(("sup", "sub"), _end_raised),
    **dict.fromkeys(("del", "s", "strike"), _struck),
    "a": close_link,
    "q": _quotation,
    "time": _end_time,
    "math": _end_formula,
}

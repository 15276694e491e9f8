"""The elements of tables that hold data; those of other tables are blocks."""

from __future__ import annotations

from narrows.compressors.html_page.reading import Close, Open, Reading
from narrows.compressors.html_page.rows import Rows
from narrows.compressors.html_page.writing import cell_words


def _table(page: Reading, name: str, found: dict[str, str]) -> None:
    page.in_cell.append(False)
    if page.tables - 1 in page.data_tables:
        page.rows = Rows()


def _end_table(page: Reading, name: str) -> None:
    end_row(page)
    page.in_cell.pop()
    page.rows = None


def _group(page: Reading, name: str, found: dict[str, str]) -> None:
    end_row(page)
    if page.rows is not None:
        page.rows.end_group()


def _row(page: Reading, name: str, found: dict[str, str] | None = None) -> None:
    end_row(page)


def _cell(page: Reading, name: str, found: dict[str, str]) -> None:
    _end_cell(page)
    _enter(page, name, found)
    if page.rows is not None:
        page.writer.cell = []
        page.span = (_extent(found.get("colspan", "1")), _extent(found.get("rowspan", "1")))


def _enter(page: Reading, name: str, found: dict[str, str]) -> None:
    """Into a cell, or into the caption."""
    page.in_cell[-1:] = [True] if page.in_cell else []


def _leave(page: Reading, name: str) -> None:
    page.in_cell[-1:] = [False] if page.in_cell else []


def _end_cell(page: Reading, name: str = "td") -> None:
    page.writer.end_line()
    _leave(page, name)
    cell, page.writer.cell = page.writer.cell, None
    if page.rows is not None and cell is not None:
        page.rows.add(cell_words(cell), *page.span)
        page.writer.lead = ""


def end_row(page: Reading) -> None:
    """The row that is being read ends, if one is."""
    _end_cell(page)
    line = page.rows.end_row() if page.rows is not None else None
    if line is not None:
        page.writer.put(line)


def _extent(said: str) -> int:
    """How many columns or rows a cell reaches over."""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 6 else 1


OPENED: dict[str, Open] = {
    **dict.fromkeys(("td", "th"), _cell),
    **dict.fromkeys(("thead", "tbody", "tfoot"), _group),
    "table": _table,
    "tr": _row,
    "caption": _enter,
}
CLOSED: dict[str, Close] = {
    **dict.fromkeys(("td", "th"), _end_cell),
    "table": _end_table,
    "tr": _row,
    "caption": _leave,
}

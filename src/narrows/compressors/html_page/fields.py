"""Forms: where they are sent to, and their fields by name, as tags with the few attributes that say so. An agent that
sends a form needs its hidden fields too."""

from __future__ import annotations

from narrows.compressors.html_page.pieces import attributes, decoded
from narrows.compressors.html_page.reading import Close, Open, Reading
from narrows.compressors.html_page.writing import FIELD

_ATTRIBUTES = ("type", "name", "value", "placeholder", "aria-label", "checked", "disabled", "required")


def _field(page: Reading, name: str, found: dict[str, str], shown: tuple[str, ...] = _ATTRIBUTES) -> None:
    said = [_said(one, found[one]) for one in shown if one in found]
    page.writer.sign(f" {FIELD}{' '.join([name, *said])}>")


def _said(name: str, value: str) -> str:
    if not value and name not in ("value", "action"):
        return name
    return f'{name}="{value.replace(chr(34), "&quot;")}"'


def text_area(page: Reading, rest: str, content: str) -> None:
    """A field of several lines with what it holds."""
    _field(page, "textarea", attributes(rest))
    page.writer.words(decoded(content))
    page.writer.sign(f"{FIELD}/textarea> ")


def _input(page: Reading, name: str, found: dict[str, str]) -> None:
    _field(page, name, found)
    page.writer.sign(" ")


def _form(page: Reading, name: str, found: dict[str, str]) -> None:
    page.writer.end_line()
    _field(page, name, found, ("method", "action"))
    page.writer.end_line()


def _end_form(page: Reading, name: str) -> None:
    page.writer.end_line()
    page.writer.sign(f"{FIELD}/form>")
    page.writer.end_line()


def _end_select(page: Reading, name: str) -> None:
    page.writer.sign(f"{FIELD}/select> ")


def _option(page: Reading, name: str, found: dict[str, str]) -> None:
    if page.open["select"]:
        _field(page, name, found, ("value", "selected"))


def _button(page: Reading, name: str, found: dict[str, str]) -> None:
    if page.open["form"]:
        _field(page, name, found, ("name", "value"))
    else:
        page.writer.sign(" ")


def _end_button(page: Reading, name: str) -> None:
    page.writer.sign(f"{FIELD}/button> " if page.open["form"] else " ")


OPENED: dict[str, Open] = {
    "input": _input,
    "form": _form,
    "select": _field,
    "option": _option,
    "button": _button,
}
CLOSED: dict[str, Close] = {"form": _end_form, "select": _end_select, "button": _end_button}

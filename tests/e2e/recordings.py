"""Compares what arrives through the gateway with what the same client sends straight to the same upstream."""

from __future__ import annotations

from tests.scripted_upstream import Recorded

_OF_ONE_HOP = (b"connection", b"keep-alive", b"host")


def end_to_end_lines(request: Recorded) -> list[bytes]:
    """The field lines that a proxy must leave alone, in order; our own, which say that it was one, left out."""
    names = [(line.partition(b":")[0].lower(), line) for line in request.lines]
    return [line for name, line in names if name not in _OF_ONE_HOP and not name.startswith(b"x-narrows-")]


def assert_same_request(through: Recorded, straight: Recorded, *, but: tuple[bytes, ...] = ()) -> None:
    """The same start line, fields and body; `but`: names of fields that may differ in value."""

    def without(lines: list[bytes]) -> list[bytes]:
        return [name if (name := line.partition(b":")[0]).lower() in but else line for line in lines]

    assert through.start == straight.start
    assert without(end_to_end_lines(through)) == without(end_to_end_lines(straight))
    if b"content-length" not in but:
        assert through.body == straight.body

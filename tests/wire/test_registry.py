from __future__ import annotations

import pytest

from narrows.wire.registry import WIRES, wire_for, wire_named


def test_every_wire_is_found_by_its_name() -> None:
    assert [wire_named(wire.name) for wire in WIRES] == list(WIRES)
    assert len({wire.name for wire in WIRES}) == len(WIRES)


def test_an_unknown_name_is_told_which_there_are() -> None:
    with pytest.raises(ValueError, match=r"'smoke'.*openai_chat"):
        wire_named("smoke")


def test_a_request_has_at_most_one_wire() -> None:
    chat = wire_for("POST", "/v1/chat/completions")
    assert chat is not None
    assert chat.name == "openai_chat"
    assert wire_for("GET", "/v1/models") is None
    assert sum(wire.matches("POST", "/v1/chat/completions") for wire in WIRES) == 1

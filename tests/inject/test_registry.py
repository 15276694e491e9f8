"""The wires on which tools are offered are wires."""

from __future__ import annotations

from narrows.inject.registry import INJECTORS, injector_for
from narrows.wire.registry import WIRES, wire_named


def test_every_injector_has_its_wire_and_is_found_by_it() -> None:
    assert [injector_for(wire_named(one.name).name) for one in INJECTORS] == list(INJECTORS)
    assert {one.name for one in INJECTORS} == {wire.name for wire in WIRES}
    assert injector_for("smoke") is None

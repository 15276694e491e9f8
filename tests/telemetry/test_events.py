from __future__ import annotations

import msgspec
import pytest

from narrows.telemetry import events
from narrows.telemetry.events import EVENTS, EventRow, LoggedEvent


def test_names_are_unique_and_every_class_is_in_the_table() -> None:
    names = [row.name for row in EVENTS]
    assert len(set(names)) == len(names)
    classes = {one for one in vars(events).values() if isinstance(one, type) and issubclass(one, LoggedEvent)}
    assert classes - {LoggedEvent} == {row.type for row in EVENTS if issubclass(row.type, LoggedEvent)}


@pytest.mark.parametrize("row", EVENTS, ids=lambda row: row.name)
def test_every_field_has_a_meaning_and_none_holds_bytes(row: EventRow) -> None:
    described = msgspec.inspect.type_info(row.type)
    assert isinstance(described, msgspec.inspect.StructType)
    assert described.tag_field == "event"
    assert "BytesType" not in repr(described)
    assert "AnyType" not in repr(described)
    for field in described.fields:
        assert isinstance(field.type, msgspec.inspect.Metadata), field.name
        assert (field.type.extra_json_schema or {}).get("description"), field.name

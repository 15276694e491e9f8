from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.wire.gemini.arguments import MAX_STEPS, PartialArguments


def joined(*pieces: object) -> tuple[Any, bool]:
    arguments = PartialArguments()
    for piece in pieces:
        arguments.add(piece)
    return json.loads(arguments.text()), arguments.incomplete


def said(path: object, **value: object) -> dict[str, object]:
    return {"jsonPath": path, **value}


def test_strings_are_appended_and_lists_grow() -> None:
    assert joined(
        said("$.steps[0].text", stringValue="Pre", willContinue=True),
        said("$.steps[0].text", stringValue="heat"),
        said("$.steps[1].text", stringValue="Bake"),
        said("$.steps[1].minutes", numberValue=30),
        said("$.done", boolValue=False),
        said("$.note", nullValue="NULL_VALUE"),
        said("$['a.b']", stringValue="c"),
    ) == (
        {"steps": [{"text": "Preheat"}, {"text": "Bake", "minutes": 30}], "done": False, "note": None, "a.b": "c"},
        False,
    )


@pytest.mark.parametrize(
    "piece",
    [
        7,
        said(None, stringValue="x"),
        said("$", stringValue="x"),
        said("$[0]", stringValue="x"),
        said("a", stringValue="x"),
        said("$.a[", stringValue="x"),
        said("$.a[9]", stringValue="x"),
        said("$.a[99999999999999999999]", stringValue="x"),
        said("$" + ".a" * (MAX_STEPS + 1), stringValue="x"),
        said("$.text.more", stringValue="x"),
        said("$.text[0]", stringValue="x"),
    ],
)
def test_what_has_no_place_is_left_out(piece: object) -> None:
    assert joined(said("$.text", stringValue="t"), piece, said("$.b", numberValue=1)) == (
        {"text": "t", "b": 1} if "a[" not in str(piece) or "9" not in str(piece) else {"text": "t", "a": [], "b": 1},
        True,
    )


keys = st.text("xyz", min_size=1)
values = st.recursive(
    st.text("ab é", min_size=1) | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(keys, inner, min_size=1),
    max_leaves=8,
)


@given(st.dictionaries(keys, values))
def test_told_leaf_by_leaf_it_is_the_whole(whole: dict[str, Any]) -> None:
    def pieces(value: Any, path: str) -> list[dict[str, object]]:
        if isinstance(value, dict):
            return [piece for key, one in value.items() for piece in pieces(one, f"{path}.{key}")]
        if isinstance(value, list):
            return [piece for number, one in enumerate(value) for piece in pieces(one, f"{path}[{number}]")]
        if isinstance(value, str):
            return [said(path, stringValue=character) for character in value]
        return [said(path, **{"boolValue" if isinstance(value, bool) else "numberValue": value})]

    assert joined(*pieces(whole, "$")) == (whole, False)

"""JSON Schema in Gemini's older form, rule by rule, and as JSON Schema without what is refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.inject.gemini.schema import encode, older, parse, stripped

Schema = dict[str, Any]


def of(schema: Schema) -> Any:
    """A property's schema in the older form."""
    found = older({"type": "object", "properties": {"p": schema}, "$defs": DEFINED})
    assert found is not None
    return found["properties"]["p"]


DEFINED = {
    "Leaf": {"type": "integer", "description": "a leaf"},
    "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "leaf": {"$ref": "#/$defs/Leaf"}}},
}
STRING = {"type": "string"}
RULES = {
    "1 a reference is inlined": ({"$ref": "#/$defs/Leaf"}, {"type": "integer", "description": "a leaf"}),
    "1 what stands beside a reference counts": (
        {"$ref": "#/$defs/Leaf", "description": "mine"}, {"type": "integer", "description": "mine"},
    ),
    "1 a cycle is an object": (
        {"$ref": "#/$defs/Node"},
        {"type": "object", "properties": {"next": {"type": "object"},
                                          "leaf": {"type": "integer", "description": "a leaf"}}},
    ),
    "1 a reference to nothing is an object": ({"$ref": "#/$defs/Gone"}, {"type": "object"}),
    "2 null among types": ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
    "2 null among any": (
        {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "d"},
        {"type": "integer", "nullable": True, "description": "d"},
    ),
    "3 several types": (
        {"type": ["string", "integer"], "description": "d"},
        {"anyOf": [{"type": "string", "description": "d"}, {"type": "integer", "description": "d"}]},
    ),
    "4 oneOf": ({"oneOf": [STRING, {"type": "integer"}]}, {"anyOf": [STRING, {"type": "integer"}]}),
    "4 allOf": (
        {"allOf": [{"properties": {"a": STRING}, "required": ["a"]}, {"properties": {"b": STRING}, "required": ["b"]}]},
        {"type": "object", "properties": {"b": STRING, "a": STRING}, "required": ["a", "b"]},
    ),
    "4 allOf of one reference": (
        {"allOf": [{"$ref": "#/$defs/Leaf"}], "description": "d"}, {"type": "integer", "description": "d"},
    ),
    "5 anyOf stands alone": (
        {"anyOf": [STRING, {"type": "integer"}], "type": "string", "title": "t"},
        {"anyOf": [STRING, {"type": "integer"}]},
    ),
    "5 and 2 together": (
        {"anyOf": [STRING, {"type": "integer"}, {"type": "null"}]},
        {"anyOf": [{"type": "string", "nullable": True}, {"type": "integer", "nullable": True}]},
    ),
    "6 const": ({"const": "x"}, {"type": "string", "enum": ["x"]}),
    "7 empty strings are dropped": ({"type": "string", "enum": ["", "a"]}, {"type": "string", "enum": ["a"]}),
    "7 an empty list is dropped": ({"type": "string", "enum": [""]}, STRING),
    "7 numbers among strings": ({"enum": ["a", 1]}, {"type": "string", "enum": ["a", "1"]}),
    "7 values of other types are said": (
        {"type": "integer", "enum": [1, 2]}, {"type": "integer", "description": "(one of 1, 2)"},
    ),
    "7 null is no member": ({"enum": ["a", None]}, {"type": "string", "enum": ["a"], "nullable": True}),
    "8 no properties": ({"type": "object", "properties": {}}, {"type": "object"}),
    "9 an array without items": ({"type": "array"}, {"type": "array", "items": STRING}),
    "9 items of several sorts": (
        {"type": "array", "prefixItems": [STRING, {"type": "integer"}]}, {"type": "array", "items": STRING},
    ),
    "10 exclusive bounds": (
        {"type": "number", "exclusiveMinimum": 0, "description": "d"},
        {"type": "number", "minimum": 0, "description": "d (exclusiveMinimum: 0)"},
    ),
    "10 exclusive bounds as draft 4 wrote them": (
        {"type": "number", "maximum": 3, "exclusiveMaximum": True},
        {"type": "number", "maximum": 3, "description": "(exclusiveMaximum: 3)"},
    ),
    "11 what cannot be said is in the description": (
        {"type": "integer", "multipleOf": 5, "not": {"const": 0}},
        {"type": "integer", "description": '(multipleOf: 5; not: {"const":0})'},
    ),
    "12 an unknown format": (
        {"type": "string", "format": "email"}, {"type": "string", "description": "(format: email)"},
    ),
    "12 a known format": ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
    "13 required but absent": (
        {"type": "object", "properties": {"a": STRING}, "required": ["a", "b"]},
        {"type": "object", "properties": {"a": STRING}, "required": ["a"]},
    ),
    "15 properties called like keywords": (
        {"type": "object", "properties": {"title": STRING, "const": STRING, "$ref": STRING, "enum": {"const": "x"}}},
        {"type": "object", "properties": {"title": STRING, "const": STRING, "$ref": STRING,
                                          "enum": {"type": "string", "enum": ["x"]}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("schema", "wanted"), RULES.values(), ids=RULES)
def test_a_rule(schema: Schema, wanted: Schema) -> None:
    assert of(schema) == wanted


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"type": "object", "properties": {}}, {"title": "X"}])
def test_rule_8_no_parameters_are_left_out(schema: Schema) -> None:
    assert older(schema) is None


def test_rule_14_deeper_than_the_limit_is_an_object() -> None:
    deep: Schema = {"type": "string"}
    for _ in range(6):
        deep = {"type": "array", "items": deep}
    found = older({"type": "object", "properties": {"p": {**deep, "description": "d"}}}, max_nesting=3)
    wanted = {"type": "object", "description": "(nested too deeply to be described)"}
    assert found is not None
    assert found["properties"]["p"] == {
        "type": "array", "description": "d", "items": {"type": "array", "items": wanted}
    }  # fmt: skip


def test_json_schema_loses_only_what_is_refused() -> None:
    schema = {
        "$schema": "https://x", "$id": "y", "type": "object", "strict": True, "x-hint": 1,
        "additionalProperties": False,
        "properties": {"$id": {"type": "string", "$id": "z"}, "x-y": {"oneOf": [{"$ref": "#/$defs/A", "x-z": 1}]}},
        "$defs": {"A": {"const": {"x-kept": 1}, "strict": True}}, "required": ["x-y"],
    }  # fmt: skip
    assert stripped(schema) == {
        "type": "object", "additionalProperties": False,
        "properties": {"$id": {"type": "string"}, "x-y": {"oneOf": [{"$ref": "#/$defs/A"}]}},
        "$defs": {"A": {"const": {"x-kept": 1}}}, "required": ["x-y"],
    }  # fmt: skip


def test_numbers_keep_their_digits() -> None:
    text = b'{"maximum":1.50,"minimum":12345678901234567890,"default":1E+400}'
    assert encode(stripped(parse(text))) == text


KEYS = st.sampled_from(
    ["type", "properties", "items", "anyOf", "oneOf", "allOf", "enum", "const", "required", "format", "$ref", "not",
     "exclusiveMinimum", "description", "x-y", "$defs", "default"]
)  # fmt: skip
LEAVES = st.sampled_from(["object", "string", "array", "null", "#/$defs/a", "#", "a", "", None, True, 1, -2])
ANY = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(KEYS, ANY, max_size=5))
def test_any_schema_has_a_form_and_stays_itself(schema: Schema) -> None:
    before = copy.deepcopy(schema)
    once, again = older(schema), older(schema)
    encode(stripped(schema))
    assert schema == before
    assert once == again
    if once is not None:
        json.loads(encode(once))
        assert not (names_in(once) & {"$ref", "oneOf", "allOf", "const", "not", "exclusiveMinimum", "$defs", "x-y"})


def names_in(schema: Any) -> set[str]:
    """The keywords of a schema in the older form."""
    found: set[str] = set()
    if isinstance(schema, dict):
        found |= schema.keys()
        for one in (*schema.get("properties", {}).values(), schema.get("items"), *schema.get("anyOf", ())):
            found |= names_in(one)
    return found

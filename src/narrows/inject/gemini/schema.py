"""JSON Schema as Gemini takes it: nearly whole as `parametersJsonSchema`, or in the older form of `parameters`.

The older form is a part of OpenAPI's schema object, and what it lacks is expressed by what it has, as far as that goes;
the rest is said in the description, where the model reads it. A schema and a map of properties are walked apart: a
property may be called like a keyword. Numbers keep their digits. The schema that comes in is never changed.

Follows Google's reference of `Schema` and `FunctionDeclaration` (v1beta).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

Schema = dict[str, Any]

MAX_NESTING = 32
"""Levels of schemas in each other. The service names no figure; deeper ones are objects without a shape."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_KEPT = (
    "type", "format", "title", "description", "nullable", "enum", "items", "minItems", "maxItems", "properties",
    "required", "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf",
    "propertyOrdering", "default", "minimum", "maximum",
)  # fmt: skip
_ONLY_SAID = (
    "multipleOf", "uniqueItems", "patternProperties", "if", "then", "else", "not", "examples", "contentEncoding",
)  # fmt: skip
_FORMATS = ("int32", "int64", "float", "double", "date-time", "enum")
_SHAPELESS: Mapping[str, str] = {"type": "object"}
_SCHEMAS = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_SCHEMA_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SCHEMA_MAPS = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")


def parse(schema: bytes) -> Schema:
    """A schema's value; numbers with a fraction keep their digits."""
    value = json.loads(schema, parse_float=Decimal)
    return value if isinstance(value, dict) else {}


def encode(value: object) -> bytes:
    """The value as compact JSON, its keys in their order."""
    return _ENCODER.encode(value)


def stripped(schema: Schema) -> Schema:
    """The schema as `parametersJsonSchema`: without `$schema`, `$id`, `strict` and `x-...`, which are refused there."""
    found: Schema = {}
    for key, value in schema.items():
        if key in ("$schema", "$id", "strict") or key.startswith("x-"):
            continue
        if key in _SCHEMA_MAPS and isinstance(value, dict):
            found[key] = {name: _stripped(one) for name, one in value.items()}
        elif (key in _SCHEMA_LISTS or key in _SCHEMAS) and isinstance(value, list):
            found[key] = [_stripped(one) for one in value]
        else:
            found[key] = _stripped(value) if key in _SCHEMAS else value
    return found


def _stripped(value: object) -> object:
    return stripped(value) if isinstance(value, dict) else value


def older(schema: Schema, max_nesting: int = MAX_NESTING) -> Schema | None:
    """The schema in the older form; None where it allows no parameters, and is left out."""
    found = _Walk(schema, max_nesting).schema(schema, 1, ())
    is_empty = found.get("type", "object") == "object" and not found.get("properties") and "anyOf" not in found
    return None if is_empty else found


class _Walk:
    """One schema on its way into the older form."""

    def __init__(self, root: Schema, max_nesting: int) -> None:
        self._root = root
        self._max_nesting = max_nesting

    def schema(self, value: object, level: int, inside: tuple[str, ...]) -> Schema:
        """A schema in the older form; `inside` are the references that led to it."""
        if not isinstance(value, dict):
            return dict(_SHAPELESS)
        node, inside = self._resolved(value, inside)
        if level > self._max_nesting:
            return _hinted(dict(_SHAPELESS), node.get("description"), ["nested too deeply to be described"])
        hints: list[str] = []
        for step in (_one_of, _constant, _types, _without_null, _enumeration, _exclusive, _format):
            node = step(node, hints)
        if isinstance(node.get("anyOf"), list):
            return self._any_of(node, hints, level, inside)
        hints += [f"{key}: {_said(node[key])}" for key in _ONLY_SAID if key in node]
        found = {key: node[key] for key in _KEPT if key in node and key != "anyOf"}
        self._properties(found, level, inside)
        self._items(found, node, level, inside)
        return _hinted(found, found.pop("description", None), hints)

    def _resolved(self, value: Schema, inside: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """The schema with what it refers to, and all that it must be, in one."""
        node = dict(value)
        while isinstance(reference := node.pop("$ref", None), str):
            target = self._target(reference)
            if reference in inside or target is None:
                return {**_SHAPELESS, **{key: node[key] for key in ("description",) if key in node}}, inside
            inside = (*inside, reference)
            node = {**target, **node}
        for part in node.pop("allOf", None) or ():
            if isinstance(part, dict):
                merged, inside = self._resolved(part, inside)
                node = _merged(node, merged)
        return node, inside

    def _target(self, reference: str) -> Schema | None:
        """What a reference into this schema names."""
        if not reference.startswith("#"):
            return None
        found: object = self._root
        for step in reference[1:].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None

    def _any_of(self, node: Schema, hints: list[str], level: int, inside: tuple[str, ...]) -> Schema:
        """Nothing may stand beside `anyOf`, so its members get what must not be lost."""
        members = [self.schema(one, level + 1, inside) for one in node["anyOf"]]
        for member in members:
            if node.get("nullable"):
                member["nullable"] = True
            if "description" in node or hints:
                member.update(_hinted(member, member.pop("description", node.get("description")), hints))
        return {"anyOf": members}

    def _properties(self, found: Schema, level: int, inside: tuple[str, ...]) -> None:
        properties = found.pop("properties", None)
        if isinstance(properties, dict) and properties:
            found["properties"] = {name: self.schema(one, level + 1, inside) for name, one in properties.items()}
            found.setdefault("type", "object")
        required = found.pop("required", None)
        if isinstance(required, list):
            there = found.get("properties", {})
            present = [name for name in required if isinstance(name, str) and name in there]
            if present:
                found["required"] = present

    def _items(self, found: Schema, node: Schema, level: int, inside: tuple[str, ...]) -> None:
        items = node.get("items")
        listed = node.get("prefixItems", items)
        if isinstance(listed, list):
            items = listed[0] if listed and all(one == listed[0] for one in listed) else None
        found.pop("items", None)
        if isinstance(items, dict):
            found["items"] = self.schema(items, level + 1, inside)
        elif found.get("type") == "array":
            found["items"] = {"type": "string"}


Step = Callable[[Schema, list[str]], Schema]


def _merged(one: Schema, other: Schema) -> Schema:
    """A schema of all that both ask for; where they disagree, the first counts."""
    found = {**other, **one}
    for key in ("properties", "$defs", "definitions"):
        if isinstance(one.get(key), dict) and isinstance(other.get(key), dict):
            found[key] = {**other[key], **one[key]}
    if isinstance(one.get("required"), list) and isinstance(other.get("required"), list):
        found["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    return found


def _one_of(node: Schema, _hints: list[str]) -> Schema:
    """`oneOf` is `anyOf`."""
    if "oneOf" in node and "anyOf" not in node:
        node = {("anyOf" if key == "oneOf" else key): value for key, value in node.items()}
    return node


def _constant(node: Schema, _hints: list[str]) -> Schema:
    """`const` is an `enum` of one."""
    if "const" in node:
        node = {**node, "enum": [node["const"]]}
        del node["const"]
    return node


def _types(node: Schema, _hints: list[str]) -> Schema:
    """Several types: null among them is `nullable`, and more than one other is `anyOf`."""
    types = node.get("type")
    if not isinstance(types, list):
        return node
    others = [one for one in types if isinstance(one, str) and one != "null"]
    rest = {key: value for key, value in node.items() if key != "type"}
    if "null" in types:
        rest["nullable"] = True
    if len(others) == 1:
        return {"type": others[0], **rest}
    if not others:
        return rest
    shared = {key: value for key, value in rest.items() if key != "nullable"}
    beside = {key: value for key, value in rest.items() if key == "nullable"}
    return {**beside, "anyOf": [{"type": one, **shared} for one in others]}


def _is_null(member: object) -> bool:
    return isinstance(member, dict) and (
        member.get("type") == "null" or member.get("enum") == [None] or ("const" in member and member["const"] is None)
    )


def _without_null(node: Schema, _hints: list[str]) -> Schema:
    """Null among `anyOf` is `nullable`; where one other is left, that is the schema."""
    members = node.get("anyOf")
    if not isinstance(members, list):
        return node
    others = [one for one in members if not _is_null(one)]
    found = {**node, "anyOf": others}
    if len(others) < len(members):
        found["nullable"] = True
    if len(others) > 1 or (others and (not isinstance(others[0], dict) or "$ref" in others[0])):
        return found
    del found["anyOf"]
    return {**(others[0] if others else {}), **found}


def _enumeration(node: Schema, hints: list[str]) -> Schema:
    """Only strings can be listed, and none of them empty; of other types the values are said in the description."""
    values = node.get("enum")
    if not isinstance(values, list):
        return node
    found = {key: value for key, value in node.items() if key != "enum"}
    if None in values:
        found["nullable"] = True
    values = [one for one in values if one is not None and one != ""]
    typed = node.get("type", "string")
    if typed != "string" or any(isinstance(one, dict | list) for one in values):
        if values:
            hints.append(f"one of {', '.join(map(_said, values))}")
    elif values:
        found = {"type": "string", **found, "enum": [one if isinstance(one, str) else _said(one) for one in values]}
    return found


def _exclusive(node: Schema, hints: list[str]) -> Schema:
    """An exclusive bound becomes the bound, and the description says that it is not reached."""
    found = dict(node)
    for key, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        value = found.pop(key, None)
        if isinstance(value, int | Decimal):
            if value is not True and value is not False:
                found.setdefault(bound, value)
            if value is not False:
                hints.append(f"{key}: {_said(found.get(bound, value))}")
    return found


def _format(node: Schema, hints: list[str]) -> Schema:
    """A format that the service does not know is said in the description."""
    if "format" not in node or node["format"] in _FORMATS:
        return node
    hints.append(f"format: {_said(node['format'])}")
    return {key: value for key, value in node.items() if key != "format"}


def _said(value: object) -> str:
    return value if isinstance(value, str) else encode(value).decode()


def _hinted(found: Schema, description: object, hints: list[str]) -> Schema:
    """The schema with a description that ends in the hints."""
    said = [description] if isinstance(description, str) and description else []
    if hints:
        said.append(f"({'; '.join(hints)})")
    return {**found, "description": " ".join(said)} if said else found

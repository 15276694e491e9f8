"""OpenAI's specification, cut to the operations under test and to what these refer to."""

from __future__ import annotations

from typing import Any

PATH = "/chat/completions"


def cut(specification: dict[str, Any]) -> dict[str, Any]:
    """The specification of creating a chat completion alone. Its answers are left open: they are the upstream's, and
    what is tested is that the gateway takes every request."""
    operation = specification["paths"][PATH]["post"]
    asked = {"operationId": operation["operationId"], "requestBody": operation["requestBody"]}
    path = {"post": asked | {"responses": {"default": {"description": "any"}}}}
    schemas = specification["components"]["schemas"]
    wanted: dict[str, Any] = {}
    open_ = list(_references(path))
    while open_:
        name = open_.pop()
        if name not in wanted:
            wanted[name] = schemas[name]
            open_ += _references(schemas[name])
    return {
        "openapi": specification["openapi"],
        "info": {"title": "chat completions", "version": specification["info"]["version"]},
        "paths": {PATH: path},
        "components": {"schemas": wanted},
    }


def _references(value: Any) -> list[str]:
    """The names of schemas that a value refers to."""
    if isinstance(value, dict):
        own = value.get("$ref")
        found = [own.rpartition("/")[2]] if isinstance(own, str) else []
        return found + [name for inner in value.values() for name in _references(inner)]
    return [name for inner in value for name in _references(inner)] if isinstance(value, list) else []

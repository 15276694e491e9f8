"""Answers that satisfy the official client's strict validation: the smallest value of the type that it expects."""

from __future__ import annotations

import json
import re
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from openai.types import CreateEmbeddingResponse, Model, ModelDeleted, ModerationCreateResponse
from openai.types.chat import ChatCompletion, ChatCompletionDeleted, ChatCompletionStoreMessage
from openai.types.completion import Completion
from openai.types.responses import CompactedResponse, Response
from pydantic import BaseModel

from tests.scripted_upstream import Answer, Recorded, head, stream, whole

_PLAIN: dict[Any, Any] = {str: "string", int: 1, float: 1.5, bool: True, object: {}, Any: {}, type(None): None}


def example(kind: Any) -> Any:
    """The smallest value of a type: required fields alone, the first of several types."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = kind.model_fields.items()
        return {field.alias or name: example(field.annotation) for name, field in fields if field.is_required()}
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return inner[0]
    if origin in (Annotated, Union, UnionType):
        return example(inner[0])
    if origin in (list, tuple):
        return [example(inner[0])]
    return {} if origin is dict else _PLAIN[kind]


def _page(kind: Any) -> Any:
    return {"object": "list", "data": [example(kind)], "has_more": False, "first_id": "a", "last_id": "a"}


ANSWERS: tuple[tuple[str, str, Any], ...] = (
    ("POST", r"/chat/completions", example(ChatCompletion)),
    ("GET", r"/chat/completions", _page(ChatCompletion)),
    ("GET|POST", r"/chat/completions/[^/]+", example(ChatCompletion)),
    ("DELETE", r"/chat/completions/[^/]+", example(ChatCompletionDeleted)),
    ("GET", r"/chat/completions/[^/]+/messages", _page(ChatCompletionStoreMessage)),
    ("GET", r"/models", _page(Model)),
    ("GET", r"/models/[^/]+", example(Model)),
    ("DELETE", r"/models/[^/]+", example(ModelDeleted)),
    ("POST", r"/completions", example(Completion)),
    ("POST", r"/embeddings", example(CreateEmbeddingResponse)),
    ("POST", r"/moderations", example(ModerationCreateResponse)),
    ("POST", r"/responses", example(Response)),
    ("POST", r"/responses/compact", example(CompactedResponse)),
    ("GET", r"/responses/[^/]+", example(Response)),
    ("POST", r"/responses/[^/]+/cancel", example(Response)),
    ("DELETE", r"/responses/[^/]+", None),
)
"""By method and path; None is an answer without a body."""


def answered(asked: Recorded) -> Answer:
    """What a permissive server of OpenAI's says: 404 to what it does not know, and no 5xx whatever it is sent."""
    method, target, _ = asked.start.decode("latin-1").split(" ")
    path, _, query = target.partition("?")
    if method == "HEAD":
        return Answer((head([("Content-Length", "0")]),))
    if (method == "POST" and _wants_stream(asked.body)) or "stream=true" in query:
        return stream({"content": "Hello"})
    for methods, pattern, value in ANSWERS:
        if re.fullmatch(methods, method) and re.fullmatch(f"(?:/v1)?{pattern}", path):
            return whole(b"" if value is None else json.dumps(value).encode())
    error = {"message": "not known here", "type": "invalid_request_error", "param": None, "code": None}
    return whole(json.dumps({"error": error}).encode(), status=404)


def _wants_stream(body: bytes) -> bool:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(asked, dict) and asked.get("stream") is True

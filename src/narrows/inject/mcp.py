"""A client's tools as an MCP server speaks of them: reads what an agent's client sends, and writes the answers.

The Model Context Protocol (modelcontextprotocol.io/specification, 2025-11-25 and before) is JSON-RPC 2.0. Of its
methods a server that has tools alone needs three, and `ping`. Nothing is kept between two messages, so a client that
never said `initialize` is answered as well. The revision of 2026-07-28 begins with another method, and falls back to
`initialize` where that is unknown, as it is here.

What goes through is not rewritten: a tool's schema is the client's bytes, but for the `type` that the protocol wants in
it; a call's arguments are the agent's bytes; an `id` and a progress token come back as they were written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from narrows.agents.tools import ClientTool
from narrows.core import jsonscan
from narrows.inject.places import array_of, document_of, object_of, text_literal, text_of
from narrows.wire.items import Fields, Place

VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions of the protocol that are spoken; the last is offered to whoever asks for another."""

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
MAX_ID_BYTES: Final = 1024
"""Of an `id` or a progress token, which are kept, and repeated. Clients count, or draw a UUID."""
_NULL: Final = b"null"
_NO_PARAMETERS: Final = b'{"type":"object"}'
_ID_STARTS: Final = frozenset(b'"-0123456789')


@dataclass(frozen=True, slots=True)
class Initialize:
    """A client begins; `version`: the revision that both speak from now on."""

    id: bytes
    version: str


@dataclass(frozen=True, slots=True)
class Ping:
    """A client asks whether anybody is there."""

    id: bytes


@dataclass(frozen=True, slots=True)
class ListTools:
    """A client asks which tools there are."""

    id: bytes


@dataclass(frozen=True, slots=True)
class CallTool:
    """A client calls a tool. `arguments`: the JSON text as it was written; `progress`: the token under which it wants
    to hear that it goes on, empty where it has none."""

    id: bytes
    name: str
    arguments: str
    progress: bytes = b""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A client waits no longer for the answer to the request `request`."""

    request: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """Something that has no answer: another notification, or a response."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing that can be answered otherwise: `answer` is the error. `is_request`: it was a request of JSON-RPC, so
    that the error is an answer like any other."""

    answer: bytes
    is_request: bool = True


Message = Initialize | Ping | ListTools | CallTool | Cancelled | Told | Refused


class _Unfit(Exception):  # how reading ends early
    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


@dataclass(frozen=True, slots=True)
class _Object:
    """An object in a body, by the places of its members."""

    body: bytes
    places: Fields

    def __contains__(self, key: str) -> bool:
        return key in self.places

    def literal(self, key: str) -> bytes:
        """A member's bytes; `null` where there is none."""
        place = self.places.get(key)
        return _NULL if place is None else self.body[slice(*place)]

    def text(self, key: str) -> str | None:
        """A member that is a string; None of any other."""
        literal = self.literal(key)
        return text_of(literal) if literal[:1] == b'"' else None

    def inner(self, key: str) -> _Object | None:
        """A member that is an object, an empty one where there is none; None of any other."""
        literal = self.literal(key)
        if literal == _NULL:
            return _Object(self.body, {})
        return None if literal[:1] != b"{" else _object(self.body, jsonscan.members(self.body, *self.places[key]))


def _object(body: bytes, members: list[jsonscan.Member]) -> _Object:
    places: dict[str, Place] = {key: (start, stop) for key, start, stop in members}
    if len(places) != len(members):
        raise _Unfit(INVALID_REQUEST, "a key stands twice in one object, and it cannot be told which one counts")
    return _Object(body, places)


def read_message(body: bytes) -> Message:
    """What a request's body says."""
    id_ = _NULL
    is_request = False
    try:
        message = _envelope(body)
        if "id" in message:
            id_ = _id_of(message)
            is_request = "method" in message
        return _read(message, id_)
    except _Unfit as unfit:
        return Refused(failure(id_, unfit.code, unfit.words), is_request)


def _envelope(body: bytes) -> _Object:
    try:
        body.decode()
        return _object(body, jsonscan.document(body))
    except jsonscan.WrongTypeError:
        if body.lstrip()[:1] == b"[":
            raise _Unfit(INVALID_REQUEST, "batches are not taken; send each message in a request of its own") from None
        raise _Unfit(INVALID_REQUEST, "a message is a JSON object") from None
    except ValueError:
        raise _Unfit(PARSE_ERROR, "the body is not JSON in UTF-8, or nests too deep") from None


def _id_of(message: _Object) -> bytes:
    literal = message.literal("id")
    if literal[0] not in _ID_STARTS or len(literal) > MAX_ID_BYTES:
        raise _Unfit(INVALID_REQUEST, f"an `id` is a string or a number, of {MAX_ID_BYTES} bytes at most")
    return literal


def _read(message: _Object, id_: bytes) -> Message:
    if message.text("jsonrpc") != "2.0":
        raise _Unfit(INVALID_REQUEST, 'a message of JSON-RPC 2.0 has `"jsonrpc": "2.0"`')
    method = message.text("method")
    if method is None:
        if "method" in message or not ("result" in message or "error" in message):
            raise _Unfit(INVALID_REQUEST, "a message needs a `method`, or is a response")
        return Told()
    params = message.inner("params")
    if "id" not in message:
        return _told(method, params)
    if params is None:
        raise _Unfit(INVALID_PARAMS, "`params` needs an object")
    return _asked(method, params, id_)


def _told(method: str, params: _Object | None) -> Message:
    if method == "notifications/cancelled" and params is not None:
        request = params.literal("requestId")
        if request[0] in _ID_STARTS and len(request) <= MAX_ID_BYTES:
            return Cancelled(request)
    return Told()


def same_id(literal: bytes) -> bytes:
    """An id by which one that is written otherwise is found."""
    text = text_of(literal)
    return literal if text is None else text_literal(text)


def _asked(method: str, params: _Object, id_: bytes) -> Message:
    match method:
        case "initialize":
            wanted = params.text("protocolVersion")
            return Initialize(id_, wanted if wanted in VERSIONS and wanted else VERSIONS[-1])
        case "ping":
            return Ping(id_)
        case "tools/list":
            if params.literal("cursor") != _NULL:
                raise _Unfit(INVALID_PARAMS, "there is no such page: all tools are on the first")
            return ListTools(id_)
        case "tools/call":
            return _call(params, id_)
        case _:
            raise _Unfit(METHOD_NOT_FOUND, "there are tools here, and nothing else: this method is not known")


def _call(params: _Object, id_: bytes) -> CallTool:
    name, arguments = params.text("name"), params.literal("arguments")
    if name is None:
        raise _Unfit(INVALID_PARAMS, "`params.name` needs the name of a tool")
    if arguments == _NULL:
        arguments = b"{}"
    if arguments[:1] != b"{":
        raise _Unfit(INVALID_PARAMS, "`params.arguments` needs an object")
    meta = params.inner("_meta")
    token = _NULL if meta is None else meta.literal("progressToken")
    if len(token) > MAX_ID_BYTES:
        raise _Unfit(INVALID_PARAMS, f"a `progressToken` is of {MAX_ID_BYTES} bytes at most")
    return CallTool(id_, name, arguments.decode(), token if token[0] in _ID_STARTS else b"")


# Answers


def answer(id_: bytes, result: bytes) -> bytes:
    """A response with this result."""
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (id_, result)


def failure(id_: bytes, code: int, words: str) -> bytes:
    """A response that is an error of JSON-RPC."""
    return b'{"jsonrpc":"2.0","id":%b,"error":{"code":%d,"message":%b}}' % (id_, code, text_literal(words))


def initialized(asked: Initialize, gateway_version: str) -> bytes:
    """The answer to `initialize`."""
    result = {
        "protocolVersion": asked.version,
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "narrows", "version": gateway_version},
    }
    return answer(asked.id, json.dumps(result, separators=(",", ":")).encode())


def listed(tools: Iterable[ClientTool]) -> bytes:
    """The result of `tools/list`."""
    return object_of([("tools", array_of(_declared(tool) for tool in tools))])


def output(id_: bytes, text: str, *, is_error: bool = False) -> bytes:
    """The answer to a call: what its tool said, or what went wrong, in words for the model."""
    content = array_of([object_of([("type", b'"text"'), ("text", text_literal(text))])])
    return answer(id_, object_of([("content", content), ("isError", b"true" if is_error else b"false")]))


def progress(token: bytes, count: int) -> bytes:
    """That a call goes on: the `count`th time that this is said."""
    return b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%b,"progress":%d}}' % (
        token,
        count,
    )


def _declared(tool: ClientTool) -> bytes:
    said = [("name", text_literal(tool.name))]
    if tool.description:
        said.append(("description", text_literal(tool.description)))
    return object_of([*said, ("inputSchema", _schema(tool.parameters.strip()))])


def _schema(parameters: bytes) -> bytes:
    """The client's schema; official clients refuse all tools where one's is not said to be an object's."""
    fields = document_of(parameters) if parameters else None
    if not fields:
        return _NO_PARAMETERS
    if "type" in fields:
        return parameters
    return b'{"type":"object",%b' % parameters[1:].lstrip()

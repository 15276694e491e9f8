"""Where in an agent's conversation an exchange stands that the agent does not know of, and how a request goes on.

A place is named by the messages before it, each one's digest chained to those before. They are compared softly, since a
client may move its cache marks from turn to turn, write one text block as a string, or a user's only message as a bare
string, as Responses allows: none of these is another conversation.
What is inserted at a place is always the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from blake3 import blake3

from narrows.agents.tools import CallOutput
from narrows.core.edits import Edit
from narrows.inject.places import appended, array_of, document_of, elements_at, object_of, replaced
from narrows.inject.types import Exchange, Place, Withheld
from narrows.wire import items

_MARK = b"cache_control"
_TEXTS = ("text", "input_text", "output_text")


def conversation(body: bytes, key: str) -> list[items.Place]:
    """The messages of a request, which are the elements of its member `key`, or that itself where it is a string."""
    place = (document_of(body) or {}).get(key)
    return [place] if place is not None and _is_string(body, place) else elements_at(body, place)


def _is_string(body: bytes, place: items.Place) -> bool:
    return body[place[0]] == b'"'[0]


def _is_member(body: bytes, first: int) -> bool:
    """Whether the value that starts there is a member's, and no element."""
    at = first - 1
    while at > 0 and body[at] in b" \t\r\n":
        at -= 1
    return body[at] == b":"[0]


def _users(text: bytes) -> bytes:
    """The user's message that a bare string is."""
    return object_of([("role", b'"user"'), ("content", text)])


def chain(body: bytes, messages: Iterable[items.Place]) -> list[bytes]:
    """The digests of a conversation's beginnings: of none of its messages, of the first, and so on."""
    found = [b""]
    for first, last in messages:
        message = body[first:last]
        if message[:1] == b'"' and _is_member(body, first):
            message = _users(message)
        found.append(blake3(found[-1] + _canonical(message)).digest())
    return found


def place_of(body: bytes, key: str) -> Place | None:
    """Where the answer to a request will stand; None for a body without messages."""
    messages = conversation(body, key)
    return Place(len(messages), chain(body, messages)[-1]) if messages else None


def _canonical(message: bytes) -> bytes:
    """A message without what may differ from turn to turn."""
    try:
        value = msgspec.json.decode(message)
        if _MARK in message:
            value = _unmarked(value)
        return msgspec.json.encode(_settled(value), order="sorted")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return message


def _unmarked(value: Any) -> Any:
    """A value without cache marks, however deep."""
    if isinstance(value, list):
        return [_unmarked(one) for one in value]
    if isinstance(value, dict):
        return {key: _unmarked(one) for key, one in value.items() if key != _MARK.decode()}
    return value


def _settled(message: Any) -> Any:
    """A message, or a block of one, whose content is a string where it is one text. It need not say that it is one."""
    if isinstance(message, dict) and "role" in message and message.get("type") == "message":
        message = {key: value for key, value in message.items() if key != "type"}
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return message
    settled: Any = [_settled(one) for one in content]
    if len(settled) == 1 and isinstance(settled[0], dict) and settled[0].keys() == {"type", "text"}:
        settled = settled[0]["text"] if settled[0]["type"] in _TEXTS else settled
    return {**message, "content": settled}


def exchanged(
    wire: str, place: Place, withheld: Withheld, outputs: Sequence[CallOutput], results: Sequence[bytes]
) -> Exchange:
    """What is remembered of calls and their outputs, whose `results` are as the wire writes them.

    Raises:
        ValueError: there is not one output for each call, in the calls' order.
    """
    asked, answered = [call.id for call in withheld.calls], [output.id for output in outputs]
    if asked != answered:
        raise ValueError(f"outputs of the calls {answered} for the calls {asked}: each needs one, in their order")
    said = (withheld.said, withheld.mixed, withheld.leading, withheld.elements)
    return Exchange(wire, place, *said, tuple(results), withheld.answer)


def followed_up(body: bytes, key: str, exchange: Exchange, messages: Iterable[bytes]) -> Edit:
    """The edit that puts messages at the end of a request that was sent.

    Raises:
        ValueError: there is no array of messages; or the agent goes on by itself.
    """
    place = (document_of(body) or {}).get(key)
    if place is None or not (body[place[0]] == b"["[0] or _is_string(body, place)):
        raise ValueError(f"a request without `{key}` has no follow-up")
    if exchange.mixed:
        raise ValueError("the agent has calls of its own in this answer: it goes on with their outputs by itself")
    if _is_string(body, place):
        return replaced(place, array_of([_users(items.literal_at(body, place)), *messages]))
    return appended(body, place, messages)

"""Declares a client's tools in a request of Anthropic's Messages API.

An `input_schema` is an object's: where the client's schema does not say so, or there is none, that is added. That the
model makes one call at a time is said inside `tool_choice`, where the agent has left the model its choice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from narrows.agents.tools import ClientTool
from narrows.core.edits import Edit
from narrows.inject.declaring import Opened, clash, offer_of, open_request, parameters_of
from narrows.inject.names import NameForm
from narrows.inject.places import document_of, object_of, text_literal, with_members
from narrows.inject.types import Inserted, NotInserted, Obstacle, Offer
from narrows.wire.items import object_at, text_at

NAME = "anthropic"
_NAMES = NameForm(re.compile(r"[^a-zA-Z0-9_-]"), re.compile(r"(?!)"), 64)
_WATCHED = ("tools", "messages", "tool_choice")
_ALONE = ("disable_parallel_tool_use", b"true")
_NO_PARAMETERS = b'{"type":"object","properties":{}}'


def declare(tools: Sequence[ClientTool], *, one_at_a_time: bool = True) -> Offer:
    """The tools as entries of `tools`.

    Raises:
        MalformedRequest: two tools with one name, or parameters that are not a JSON object.
    """
    return offer_of(NAME, tools, _NAMES, _declaration, one_at_a_time=one_at_a_time)


def _declaration(tool: ClientTool, name: str) -> bytes:
    said = [("name", text_literal(name))]
    if tool.description:
        said.append(("description", text_literal(tool.description)))
    return object_of([*said, ("input_schema", _input_schema(parameters_of(tool)))])


def _input_schema(parameters: bytes) -> bytes:
    fields = document_of(parameters) if parameters else None
    if not fields:
        return _NO_PARAMETERS
    if "type" in fields:
        return parameters
    return b'{"type":"object",%b' % parameters[1:].lstrip()


def insert(body: bytes, offer: Offer) -> Inserted | NotInserted:
    """The edits that declare the tools in a request."""
    if not offer.declarations:
        return Inserted(())
    opened = open_request(body, _WATCHED, ("tools", "messages"))
    if isinstance(opened, NotInserted):
        return opened
    if clashing := clash(offer, (text_at(body, tool.get("name")) for tool in opened.tools("tools"))):
        return clashing
    choice = opened.fields.get("tool_choice")
    if not opened.is_absent("tool_choice") and choice is not None and body[choice[0]] != b"{"[0]:
        return NotInserted(Obstacle.NOT_READABLE, "tool_choice")
    new = [("tool_choice", object_of([("type", b'"auto"'), _ALONE]))]
    if not offer.one_at_a_time or not opened.is_absent("tool_choice"):
        new = []
    said = [] if new or not offer.one_at_a_time else _inside_choice(opened)
    if opened.is_absent("tools"):
        tools = b"[%b]" % b",".join(offer.declarations)
        return Inserted((*opened.set_or_add([("tools", tools), *new]), *said))
    return Inserted((*opened.add_tools("tools", offer.declarations), *opened.set_or_add(new), *said))


def _inside_choice(opened: Opened) -> list[Edit]:
    """That the model makes one call at a time, where the agent's own choice says nothing of it and allows any."""
    place = opened.fields["tool_choice"]
    choice = object_at(opened.body, place, None)
    if _ALONE[0] in choice or text_at(opened.body, choice.get("type")) not in ("auto", "any", "tool"):
        return []
    return [with_members(opened.body, place, [_ALONE])]

"""Declares a client's tools in a Chat Completions request.

A declaration is the client's own: name, description and the very bytes of its parameters. `parallel_tool_calls: false`
is added where the agent says nothing of it, so that its own calls and the client's do not come in one answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from narrows.agents.tools import ClientTool
from narrows.inject.declaring import clash, offer_of, open_request, parameters_of
from narrows.inject.names import NameForm
from narrows.inject.places import object_of, text_literal
from narrows.inject.types import Inserted, NotInserted, Obstacle, Offer
from narrows.wire.items import literal_at, object_at, text_at

NAME = "openai_chat"
_NAMES = NameForm(re.compile(r"[^a-zA-Z0-9_-]"), re.compile(r"(?!)"), 64)
_ONE_CHOICE = (b"", b"1", b"null")
_WATCHED = ("tools", "messages", "tool_choice", "parallel_tool_calls", "functions", "n")


def declare(tools: Sequence[ClientTool], *, one_at_a_time: bool = True) -> Offer:
    """The tools as entries of `tools`.

    Raises:
        MalformedRequest: two tools with one name, or parameters that are not a JSON object.
    """
    return offer_of(NAME, tools, _NAMES, _declaration, one_at_a_time=one_at_a_time)


def _declaration(tool: ClientTool, name: str) -> bytes:
    function = [("name", text_literal(name))]
    if tool.description:
        function.append(("description", text_literal(tool.description)))
    if parameters := parameters_of(tool):
        function.append(("parameters", parameters))
    return object_of([("type", b'"function"'), ("function", object_of(function))])


def insert(body: bytes, offer: Offer) -> Inserted | NotInserted:
    """The edits that declare the tools in a request."""
    if not offer.declarations:
        return Inserted(())
    opened = open_request(body, _WATCHED, ("tools", "messages"))
    if isinstance(opened, NotInserted):
        return opened
    if literal_at(body, opened.fields.get("n")) not in _ONE_CHOICE:
        return NotInserted(Obstacle.SEVERAL_CHOICES, "n")
    if literal_at(body, opened.fields.get("functions")) not in (b"", b"null", b"[]"):
        return NotInserted(Obstacle.LEGACY_FUNCTIONS, "functions")
    own = [object_at(body, tool.get(kind), None) for tool in opened.tools("tools") for kind in ("function", "custom")]
    if clashing := clash(offer, (text_at(body, one.get("name")) for one in own)):
        return clashing
    alone = [("parallel_tool_calls", b"false")]
    if not offer.one_at_a_time or not opened.is_absent("parallel_tool_calls"):
        alone = []
    if opened.is_absent("tools"):
        tools = b"[%b]" % b",".join(offer.declarations)
        return Inserted(tuple(opened.set_or_add([("tools", tools), *alone])))
    return Inserted((*opened.add_tools("tools", offer.declarations), *opened.set_or_add(alone)))

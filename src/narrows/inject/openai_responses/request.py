"""Declares a client's tools in a Responses request.

A function is declared flat, and `strict: false` is said: where nothing is, this API rewrites a schema into its strict
form, in which every property is required. `parallel_tool_calls: false` is added where the agent says nothing of it.

What the model has said and read must stand in the request itself. A conversation that its server keeps
(`previous_response_id`, `conversation`) is not there to be added to, and the agent knows only the first of the
responses that its answer was made of; a `background` response is fetched by requests that do not pass as answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from narrows.agents.tools import ClientTool
from narrows.inject.declaring import clash, offer_of, open_request, parameters_of
from narrows.inject.names import NameForm
from narrows.inject.places import object_of, text_literal
from narrows.inject.types import Inserted, NotInserted, Obstacle, Offer
from narrows.wire.items import literal_at, text_at

NAME = "openai_responses"
_NAMES = NameForm(re.compile(r"[^a-zA-Z0-9_-]"), re.compile(r"(?!)"), 64)
_STORED = ("previous_response_id", "conversation")
_WATCHED = ("tools", "input", "tool_choice", "parallel_tool_calls", "background", *_STORED)
_NO_PARAMETERS = b'{"type":"object","properties":{}}'
_NAMED = ("function", "custom", "namespace")
"""Types of the agent's tools that have a name; a call may say of a function in no namespace that it is in its own."""


def declare(tools: Sequence[ClientTool], *, one_at_a_time: bool = True) -> Offer:
    """The tools as entries of `tools`.

    Raises:
        MalformedRequest: two tools with one name, or parameters that are not a JSON object.
    """
    return offer_of(NAME, tools, _NAMES, _declaration, one_at_a_time=one_at_a_time)


def _declaration(tool: ClientTool, name: str) -> bytes:
    said = [("type", b'"function"'), ("name", text_literal(name))]
    if tool.description:
        said.append(("description", text_literal(tool.description)))
    return object_of([*said, ("parameters", parameters_of(tool) or _NO_PARAMETERS), ("strict", b"false")])


def insert(body: bytes, offer: Offer) -> Inserted | NotInserted:
    """The edits that declare the tools in a request."""
    if not offer.declarations:
        return Inserted(())
    opened = open_request(body, _WATCHED, ("tools",))
    if isinstance(opened, NotInserted):
        return opened
    if literal_at(body, opened.fields.get("input"))[:1] not in (b"", b"[", b'"', b"n"):
        return NotInserted(Obstacle.NOT_AN_ARRAY, "input")
    if stored := next((key for key in _STORED if not opened.is_absent(key)), None):
        return NotInserted(Obstacle.STORED, stored)
    if literal_at(body, opened.fields.get("background")) == b"true":
        return NotInserted(Obstacle.BACKGROUND, "background")
    own = [tool.get("name") for tool in opened.tools("tools") if text_at(body, tool.get("type")) in _NAMED]
    if clashing := clash(offer, (text_at(body, name) for name in own)):
        return clashing
    alone = [("parallel_tool_calls", b"false")]
    if not offer.one_at_a_time or not opened.is_absent("parallel_tool_calls"):
        alone = []
    if opened.is_absent("tools"):
        tools = b"[%b]" % b",".join(offer.declarations)
        return Inserted(tuple(opened.set_or_add([("tools", tools), *alone])))
    return Inserted((*opened.add_tools("tools", offer.declarations), *opened.set_or_add(alone)))

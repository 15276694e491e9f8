"""Declares a client's tools in a Gemini request.

Declarations join the first entry of `tools` that has some; an entry such as `googleSearch` stays alone. Every key may
be written in camelCase or in snake_case. No `toolConfig` is added: a mode that forces a call would stop the agent's own
tools. The wire has no way to ask for one call at a time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from narrows.agents.tools import ClientTool
from narrows.inject.declaring import Opened, clash, offer_of, open_request, parameters_of
from narrows.inject.gemini import schema
from narrows.inject.names import NameForm
from narrows.inject.places import appended, elements_at, object_of, text_literal
from narrows.inject.types import Inserted, NotInserted, Obstacle, Offer
from narrows.wire.items import Place, literal_at, object_at, text_at

NAME = "gemini"
_NAMES = NameForm(re.compile(r"[^a-zA-Z0-9_.:-]"), re.compile(r"[^a-zA-Z_]"), 64)
_SETTINGS = ("generationConfig", "generation_config")
_COUNTS = ("candidateCount", "candidate_count")
_DECLARATIONS = ("functionDeclarations", "function_declarations")
_ONE_CANDIDATE = (b"", b"1", b"null")


def declare(tools: Sequence[ClientTool], *, one_at_a_time: bool = True, older: bool = False) -> Offer:
    """The tools as function declarations; `older`: for models that do not take JSON Schema.

    Raises:
        MalformedRequest: two tools with one name, or parameters that are not a JSON object.
    """
    declaration = partial(_declaration, older=older)
    return offer_of(NAME, tools, _NAMES, declaration, one_at_a_time=one_at_a_time)


def _declaration(tool: ClientTool, name: str, *, older: bool) -> bytes:
    said = [("name", text_literal(name))]
    if tool.description:
        said.append(("description", text_literal(tool.description)))
    if parameters := parameters_of(tool):
        parsed = schema.parse(parameters)
        if not older:
            said.append(("parametersJsonSchema", schema.encode(schema.stripped(parsed))))
        elif (found := schema.older(parsed)) is not None:
            said.append(("parameters", schema.encode(found)))
    return object_of(said)


def insert(body: bytes, offer: Offer) -> Inserted | NotInserted:
    """The edits that declare the tools in a request."""
    if not offer.declarations:
        return Inserted(())
    opened = open_request(body, ("tools", "contents", *_SETTINGS), ("tools", "contents"))
    if isinstance(opened, NotInserted):
        return opened
    for name in _SETTINGS:
        settings = object_at(body, opened.fields.get(name), None)
        if any(
            literal_at(body, settings.get(key)) not in _ONE_CANDIDATE for key in ("candidateCount", "candidate_count")
        ):
            return NotInserted(Obstacle.SEVERAL_CHOICES, name)
    places = _declared(opened)
    own = [object_at(body, one, None) for place in places for one in elements_at(body, place)]
    if clashing := clash(offer, (text_at(body, one.get("name")) for one in own)):
        return clashing
    if places:
        return Inserted((appended(body, places[0], offer.declarations),))
    entry = object_of([(_DECLARATIONS[0], b"[%b]" % b",".join(offer.declarations))])
    return Inserted(tuple(opened.add_tools("tools", [entry])))


def _declared(opened: Opened) -> list[Place]:
    """The agent's own arrays of declarations."""
    found = [tool[key] for tool in opened.tools("tools") for key in _DECLARATIONS if key in tool]
    return [place for place in found if opened.body[place[0]] == b"["[0]]

"""What every wire needs to declare tools: their parameters, checked, and the request into which they go, opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from narrows.agents.tools import ClientTool
from narrows.core import jsonscan
from narrows.core.edits import Edit
from narrows.errors import MalformedRequest
from narrows.inject.names import NameForm, wire_names
from narrows.inject.places import appended, array_of, document_of, elements_at, replaced, with_members
from narrows.inject.types import NotInserted, Obstacle, Offer
from narrows.wire.items import Fields, Place, fields_of, literal_at, repeated_key, top_level
from narrows.wire.types import Untouched


def parameters_of(tool: ClientTool) -> bytes:
    """The bytes of a tool's schema, an object; none where it has no parameters.

    Raises:
        MalformedRequest: they are not a JSON object.
    """
    parameters = tool.parameters.strip()
    if parameters in (b"", b"null"):
        return b""
    if document_of(parameters) is None:
        raise MalformedRequest(f"the `parameters` of the tool `{tool.name}` need to be a JSON object", param="tools")
    return parameters


def names_for(tools: Sequence[ClientTool], form: NameForm) -> dict[str, str]:
    """By each tool's name, what it is called on the wire.

    Raises:
        MalformedRequest: two tools have one name.
    """
    names = [tool.name for tool in tools]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise MalformedRequest(f"two tools are called `{twice}`; a name needs to be one tool's alone", param="tools")
    return wire_names(names, form)


def offer_of(
    wire: str,
    tools: Sequence[ClientTool],
    form: NameForm,
    declaration: Callable[[ClientTool, str], bytes],
    *,
    one_at_a_time: bool,
) -> Offer:
    """The tools as a wire declares them, one `declaration` of each under its name there.

    Raises:
        MalformedRequest: two tools with one name, or parameters that are not a JSON object.
    """
    names = names_for(tools, form)
    declarations = tuple(declaration(tool, names[tool.name]) for tool in tools)
    return Offer(wire, declarations, {names[tool.name]: tool.name for tool in tools}, one_at_a_time)


@dataclass(frozen=True, slots=True)
class Opened:
    """A request whose members are known by their places."""

    body: bytes
    fields: Fields

    @property
    def whole(self) -> Place:
        """The object that the body is."""
        return 0, len(self.body)

    def is_absent(self, key: str) -> bool:
        """Whether a member is missing or null."""
        return literal_at(self.body, self.fields.get(key)) in (b"", b"null")

    def set_or_add(self, values: Iterable[tuple[str, bytes]]) -> list[Edit]:
        """These members instead of null, or as new ones."""
        values = list(values)
        new = [(key, value) for key, value in values if key not in self.fields]
        edits = [replaced(self.fields[key], value) for key, value in values if key in self.fields]
        return [*edits, with_members(self.body, self.whole, new)] if new else edits

    def add_tools(self, key: str, declarations: Iterable[bytes]) -> list[Edit]:
        """The declarations at the end of the member that holds tools, or that member."""
        if self.is_absent(key):
            return self.set_or_add([(key, array_of(declarations))])
        return [appended(self.body, self.fields[key], declarations)]

    def tools(self, key: str) -> list[Fields]:
        """The members of each of the agent's own tools."""
        return [
            fields_of(jsonscan.members(self.body, *place))
            for place in elements_at(self.body, self.fields.get(key))
            if self.body[place[0]] == b"{"[0]
        ]


def open_request(body: bytes, watched: Sequence[str], arrays: Sequence[str]) -> Opened | NotInserted:
    """A request, where none of the watched keys stands twice, and `arrays`, where they are there, are arrays."""
    top = top_level(body, None)
    if isinstance(top, Untouched):
        return NotInserted(Obstacle.NOT_READABLE, f"{top.reason} {top.detail}".strip())
    opened = Opened(body, fields_of(top))
    if key := repeated_key(top, opened.fields, watched):
        return NotInserted(Obstacle.DUPLICATE_KEY, key)
    for key in arrays:
        if not opened.is_absent(key) and body[opened.fields[key][0]] != b"["[0]:
            return NotInserted(Obstacle.NOT_AN_ARRAY, key)
    return opened


def clash(offer: Offer, own: Iterable[str | None]) -> NotInserted | None:
    """That a tool of the agent's own is called as one of the client's, where it is so."""
    found = next((name for name in own if name is not None and name in offer.names), None)
    return None if found is None else NotInserted(Obstacle.NAME_CLASH, found)

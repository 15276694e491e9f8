"""A wire's way to offer tools, made of its pieces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from narrows.agents.tools import CallOutput, ClientTool
from narrows.core.edits import Edit
from narrows.inject.conversing import chain, conversation, exchanged, followed_up, place_of
from narrows.inject.filtering import Filter, WireAnswer
from narrows.inject.splicing import Answered
from narrows.inject.types import AnswerFilter, Exchange, Inserted, NotInserted, Offer, Place, Spliced, Withheld


class Declare(Protocol):
    """Declares tools; as `Injector.declare`."""

    def __call__(self, tools: Sequence[ClientTool], *, one_at_a_time: bool = True) -> Offer: ...


@dataclass(frozen=True, slots=True)
class Injector:
    """One wire. Its conversation is the member `key` of a request.

    `declared` and `inserting` are its request side, `understand` its response side; `result`, `result_messages` and
    `within` say how an exchange is written and where it goes.
    """

    name: str
    key: str
    declared: Declare
    inserting: Callable[[bytes, Offer], Inserted | NotInserted]
    understand: Callable[[Mapping[str, str]], WireAnswer]
    result: Callable[[bytes, CallOutput], bytes]
    result_messages: Callable[[Sequence[bytes]], list[bytes]]
    within: Callable[[Answered, Sequence[Exchange]], tuple[list[Edit], int]]

    def declare(self, tools: Sequence[ClientTool], *, one_at_a_time: bool = True) -> Offer:
        """The tools in the wire's form: the same bytes for the same tools.

        Raises:
            MalformedRequest: two tools with one name, or parameters that are not a JSON object.
        """
        return self.declared(tools, one_at_a_time=one_at_a_time)

    def insert(self, body: bytes, offer: Offer) -> Inserted | NotInserted:
        """The edits that declare the tools in an agent's request; or why it stays as it is."""
        return self.inserting(body, offer)

    def filter(self, offer: Offer) -> AnswerFilter:
        """A filter for one answer of the agent's, the follow-ups' answers included."""
        return Filter(self.understand(offer.names))

    def place(self, body: bytes) -> Place | None:
        """Where the answer to an agent's request, as the agent sent it, will stand; None where it cannot be read."""
        return place_of(body, self.key)

    def exchange(self, place: Place, withheld: Withheld, outputs: Sequence[CallOutput]) -> Exchange:
        """What is to be remembered of calls and their outputs.

        Raises:
            ValueError: there is not one output for each call, in the calls' order.
        """
        answers = zip(withheld.elements, outputs, strict=False)
        results = [self.result(element, output) for element, output in answers]
        return exchanged(self.name, place, withheld, outputs, results)

    def follow_up(self, body: bytes, exchange: Exchange) -> Edit:
        """The edit that makes the next request out of the one that was sent: everything before it stays the same.

        Raises:
            ValueError: the body has no messages, or the exchange is mixed.
        """
        messages = [exchange.answer, *self.result_messages(exchange.results)]
        return followed_up(body, self.key, exchange, messages)

    def splice(self, body: bytes, exchanges: Sequence[Exchange]) -> Spliced:
        """The edits that put earlier exchanges, in the order in which they were made, into an agent's request."""
        groups: dict[Place, list[Exchange]] = {}
        for exchange in exchanges:
            groups.setdefault(exchange.place, []).append(exchange)
        messages = conversation(body, self.key) if groups else []
        digests = chain(body, messages[: max((place.count for place in groups), default=0)])
        edits: list[Edit] = []
        missing: list[Exchange] = []
        for place, group in groups.items():
            count = 0
            if place.count < min(len(messages), len(digests)) and digests[place.count] == place.digest:
                new, count = self.within(Answered(body, messages, place.count), group)
                edits += new
            missing += group[count:]
        return Spliced(tuple(edits), tuple(missing))

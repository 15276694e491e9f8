"""What holds of any bytes that an agent or its model's server may send; the tests and the fuzzer find the bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from narrows.agents.tools import CallOutput, ClientTool
from narrows.core.edits import apply_edits
from narrows.inject.conversing import chain, conversation
from narrows.inject.types import Exchange, Inserted, Passed, Place, Withheld
from tests.core.event_streams import single_bytes
from tests.inject.answers import through
from tests.inject.cases import Called, Case, Text, dumped

TOOLS = [ClientTool("theirs", "d", b'{"type":"object"}')]


def check_request(case: Case, body: bytes) -> None:
    """The tools go into it or it stays; whatever else it says is said as before."""
    found = case.injector.insert(body, case.injector.declare(TOOLS))
    if not isinstance(found, Inserted):
        return
    edited = json.loads(apply_edits(body, found.edits))
    before = json.loads(body)
    ours = ("tools", "tool_choice", "parallel_tool_calls")
    assert {key: value for key, value in edited.items() if key not in ours} == {
        key: value for key, value in before.items() if key not in ours
    }
    assert "theirs" in json.dumps(edited["tools"])


def check_answer(case: Case, answer: bytes) -> None:
    """Every cut comes to the same; what passes is the same bytes; what is withheld makes a request and goes on."""
    found = []
    for pieces in ([answer], single_bytes(answer)):
        filtering = case.injector.filter(case.injector.declare(TOOLS))
        found.append((through(filtering, pieces), filtering.outcome))
    assert found[0] == found[1]
    shown, outcome = found[0]
    if isinstance(outcome, Passed):
        assert shown == answer
    if isinstance(outcome, Withheld) and not outcome.mixed:
        body = dumped(case.asked([case.user]))
        sent = apply_edits(body, [case.injector.follow_up(body, exchange_of(case, outcome))])
        assert len(json.loads(sent)[case.key]) > len(json.loads(body)[case.key])
        filtering.go_on()
        through(filtering, [answer])


def check_history(case: Case, body: bytes, exchanges: Sequence[Exchange]) -> None:
    """At each place of a conversation an exchange is cut in, and what comes is JSON that says all that was said; or it
    stays as it is."""
    messages = conversation(body, case.key)
    digests = chain(body, messages)
    for exchange in exchanges:
        for count in range(1, min(len(messages), 4)):
            placed = replace(exchange, place=Place(count, digests[count]))
            found = case.injector.splice(body, [placed])
            assert (found.edits == ()) == (found.missing == (placed,))
            edited = apply_edits(body, found.edits)
            if found.edits:
                assert len(json.loads(edited)[case.key]) >= len(messages) + (not placed.mixed)
                kept = b"".join(body[edit.span.start : edit.span.stop] for edit in found.edits)
                assert not kept.strip(b", \t\r\n"), "more than a comma was cut out"


def exchange_of(case: Case, withheld: Withheld) -> Exchange:
    outputs = [CallOutput(call.id, call.name, call.arguments, "out") for call in withheld.calls]
    place = case.injector.place(dumped(case.asked([case.user])))
    assert place is not None
    return case.injector.exchange(place, withheld, outputs)


def exchanges_of(case: Case) -> list[Exchange]:
    """One behind nothing, one behind a text, and one with a call of the agent's own beside it."""
    theirs, own = Called("theirs", {}, "c"), Called("own", {}, "d")
    shapes: list[list[Any]] = [[theirs], [Text("a"), theirs], [Text("a"), theirs, own]]
    found = []
    for said in shapes:
        filtering = case.injector.filter(case.injector.declare(TOOLS))
        through(filtering, [case.stream(said, 1, None)])
        assert isinstance(filtering.outcome, Withheld)
        found.append(exchange_of(case, filtering.outcome))
    return found

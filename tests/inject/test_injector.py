"""What holds on every wire: places that are not there, other sessions, and exchanges that are kept and read back."""

from __future__ import annotations

import msgspec
import pytest

from narrows.agents.tools import CallOutput, ClientTool
from narrows.core.edits import apply_edits
from narrows.inject.types import Exchange, Spliced, Withheld
from tests.inject.answers import through
from tests.inject.cases import CASES, Called, Case, Text, dumped

OF_EACH_WIRE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.injector.name)


def exchange(case: Case) -> Exchange:
    place = case.injector.place(dumped(case.asked([case.user])))
    answer = case.injector.filter(case.injector.declare([ClientTool("theirs")]))
    through(answer, [case.stream([Text("a"), Called("theirs", {}, "c")], 1, None)])
    assert isinstance(answer.outcome, Withheld)
    assert place is not None
    outputs = [CallOutput(call.id, call.name, call.arguments, "out") for call in answer.outcome.calls]
    return case.injector.exchange(place, answer.outcome, outputs)


@OF_EACH_WIRE
def test_a_body_without_the_place_stays(case: Case) -> None:
    one = exchange(case)
    other = {**case.user, "more": 1}
    answered = case.read(case.stream([Text("a")], 1, None))["message"]
    histories = [[], [case.user], [other], [other, answered], [other, case.user, answered], [case.user, case.user]]
    for body in (b"", b"{", b"[]", *(dumped(case.asked(history)) for history in histories)):
        assert case.injector.splice(body, [one]) == Spliced((), (one,))
    assert case.injector.splice(b"", []) == Spliced(())


@OF_EACH_WIRE
def test_what_is_spliced_is_the_same_each_time_and_outlives_a_restart(case: Case) -> None:
    one = exchange(case)
    kept = msgspec.json.decode(msgspec.json.encode(one), type=Exchange)
    assert kept == one
    answered = case.read(case.stream([Text("a"), Text("b")], 1, None))["message"]
    once = dumped(case.asked([case.user, answered]))
    more = dumped(case.asked([case.user, answered, case.user]))
    first = apply_edits(once, case.injector.splice(once, [one]).edits)
    second = apply_edits(more, case.injector.splice(more, [kept]).edits)
    tail = len(once) - once.rindex(b"]", 0, once.index(b'"tools"'))
    assert len(first) > len(once)
    assert second.startswith(first[:-tail])


@OF_EACH_WIRE
def test_the_same_tools_are_the_same_bytes(case: Case) -> None:
    tools = [ClientTool("b"), ClientTool("a", "é", b'{"type":"object","properties":{"x":{"enum":["b","a"]}}}')]
    assert case.injector.declare(tools) == case.injector.declare(list(tools))
    assert list(case.injector.declare(tools).names) == ["b", "a"]

"""The fold over a body's tool outputs. That it may begin anywhere is law 4's (tests/laws/test_law_4_repeats.py)."""

from __future__ import annotations

import json

from narrows.compressors.repeats import WINDOW_BYTES, WINDOW_OUTPUTS, Earlier, Shown
from narrows.compressors.types import Decision, Kept, Reason
from narrows.core.edits import Span
from narrows.core.tool_call import OutputPlace
from narrows.plan import Forwarded, PartOutcome, Past, forwarded, may_refer, within_window
from narrows.policy import Policy, Scope
from narrows.wire.types import Located, Part, Role

TEXT = "a line of some length, told apart by nothing\n" * 20


def output(number: int, text: str = TEXT, size_bytes: int | None = None) -> Forwarded:
    literal = json.dumps(text).encode()
    return Forwarded(literal, OutputPlace(number), Shown.LINES, len(text) if size_bytes is None else size_bytes)


def test_what_is_kept_may_be_referred_to_where_it_is_large_enough() -> None:
    body = json.dumps(TEXT).encode()
    part = Part("/0", 0, Role.TOOL, Span(0, len(body)), output=OutputPlace(3))
    kept = PartOutcome(Decision(Kept(Reason.UNKNOWN_KIND), len(TEXT), len(TEXT)), None)
    assert forwarded(body, part, kept, Policy()) == output(3)
    assert forwarded(body, part, kept, Policy(repeat_min_bytes=len(TEXT))) == output(3)
    assert forwarded(body, part, kept, Policy(repeat_min_bytes=len(TEXT) + 1)) is None
    ours = PartOutcome(Decision(Kept(Reason.LOOKS_LIKE_OURS), len(TEXT), len(TEXT)), None)
    assert forwarded(body, part, ours, Policy()) is None
    assert forwarded(body, Part("/0", 0, Role.TOOL, Span(0, len(body))), kept, Policy()) is None


def test_outputs_refer_to_others_where_all_that_stands_before_them_stays() -> None:
    complete, stored = Located((), 0), Located((), 0, history_complete=False)
    assert may_refer(complete, Policy())
    assert not may_refer(stored, Policy())
    assert not may_refer(complete, Policy(scope=Scope.LATEST))


def test_only_the_last_outputs_are_passed_on() -> None:
    many = [output(number) for number in range(1, WINDOW_OUTPUTS + 3)]
    assert within_window(many) == many[2:]
    large = [output(1), output(2, size_bytes=WINDOW_BYTES - 100), output(3, size_bytes=100), output(4, size_bytes=0)]
    assert within_window(large) == large[1:]
    assert within_window([*large, output(5, size_bytes=WINDOW_BYTES + 1)]) == []
    assert within_window([]) == []


def test_outputs_are_put_on_the_shelf_when_they_are_asked_for() -> None:
    past = Past()
    past.add(output(1, "first" * 200))
    past.add(None)
    assert past.before(OutputPlace(2)).shelf.same("first" * 200) == Earlier("first" * 200, OutputPlace(1))
    past.add(output(2))
    before = past.before(OutputPlace(3))
    assert before.place == OutputPlace(3)
    assert [before.shelf.same(text) is not None for text in ("first" * 200, TEXT, "third")] == [True, True, False]

from __future__ import annotations

from narrows.wire.answers import MAX_NAME_CHARS, CallParts, TextBudget
from narrows.wire.openai_chat.assembly import MAX_TOOL_CALLS, ChoiceParts
from narrows.wire.openai_chat.chunks import Delta, Function, ToolCallDelta
from narrows.wire.types import Choice, ObservedToolCall


def test_all_texts_draw_on_one_budget() -> None:
    budget = TextBudget(400)
    first, second = ChoiceParts(0, budget), ChoiceParts(1, budget)
    first.add(Delta(content="a" * 200))
    assert not budget.spent
    second.add(Delta(refusal="b" * 200))
    assert budget.spent
    assert (first.build().text, second.build().refusal) == ("a" * 200, "")


def test_many_small_pieces_are_not_free() -> None:
    budget = TextBudget(10_000)
    parts = ChoiceParts(0, budget)
    for _ in range(1_000):
        parts.add(Delta(content="a"))
    assert budget.spent
    assert 100 < len(parts.build().text) < 200


def test_an_empty_text_costs_nothing() -> None:
    budget = TextBudget(0)
    ChoiceParts(0, budget).add(Delta(content="", refusal=None, reasoning=7))
    assert not budget.spent


def test_calls_over_the_bound_leave_the_others_whole() -> None:
    budget = TextBudget(1 << 20)
    parts = ChoiceParts(0, budget)
    for index in (*range(MAX_TOOL_CALLS + 5), 0):
        parts.add(Delta(tool_calls=[ToolCallDelta(index=index, function=Function(arguments="x"))]))
    calls = parts.build().tool_calls
    assert len(calls) == MAX_TOOL_CALLS
    assert calls[0].arguments == "xx"
    assert budget.spent


def test_a_long_id_is_cut_and_still_found_again() -> None:
    parts = ChoiceParts(0, TextBudget(1 << 20))
    for _ in range(2):
        parts.add(Delta(tool_calls=[ToolCallDelta(id="x" * 1_000, function=Function(arguments="a"))]))
    assert parts.build().tool_calls == (ObservedToolCall("x" * MAX_NAME_CHARS, "", "aa"),)


def test_a_choice_can_be_read_while_it_grows() -> None:
    parts = ChoiceParts(0, TextBudget(1 << 20))
    assert parts.is_empty
    parts.add(Delta(role="assistant"))
    assert parts.is_empty
    parts.add(Delta(content="a"))
    assert parts.build() == Choice(0, "assistant", "a")
    parts.add(Delta(content="b"))
    assert parts.build() == Choice(0, "assistant", "ab")


def test_a_calls_first_name_stands() -> None:
    call, budget = CallParts(), TextBudget(1_000)
    call.add(None, "", None, budget)
    call.add("a", "f", "1", budget)
    call.add("b", "g", {"x": 1}, budget)
    assert call.build() == ObservedToolCall("a", "f", "1")

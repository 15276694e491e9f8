"""Puts a message together from its deltas, tolerating every dialect that servers of this format speak.

Role, id and name: the first that is not empty wins, since some servers repeat them and some blank them later. Arguments
are joined and never parsed. A tool call without an index is the one with its id, else a new one; without index, id and
name it goes on with the last. The finish reason that comes last wins.
"""

from __future__ import annotations

from typing import Any

from narrows.wire.answers import CallParts, TextBudget, Texts, lengths, name_of
from narrows.wire.openai_chat.chunks import Delta, Function, ToolCallDelta, texts_of
from narrows.wire.types import Choice

MAX_TOOL_CALLS = 256
"""In one choice."""


class ChoiceParts:
    """One choice under way."""

    __slots__ = ("_budget", "_calls", "_reasoning", "_refusal", "_role", "_text", "finish_reason", "index")

    def __init__(self, index: int, budget: TextBudget) -> None:
        self.index = index
        self.finish_reason: str | None = None
        self._budget = budget
        self._role = ""
        self._text = Texts()
        self._reasoning = Texts()
        self._refusal = Texts()
        self._calls: dict[int | str, CallParts] = {}

    @property
    def is_empty(self) -> bool:
        """Nothing but perhaps a role has come."""
        return not (self._text or self._reasoning or self._refusal or self._calls)

    def add(self, delta: Delta) -> None:
        """Take what a delta, or a whole message, says."""
        budget, content = self._budget, delta.content
        if isinstance(content, str):
            budget.keep(self._text, content)
        elif content is not None:
            text, thinking = texts_of(content)
            budget.keep(self._text, text)
            budget.keep(self._reasoning, thinking)
        if delta.role and not self._role:
            self._role = name_of(delta.role)
        reasoning = delta.reasoning_content or delta.reasoning
        if reasoning:
            budget.keep(self._reasoning, reasoning)
        if delta.refusal:
            budget.keep(self._refusal, delta.refusal)
        if delta.tool_calls:
            for call in delta.tool_calls:
                self._add_call(call)
        if delta.function_call is not None:
            self._call("function_call").add("", *_said(delta.function_call), budget)

    def _add_call(self, delta: ToolCallDelta) -> None:
        name, arguments = _said(delta.function)
        if delta.custom is not None:
            name, arguments = delta.custom.name, delta.custom.input
        self._call(self._key(delta, name)).add(delta.id, name, arguments, self._budget)

    def _key(self, delta: ToolCallDelta, name: object) -> int | str:
        calls = self._calls
        if isinstance(delta.index, int):
            return delta.index
        call_id = name_of(delta.id)
        if call_id:
            for key, call in calls.items():
                if call.id == call_id:
                    return key
        elif not name and calls:
            return next(reversed(calls))
        free = len(calls)
        while free in calls:
            free += 1
        return free

    def _call(self, key: int | str) -> CallParts:
        call = self._calls.get(key)
        if call is None:
            call = CallParts()
            if len(self._calls) < MAX_TOOL_CALLS:
                self._calls[key] = call
            else:
                self._budget.spent = True
        return call

    def build(self) -> Choice:
        """The choice as far as it has come."""
        return Choice(
            index=self.index,
            role=self._role,
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            refusal="".join(self._refusal),
            tool_calls=tuple(call.build() for call in self._calls.values()),
            finish_reason=self.finish_reason,
            counted=lengths([self._text], [self._reasoning], [self._refusal]),
        )


def _said(function: Function | None) -> tuple[Any, Any]:
    return (None, None) if function is None else (function.name, function.arguments)

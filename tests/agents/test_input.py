from __future__ import annotations

import pytest

from narrows.agents.input import told
from narrows.agents.request import Call, Message
from narrows.errors import MissingToolOutputs, NoUserMessage

SYSTEM = Message("system", "Be brief.")
FIRST = Message("user", "What is this?")
ANSWER = Message("assistant", "A repository.")
SECOND = Message("user", "Of what?")
CALLING = Message("assistant", "Let me see.", (Call("call_1", "ls", '{"path": "."}'),))
OUTPUT = Message("tool", "README.md", (), "call_1")


def test_a_first_message_is_told_as_it_is() -> None:
    assert told([FIRST], 0) == "What is this?"
    assert told([SYSTEM, FIRST], 0) == "Be brief.\n\nWhat is this?"


def test_an_agent_that_knows_the_history_is_told_what_is_new() -> None:
    assert told([SYSTEM, FIRST, ANSWER, SECOND], 3) == "Of what?"


def test_an_agent_that_does_not_is_told_all_of_it() -> None:
    assert told([SYSTEM, FIRST, ANSWER, SECOND], 0) == (
        "Be brief.\n\n[User]:\nWhat is this?\n\n[Assistant]:\nA repository.\n\n[User]:\nOf what?"
    )


def test_calls_and_outputs_are_told_too() -> None:
    assert told([FIRST, CALLING, OUTPUT], 0) == (
        "[User]:\nWhat is this?\n\n[Assistant]:\nLet me see.\n\n"
        '[Tool call (call_1): ls({"path": "."})]\n\n[Tool result (call_1)]:\nREADME.md'
    )


@pytest.mark.parametrize("messages", [[], [SYSTEM], [Message("user", "")], [FIRST, ANSWER]])
def test_nothing_to_answer(messages: list[Message]) -> None:
    with pytest.raises(NoUserMessage):
        told(messages, 0)


def test_nothing_new_to_answer() -> None:
    with pytest.raises(NoUserMessage):
        told([FIRST, ANSWER], 2)


def test_missing_and_unknown_outputs_are_named() -> None:
    with pytest.raises(MissingToolOutputs, match="call_1"):
        told([FIRST, CALLING, SECOND], 0)
    with pytest.raises(MissingToolOutputs, match="call_9"):
        told([FIRST, Message("tool", "x", (), "call_9")], 0)

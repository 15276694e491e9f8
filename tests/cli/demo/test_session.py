from __future__ import annotations

import itertools
import json

from narrows.cli.demo.session import recorded_session, session_of


def test_the_recorded_session_is_an_agents_conversation() -> None:
    session = recorded_session()
    assert len(session.turns) >= 4
    assert session.tools[0]["function"]["name"] == "bash"
    for turn in session.turns:
        *_, call, result = turn.messages
        assert result["role"] == "tool"
        assert call["tool_calls"][0]["id"] == result["tool_call_id"]
        assert json.loads(call["tool_calls"][0]["function"]["arguments"])["command"] == turn.command


def test_each_turn_repeats_the_one_before() -> None:
    turns = recorded_session().turns
    for before, turn in itertools.pairwise(turns):
        assert turn.messages[: len(before.messages)] == before.messages


def test_the_recording_shows_one_output_of_each_kind_and_the_fault() -> None:
    outputs = {turn.command.split()[0]: turn.messages[-1]["content"] for turn in recorded_session().turns}
    assert "FAILED tests/" in outputs["python"]
    assert "src/narrows/core/edits.py:" in outputs["rg"]
    assert "-        if stop > len(body):" in outputs["git"]
    assert json.loads(outputs["curl"])


def test_a_request_goes_out_after_each_tool_output() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "file"},
        {"role": "assistant", "content": "done"},
    ]
    (turn,) = session_of({"tools": [], "messages": messages}).turns
    assert turn.command == "ls"
    assert list(turn.messages) == messages[:3]

"""An agent framework's whole tool loop through the running gateway: what its tools say is shortened on the way to the
model, and is the same bytes on every later turn, in the next run of the same conversation too."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from narrows.compressors.marks import has_mark
from tests.e2e.material import orders
from tests.scripted_upstream import Answer, Recorded, ScriptedUpstream, completion, stream, whole

ORDERS = orders(1_500)
FAILURE = "FAILED tests/test_module_412.py::test_limit - assert 11 == 12"
TEST_LOG = "\n".join(
    [
        "============================= test session starts ==============================",
        "platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.6.0",
        "collected 900 items",
        "",
        *(
            f"tests/test_module_{n}.py::test_limit {'FAILED' if n == 412 else 'PASSED'} [{n // 9:3}%]"
            for n in range(900)
        ),
        "",
        "=================================== FAILURES ===================================",
        "__________________________________ test_limit __________________________________",
        "",
        "    def test_limit():",
        ">       assert limit() == 12",
        "E       assert 11 == 12",
        "",
        "tests/test_module_412.py:88: AssertionError",
        "=========================== short test summary info ============================",
        FAILURE,
        "======================== 1 failed, 899 passed in 3.21s =========================",
    ]
)
PLAN = ("list_orders", "run_tests")
"""The tools the model asks for, one a turn; after them it answers."""


def model(request: Recorded) -> Answer:
    """A model that works through the plan, and streams where it is asked to."""
    asked = request.json
    roles = [message["role"] for message in asked["messages"]]
    step = roles[::-1].index("user") // 2
    if step < len(PLAN):
        call = {"id": f"call_{len(roles)}", "type": "function", "function": {"name": PLAN[step], "arguments": "{}"}}
        if asked.get("stream"):
            return stream({"tool_calls": [{"index": 0, **call}]}, finish_reason="tool_calls")
        return whole(completion({"content": None, "tool_calls": [call]}, finish_reason="tool_calls"))
    return stream({"content": "One "}, {"content": "failed."}) if asked.get("stream") else whole(completion())


def messages_of(request: Recorded) -> list[bytes]:
    """The exact bytes of each message."""
    members = msgspec.json.decode(request.body, type=dict[str, msgspec.Raw])
    return [bytes(message) for message in msgspec.json.decode(members["messages"], type=list[msgspec.Raw])]


def agent_at(base_url: str) -> Agent[None, str]:
    agent = Agent(OpenAIChatModel("gpt-4o", provider=OpenAIProvider(base_url=base_url + "/v1", api_key="sk-test")))

    @agent.tool_plain
    def list_orders() -> str:
        """Every order."""
        return ORDERS

    @agent.tool_plain
    def run_tests() -> str:
        """Run all tests, and say what happened."""
        return TEST_LOG

    return agent


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_whole_tool_loop_and_its_continuation(
    scripted_upstream: ScriptedUpstream, gateway: str, streaming: bool
) -> None:
    scripted_upstream.otherwise = model
    agent = agent_at(gateway)

    async def ask(question: str, history: Any) -> tuple[str, Any]:
        if not streaming:
            result = await agent.run(question, message_history=history)
            return result.output, result.all_messages()
        async with agent.run_stream(question, message_history=history) as streamed:
            return await streamed.get_output(), streamed.all_messages()

    answer, history = await ask("What went wrong?", None)
    assert answer == ("One failed." if streaming else "Hello there!")
    await ask("And now?", history)

    turns = [messages_of(request) for request in scripted_upstream.requests]
    assert [len(turn) for turn in turns] == [1, 3, 5, 7, 9, 11]
    for earlier, later in pairwise(turns):
        assert later[: len(earlier)] == earlier
    said = [message["content"] for message in map(json.loads, turns[-1]) if message["role"] == "tool"]
    for content, original in zip(said, (ORDERS, TEST_LOG) * 2, strict=True):
        assert has_mark(content)
        assert len(content) < 0.6 * len(original)
    assert FAILURE in said[1]
    assert "tool output 1 (2 before this)" in said[2]
    assert "tool output 2 (2 before this)" in said[3]

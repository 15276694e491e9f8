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
BUILD_LOG = "\n".join(
    [
        "$ make all",
        *(f"[{number:4}/900] compiling src/module_{number}.c -o build/module_{number}.o" for number in range(900)),
        "src/module_412.c:88:13: error: 'limit' undeclared (first use in this function)",
        "make: *** [Makefile:12: build/module_412.o] Error 1",
    ]
)
PLAN = ("list_orders", "build")
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
    def build() -> str:
        """Build all, and say what happened."""
        return BUILD_LOG

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
    for content, original in zip(said, (ORDERS, BUILD_LOG) * 2, strict=True):
        assert has_mark(content)
        assert len(content) < 0.6 * len(original)
    assert "module_412.c:88:13: error: 'limit' undeclared" in said[1]
    assert said[2:] == said[:2]

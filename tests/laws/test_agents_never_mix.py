"""Everything that a run is hangs on the run: however requests are interleaved, each conversation has its own tools,
calls, outputs and text, and no other's. Some agents rest while a call waits, and some are held up."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.agents.observation import AgentCall, Finish, Finished, Observation, StepText
from narrows.agents.tools import CallOutput
from narrows.backends.scripted import ScriptedBackend, ScriptedTurn
from narrows.backends.types import Outgoing
from narrows.core.http1 import parse_request_head
from narrows.errors import GatewayError
from narrows.records.types import Outcome
from narrows.server.agents.agent import Agent
from narrows.server.agents.asking import Asking
from narrows.server.agents.building import served
from narrows.server.agents.plane import AgentPlane
from narrows.server.replies import Reply
from narrows.server.story import Story
from tests.agent_stage import agent_settings, chat, growing, pausing, tool

HEAD = parse_request_head(b"POST /v1/chat/completions HTTP/1.0\r\nHost: h\r\n\r\n")
CALLS = 2
"""How many calls, one after the other, a conversation's agent makes."""


@dataclass
class OneClient:
    """A client's connection: what was written, and when it is all there."""

    written: bytes = b""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    deadline_s: float = 0.0
    writable: bool = True

    def write(self, data: bytes) -> None:
        self.written += data

    def replied(self, reply: Reply, _: Outcome) -> None:
        self.written = reply.body
        self.over.set()

    def ended(self, _: bool) -> None:
        self.over.set()

    def cut(self, *, reset: bool) -> None: ...

    def set_reading(self, reading: bool) -> None: ...

    def unsent_bytes(self) -> int:
        return 0

    def taken_ahead(self) -> bytes:
        return b""

    def exchange_ended(self, *, keep_alive: bool) -> None: ...

    def hand_over(self, body: bytes) -> None: ...

    def abort(self) -> None: ...

    def message(self) -> dict[str, Any]:
        """The assistant's, whole or out of its chunks."""
        if self.written.startswith(b"{"):
            found: dict[str, Any] = json.loads(self.written)["choices"][0]["message"]
            return {"role": "assistant", "content": found["content"] or "", "tool_calls": found.get("tool_calls", [])}
        text, calls = "", list[dict[str, Any]]()
        for frame in self.written.partition(b"\r\n\r\n")[2].split(b"\n\n")[:-2]:
            delta = json.loads(frame.removeprefix(b"data: "))["choices"][0]["delta"]
            text += delta.get("content") or ""
            for call in delta.get("tool_calls", ()):
                if "id" in call:
                    calls.append({"id": call["id"], "type": "function", "function": dict(call["function"])})
                else:
                    calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
        return {"role": "assistant", "content": text, "tool_calls": calls}


class Talker(ScriptedBackend):
    """An agent that calls its client's only tool with what it was told, and says its name and the last output. `held`:
    it is held up by a request to the plane, and does not rest."""

    def __init__(self, *, held: bool) -> None:
        super().__init__()
        self.pauses, self.takes_tool_server = not held, held
        self.held = held
        self.plane: AgentPlane | None = None
        self.agent: Agent | None = None
        self.given: dict[str, list[str]] = {}

    async def send(self, conversation: str, message: Outgoing) -> ScriptedTurn:
        name = message.text.partition(" ")[0]
        assert [tool.name for tool in message.tools] == ([] if self.held else [name])
        self.given[conversation] = [message.text]
        if self.held:
            self.scripts.appendleft([Observation("", working=True)])
            turn = await super().send(conversation, message)
            asyncio.get_running_loop().call_soon(self.call, turn, name)
            return turn
        self.scripts.appendleft(pausing(f"<{name} 0>", AgentCall("n", name, json.dumps(message.text))))
        return await super().send(conversation, message)

    async def resume(self, conversation: str, outputs: Sequence[CallOutput], message: Outgoing) -> ScriptedTurn:
        (output,) = outputs
        said = self.given[conversation]
        said.append(output.output)
        text = f"<{output.name} {len(said) - 1}>"
        if len(said) <= CALLS:
            self.scripts.appendleft(pausing(text, AgentCall("n", output.name, json.dumps(output.output))))
        else:
            self.scripts.appendleft(growing(text + output.output))
        return await super().send(conversation, message)

    def call(self, turn: ScriptedTurn, name: str) -> None:
        """Be held up by a call."""
        said = self.given[turn.conversation]
        texts = [StepText(at, f"<{name} {at}>", True) for at in range(len(said))]
        turn.script = deque([Observation(str(len(said)), tuple(texts), working=True)])
        assert self.plane is not None
        assert self.agent is not None
        (session,) = [one for one in self.agent.sessions.listed() if one.conversation == turn.conversation]

        def deliver(outputs: tuple[CallOutput, ...] | GatewayError) -> None:
            if isinstance(outputs, GatewayError):
                return  # the test is over
            said.append(outputs[0].output)
            if len(said) <= CALLS:
                asyncio.get_running_loop().call_soon(self.call, turn, name)
            else:
                whole = (*texts, StepText(len(texts), f"<{name} {len(said) - 1}>{said[-1]}", True))
                turn.script = deque([Observation("end", whole, working=True, outcome=Finished(Finish.STOP))])

        call = AgentCall("n", name, json.dumps(said[-1]))
        assert self.plane.called("coder", session.id, [call], deliver)


class Conversation:
    """One client's, with a tool of its own."""

    def __init__(self, plane: AgentPlane, agent: Agent, name: str) -> None:
        self.plane, self.agent, self.name = plane, agent, name
        self.messages: list[Any] = [{"role": "user", "content": f"{name} asks"}]
        self.legs = 0

    async def go_on(self, stream: bool) -> None:
        client = OneClient()
        story = Story("r", perf_counter(), "POST", "/v1/chat/completions")
        asking = Asking(client, HEAD, story, None, client.replied, client.ended, lambda: False)
        body = json.dumps(chat(*self.messages, tools=[tool(self.name)], stream=stream)).encode()
        self.plane.answer(self.agent, body, asking, "me")
        await client.over.wait()
        message = client.message()
        before = f"{self.name} asks" if not self.legs else self.output(self.legs)
        said = f"<{self.name} {self.legs}>"
        if self.legs < CALLS:
            (call,) = message["tool_calls"]
            assert call["function"] == {"name": self.name, "arguments": json.dumps(before)}
            assert message["content"] == said
            self.legs += 1
            output = {"role": "tool", "tool_call_id": call["id"], "content": self.output(self.legs)}
            self.messages += [message, output]
        else:
            assert (message["tool_calls"], message["content"]) == ([], said + before)
            self.legs += 1

    def output(self, leg: int) -> str:
        return f"{self.name} did {leg}"


async def played(held: bool, rounds: list[list[tuple[int, bool]]]) -> None:
    backend = Talker(held=held)
    agent = backend.agent = served(agent_settings(), backend)
    faults: list[BaseException] = []
    plane = backend.plane = AgentPlane([agent], [], faults.append)
    conversations = [Conversation(plane, agent, f"tool_{at}") for at in range(4)]
    for each in rounds:
        going = [(conversations[at], stream) for at, stream in each if conversations[at].legs <= CALLS]
        await asyncio.gather(*(one.go_on(stream) for one, stream in going))
    await plane.close()
    assert faults == []


ROUND = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=4, unique_by=lambda one: one[0])


@settings(max_examples=40)
@given(st.booleans(), st.lists(ROUND, max_size=8))
def test_interleaved_requests_with_other_tools_never_mix(held: bool, rounds: list[list[tuple[int, bool]]]) -> None:
    asyncio.run(played(held, rounds))

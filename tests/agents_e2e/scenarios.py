"""What is tried with every agent, by real clients through a gateway in a process of its own.

A scenario is a function of a `Setting`; what it asserts, a client would notice. The model is behind the same gateway,
so every turn passes it twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.agents_e2e.environments import NODE, node
from tests.agents_e2e.model import ARGUMENTS, Model
from tests.agents_e2e.servers import Kind
from tests.agents_e2e.wires import conversation, declared, images_of, text_of
from tests.gateways import exchanges, gateway_process

Json = dict[str, Any]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "What the weather is like.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "minLength": 1}, "text": {"type": "string"}},
            "required": ["city"],
        },
    },
}

GREY_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
"""One pixel; some agents look whether a picture is one."""


@dataclass
class Setting:
    """An agent that runs, the port and the settings of its gateway, and its model."""

    kind: Kind
    port: int
    config: Path
    model: Model
    restart_agent: Callable[[], Awaitable[None]]

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[AsyncOpenAI]:
        """A gateway, and openai-python as its client."""
        flags = ("--config", str(self.config), "--port", str(self.port))
        async with (
            gateway_process(self.model.url, *flags) as url,
            AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-me", max_retries=0, timeout=60) as client,
        ):
            yield client

    async def later(self) -> None:
        """Return when the agent can take its sessions up again."""
        began = minute = int(time() // 60)
        while self.kind.by_minute and minute == began:
            await asyncio.sleep(0.5)
            minute = int(time() // 60)

    def has_seen_sessions(self, count: int) -> None:
        """The agent's conversations were so many, where its model calls name them."""
        if self.kind.names_sessions:
            assert len(set(self.model.sessions())) == count, self.model.sessions()

    def forget(self) -> None:
        """Begin a scenario."""
        self.model.asked.clear()
        self.model.reported.clear()
        self.model.gate.clear()


def user(*texts: str) -> list[Any]:
    """A conversation of texts, the user's and the assistant's in turn."""
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]


async def ask(client: AsyncOpenAI, messages: list[Any], **fields: Any) -> Any:
    return await client.chat.completions.create(model="coder", messages=messages, **fields)


async def pieces_of(answer: Any) -> tuple[list[str], str | None, Any]:
    """The texts of a stream, why it ended, and its usage."""
    pieces, finish, usage = [], None, None
    async for chunk in answer:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            if choice.delta.content:
                pieces.append(choice.delta.content)
    return pieces, finish, usage


def figures(usage: Any) -> tuple[int, int]:
    return usage.prompt_tokens, usage.completion_tokens


async def text_grows_while_the_model_writes(one: Setting) -> None:
    """The model says its second word only when the client has had the first."""
    async with one.gateway() as client:
        answer = await ask(client, user("GATED one two three"), stream=True, stream_options={"include_usage": True})
        pieces: list[str] = []
        async with asyncio.timeout(30):
            async for chunk in answer:
                pieces += [choice.delta.content for choice in chunk.choices if choice.delta.content]
                if pieces and not one.model.gate.is_set():
                    assert "".join(pieces).strip() == "GATED", pieces
                    one.model.gate.set()
        whole = await ask(client, user("GATED one two three"))
    assert "".join(pieces) == whole.choices[0].message.content == "GATED ONE TWO THREE", pieces
    assert len(pieces) >= 2
    assert whole.choices[0].finish_reason == "stop"


async def turns_are_remembered(one: Setting) -> None:
    async with one.gateway() as client:
        texts: list[str] = []
        for question in ("first", "second", "third"):
            texts.append(question)
            texts.append(str((await ask(client, user(*texts))).choices[0].message.content))
        assert texts[1::2] == ["FIRST", "SECOND", "THIRD"], texts
    one.has_seen_sessions(1)
    told = [text_of(message) for message in conversation(one.model.asked[-1])]
    assert told == ["first", "FIRST", "second", "SECOND", "third"], told


async def an_image_reaches_the_model(one: Setting) -> None:
    """Byte for byte, beside the text that it came with."""
    url = f"data:image/png;base64,{GREY_PNG}"
    asked: list[Any] = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "what is this"}, {"type": "image_url", "image_url": {"url": url}}],
        }
    ]
    async with one.gateway() as client:
        answer = await ask(client, asked)
    assert answer.choices[0].message.content.startswith("WHAT IS THIS"), answer
    told = conversation(one.model.asked[-1])[-1]
    assert images_of(told) == [url], told


async def sessions_at_once_never_mix(one: Setting) -> None:
    async with one.gateway() as client:

        async def conversation(name: str) -> list[str]:
            texts: list[str] = []
            for turn in range(2):
                texts.append(f"{name} {turn}")
                pieces, _, _ = await pieces_of(await ask(client, user(*texts), stream=True))
                texts.append("".join(pieces))
            return texts[1::2]

        answers = await asyncio.gather(*(conversation(f"c{number}") for number in range(4)))
    assert answers == [[f"C{number} 0", f"C{number} 1"] for number in range(4)], answers
    one.has_seen_sessions(4)


async def a_client_that_leaves_stops_the_agent(one: Setting) -> None:
    """The agent's own request to its model is closed; its session can be begun anew."""
    async with one.gateway() as client:
        answer = await ask(client, user("ENDLESS"), stream=True)
        async with asyncio.timeout(30):
            async for chunk in answer:
                if chunk.choices and chunk.choices[0].delta.content:
                    break
            await answer.close()
            await one.model.asked[0].ended.wait()
        assert not one.model.asked[0].answered.is_set()
        assert (await ask(client, user("again"))).choices[0].message.content == "AGAIN"


async def a_session_outlives_its_gateway(one: Setting) -> None:
    texts: list[str] = []
    uses: list[str] = []
    for question in ("first", "second", "third"):
        texts.append(question)
        if uses:
            await one.later()
        async with one.gateway() as client:
            raw = await client.chat.completions.with_raw_response.create(model="coder", messages=user(*texts))
            uses.append(str(raw.headers["x-narrows-session-use"]))
            texts.append(str(raw.parse().choices[0].message.content))
    assert texts[1::2] == ["FIRST", "SECOND", "THIRD"], texts
    assert uses == ["new", "reused", "reused"], uses
    one.has_seen_sessions(1)


async def an_agent_that_was_started_again(one: Setting) -> None:
    """One that kept its conversations goes on with them; one that lost them is told the history."""
    async with one.gateway() as client:
        texts = ["first"]
        texts.append(str((await ask(client, user(*texts))).choices[0].message.content))
        await one.later()
        await one.restart_agent()
        raw = await client.chat.completions.with_raw_response.create(model="coder", messages=user(*texts, "second"))
        answer = str(raw.parse().choices[0].message.content)
    assert answer.endswith("SECOND"), answer
    assert raw.headers["x-narrows-session-use"] == one.kind.after
    told = " ".join(map(text_of, conversation(one.model.asked[-1])))
    if one.kind.name != "a2a-0.3":  # that version has no way to notice
        assert "first" in told, told
        assert "FIRST" in told, told


async def usage_is_the_model_traffics(one: Setting) -> None:
    """The figures of an answer are what the model reported, and what the gateway saw in the run's model calls."""
    async with one.gateway() as client:
        question = f"CALL {one.kind.own}" if one.kind.own else "one two"
        answer = await ask(client, user(question))
        url = str(client.base_url).removesuffix("/v1/")
        records = await exchanges(url)
        (run,) = [record for record in records if "agent" in record]
        passed = [
            record["response"] for record in records if record.get("agent_call", {}).get("run") == run["request_id"]
        ]
    reported = one.model.reported
    assert len(reported) == (2 if one.kind.own else 1)
    total = (sum(each["prompt_tokens"] for each in reported), sum(each["completion_tokens"] for each in reported))
    assert figures(answer.usage) == total, (answer.usage, reported)
    assert run["agent"]["model_calls"] == len(passed) == len(reported)
    seen = tuple(sum(each[f"gen_ai.usage.{side}_tokens"] for each in passed) for side in ("input", "output"))
    assert seen == total, passed


# Client tools


async def a_clients_tool_is_called_and_the_run_goes_on(one: Setting) -> None:
    """All of its answers together are what the agent said, whichever of them has which piece."""
    async with one.gateway() as client:
        asked = user("CALL weather")
        answer = await ask(client, asked, tools=[WEATHER])
        message = answer.choices[0].message
        assert answer.choices[0].finish_reason == "tool_calls", answer
        (call,) = message.tool_calls
        assert (call.function.name, json.loads(call.function.arguments)) == ("weather", json.loads(ARGUMENTS)), call
        if one.kind.kind != "acp":  # over MCP, values come, and not the bytes that the model wrote
            assert call.function.arguments == ARGUMENTS
        (schema,) = [schema for name, schema in declared(one.model.asked[0]).items() if name.endswith("weather")]
        wanted = WEATHER["function"]["parameters"]
        if one.kind.kind == "acp":  # an agent may have an argument of its own beside
            schema["properties"] = {name: schema["properties"].get(name) for name in wanted["properties"]}
        assert {name: schema.get(name) for name in wanted} == wanted, schema
        output = {"role": "tool", "tool_call_id": call.id, "content": "it rains in Oslo"}
        asked += [message.model_dump(exclude_none=True), output]
        pieces, finish, _ = await pieces_of(await ask(client, asked, tools=[WEATHER], stream=True))
        said = "".join(pieces)
        whole = str(message.content or "") + said
        if one.kind.kind == "acp":  # what it said before a call may come after the call, and then with what follows
            whole = whole.replace("\n\n", "")
        assert (whole, finish) == ("Let me see.IT RAINS IN OSLO", "stop"), (whole, finish)
        asked += user("", said)[1:] + user("and then")
        assert (await ask(client, asked, tools=[WEATHER])).choices[0].message.content == "AND THEN"
        one.has_seen_sessions(1)
        last = conversation(one.model.asked[1])
        assert [message["role"] for message in last] == ["user", "assistant", "tool"], last
        assert last[1]["tool_calls"][0]["id"] == last[2]["tool_call_id"], last
        later = [message["role"] for message in conversation(one.model.asked[2])]
        assert later == ["user", "assistant", "tool", "assistant", "user"], later


async def calls_of_both_sides_in_one_message(one: Setting) -> None:
    """The agent's own are run there, and the model has every call with its output."""
    async with one.gateway() as client:
        asked = user(f"CALL {one.kind.own} weather")
        message = (await ask(client, asked, tools=[WEATHER])).choices[0].message
        (call,) = message.tool_calls
        assert call.function.name == "weather"
        assert len(one.model.asked) == 1, "the model waits for every output"
        output = {"role": "tool", "tool_call_id": call.id, "content": "dry"}
        answer = await ask(client, [*asked, message.model_dump(exclude_none=True), output], tools=[WEATHER])
    told = conversation(one.model.asked[1])
    made = [call["id"] for message in told for call in message.get("tool_calls") or ()]
    outputs = {message["tool_call_id"]: text_of(message) for message in told if message["role"] == "tool"}
    own, clients = (outputs[name] for name in made)
    assert clients == "dry", outputs
    assert own == "QUIETLY" if one.kind.own == "shout" else own, outputs
    assert str(answer.choices[0].message.content).endswith(text_of(told[-1]).upper())


async def a_call_and_another_gateway(one: Setting) -> None:
    """An agent that rests at its server goes on; one that was held up in the gateway cannot, and its client is told."""
    asked = user("CALL weather")
    async with one.gateway() as client:
        message = (await ask(client, asked, tools=[WEATHER])).choices[0].message
    output = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "it rains"}
    asked += [message.model_dump(exclude_none=True), output]
    async with one.gateway() as client:
        if not one.kind.rests:
            with pytest.raises(BadRequestError) as caught:
                await ask(client, asked, tools=[WEATHER])
            assert caught.value.code == "tool_call_expired"
            return
        raw = await client.chat.completions.with_raw_response.create(model="coder", messages=asked, tools=[WEATHER])
        answer = raw.parse()
    assert answer.choices[0].message.content == "IT RAINS"
    assert raw.headers["x-narrows-session-use"] == "resumed"
    one.has_seen_sessions(1)


# Other clients


async def openai_node(one: Setting) -> None:
    """It streams, and goes through a call of a tool."""
    program = node()

    async def run(client: AsyncOpenAI, scenario: str, messages: list[Any], **fields: Any) -> Any:
        process = await asyncio.create_subprocess_exec(
            program,
            str(NODE / "client.mjs"),
            str(client.base_url),
            scenario,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        body = json.dumps({"model": "coder", "messages": messages, **fields}).encode()
        printed, complaint = await asyncio.wait_for(process.communicate(body), 60)
        assert process.returncode == 0, complaint.decode()
        return json.loads(printed)

    async with one.gateway() as client:
        chunks = await run(client, "stream", user("one two"))
        said = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
        assert "".join(said) == "ONE TWO", chunks
        final = await run(client, "accumulate", user("one two", "ONE TWO", "three"))
        assert final["choices"][0]["message"]["content"] == "THREE"
        one.has_seen_sessions(1)
        asked = user("CALL weather")
        answer = await run(client, "accumulate", asked, tools=[WEATHER])
        message = answer["choices"][0]["message"]
        assert answer["choices"][0]["finish_reason"] == "tool_calls"
        output = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "dry"}
        resumed = await run(client, "accumulate", [*asked, message, output], tools=[WEATHER])
        assert resumed["choices"][0]["message"]["content"].endswith("DRY")


async def pydantic_ai(one: Setting) -> None:
    """Two runs of one conversation; the first calls a tool of its client's."""
    async with one.gateway() as client:
        framework = Agent(OpenAIChatModel("coder", provider=OpenAIProvider(openai_client=client)))
        cities: list[str] = []

        @framework.tool_plain
        def weather(city: str, text: str = "") -> str:
            """What the weather is like."""
            cities.append(city)
            return f"rain in {city}"

        first = await framework.run("CALL weather")
        assert first.output.endswith("RAIN IN OSLO"), first.output
        assert cities == ["Oslo"]
        async with framework.run_stream("and then", message_history=first.all_messages()) as second:
            assert await second.get_output() == "AND THEN"
    one.has_seen_sessions(1)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A name to print, and what is done."""

    name: str
    play: Callable[[Setting], Awaitable[None]]
    own: bool = False


SCENARIOS = (
    Scenario("streaming", text_grows_while_the_model_writes),
    Scenario("memory", turns_are_remembered),
    Scenario("images", an_image_reaches_the_model),
    Scenario("sessions-at-once", sessions_at_once_never_mix),
    Scenario("cancel", a_client_that_leaves_stops_the_agent),
    Scenario("restart", a_session_outlives_its_gateway),
    Scenario("agent-restart", an_agent_that_was_started_again),
    Scenario("usage", usage_is_the_model_traffics),
    Scenario("tools", a_clients_tool_is_called_and_the_run_goes_on),
    Scenario("tools-of-both", calls_of_both_sides_in_one_message, own=True),
    Scenario("tools-restart", a_call_and_another_gateway),
    Scenario("openai-node", openai_node),
    Scenario("pydantic-ai", pydantic_ai),
)

"""An agent that has its client's tools from its session's MCP server, for tests."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.agent_stage import Json, Scene, chat, tool
from tests.raw_client import Answered, RawClient, request
from tests.server.test_agents import ask, until
from tests.server.test_agents_held import looked_at, looks
from tests.server.test_agents_tools import with_outputs
from tests.stage import Stage

SCHEMA = '{"type": "object",  "properties": {"city": {"type": "string"}}}'
WEATHER = tool("weather", description="how it is", parameters={"type": "object"})
BODY = json.dumps(chat("How is it?", tools=[WEATHER])).replace('{"type": "object"}', SCHEMA)
TURN: Json = json.loads(BODY)
BOTH = ("Accept: application/json, text/event-stream",)


def message(method: str, id_: object = 1, **params: Any) -> Json:
    return {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}


def told(method: str, **params: Any) -> Json:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def call(name: str = "weather", arguments: Any = None, id_: object = 1, **params: Any) -> Json:
    return message("tools/call", id_, name=name, arguments=arguments or {}, **params)


def events_of(answer: Answered) -> list[bytes]:
    """The events of a stream, without its comments."""
    assert answer.values(b"content-type") == [b"text/event-stream"]
    payload = answer.raw_body
    if answer.values(b"transfer-encoding"):
        payload = unchunked(payload)
    frames = payload.split(b"\n\n")
    assert frames.pop() == b""
    assert all(frame.startswith((b": ", b"event: message\ndata: ")) for frame in frames)
    return [frame.partition(b"data: ")[2] for frame in frames if not frame.startswith(b":")]


def unchunked(data: bytes) -> bytes:
    found = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        found, data = found + data[: int(size, 16)], data[int(size, 16) + 2 :]
    return found


class Agent:
    """What the agent's side does: the path that its backend was told, and a connection."""

    def __init__(self, client: RawClient, url: str, port: int) -> None:
        self.client = client
        self.url = url
        self.path = url.partition(str(port))[2]

    async def send(self, body: Json | bytes, *lines: str, method: str = "POST") -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.client.send(request(method, self.path, *lines, body=content))

    async def ask(self, body: Json | bytes, *lines: str, method: str = "POST") -> Answered:
        await self.send(body, *lines, method=method)
        return await self.client.answer(method.encode())


async def begun(stage: Stage, one: Scene, body: Json = TURN, *lines: str) -> tuple[asyncio.Task[Answered], Agent]:
    """A run, and its agent."""
    number = len(one.backend.turns)
    asking = asyncio.create_task(ask(stage, one, body, *lines))
    await looked_at(one, number + 1)
    return asking, await agent_of(stage, one)


async def agent_of(stage: Stage, one: Scene, number: int = -1) -> Agent:
    server = one.backend.tool_servers[number]
    assert server is not None
    return Agent(await stage.client(one.gateway), server.url, one.gateway.port)


async def held_call(one: Scene, agent: Agent, body: Json, *lines: str) -> None:
    """Make a call, and wait until it is held."""
    before = held(one)
    await agent.send(body, *(lines or BOTH))
    await until(lambda: held(one) == before + 1)


def held(one: Scene) -> int:
    return sum(len(each.held) for each in one.agent.tool_servers._served.values())


def ends(one: Scene, text: str, turn: int = -1) -> None:
    """The agent is about to end."""
    one.backend.turns[turn].script.append(looks(text, over=True))


def result_of(answer: Answered) -> Json:
    read: Json = (
        answer.json if answer.values(b"content-type") == [b"application/json"] else json.loads(events_of(answer)[-1])
    )
    assert read["jsonrpc"] == "2.0"
    result: Json = read["result"]
    return result


def text_result(text: str, *, is_error: bool = False) -> Json:
    return {"content": [{"type": "text", "text": text}], "isError": is_error}


def result_of_stream(answer: Answered) -> Json:
    result: Json = json.loads(events_of(answer)[-1])["result"]
    return result


async def expired(stage: Stage, one: Scene, first: Answered) -> None:
    answer = await ask(stage, one, with_outputs(TURN, first, "cold"))
    assert (answer.status, answer.error_code) == (400, "tool_call_expired")


async def agent_at(stage: Stage, one: Scene, url: str) -> Answered:
    return await Agent(await stage.client(one.gateway), url, one.gateway.port).ask(message("tools/list"))

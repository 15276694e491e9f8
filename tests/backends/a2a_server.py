"""A small A2A server for tests: its card, and JSON-RPC with tasks in contexts, streamed or asked for.

The agent is steered by the user's text: `CALL a b` requires input by calls of these tools, whose outputs it then says
again in capitals; `QUESTION words` asks for input; `FAIL`, `REJECT`, `AUTH` and `NOTE words` end the task as they say,
`NOTE` completed with a status message alone; `MESSAGE words` answers without a task; `HOLD` says one word and no more;
`CUT` has the stream cut after the first word; `THINK words` has parts before them that are marked as reasoning; any
other text is said again in capitals, a piece a word.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.scripted_upstream import Answer, Ending, Recorded, ScriptedUpstream, events, whole

Json = dict[str, Any]
CARD = "/.well-known/agent-card.json"
NOT_FOUND, NO_METHOD, NOT_CANCELABLE = -32001, -32601, -32002
LIVE = {"TASK_STATE_SUBMITTED", "TASK_STATE_WORKING"}


@dataclass
class Task:
    """`ahead`: what it will still do, an event each."""

    id: str
    context: str
    state: str = "TASK_STATE_SUBMITTED"
    parts: list[Json] = field(default_factory=list)
    pieces: dict[str, list[Json]] = field(default_factory=dict)
    usage: Json = field(default_factory=dict)
    ahead: list[Json] = field(default_factory=list)
    held: asyncio.Event | None = None

    def to_json(self) -> Json:
        artifacts = [
            {"artifactId": name, "parts": parts, "metadata": {"usage": self.usage}}
            for name, parts in self.pieces.items()
        ]
        return {"id": self.id, "contextId": self.context, "status": self.status(), "artifacts": artifacts}

    def status(self) -> Json:
        message = {"messageId": "s", "role": "ROLE_AGENT", "parts": self.parts, "taskId": self.id}
        return {"state": self.state} | ({"message": message} if self.parts else {})

    def step(self) -> Json:
        """Do the next thing; the event that says so."""
        doing = self.ahead.pop(0)
        about = {"taskId": self.id, "contextId": self.context}
        if "state" in doing:
            self.state, self.parts = doing["state"], doing.get("parts", [])
            return {"statusUpdate": {**about, "status": self.status()}}
        name, append = doing["artifact"], doing["artifact"] in self.pieces
        part = {"text": doing["text"]} | ({"metadata": doing["about"]} if "about" in doing else {})
        self.pieces.setdefault(name, []).append(part)
        self.usage = doing.get("usage") or self.usage
        artifact = {"artifactId": name, "parts": [part], "metadata": {"usage": self.usage}}
        last = bool(doing.get("usage"))
        return {"artifactUpdate": {**about, "artifact": artifact, "append": append, "lastChunk": last}}


class A2AServer:
    """`asked` holds every call: its method and params. `refusals`: statuses, or JSON-RPC error codes, that are answered
    first, by method; `lists`: whether it knows ListTasks; `renames`: it puts messages into contexts of its own."""

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self.upstream = upstream
        self.asked: list[tuple[str, Json]] = []
        self.heads: list[Recorded] = []
        self.tasks: dict[str, Task] = {}
        self.refusals: dict[str, list[int]] = {}
        self.streams = True
        self.lists = True
        self.renames = False
        self.takes_tools = True
        self.modes = ["text/plain"]
        self.skills: list[Json] = []
        self.token = b""
        self.card_url = upstream.url + "/rpc"
        self.binding = "JSONRPC"
        upstream.otherwise = self.answer

    @property
    def url(self) -> str:
        return self.upstream.url

    def params(self, *methods: str) -> list[Json]:
        return [params for method, params in self.asked if method in methods]

    @property
    def sent(self) -> list[Json]:
        """The messages that it was sent."""
        return [params["message"] for params in self.params("SendMessage", "SendStreamingMessage")]

    def answer(self, request: Recorded) -> Answer:
        self.heads.append(request)
        path = request.start.split(b" ")[1].decode()
        if self.token and request.values(b"authorization") != [b"Bearer " + self.token]:
            return whole(b"{}", status=401)
        if path == CARD:
            refusals = self.refusals.get("card", [])
            return whole(json.dumps(self.card()).encode(), status=refusals.pop(0) if refusals else 200)
        call = request.json
        method, params = call["method"], call["params"]
        self.asked.append((method, params))
        refusals = self.refusals.get(method, [])
        if refusals and (code := refusals.pop(0)):
            return whole(b"{}", status=code) if code > 0 else self.error(call, code, "as scripted")
        match method:
            case "SendMessage" | "SendStreamingMessage":
                return self.send(call, params["message"], streams=method == "SendStreamingMessage")
            case "GetTask" | "CancelTask":
                return self.of_task(call, method)
            case "ListTasks" if self.lists:
                found = [task for task in self.tasks.values() if task.context == params["contextId"]]
                listed = [task.to_json() for task in reversed(found)][:1]
                return self.result(call, {"tasks": listed, "totalSize": len(found), "pageSize": 1, "nextPageToken": ""})
            case _:
                return self.error(call, NO_METHOD, "Method not found")

    def card(self) -> Json:
        uri = "urn:narrows:a2a:client-tools:1"
        return {
            "name": "fake",
            "description": "for tests",
            "version": "1",
            "supportedInterfaces": [{"url": self.card_url, "protocolBinding": self.binding, "protocolVersion": "1.0"}],
            "capabilities": {"streaming": self.streams, "extensions": [{"uri": uri}] if self.takes_tools else []},
            "defaultInputModes": self.modes,
            "defaultOutputModes": ["text/plain"],
            "skills": self.skills,
        }

    def send(self, call: Json, message: Json, *, streams: bool) -> Answer:
        context = "its-own" if self.renames else message["contextId"]
        text = "".join(part.get("text", "") for part in message["parts"])
        if text.startswith("MESSAGE "):
            said = {"messageId": "a", "contextId": context, "role": "ROLE_AGENT", "parts": [{"text": text[8:]}]}
            said["metadata"] = {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}
            return self.reply(call, [{"message": said}], streams)
        known = self.tasks.get(message.get("taskId", ""))
        task = known or Task(f"task-{len(self.tasks) + 1}", context)
        self.tasks[task.id] = task
        outputs = [part["data"] for part in message["parts"] if part.get("data", {}).get("kind") == "tool_outputs"]
        if outputs:
            text = " ".join(one["output"] for one in outputs[0]["outputs"])
        self.plan(task, text)
        if not streams:
            return self.reply(call, [{"task": task.to_json()}], streams)
        seen: list[Json] = [] if known else [{"task": task.to_json()}]
        if "CUT" in text:
            seen += [task.step(), task.step()]
            frames = [self.frame(call, one) for one in seen]
            return events(*frames, ending=Ending.RESET)
        while task.ahead:
            seen.append(task.step())
        return self.reply(call, seen, streams, task.held)

    def plan(self, task: Task, text: str) -> None:
        """What the agent will do about a text."""
        word, _, rest = text.partition(" ")
        task.ahead = [{"state": "TASK_STATE_WORKING"}]
        states = {"FAIL": "FAILED", "REJECT": "REJECTED", "AUTH": "AUTH_REQUIRED", "NOTE": "COMPLETED",
                  "QUESTION": "INPUT_REQUIRED"}  # fmt: skip
        if word in states:
            parts = [{"text": rest}] if rest else []
            task.ahead.append({"state": f"TASK_STATE_{states[word]}", "parts": parts})
        elif word == "CALL":
            calls = [{"id": f"c{at}", "name": name, "arguments": '{"n":  1}'} for at, name in enumerate(rest.split())]
            data = {"kind": "tool_calls", "calls": calls}
            task.ahead.append({"artifact": "answer", "text": "Let me see."})
            task.ahead.append({"state": "TASK_STATE_INPUT_REQUIRED", "parts": [{"data": data}]})
        elif word == "HOLD":
            task.ahead.append({"artifact": "answer", "text": "HOLD"})
            task.held = asyncio.Event()
        else:
            if word == "THINK":
                text = rest
                for about in ({"adk_thought": True}, {"thought": True}):
                    task.ahead.append({"artifact": "answer", "text": "Hm.", "about": about})
            words = [f" {one}" if at else one for at, one in enumerate(text.upper().split(" "))]
            task.ahead += [{"artifact": "answer", "text": one} for one in words]
            task.ahead.append({"artifact": "answer", "text": "", "usage": {"input_tokens": 7.0, "output_tokens": 2.0}})
            task.ahead.append({"state": "TASK_STATE_COMPLETED"})

    def of_task(self, call: Json, method: str) -> Answer:
        task = self.tasks.get(call["params"]["id"])
        if task is None:
            return self.error(call, NOT_FOUND, "Task not found")
        if method == "CancelTask":
            if task.state not in LIVE:
                return self.error(call, NOT_CANCELABLE, "Task cannot be canceled")
            task.state, task.ahead = "TASK_STATE_CANCELED", []
            if task.held is not None:
                task.held.set()
        elif task.ahead:
            task.step()
        return self.result(call, task.to_json())

    # JSON-RPC

    def reply(self, call: Json, seen: list[Json], streams: bool, held: asyncio.Event | None = None) -> Answer:
        if not streams:
            return self.result(call, seen[0])
        frames: list[bytes | asyncio.Event] = [self.frame(call, one) for one in seen]
        return events(*frames, *([held] if held is not None else []))

    def frame(self, call: Json, event: Json) -> bytes:
        return b"data: %b\n\n" % json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": event}).encode()

    def result(self, call: Json, value: Json) -> Answer:
        return whole(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": value}).encode())

    def error(self, call: Json, code: int, said: str) -> Answer:
        body = {"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": said}}
        return whole(json.dumps(body).encode())


@asynccontextmanager
async def a2a_server() -> AsyncIterator[A2AServer]:
    """One, on a port of its own."""
    async with ScriptedUpstream() as upstream:
        yield A2AServer(upstream)

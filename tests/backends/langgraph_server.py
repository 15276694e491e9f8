"""A small LangGraph server for tests: threads, background runs with their streams, states, one graph of two nodes.

The graph is the usual one: `agent` asks a model, `tools` runs what it called, and back. The model is steered by the
last text: `CALL a b` calls these tools, `shout` being the agent's own; `AFTER a` does too, but its stream is held up
before it ends; `HOLD` says one word and no more; `FAIL words` fails; `CUT` has the stream cut after each event; `ASK
words` interrupts for a person; `LONG` ends by length; `THINK words` reasons about the words before it says them; any
other text is said again in capitals, a chunk a word.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.scripted_upstream import Answer, Ending, Recorded, ScriptedUpstream, events, whole

Json = dict[str, Any]
USAGE = {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13, "input_token_details": {"cache_read": 4}}


@dataclass
class Run:
    """A run: the events of its stream, and how it stands."""

    id: str
    asked: Json
    events: list[Json] = field(default_factory=list)
    status: str = "pending"
    held: asyncio.Event | None = None
    sent: int = 0

    @property
    def shown(self) -> str:
        """Its status; one whose stream is cut runs for as long as there is something to send."""
        return "running" if self.asked.get("cuts") and self.sent < len(self.events) else self.status


@dataclass
class Thread:
    id: str
    metadata: Json
    messages: list[Json] = field(default_factory=list)
    next: list[str] = field(default_factory=list)
    tasks: list[Json] = field(default_factory=list)
    interrupts: list[Json] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)

    def put(self, messages: list[Json]) -> None:
        """What the reducer of messages does: one of a known id is replaced."""
        for message in messages:
            places = [at for at, known in enumerate(self.messages) if known.get("id") == message.get("id")]
            if places and message.get("id"):
                self.messages[places[0]] = message
            else:
                self.messages.append({"id": f"m{len(self.messages)}", **message})


def text_in(content: Any) -> str:
    """The text of a message's content."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")


class LangGraphServer:
    """`asked` holds every request: method, path, body. `refusals` are statuses that are answered first, by path's end;
    `renames`: the state has the model's messages under other ids than the stream."""

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self.upstream = upstream
        self.threads: dict[str, Thread] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.tokens: list[bytes] = []
        self.refusals: dict[str, list[int]] = {}
        self.token = b""
        self.renames = False
        upstream.otherwise = self.answer

    @property
    def url(self) -> str:
        return self.upstream.url

    def bodies(self, end: str) -> list[Any]:
        return [body for method, path, body in self.asked if method == "POST" and path.endswith(end)]

    def answer(self, request: Recorded) -> Answer:
        method, target, _ = request.start.decode().split(" ")
        path = target.partition("?")[0]
        body: Any = json.loads(request.body) if request.body else None
        self.asked.append((method, path, body))
        self.tokens += request.values(b"x-api-key")
        if self.token and request.values(b"x-api-key") != [self.token]:
            return self.say(401, {"detail": "wrong key"})
        for end, statuses in self.refusals.items():
            if path.endswith(end) and statuses:
                return self.say(statuses.pop(0), {"detail": "as scripted"})
        if path == "/threads":
            thread = Thread(str(UUID(int=len(self.threads) + 1)), body.get("metadata") or {})
            self.threads[thread.id] = thread
            return self.say(200, {"thread_id": thread.id, "metadata": thread.metadata})
        found = re.fullmatch(r"/threads/([^/]+)(/.*)?", path)
        thread_or_none = self.threads.get(found[1]) if found else None
        if found is None or thread_or_none is None:
            return self.say(404, {"detail": "Thread or assistant not found."})
        return self.of_thread(thread_or_none, method, found[2] or "", body, request)

    def of_thread(self, thread: Thread, method: str, path: str, body: Any, request: Recorded) -> Answer:
        if path == "":
            return self.say(200, {"thread_id": thread.id, "metadata": thread.metadata})
        if path == "/state":
            return self.state(thread, body)
        if path == "/runs":
            if any(run.status == "running" for run in thread.runs.values()):
                return self.say(409, {"detail": "Thread is already running a task."})
            run = Run(f"run-{len(thread.runs) + 1}", body)
            thread.runs[run.id] = run
            self.begin(thread, run)
            return self.say(200, {"run_id": run.id, "status": "pending"})
        _, _, name, *rest = path.split("/")
        run = thread.runs[name]
        if rest == ["stream"]:
            return self.stream(run, request)
        if rest == ["cancel"]:
            if run.status != "running":
                return self.say(404, {"detail": "Run not found."})
            run.status, thread.next = "interrupted", ["agent"]
            if run.held is not None:
                run.held.set()
        return self.say(200, {"run_id": run.id, "status": run.shown})

    def say(self, status: int, body: Json) -> Answer:
        return whole(json.dumps(body).encode(), status=status)

    def state(self, thread: Thread, body: Any) -> Answer:
        if body is not None:
            thread.put(body["values"]["messages"])
            thread.next = ["agent"] if body.get("as_node") == "tools" else self.ahead(thread)
        return self.say(
            200,
            {
                "values": {"messages": thread.messages},
                "next": thread.next,
                "tasks": thread.tasks,
                "interrupts": thread.interrupts,
            },
        )

    def stream(self, run: Run, request: Recorded) -> Answer:
        last = int((request.values(b"last-event-id") or [b"-1"])[0])
        frames: list[bytes | asyncio.Event] = [
            b"event: messages\ndata: %b\nid: %d\n\n" % (json.dumps([event, {}]).encode(), at)
            for at, event in enumerate(run.events)
            if at > last
        ]
        run.sent = last + 2 if run.asked.get("cuts") else len(run.events)
        if run.asked.get("cuts") and frames:
            return events(frames[0], ending=Ending.RESET)
        if run.held is not None and not run.held.is_set():
            return events(*frames, run.held)
        return events(*frames)

    # The graph

    def ahead(self, thread: Thread) -> list[str]:
        last = next((one for one in reversed(thread.messages) if one["type"] == "ai"), {})
        return ["tools"] if last.get("tool_calls") else []

    def begin(self, thread: Thread, run: Run) -> None:
        given = run.asked.get("input")
        if given is not None:
            thread.put(given["messages"])
            thread.next = ["agent"]
        run.status = "running"
        text = text_in(thread.messages[-1]["content"])
        run.asked["cuts"] = "CUT" in text
        if given is not None and "HOLD" in text:
            run.events.append(self.chunk("held", "HOLD"))
            run.held = asyncio.Event()
            return
        if text.startswith("AFTER "):
            run.held = asyncio.Event()
            thread.messages[-1]["content"] = "CALL" + text.removeprefix("AFTER")
        self.go(thread, run)

    def go(self, thread: Thread, run: Run) -> None:
        """Node after node, to an end or a stop."""
        before, after = run.asked.get("interrupt_before") or [], run.asked.get("interrupt_after") or []
        passes = thread.next == ["tools"]  # where a run goes on, it does not stop at the same place again
        run.status = "success"
        while thread.next:
            (node,) = thread.next
            if node in before and not passes:
                return
            passes = False
            if node == "tools":
                self.run_tools(thread, run)
                thread.next = ["agent"]
            elif not self.ask(thread, run):
                return
            if node in after:
                return

    def run_tools(self, thread: Thread, run: Run) -> None:
        calls = next(one for one in reversed(thread.messages) if one["type"] == "ai")["tool_calls"]
        for call in calls:
            known = call["name"] == "shout"
            said = str(call["args"]["text"]).upper() if known else f"{call['name']} is not a valid tool"
            output = {"type": "tool", "content": said, "tool_call_id": call["id"], "name": call["name"]}
            thread.put([output])
            run.events.append(output)

    def ask(self, thread: Thread, run: Run) -> bool:
        """The model's answer; whether there is one."""
        text = text_in(thread.messages[-1]["content"])
        if "FAIL" in text:
            run.status, thread.tasks = "error", [{"error": f"ModelError('{text.partition('FAIL ')[2]}')"}]
            return False
        if "ASK" in text:
            run.status, thread.interrupts = "interrupted", [{"value": text.partition("ASK ")[2]}]
            return False
        name = f"ai-{len(thread.messages)}"
        named = f"state-{name}" if self.renames else name
        message: Json = {"type": "ai", "id": named, "tool_calls": [], "usage_metadata": USAGE}
        if text.startswith("CALL "):
            wanted = text.split()[1:]
            message["content"] = "Let me see."
            run.events.append(self.chunk(name, "Let me see."))
            arguments = '{"text":  "hey"}'
            message["tool_calls"] = [
                {"name": tool, "args": json.loads(arguments), "id": f"call-{name}-{at}", "type": "tool_call"}
                for at, tool in enumerate(wanted)
            ]
            for at, tool in enumerate(wanted):
                first = {"name": tool, "args": arguments[:5], "id": f"call-{name}-{at}", "index": at}
                rest = {"name": None, "args": arguments[5:], "id": None, "index": at}
                for piece in (first, rest):
                    run.events.append({**self.chunk(name, ""), "tool_call_chunks": [piece]})
        else:
            thinks, text = text.startswith("THINK "), text.removeprefix("THINK ")
            words = text.upper().split(" ")
            message["content"] = " ".join(words)
            if thinks:
                message["content"] = [self.thought(text), {"type": "text", "text": " ".join(words)}]
                run.events += [
                    {**self.chunk(name, ""), "content": [self.thought(f" {word}" if at else word)]}
                    for at, word in enumerate(text.split(" "))
                ]
            run.events += [self.chunk(name, f" {word}" if at else word) for at, word in enumerate(words)]
        message["response_metadata"] = {"finish_reason": "length" if "LONG" in text else "stop"}
        thread.put([message])
        thread.next = self.ahead(thread)
        return True

    @staticmethod
    def thought(text: str) -> Json:
        return {"type": "reasoning", "reasoning": text}

    @staticmethod
    def chunk(name: str, text: str) -> Json:
        return {"type": "AIMessageChunk", "id": name, "content": text, "tool_calls": [], "tool_call_chunks": []}


@asynccontextmanager
async def langgraph_server() -> AsyncIterator[LangGraphServer]:
    """One, on a port of its own."""
    async with ScriptedUpstream() as upstream:
        yield LangGraphServer(upstream)

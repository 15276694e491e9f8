"""An agent of the Agent Client Protocol, by hand, that can behave badly, and starts at once; one on the official SDK is
in tests/agents_e2e.

It says the user's words again in capitals; a first word in capitals has it do something else (see `PLAYS`). `STORE` is
a folder in which its sessions outlive it; without one it can load none. `ABILITIES` are words out of `image`, `http`
and `resume`. `BEGINS` has it begin badly: `crash`, `hang`, `login`, `version`, `versions`, `idle` (no session ever
comes), `slow` (the second comes once the file `go` is there); or name its sessions oddly: `same`, `spaced`, `long`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]
ABILITIES = os.environ.get("ABILITIES", "").split()
BEGINS = os.environ.get("BEGINS", "")
STORE = os.environ.get("STORE", "")


class RefusedError(Exception):
    """An error of JSON-RPC's."""

    def __init__(self, code: int, message: str, details: str = "") -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, "data": {"details": details}}


def write(message: Json) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


class Session:
    """A session, and what has been said in it."""

    def __init__(self, name: str, history: list[str]) -> None:
        self.name = name
        self.history = history
        self.pictures = 0
        self.asked: dict[str, asyncio.Future[Json]] = {}
        self.running: asyncio.Task[Json] | None = None
        self.stubborn = False

    def update(self, sort: str, /, **fields: Any) -> None:
        update = {"sessionUpdate": sort, **fields}
        write({"method": "session/update", "params": {"sessionId": self.name, "update": update}})

    def say(self, text: str, kind: str = "agent_message_chunk") -> None:
        self.update(kind, content={"type": "text", "text": text})

    async def ask(self, method: str, **params: Any) -> Json:
        """Ask the client; its whole message."""
        name = f"{self.name}-q{len(self.asked)}"
        answer = self.asked[name] = asyncio.get_running_loop().create_future()
        write({"id": name, "method": method, "params": {"sessionId": self.name, **params}})
        told: Json = await answer
        return told

    async def perform(self, text: str) -> Any:
        word, _, rest = text.partition(" ")
        if word in PLAYS:
            return await PLAYS[word](self, rest) or {"stopReason": "end_turn"}
        words = text.upper().split()
        for at, one in enumerate(words):
            self.say(f" {one}" if at else one)
        self.history += [text, " ".join(words)]
        self.save()
        used = {"totalTokens": 9, "inputTokens": 7, "outputTokens": len(words), "cachedReadTokens": 3}
        return {"stopReason": "end_turn", "usage": used}

    async def repeat(self) -> None:
        """Say again what was said, beside whatever else is done, as Gemini CLI does."""
        for at, text in enumerate(self.history * 10):
            self.say(text, ("user_message_chunk", "agent_message_chunk")[at % 2])
            await asyncio.sleep(0)

    def save(self) -> None:
        if STORE:
            (Path(STORE) / self.name).write_text(json.dumps(self.history))


Play = Callable[[Session, str], Awaitable[Any]]


async def crash(one: Session, _: str) -> None:
    one.say("Half")
    sys.stderr.write("Traceback: out of cheese\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)


async def hang(one: Session, _: str) -> None:
    one.say("Half")
    await asyncio.Event().wait()


async def go_on(one: Session, rest: str) -> None:
    one.stubborn = True
    await hang(one, rest)


async def flood(one: Session, _: str) -> None:
    while True:
        one.say("x" * 65_536)
        await asyncio.sleep(0)


async def long_line(one: Session, rest: str) -> None:
    one.say("x" * int(rest))


async def junk(one: Session, rest: str) -> Any:
    sys.stdout.write('npm warn\n[1, 2]\n{"half": \n\n"\\ud800"\n')
    one.say("\ud83d ")
    return await one.perform(rest)


async def nonsense(one: Session, rest: str) -> None:
    sys.stdout.write(rest + "\n")
    await hang(one, "")


async def fail(one: Session, rest: str) -> None:
    code, _, words = rest.partition(" ")
    raise RefusedError(int(code), "it failed", words)


async def stop(one: Session, rest: str) -> Json:
    one.say("Enough.")
    return {"stopReason": rest}


async def be_idle(one: Session, rest: str) -> Json:
    """Version 2 of the protocol answers at once, and ends a turn by an update."""

    def later() -> None:
        one.say("Later.")
        one.update("state_update", state={"type": "idle", "stopReason": rest})

    asyncio.get_running_loop().call_later(0.05, later)
    return {"accepted": True}


async def permission(one: Session, kinds: str) -> None:
    options = [{"optionId": f"id-{kind}", "name": kind, "kind": kind} for kind in kinds.split()]
    call = {"toolCallId": "t1", "title": "rm -r build", "kind": "execute"}
    told = (await one.ask("session/request_permission", toolCall=call, options=options))["result"]["outcome"]
    one.say(f"{told['outcome']} {told.get('optionId', '')}".strip())


async def think(one: Session, rest: str) -> Any:
    one.say("Let me ", "agent_thought_chunk")
    one.say("think.", "agent_thought_chunk")
    return await one.perform(rest)


async def steps(one: Session, rest: str) -> None:
    one.say("Before.")
    one.update("plan", entries=[])
    one.update("tool_call", toolCallId="t1", title="look", kind="read", status="in_progress")
    await asyncio.sleep(float(rest))
    one.update("tool_call_update", toolCallId="t1", status="completed")
    one.say("After.")


async def show(one: Session, what: str) -> None:
    match what:
        case "env":
            one.say(json.dumps(dict(os.environ)))
        case "pid":
            one.say(str(os.getpid()))
        case "images":
            one.say(str(one.pictures))
        case "history":
            one.say(json.dumps(one.history))
        case "files":
            one.say(str((await one.ask("fs/read_text_file", path="/etc/passwd"))["error"]["code"]))


PLAYS: dict[str, Play] = {
    "CRASH": crash,
    "HANG": hang,
    "STUBBORN": go_on,
    "FLOOD": flood,
    "LONGLINE": long_line,
    "JUNK": junk,
    "FAIL": fail,
    "NONSENSE": nonsense,
    "STOP": stop,
    "IDLE": be_idle,
    "ASK": permission,
    "THINK": think,
    "STEPS": steps,
    "SHOW": show,
}


class Agent:
    """Its sessions. `servers`: what it was told of tools, by session."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def hear(self, message: Json) -> None:
        if "method" not in message:
            for one in self.sessions.values():
                if message["id"] in one.asked and not one.asked[message["id"]].done():
                    one.asked[message["id"]].set_result(message)
            return
        if message["method"] == "session/cancel":
            session = self.sessions[message["params"]["sessionId"]]
            if session.running is not None and not session.stubborn:
                session.running.cancel()
            return
        self.keep(asyncio.create_task(self.answer(message)))

    def keep(self, task: asyncio.Task[None]) -> None:
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def answer(self, message: Json) -> None:
        try:
            write({"id": message["id"], "result": await self.do(message["method"], message["params"])})
        except RefusedError as error:
            write({"id": message["id"], "error": error.error})

    async def do(self, method: str, params: Json) -> Json:
        match method:
            case "initialize":
                return await self.initialize(params)
            case "session/new":
                if BEGINS == "login":
                    raise RefusedError(-32000, "Authentication required")
                name = await self.name()
                self.sessions[name] = Session(name, [json.dumps(params["mcpServers"])] if params["mcpServers"] else [])
                self.sessions[name].save()
                return {"sessionId": name}
            case "session/load" | "session/resume":
                return self.load(method, params)
            case "session/prompt":
                return await self.prompt(params)
        raise RefusedError(-32601, "Method not found")

    async def name(self) -> str:
        if BEGINS == "idle":
            await asyncio.Event().wait()
        while BEGINS == "slow" and self.sessions and not Path("go").exists():
            await asyncio.sleep(0.01)
        start = {"spaced": "my ", "long": "x" * 2000}.get(BEGINS, "")
        return f"{start}session-{1 if BEGINS == 'same' else len(self.sessions) + 1}"

    async def initialize(self, params: Json) -> Json:
        match BEGINS:
            case "crash":
                sys.stderr.write("no licence found\n")
                sys.stderr.flush()
                os._exit(3)
            case "hang":
                await asyncio.Event().wait()
        can: Json = {
            "loadSession": bool(STORE) and "resume" not in ABILITIES,
            "promptCapabilities": {"image": "image" in ABILITIES},
            "mcpCapabilities": {"http": "http" in ABILITIES},
            "sessionCapabilities": {"resume": {}} if "resume" in ABILITIES else {},
        }
        version = {"version": 99, "versions": [1]}.get(BEGINS, params["protocolVersion"])
        methods = [{"id": "sso", "name": "Single sign-on"}]
        return {"protocolVersion": version, "agentCapabilities": can, "authMethods": methods}

    def load(self, method: str, params: Json) -> Json:
        name = params["sessionId"]
        kept = Path(STORE) / name
        if not STORE or not kept.exists():
            raise RefusedError(-32002, "Resource not found", name)
        session = Session(name, json.loads(kept.read_text()))
        self.sessions[name] = session
        if method == "session/load":
            self.keep(asyncio.create_task(session.repeat()))
        return {}

    async def prompt(self, params: Json) -> Json:
        session = self.sessions[params["sessionId"]]
        session.pictures = sum(block["type"] == "image" for block in params["prompt"])
        text = "".join(block["text"] for block in params["prompt"] if block["type"] == "text")
        session.running = asyncio.create_task(session.perform(text))
        try:
            return await session.running
        except asyncio.CancelledError:
            return {"stopReason": "cancelled"}


async def main() -> None:
    loop, agent = asyncio.get_running_loop(), Agent()
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        agent.hear(json.loads(line))


if __name__ == "__main__":
    asyncio.run(main())

"""openai-node through the running gateway, held against the same client asking the same upstream straight."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from narrows.compressors.marks import has_mark
from tests.e2e.material import TOOLS, orders, tool_turn
from tests.e2e.recordings import assert_same_request
from tests.scripted_upstream import USAGE, Answer, Recorded, ScriptedUpstream, error, events, frame, stream

FOLDER = Path(__file__).parent / "node"
INSTALLED = FOLDER / "node_modules" / ".package-lock.json"
HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]


@pytest.fixture(scope="session")
def node() -> str:
    """The node program, with the client that package-lock.json names installed; workers install it one at a time."""
    program = shutil.which("node")
    if program is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not on the PATH")
    wanted = json.loads((FOLDER / "package-lock.json").read_bytes())["packages"]["node_modules/openai"]["version"]
    with (FOLDER / "package.json").open("rb") as lock:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        if not INSTALLED.exists() or f'"version": "{wanted}"' not in INSTALLED.read_text():
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            installing = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False)
            assert installing.returncode == 0, installing.stderr
    return program


async def run(node: str, base_url: str, scenario: str, **request: Any) -> Any:
    """What the client printed."""
    process = await asyncio.create_subprocess_exec(
        node,
        str(FOLDER / "client.mjs"),
        base_url + "/v1",
        scenario,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )
    arguments = json.dumps({"model": "gpt-4o", "messages": HELLO} | request).encode()
    printed, complaint = await asyncio.wait_for(process.communicate(arguments), 60)
    assert process.returncode == 0, complaint.decode()
    return json.loads(printed)


class Run:
    """The same scenario straight and through the gateway."""

    def __init__(self, node: str, upstream: ScriptedUpstream, gateway: str) -> None:
        self.node, self.upstream, self.gateway = node, upstream, gateway

    async def both(self, scenario: str, *answers: Answer, **request: Any) -> tuple[Any, Any]:
        results = []
        for base_url in (self.upstream.url, self.gateway):
            self.upstream.play(*answers)
            results.append(await run(self.node, base_url, scenario, **request))
        return results[1], results[0]

    @property
    def forwarded(self) -> Recorded:
        return self.upstream.requests[-1]

    @property
    def sent(self) -> Recorded:
        return self.upstream.requests[0]


@pytest.fixture
def pair(node: str, scripted_upstream: ScriptedUpstream, gateway: str) -> Run:
    return Run(node, scripted_upstream, gateway)


async def test_a_completion(pair: Run) -> None:
    through, straight = await pair.both("create")
    assert through == straight
    assert through["choices"][0]["message"]["content"] == "Hello there!"
    assert_same_request(pair.forwarded, pair.sent)


async def test_include_usage_is_preserved_in_a_stream(pair: Run) -> None:
    through, straight = await pair.both("stream", stream_options={"include_usage": True})
    assert through == straight
    assert (through[-1]["choices"], through[-1]["usage"]) == ([], USAGE)
    assert_same_request(pair.forwarded, pair.sent)


async def test_a_large_tool_message_is_shortened(pair: Run) -> None:
    through, straight = await pair.both("create", messages=tool_turn(orders(1_500)), tools=TOOLS)
    assert through == straight
    forwarded, sent = pair.forwarded.json, pair.sent.json
    assert has_mark(forwarded["messages"][2].pop("content"))
    assert sent["messages"][2].pop("content") == orders(1_500)
    assert forwarded == sent
    assert len(pair.forwarded.body) < 0.6 * len(pair.sent.body)


async def test_tool_call_arguments_accumulate(pair: Run) -> None:
    named = {"index": 0, "id": "call_9", "type": "function", "function": {"name": "list_orders", "arguments": ""}}
    pieces = ['{"limit"', ": 15", "00}"]
    deltas = [{"tool_calls": [named]}, *({"tool_calls": [{"index": 0, "function": {"arguments": p}}]} for p in pieces)]
    through, straight = await pair.both("accumulate", stream(*deltas, finish_reason="tool_calls"), tools=TOOLS)
    assert through == straight
    assert through["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"limit": 1500}'


async def test_cancel_closes_the_upstream(pair: Run) -> None:
    pair.upstream.play(events(frame({"role": "assistant", "content": "Hel"}), asyncio.Event()))
    chunk = await run(pair.node, pair.gateway, "cancel")
    assert chunk["choices"][0]["delta"]["content"] == "Hel"
    await asyncio.wait_for(pair.upstream.requests[0].ended.wait(), 60)
    assert not pair.upstream.requests[0].answered.is_set()


@pytest.mark.parametrize(("status", "kind"), [(429, "RateLimitError"), (500, "InternalServerError")])
async def test_the_client_retries_and_sees_the_error_as_it_came(pair: Run, status: int, kind: str) -> None:
    failure = error(status, fields=[("retry-after-ms", "1"), ("x-request-id", "req_7")])
    through, straight = await pair.both("failure", *[failure] * 3)
    assert through == straight
    assert through == {"kind": kind, "status": status, "code": "scripted", "request": "req_7"}
    assert len(pair.upstream.requests) == 6
    assert [r.values(b"x-stainless-retry-count") for r in pair.upstream.requests[3:]] == [[b"0"], [b"1"], [b"2"]]

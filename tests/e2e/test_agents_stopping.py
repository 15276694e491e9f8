"""A gateway of two workers that stops while clients of its agent are on their way: each has an answer."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from tests.agent_stage import cascade_server, chat
from tests.gateways import watched_process
from tests.raw_client import raw_client, request
from tests.scripted_upstream import ScriptedUpstream

PATH = "/v1/chat/completions"
BODY = json.dumps(chat("hi")).encode()
CLIENTS = 12
STOPPING = b"stopping"


async def test_requests_of_an_agent_that_come_as_the_gateway_stops_are_answered(
    scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """Their bodies end just after the signal, or after all processes have heard it: they finish, or are told when to
    come again; none is closed without a word."""
    config = tmp_path / "narrows.toml"
    async with cascade_server(model_url=scripted_upstream.url + "/v1") as server, AsyncExitStack() as stack:
        config.write_text(f'[agents.coder]\nurl = "http://127.0.0.1:{server.port}"\n')
        flags = ("--config", str(config), "--workers", "2", "--log-level", "info")
        one = await stack.enter_async_context(watched_process(scripted_upstream.url, *flags))
        port = int(one.url.rsplit(":", 1)[1])
        clients = [await stack.enter_async_context(raw_client(port)) for _ in range(CLIENTS)]
        asked = request("POST", PATH, "Expect: 100-continue", body=BODY)
        for client in clients:
            await client.send(asked[: len(asked) - len(BODY)])
        async with asyncio.timeout(60):
            for client in clients:  # a worker has each of them, and waits for its body
                assert b" 100 " in await client.reader.readuntil(b"\r\n\r\n")
        one.signal(signal.SIGTERM)
        for client in clients[::2]:
            await client.send(BODY)
        await one.says(STOPPING, times=3)
        for client in clients[1::2]:
            await client.send(BODY)
        answers = [await client.answer(b"POST") for client in clients]
        for client in clients:
            client.close()
        assert await asyncio.wait_for(one.process.wait(), 60) == 0
    assert {answer.status for answer in answers} <= {200, 503}
    assert {answer.status for answer in answers[1::2]} == {503}
    refused = [answer for answer in answers if answer.status == 503]
    assert all(answer.values(b"retry-after") and not answer.values(b"x-should-retry") for answer in refused)

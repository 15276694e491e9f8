"""Several gateway processes on one port, as users start them: what all of them say, what becomes of one that dies, and
restarts and reloads under load, in which no request may fail."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.agent_stage import cascade_server
from tests.gateways import Watched, told, watched_process
from tests.raw_client import RawClient, chat, raw_client, request, rows, tool_turn
from tests.scripted_upstream import Answer, Recorded, ScriptedUpstream, events, whole

LOGGING = ("--workers", "2", "--log-level", "info", "--log-format", "text", "--plan-timeout-s", "60")
SHORTENED = chat(*tool_turn("list", rows(200)), stream=False)


@dataclass
class Load:
    """What clients saw."""

    answered: int = 0
    moved: int = 0
    failures: list[str] = field(default_factory=list)
    over: bool = False


def port_of(gateway: Watched) -> int:
    return int(gateway.url.rpartition(":")[2])


def paced(asked: Recorded) -> Answer:
    """A stream that takes a moment for those who ask for one, an answer at once for the others."""
    if b"/stream" in asked.start:
        return events(b"data: 1\n\n", 0.15, b"data: 2\n\n", 0.15, b"data: 3\n\n")
    return whole(b'{"answer": "' + b"x" * 500 + b'"}')


async def ask_on_and_on(load: Load, port: int, asked: bytes, *, keep_alive: bool) -> None:
    """Ask again as soon as there is an answer, on the same connection until an answer says that it closes."""
    while not load.over:
        async with raw_client(port) as client:
            going_on = True
            while going_on and not load.over:
                await client.send(asked)
                answer = await client.answer()
                if not answer.complete or answer.status != 200:
                    load.failures.append(f"{answer.head!r} {answer.raw_body[:200]!r} reset: {answer.reset}")
                    return
                load.answered += 1
                closes = answer.values(b"connection") == [b"close"]
                load.moved += closes
                going_on = keep_alive and not closes
                await asyncio.sleep(0.002)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def under_load(port: int, *, others: bool = True) -> AsyncIterator[Load]:
    """Clients that ask without end, on connections that they keep and on new ones; or only for what is shortened."""
    load = Load()
    shortened, plain = (request("POST", "/v1/chat/completions", body=body) for body in (SHORTENED, chat()))
    clients = [(shortened, True)] * 2
    if others:
        clients += [(plain, True)] * 3 + [(plain, False)] * 2 + [(request(target="/v1/stream"), True)] * 3
    tasks = [asyncio.create_task(ask_on_and_on(load, port, asked, keep_alive=keep)) for asked, keep in clients]
    try:
        yield load
    finally:
        load.over = True
        done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
        load.failures += [repr(error) for error in done if error is not None]


async def workers(gateway: Watched) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(await told(gateway.url, "/readyz"))["workers"]
    return found


async def pids(gateway: Watched) -> dict[int, int]:
    """The processes that serve, by worker."""
    return {one["worker"]: one["pid"] for one in await workers(gateway) if one["state"] == "serving"}


async def figure(gateway: Watched, name: str) -> float:
    text = (await told(gateway.url, "/metrics")).decode()
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index] # it is there


async def answered(gateway: Watched) -> float:
    """How many exchanges, on any wire, the workers have recorded as answered."""
    name = 'narrows_exchanges_total{outcome="answered",status="2xx",wire="%s"}'
    return await figure(gateway, name % "openai_chat") + await figure(gateway, name % "")


async def test_a_rolling_restart_under_load_fails_no_request(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.otherwise = paced
    async with watched_process(scripted_upstream.url, *LOGGING) as gateway:
        before = await pids(gateway)
        async with under_load(port_of(gateway)) as load:
            await until(lambda: load.answered > 50)
            gateway.signal(signal.SIGUSR2)
            await gateway.says(b" restarted ")
            restarted = load.answered
            await until(lambda: load.answered > restarted + 100 and load.moved > 0)
        after = await pids(gateway)
        assert load.failures == []
        assert set(before) == set(after) == {1, 2}
        assert not set(before.values()) & set(after.values())
        assert b"together=false" in gateway.written
        async with asyncio.timeout(60):  # a worker that does not answer at once is represented by what it said before
            while await answered(gateway) < load.answered:
                await asyncio.sleep(0.05)
        assert await answered(gateway) == load.answered, "the figures of workers that are gone are kept"
        assert await figure(gateway, "narrows_workers_lost_total") == 0


async def test_another_policy_comes_for_all_workers_at_once(
    scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    scripted_upstream.otherwise = paced
    file = tmp_path / "narrows.toml"
    file.write_text('level = "off"\n')
    async with watched_process(scripted_upstream.url, *LOGGING, "--config", str(file)) as gateway:
        async with under_load(port_of(gateway), others=False) as load:
            await until(lambda: load.answered > 0)
            file.write_text('level = "balanced"\n')
            await gateway.says(b" settings_reloaded ")
            assert b'waiting=["level"]' in gateway.written
            assert b"prefixes of live conversations will be rewritten once" in gateway.written
            seen = len(scripted_upstream.requests)
            await asyncio.sleep(0.2)
            assert all(one.body == SHORTENED for one in scripted_upstream.requests), "it waits for the restart"
            gateway.signal(signal.SIGUSR2)
            await gateway.says(b" restarted ")
            await until(lambda: len(scripted_upstream.requests[-1].body) < len(SHORTENED))
        assert load.failures == []
        assert b"together=true" in gateway.written
        assert len(scripted_upstream.requests) > seen
        forwarded = [len(one.body) < len(SHORTENED) for one in scripted_upstream.requests]
        assert forwarded[-1]
        assert forwarded == sorted(forwarded), "no request is shortened the old way after one in the new way"


async def test_a_restart_that_cannot_be_leaves_the_workers_as_they_are(
    scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    file = tmp_path / "narrows.toml"
    file.write_text("idle_timeout_s = 10\n")
    async with watched_process(scripted_upstream.url, *LOGGING, "--config", str(file)) as gateway:
        before = await pids(gateway)
        file.write_text("idle_timeout_s = 'soon'\nlevle = 'off'\n")
        await gateway.says(b" settings_rejected ")
        gateway.signal(signal.SIGUSR2)
        await gateway.says(b" restart_refused ")
        assert gateway.written.count(b"idle_timeout_s in ") == 2
        assert gateway.written.count(b"did you mean level?") == 2
        assert await pids(gateway) == before
        assert (await told(gateway.url, "/healthz")) == b'{"status":"ok"}\n'


async def test_a_worker_that_dies_is_replaced_and_nobody_is_refused(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.otherwise = lambda asked: whole(b"{}")
    async with watched_process(scripted_upstream.url, *LOGGING) as gateway:
        before = await pids(gateway)
        os.kill(before[1], signal.SIGKILL)
        await gateway.says(b" worker_lost ")
        for _ in range(40):  # half of them are dealt to the one that is gone
            async with raw_client(port_of(gateway)) as client:
                await client.send(request())
                assert (await client.answer()).status == 200
        await gateway.says(b" worker_replaced ")
        after = await pids(gateway)
        assert after[2] == before[2]
        assert after[1] != before[1]
        assert await figure(gateway, "narrows_workers_lost_total") == 1
        assert await figure(gateway, 'narrows_workers{state="serving"}') == 2


async def test_answers_of_a_worker_that_dies_are_cut(scripted_upstream: ScriptedUpstream) -> None:
    """And those of the others are not; no cut looks like an end."""
    gate = asyncio.Event()
    scripted_upstream.otherwise = lambda asked: events(b"data: 1\n\n", gate, b"data: 2\n\n")
    async with watched_process(scripted_upstream.url, *LOGGING) as gateway, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw_client(port_of(gateway))) for _ in range(16)]
        for client in clients:
            await client.send(request("GET", "/v1/stream", "Connection: close"))
            await client.reader.readuntil(b"data: 1\n\n\r\n")
        os.kill((await pids(gateway))[1], signal.SIGKILL)
        await gateway.says(b" worker_lost ")
        gate.set()
        ends = [await client.rest() for client in clients]
        assert set(ends) == {b"", b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"}
        await gateway.says(b" worker_replaced ")


async def test_a_worker_that_does_not_answer_is_said_so(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.otherwise = lambda asked: whole(b"{}")
    async with watched_process(scripted_upstream.url, *LOGGING) as gateway, raw_client(port_of(gateway)) as client:
        await client.send(request())
        assert (await client.answer()).status == 200
        mine = (await answer_of(client, "/narrows/exchanges"))["exchanges"][0]["worker"]
        other = 3 - mine
        pid = (await pids(gateway))[other]
        os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(60):  # this one, too, may be late on a busy machine
                while (readiness := await answer_of(client, "/readyz"))["workers"][mine - 1]["reasons"]:
                    pass
                assert readiness["ready"] is True
                assert readiness["workers"][other - 1]["reasons"] == ["does not answer"]
                while (listed := await answer_of(client, "/narrows/exchanges"))["silent"] != [other]:
                    pass
                assert [one["worker"] for one in listed["exchanges"]] == [mine]
                while b'narrows_workers{state="serving"} 1.0' not in (
                    metrics := await answer_bytes(client, "/metrics")
                ):
                    pass
                assert b'narrows_workers{state="silent"} 1.0' in metrics
        finally:
            os.kill(pid, signal.SIGCONT)


async def answer_of(client: RawClient, target: str) -> Any:
    return json.loads(await answer_bytes(client, target))


async def answer_bytes(client: RawClient, target: str) -> bytes:
    await client.send(request(target=target))
    return (await client.answer()).raw_body


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_all_workers_drain(scripted_upstream: ScriptedUpstream, number: int) -> None:
    gate = asyncio.Event()
    scripted_upstream.otherwise = lambda asked: events(b"data: 1\n\n", gate, b"data: 2\n\n")
    async with watched_process(scripted_upstream.url, *LOGGING) as gateway:
        async with raw_client(port_of(gateway)) as busy, raw_client(port_of(gateway)) as idle:
            await busy.send(request())
            await busy.reader.readuntil(b"data: 1\n\n")
            await idle.send(request(target="/healthz"))
            assert (await idle.answer()).status == 200
            gateway.signal(number)
            assert await idle.rest() == b""
            gate.set()
            assert (await busy.rest()).endswith(b"data: 2\n\n\r\n0\r\n\r\n")
        assert await asyncio.wait_for(gateway.process.wait(), 60) == 0


async def test_a_second_signal_ends_all_at_once(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.otherwise = lambda asked: events(b"data: 1\n\n", asyncio.Event())

    async def insist() -> None:
        async with watched_process(scripted_upstream.url, *LOGGING) as gateway, raw_client(port_of(gateway)) as client:
            running = await pids(gateway)
            await client.send(request())
            await client.reader.readuntil(b"data: 1\n\n")
            gateway.signal(signal.SIGTERM)
            await gateway.says(b" stopping ", 2)
            gateway.signal(signal.SIGTERM)
            assert await asyncio.wait_for(gateway.process.wait(), 60) == -signal.SIGTERM
            async with asyncio.timeout(60):
                while any(Path(f"/proc/{pid}").exists() for pid in running.values()):
                    await asyncio.sleep(0.02)
            assert b"stopped" in gateway.written, "of the one without an exchange"

    with pytest.raises(RuntimeError, match="did not end well"):
        await insist()


async def test_workers_end_with_their_supervisor(scripted_upstream: ScriptedUpstream) -> None:
    async def kill_it() -> None:
        async with watched_process(scripted_upstream.url, *LOGGING) as gateway:
            running = await pids(gateway)
            gateway.process.kill()
            async with asyncio.timeout(60):
                while any(Path(f"/proc/{pid}").exists() for pid in running.values()):
                    await asyncio.sleep(0.02)

    with pytest.raises(RuntimeError, match="did not end well"):
        await kill_it()


AGENT = '[agents.coder]\nurl = "{url}"\n'


def agent_asked(*texts: str) -> bytes:
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
    return request("POST", "/v1/chat/completions", body=json.dumps({"model": "coder", "messages": messages}).encode())


async def asked_agent(gateway: Watched, *texts: str) -> tuple[str, str]:
    """What the agent answers, and how the request came to its session."""
    async with raw_client(port_of(gateway)) as client:
        await client.send(agent_asked(*texts))
        answer = await client.answer(b"POST")
        assert answer.status == 200, answer
        said = str(answer.json["choices"][0]["message"]["content"])
        return said, answer.values(b"x-narrows-session-use")[0].decode()


@asynccontextmanager
async def with_agent(upstream: ScriptedUpstream, folder: Path, said: list[str]) -> AsyncIterator[Watched]:
    """Two workers, and an agent that says these things; its sessions are kept in a file."""
    turns = [{"do": [{"act": "text", "texts": [text]}]} for text in said]
    async with cascade_server({"turns": turns}) as listener:
        config = folder / "narrows.toml"
        config.write_text(
            f'agent_sessions_file = "{folder / "sessions.db"}"\n'
            + AGENT.format(url=f"http://127.0.0.1:{listener.port}")
        )
        async with watched_process(upstream.url, *LOGGING, "--config", str(config)) as gateway:
            yield gateway


async def test_the_process_that_has_the_agents_is_replaced_with_their_sessions(
    scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with with_agent(scripted_upstream, tmp_path, ["one", "two"]) as gateway:
        before = await pids(gateway)
        assert set(before) == {1, 2, 3}
        assert await asked_agent(gateway, "a") == ("one", "new")
        gateway.signal(signal.SIGUSR2)
        await gateway.says(b" restarted ")
        assert await asked_agent(gateway, "a", "one", "b") == ("two", "reused")
        after = await pids(gateway)
        assert not set(before.values()) & set(after.values())


async def test_agents_may_come_and_go_with_a_restart(scripted_upstream: ScriptedUpstream, tmp_path: Path) -> None:
    config = tmp_path / "narrows.toml"
    async with with_agent(scripted_upstream, tmp_path, ["one", "two"]) as gateway:
        with_one = config.read_text()
        assert await asked_agent(gateway, "a") == ("one", "new")
        for text, there in (("", {1, 2}), (with_one, {1, 2, 3})):
            config.write_text(text)
            gateway.written.clear()
            gateway.signal(signal.SIGUSR2)
            await gateway.says(b" restarted ")
            assert set(await pids(gateway)) == there
        assert await asked_agent(gateway, "a", "one", "b") == ("two", "reused")


async def test_a_killed_process_of_agents_is_replaced_and_its_clients_wait(
    scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with with_agent(scripted_upstream, tmp_path, ["one", "two"]) as gateway:
        assert await asked_agent(gateway, "a") == ("one", "new")
        os.kill((await pids(gateway))[3], signal.SIGKILL)
        assert await asked_agent(gateway, "a", "one", "b") == ("two", "reused")
        assert await figure(gateway, "narrows_workers_lost_total") == 1

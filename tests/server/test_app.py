"""From settings to a gateway that listens, and back."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from narrows.core.tokens import TOKENIZER
from narrows.errors import SettingsError
from narrows.server.app import serve
from tests.authority import Authority, make_authority
from tests.gateways import settings_for
from tests.raw_client import chat, raw_client, request
from tests.scripted_upstream import Answer, ScriptedUpstream, events, whole
from tests.stage import Stage, stage_before


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


async def test_draining_lets_exchanges_end_and_closes_idle_connections_at_once(stage: Stage) -> None:
    gate = asyncio.Event()
    stage.upstream.play(events(b"data: 1\n\n", gate, b"data: 2\n\n"))
    gateway = await stage.gateway(drain_timeout_s=20.0)
    idle, busy = await stage.client(gateway), await stage.client(gateway)
    await idle.send(request(target="/healthz"))
    assert (await idle.answer()).status == 200
    await busy.send(request())
    await busy.reader.readuntil(b"data: 1\n\n")
    closing = asyncio.create_task(gateway.close())
    assert await idle.rest() == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", gateway.port)
    assert not closing.done()
    gate.set()
    assert await busy.rest() == b"\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"
    await closing
    await stage.logged(b'"event":"stopped","aborted":0')


async def test_draining_has_an_end(stage: Stage) -> None:
    stage.upstream.play(events(b"data: 1\n\n", asyncio.Event()))
    gateway = await stage.gateway(drain_timeout_s=0.2)
    client = await stage.client(gateway)
    await client.send(request())
    await client.reader.readuntil(b"data: 1\n\n")
    await asyncio.gather(gateway.close(), gateway.close())
    assert b"0\r\n\r\n" not in await client.rest()
    await stage.logged(b'"event":"stopped","aborted":1')
    await stage.upstream.all_closed()


async def test_an_answer_while_draining_says_that_the_connection_closes(stage: Stage) -> None:
    gate = asyncio.Event()
    stage.upstream.play(Answer((gate, *whole(b"ok").steps)))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request() + request(target="/readyz"))
    await stage.upstream.request()
    closing = asyncio.create_task(gateway.close())
    await asyncio.sleep(0)
    gate.set()
    answer = await client.answer()
    assert (answer.raw_body, answer.values(b"connection")) == (b"ok", [b"close"])
    assert await client.rest() == b"", "the request behind it is not begun"
    await closing


async def test_an_upstream_with_tls_is_verified_and_spoken_to(authority: Authority) -> None:
    async with (
        ScriptedUpstream(tls=authority.server_context()) as upstream,
        stage_before(upstream) as stage,
    ):
        gateway = await stage.gateway(ca_bundle=str(authority.bundle))
        client = await stage.client(gateway)
        for body in (chat(), chat() + b" " * 3_000_000):
            upstream.play(whole(b"y" * 3_000_000))
            await client.send(request("POST", "/v1/chat/completions", body=body))
            answer = await client.answer()
            assert (answer.status, len(answer.raw_body)) == (200, 3_000_000)
            assert len(upstream.requests[-1].body) == len(body)
        assert upstream.connections == 1
        (connection,) = gateway.gateway.pool._idle
        assert connection.transport is not None
        tls = connection.transport.get_extra_info("ssl_object")
        assert tls.selected_alpn_protocol() == "http/1.1"
        await client.send(request())
        assert (await client.answer()).status == 200


@pytest.mark.parametrize("fault", ["unknown authority", "another name"])
async def test_an_upstream_that_cannot_prove_who_it_is_is_not_spoken_to(authority: Authority, fault: str) -> None:
    other = authority.server_context("other.test", "127.0.0.9")
    tls = other if fault == "another name" else authority.server_context()
    bundle = "" if fault == "unknown authority" else str(authority.bundle)
    async with ScriptedUpstream(tls=tls) as upstream, stage_before(upstream) as stage:
        gateway = await stage.gateway(ca_bundle=bundle)
        client = await stage.client(gateway)
        await client.send(request("GET", "/v1/models", "Authorization: Bearer sk-secret"))
        answer = await client.answer()
        assert (answer.status, answer.error_code) == (502, "upstream_unreachable")
        assert "certificate" in answer.json["error"]["message"].lower()
        assert upstream.requests == []
        await upstream.all_closed()


async def test_an_upstream_that_speaks_no_tls_is_502(stage: Stage) -> None:
    async def answer_in_clear(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer_in_clear, "127.0.0.1", 0) as server:
        gateway = await stage.gateway(upstream=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        client = await stage.client(gateway)
        await client.send(request())
        assert (await client.answer()).error_code == "upstream_unreachable"


async def test_settings_that_cannot_work_are_refused_before_anything_listens(tmp_path: Path) -> None:
    for changes in ({"upstream": "ftp://x"}, {"upstream": "https://x", "ca_bundle": str(tmp_path / "absent")}):
        settings = settings_for(changes.pop("upstream"), **changes)
        with pytest.raises(SettingsError):
            await serve(settings, settings.policy("none", TOKENIZER))


async def test_a_port_that_is_taken_is_an_error_of_the_system() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = settings_for("http://h", port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await serve(settings, settings.policy("none", TOKENIZER))


async def test_a_fault_of_ours_is_logged_by_place_and_ends_one_connection(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its message is not: it could quote what passes through."""
    gateway = await stage.gateway()
    client = await stage.client(gateway)

    def fail(*_: object) -> None:
        raise RuntimeError("sk-secret")

    monkeypatch.setattr(gateway.gateway.own_routes, "find", fail)
    await client.send(request())
    assert await client.rest() == b""
    await stage.logged(b'"event":"internal_error","exception":"RuntimeError","place":"prepared.py:')
    assert gateway.gateway.faults == 1
    monkeypatch.undo()
    gateway.gateway.faults = 0
    async with raw_client(gateway.port) as another:
        await another.send(request())
        assert (await another.answer()).status == 200
    assert b"sk-secret" not in stage.log.written


async def test_a_fault_while_planning_is_500(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = await stage.gateway(inline_scan_bytes=1)

    async def fail(*_: object) -> None:
        raise RuntimeError("sk-secret")

    monkeypatch.setattr(gateway.gateway.planner.pool, "run", fail)
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/chat/completions", body=chat()))
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (500, "internal_error")
    await stage.logged(b'"event":"internal_error","request_id":"nrw-')
    gateway.gateway.faults = 0
    assert b"sk-secret" not in stage.log.written


def test_a_process_is_settled_for_serving() -> None:
    code = "import gc; from narrows.server.app import tune_process; tune_process(); print(gc.get_freeze_count() > 1000)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "True"
    assert gc.isenabled()


async def test_a_gateway_holds_little_before_it_is_used(stage: Stage) -> None:
    """What is heavy (tokenizer, classifier, planning) is loaded when it is first needed, and not here."""
    code = (
        "import sys, narrows.server.app; "
        "heavy = ('toktok', 'narrows.compressors.registry', 'magika', 'onnxruntime', 'numpy', 'rich'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "[]"

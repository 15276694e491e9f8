"""What passes through is never told: a word put into every field, body and answer is in no line, figure or record."""

from __future__ import annotations

import json

from narrows.telemetry.log import EventLog
from tests.raw_client import Answered, raw_client, request, rows, tool_turn
from tests.scripted_upstream import raw, whole
from tests.stage import Stage

SECRET = "sk-S3CR3T-0123456789"


def asked() -> bytes:
    messages = [
        {"role": "system", "content": SECRET},
        *tool_turn(SECRET, rows(100).replace("name 5", SECRET), SECRET),
        *tool_turn("q", f"{SECRET} \ud800" * 100),
        {"role": "user", "content": f"{SECRET} " * 100},
        {"role": SECRET, "content": SECRET},
    ]
    return json.dumps({"model": "gpt-4o", "messages": messages, "user": SECRET, "n": 1}).encode()


def answer() -> bytes:
    call = {"id": SECRET, "type": "function", "function": {"name": SECRET, "arguments": SECRET}}
    message = {"role": "assistant", "content": SECRET, "refusal": SECRET, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "a", "model": "m", "choices": [choice], "error": {"message": SECRET}}).encode()


async def test_nothing_that_passes_is_told(stage: Stage) -> None:
    gateway = await stage.gateway()
    assert isinstance(gateway.gateway.telling.log, EventLog)
    fields = [f"{name}: {SECRET}" for name in ("Authorization", "X-Api-Key", "Cookie", "User-Agent", "OpenAI-Project")]
    path = "/v1/chat/completions"
    body = asked()
    assert SECRET.encode() in body
    upstream = stage.upstream
    upstream.otherwise = lambda _: whole(answer(), fields=[("Content-Type", "application/json"), ("X-Up", SECRET)])
    bad: list[Answered] = []
    async with raw_client(gateway.port) as client:
        for asking in (
            request("POST", f"{path}?key={SECRET}", *fields, body=body),
            request("POST", path, *fields, "x-narrows-policy: lossless", body=body),
            request("POST", path, f"Content-Encoding: {SECRET}", body=body),
            request("POST", path, f"Cache-Control: no-transform, {SECRET}", body=body),
            request("POST", path, body=body[:-1]),
            request("PUT", f"/v1/files?{SECRET}", *fields, body=body),
        ):
            await client.send(asking)
            assert (await client.answer(b"POST")).status == 200
    wrong = (
        request("POST", path, f"x-narrows-policy: {SECRET}", body=body),
        f"GET /x?{SECRET} HTTP/9\r\n{SECRET}\r\n\r\n".encode(),
        request("POST", path, "Transfer-Encoding: chunked") + SECRET.encode() + b"\r\n",
        request("POST", path, f"Transfer-Encoding: {SECRET}"),
    )
    for asking in wrong:
        async with raw_client(gateway.port) as client:
            await client.send(asking)
            bad.append(await client.answer())
    assert {one.status for one in bad} == {400}
    upstream.play(raw(f"HTTP/1.1 200 {SECRET}\r\nBad {SECRET}\r\n\r\n".encode()))
    async with raw_client(gateway.port) as client:
        gateway.gateway.pool.close()  # the next request finds no connection it could be sent again for
        await client.send(request("POST", path, *fields, body=body))
        bad.append(await client.answer(b"POST"))
        assert bad[-1].status == 502
        await stage.record(gateway, len(wrong) + 6)
        for own in ("/metrics", "/narrows/exchanges"):
            await client.send(request("GET", own))
            told = (await client.answer()).raw_body
            assert b"openai_chat" in told
            assert SECRET.encode() not in told
    assert all(SECRET.encode() not in one.raw_body + one.head for one in bad)
    await stage.logged(b'"status":502')
    assert SECRET.encode() not in stage.log.written

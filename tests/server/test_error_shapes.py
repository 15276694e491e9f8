"""An error of the gateway's own has the shape that the clients of the path read, whatever went wrong and when."""

from __future__ import annotations

from typing import Any

import pytest

from tests.raw_client import request
from tests.stage import Stage

PATHS = {
    "/v1/chat/completions": {"message", "type", "param", "code"},
    "/v1/responses": {"message", "type", "param", "code"},
    "/v1/messages": {"type", "message"},
    "/v1/messages/count_tokens": {"type", "message"},
    "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse": {"code", "message", "status"},
    "/v1/models": {"message", "type", "param", "code"},
}
every_path = pytest.mark.parametrize("path", PATHS)


def shape(body: Any) -> set[str]:
    error = body["error"]
    assert error["message"]
    assert set(body) == ({"type", "error"} if "param" not in error and "status" not in error else {"error"})
    return set(error)


@every_path
async def test_an_upstream_that_is_not_there(stage: Stage, path: str) -> None:
    client = await stage.client(await stage.gateway(upstream="http://127.0.0.1:9"))
    await client.send(request("POST", path, body=b"{}"))
    answer = await client.answer(b"POST")
    assert (answer.status, answer.values(b"x-narrows-error")) == (502, [b"upstream_unreachable"])
    assert shape(answer.json) == PATHS[path]


@every_path
async def test_a_body_over_the_limit(stage: Stage, path: str) -> None:
    client = await stage.client(await stage.gateway(max_body_bytes=1_000))
    await client.send(request("POST", path, body=b"x" * 2_000))
    if path != "/v1/models":  # nobody's wire: passed on, and not held
        answer = await client.answer(b"POST")
        assert (answer.status, shape(answer.json)) == (413, PATHS[path])

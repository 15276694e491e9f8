"""What stands around the suites of strangers: the server that satisfies the client, the cut specification, the verdict.

The suites themselves need the network, and run with `make conformance`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from tests.conformance.__main__ import NotFetchedError, fetched, main, server_errors, specification
from tests.conformance.examples import ANSWERS, answered, example
from tests.conformance.specification import cut
from tests.gateways import running_gateway
from tests.scripted_upstream import Recorded, ScriptedUpstream

SPECIFICATION = {
    "openapi": "3.1.0",
    "info": {"version": "2.3.0"},
    "paths": {
        "/chat/completions": {
            "get": {},
            "post": {
                "operationId": "create", "requestBody": {"$ref": "#/components/schemas/A"}, "responses": {"200": 1},
            },
        },
        "/models": {},
    },
    "components": {"schemas": {"A": {"items": [{"$ref": "#/components/schemas/B"}]}, "B": {"x": {}}, "C": {}}},
}  # fmt: skip


def asked(start: str, body: bytes = b"") -> str:
    """The status line and body of an answer."""
    answer = answered(Recorded(f"{start} HTTP/1.1\r\n\r\n".encode(), 0, body=body))
    return b"".join(step for step in answer.steps if isinstance(step, bytes)).decode()


def test_an_example_is_what_the_client_validates() -> None:
    ChatCompletion.model_validate(example(ChatCompletion), strict=True)
    assert json.loads(json.dumps(example(ChatCompletion)))["object"] == "chat.completion"


@pytest.mark.parametrize("body", [b"{}", b"", b"\xff", b"[" * 100_000, b'{"stream":"true"}', b'{"stream":true}'])
def test_whatever_it_is_sent_the_server_never_says_5xx(body: bytes) -> None:
    for method in ("POST", "GET", "HEAD", "DELETE", "PUT"):
        for path in ("/v1/chat/completions", "/models", "/nowhere?stream=true", "/v1/responses/a/cancel"):
            assert asked(f"{method} {path}", body).split(" ")[1] in {"200", "404"}


def test_every_answer_is_found_under_both_bases() -> None:
    for methods, pattern, _ in ANSWERS:
        path = pattern.replace("[^/]+", "a")
        for base in ("", "/v1"):
            assert asked(f"{methods.partition('|')[0]} {base}{path}").startswith("HTTP/1.1 200 ")


async def test_the_client_is_satisfied_through_the_gateway(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.otherwise = answered
    async with running_gateway(scripted_upstream.url) as url:

        def use() -> list[str]:
            with OpenAI(base_url=f"{url}/v1", api_key="k", _strict_response_validation=True) as client:
                said = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
                return [said.object, *(model.object for model in client.models.list())]

        assert await asyncio.to_thread(use) == ["chat.completion", "model"]


def test_the_specification_is_cut_to_what_is_referred_to() -> None:
    found = cut(SPECIFICATION)
    assert list(found["paths"]) == ["/chat/completions"]
    assert list(found["paths"]["/chat/completions"]) == ["post"]
    assert sorted(found["components"]["schemas"]) == ["A", "B"]
    assert found["paths"]["/chat/completions"]["post"]["responses"] == {"default": {"description": "any"}}


def test_a_5xx_of_the_gateway_is_found_in_its_figures() -> None:
    name = 'narrows_exchanges_total{outcome="refused",status="5xx",wire=""}'
    assert server_errors(f"{name} 0.0\n") == []
    assert server_errors(f'{name} 2.0\nnarrows_exchanges_total{{status="4xx"}} 7.0\n') == [f"{name} 2.0"]


def test_what_cannot_be_fetched_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(NotFetchedError, match="the thing: no such place"):
        fetched(["sh", "-c", "echo no such place >&2; exit 3"], "the thing")
    with pytest.raises(NotFetchedError, match="the thing"):
        fetched([str(tmp_path / "none")], "the thing")
    monkeypatch.setattr("tests.conformance.__main__.BUILD", tmp_path)
    monkeypatch.setattr("tests.conformance.__main__.SPECIFICATION", ("http://127.0.0.1:9/openapi.json", ""))
    with pytest.raises(NotFetchedError, match=r"OpenAI's specification: .*refused"):
        specification("")


def test_suites_that_cannot_be_had_are_skipped_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("pip", 1)

    monkeypatch.setattr("tests.conformance.__main__.BUILD", tmp_path)
    monkeypatch.setattr("tests.conformance.__main__.subprocess.run", nothing)
    assert main([]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == ["SKIPPED openai-python's API tests", "SKIPPED schemathesis"]

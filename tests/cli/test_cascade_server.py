"""The reference server by itself; tests/backends/test_cascade.py drives it through all its shapes."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from narrows.cli.cascade_server.listener import Listener
from narrows.cli.cascade_server.model import Model
from narrows.cli.cascade_server.script import Act, read_script
from narrows.cli.cascade_server.service import Service, without_zeros
from narrows.cli.main import main
from tests.agent_stage import cascade_server
from tests.raw_client import raw_client, request
from tests.scripted_upstream import ScriptedUpstream, error, events, frame

SERVICE = "/cascade.v1.CascadeService/"


async def called(port: int, method: str, body: Any = None, *lines: str, verb: str = "POST") -> tuple[int, Any]:
    written = b"{}" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    async with raw_client(port) as client:
        await client.send(request(verb, SERVICE + method, *lines, body=written))
        answer = await client.answer(b"POST")
    return answer.status, answer.json


async def ran(port: int, text: str = "hi") -> dict[str, Any]:
    """The trajectory after one turn."""
    _, started = await called(port, "StartCascade")
    name = started["cascadeId"]
    await called(port, "SendUserCascadeMessage", {"cascadeId": name, "items": [{"text": text}]})
    async with asyncio.timeout(60):
        while True:
            _, answer = await called(port, "GetCascadeTrajectorySteps", {"cascadeId": name})
            if answer["status"].endswith("IDLE") and len(answer["steps"]) > 1:
                found: dict[str, Any] = answer
                return found
            await asyncio.sleep(0.01)


async def test_the_model_answers_under_the_conversations_name(scripted_upstream: ScriptedUpstream) -> None:
    turns = [{}, {"do": [{"act": "model"}, {"act": "summary"}]}]
    async with cascade_server({"turns": turns}, model_url=scripted_upstream.url + "/v1") as server:
        first, second = await ran(server.port), await ran(server.port)
    step = first["steps"][1]
    assert step["plannerResponse"]["response"] == "Hello there!"
    assert step["metadata"]["modelUsage"] == {"inputTokens": "11", "outputTokens": "3"}
    assert [step["type"] for step in second["steps"]][-1] == "CORTEX_STEP_TYPE_CHECKPOINT"
    asked = scripted_upstream.requests
    assert asked[0].json["messages"] == [{"role": "user", "content": "hi"}]
    assert [one.values(b"x-session-id") for one in asked] == [[b"cascade-1"], [b"cascade-2"], [b"cascade-2"]]
    assert asked[0].values(b"authorization") == [b"Bearer sk-agent"]


async def test_pictures_go_to_the_model_and_are_part_of_the_message(scripted_upstream: ScriptedUpstream) -> None:
    async with cascade_server(model_url=scripted_upstream.url + "/v1") as server:
        _, started = await called(server.port, "StartCascade", {})
        name = started["cascadeId"]
        said = {"cascadeId": name, "items": [{"text": "what?"}], "clientMessageId": "m"}
        media = [{"mimeType": "image/png", "inlineData": "aaaa"}]
        await called(server.port, "SendUserCascadeMessage", {**said, "media": media})
        status, again = await called(server.port, "SendUserCascadeMessage", {**said, "media": media})
        assert (status, again["duplicate"]) == (200, True)
        status, other = await called(server.port, "SendUserCascadeMessage", {**said, "media": []})
        assert (status, other["code"]) == (400, "invalid_argument")
        async with asyncio.timeout(60):
            while not scripted_upstream.requests:
                await asyncio.sleep(0.01)
    (message,) = scripted_upstream.requests[0].json["messages"]
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}}
    assert message["content"] == [{"type": "text", "text": "what?"}, image]


async def test_an_endpoint_that_cannot_be_used_is_refused() -> None:
    async with cascade_server(model_url="http://127.0.0.1:1/v1") as server:
        for place in ({"baseUrl": "ftp://x"}, {"baseUrl": "http://x", "wire": "gemini"}, {}):
            status, answer = await called(server.port, "StartCascade", {"modelEndpoint": place})
            assert (status, answer["code"]) == (400, "invalid_argument")


async def test_a_summary_is_the_small_models(scripted_upstream: ScriptedUpstream) -> None:
    model = Model(scripted_upstream.url + "/v1", "big", "", small="tiny")
    listener = Listener(Service(read_script(b'{"turns":[{"do":[{"act":"model"},{"act":"summary"}]}]}'), model))
    await listener.listen("127.0.0.1", 0)
    await ran(listener.port)
    await listener.close()
    model.close()
    assert [one.json["model"] for one in scripted_upstream.requests] == ["big", "tiny"]


@pytest.mark.parametrize("answer", [error(429), events(frame({"content": "Half"}))], ids=["refused", "broken off"])
async def test_a_model_that_fails_is_an_error_step(scripted_upstream: ScriptedUpstream, answer: Any) -> None:
    scripted_upstream.play(answer)
    async with cascade_server(model_url=scripted_upstream.url + "/v1") as server:
        steps = (await ran(server.port))["steps"]
    assert steps[-1]["type"] == "CORTEX_STEP_TYPE_ERROR_MESSAGE"


async def test_without_a_model_it_says_so() -> None:
    async with cascade_server() as server:
        steps = (await ran(server.port))["steps"]
    assert "--model-url" in steps[-1]["errorMessage"]["error"]["userErrorMessage"]


async def test_calls_that_are_refused() -> None:
    async with cascade_server(token="t") as server:
        token = "X-Cascade-Token: t"
        assert (await called(server.port, "Health"))[1]["code"] == "unauthenticated"
        assert (await called(server.port, "Health", None, token))[1]["protocol"] == "cascade/1"
        assert await called(server.port, "Nothing", None, token) == (
            501,
            {"code": "unimplemented", "message": "Nothing is not implemented"},
        )
        assert (await called(server.port, "Health", b"[", token))[0] == 400
        assert (await called(server.port, "Health", b"{}", token, verb="PUT"))[0] == 501
        status, answer = await called(server.port, "GetCascadeTrajectory", {"cascadeId": "x"}, token)
        assert (status, answer["code"]) == (404, "not_found")
    async with cascade_server(classic=True) as server:
        assert (await called(server.port, "Health"))[0] == 404
        status, answer = await called(server.port, "GetCascadeTrajectory", {"cascadeId": "x"})
        assert (status, answer) == (500, {"code": "unknown", "message": "trajectory not found"})


async def test_a_body_in_chunks_and_one_that_breaks_off() -> None:
    async with cascade_server() as server, raw_client(server.port) as client:
        await client.send(request("POST", SERVICE + "Health", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n")
        assert (await client.answer()).json["status"] == "SERVING"
        await client.send(request("POST", SERVICE + "Health", "Transfer-Encoding: chunked") + b"2\r\n{")
        client.half_close()
        assert await client.rest() == b""


def test_zeros_are_left_out_as_proto3_does() -> None:
    assert without_zeros({"a": 0, "b": "", "c": False, "d": [0, {"e": 0, "f": 1}], "g": None, "h": "0"}) == {
        "d": [0, {"f": 1}],
        "h": "0",
    }


def test_scripts_are_read_strictly() -> None:
    script = read_script(b'{"turns": [{"do": [{"act": "text", "texts": ["a"]}]}, {}]}')
    assert [turn.do[0].act for turn in script.turns] == [Act.TEXT, Act.MODEL]
    for wrong in (b"{", b'{"turn": []}', b'{"turns": [{"do": [{"act": "sing"}]}]}'):
        with pytest.raises(ValueError, match="is no script"):
            read_script(wrong)


def test_the_command_line_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "script.json"
    wrong.write_text("{")
    assert main(["cascade-server", "--script", str(wrong)]) == 2
    assert main(["cascade-server", "--script", str(tmp_path / "absent")]) == 2
    assert main(["cascade-server", "--token-env", "NARROWS_NO_SUCH_TOKEN"]) == 2
    said = capsys.readouterr().err
    assert "is no script" in said
    assert "cannot be read" in said
    assert "is not set" in said


async def test_it_runs_as_a_command_and_ends_on_a_signal(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"turns": [{"do": [{"act": "text", "texts": ["Hello"]}]}]}')
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "narrows", "cascade-server", "--port", "0", "--script", str(script),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    line = await asyncio.wait_for(process.stderr.readline(), 60)
    port = int(line.split(b"127.0.0.1:")[1].split()[0])
    assert (await ran(port))["steps"][1]["plannerResponse"]["response"] == "Hello"
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_one_script_gives_the_same_bytes_again() -> None:
    do = [{"act": "text", "texts": ["a", "ab"]}, {"act": "tool"}, {"act": "text", "texts": ["c"], "modified": "d"}]
    seen = []
    for _ in range(2):
        async with cascade_server({"turns": [{"do": do, "pace_s": 0.01}] * 2}) as server:
            seen.append([await ran(server.port), await ran(server.port)])
    assert json.dumps(seen[0]) == json.dumps(seen[1])

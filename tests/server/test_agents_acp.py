"""An agent that the gateway starts itself, from a client's request to its process and back."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from narrows.agents.session import Session
from narrows.server.agents.correlation import AgentTraffic
from narrows.server.agents.passage import Passage
from narrows.server.app import RunningGateway
from narrows.settings import AgentSettings
from tests.agent_stage import agent_settings, chat, tool
from tests.backends.acp_peer import AGENT, runs
from tests.raw_client import Answered, request
from tests.stage import Stage

PATH = "/v1/chat/completions"
Json = dict[str, Any]


def settings(folder: Path, env: dict[str, str] | None = None, **changes: Any) -> AgentSettings:
    command = [sys.executable, "-I", "-S", str(AGENT)]
    return agent_settings(
        kind="acp", command=command, cwd=str(folder), env={"PATH": os.environ["PATH"], **(env or {})}, **changes
    )


async def ask(stage: Stage, gateway: RunningGateway, *said: Any, session: str = "", **fields: Any) -> Answered:
    client = await stage.client(gateway)
    named = [f"x-narrows-session: {session}"] if session else []
    await client.send(request("POST", PATH, *named, body=json.dumps(chat(*said, **fields)).encode()))
    return await client.answer(b"POST")


def content(answer: Answered) -> str:
    return str(answer.json["choices"][0]["message"]["content"])


async def test_a_client_is_asked_for_permission_and_its_word_counts(stage: Stage, tmp_path: Path) -> None:
    gateway = await stage.gateway(agents=(settings(tmp_path, on_waiting="ask"),))
    approval = [tool("narrows_approval")]
    for approve, said in ((True, "selected id-allow_once"), (False, "selected id-reject_once")):
        words = f"ASK allow_once reject_once allow_always{'' if approve else ' reject_always'}"
        asked = await ask(stage, gateway, words, tools=approval)
        message = asked.json["choices"][0]["message"]
        (call,) = message["tool_calls"]
        assert call["function"]["name"] == "narrows_approval"
        assert json.loads(call["function"]["arguments"])["kind"] == "command"
        output = {"role": "tool", "tool_call_id": call["id"], "content": json.dumps({"approve": approve})}
        assert content(await ask(stage, gateway, words, message, output, tools=approval)) == said


async def test_without_a_person_the_answer_is_no(stage: Stage, tmp_path: Path) -> None:
    gateway = await stage.gateway(agents=(settings(tmp_path),))
    assert content(await ask(stage, gateway, "ASK allow_once reject_once")) == "selected id-reject_once"


async def test_a_refusal_and_reasoning_are_said_as_a_model_says_them(stage: Stage, tmp_path: Path) -> None:
    gateway = await stage.gateway(agents=(settings(tmp_path),))
    refused = await ask(stage, gateway, "STOP refusal")
    assert refused.json["choices"][0]["finish_reason"] == "content_filter"
    thought = await ask(stage, gateway, "THINK well", include_reasoning=True)
    assert thought.json["choices"][0]["message"] == {
        "role": "assistant",
        "content": "WELL",
        "refusal": None,
        "reasoning_content": "Let me think.",
    }
    assert thought.json["usage"]["prompt_tokens"] == 7


async def test_a_crash_is_an_error_here_and_its_last_words_are_in_the_log(stage: Stage, tmp_path: Path) -> None:
    gateway = await stage.gateway(agents=(settings(tmp_path),), log_level="error")
    answer = await ask(stage, gateway, "CRASH now")
    assert (answer.status, answer.json["error"]["code"]) == (502, "agent_unavailable")
    assert answer.values(b"x-should-retry") == [b"false"]
    assert b"cheese" not in answer.raw_body
    async with asyncio.timeout(60):
        while b"agent_process_ended" not in stage.log.written:
            await asyncio.sleep(0.01)
    (line,) = [json.loads(line) for line in stage.log.written.splitlines() if b"agent_process_ended" in line]
    assert (line["agent"], line["status"], line["last_lines"]) == ("coder", 137, ["Traceback: out of cheese"])
    assert content(await ask(stage, gateway, "go on")) == "GO ON"


async def test_a_limit_of_tokens_is_refused_or_named(stage: Stage, tmp_path: Path) -> None:
    strict = await stage.gateway(agents=(settings(tmp_path),))
    answer = await ask(stage, strict, "hello", max_tokens=5)
    assert (answer.status, answer.json["error"]["param"]) == (400, "max_tokens")
    lenient = await stage.gateway(agents=(settings(tmp_path, lenient=True),))
    answer = await ask(stage, lenient, "hello", max_tokens=5)
    assert (content(answer), answer.values(b"x-narrows-ignored")) == ("HELLO", [b"max_tokens"])


async def test_tools_that_it_takes_by_no_server_are_refused_where_no_model_call_passes(
    stage: Stage, tmp_path: Path
) -> None:
    gateway = await stage.gateway(agents=(settings(tmp_path),))
    for _ in range(2):
        answer = await ask(stage, gateway, "hello", tools=[tool("weather")])
        assert (answer.status, answer.json["error"]["param"]) == (400, "tools")
    passing = await stage.gateway(agents=(settings(tmp_path, correlation="header"),))
    assert content(await ask(stage, passing, "hello", tools=[tool("weather")])) == "HELLO", "they go on model calls"


async def test_its_tool_server_is_told_and_its_address_too(stage: Stage, tmp_path: Path) -> None:
    env = {"ABILITIES": "http", "BASE": "{base_url}"}
    gateway = await stage.gateway(agents=(settings(tmp_path, env, correlation="endpoint"),))
    answer = await ask(stage, gateway, "SHOW history", tools=[tool("weather")])
    ((server,),) = map(json.loads, json.loads(content(answer)))
    assert (server["type"], server["name"], server["headers"]) == ("http", "client", [])
    at = f"http://127.0.0.1:{gateway.port}/narrows/agents/coder/s/"
    assert server["url"].startswith(at)
    assert server["url"].endswith("/mcp")
    told = json.loads(content(await ask(stage, gateway, "SHOW env")))["BASE"]
    assert told.startswith(at)
    assert told.endswith("/v1")


async def test_a_named_session_outlives_the_gateway_and_its_process(stage: Stage, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    env = {"STORE": str(store), "BASE": "{base_url}"}
    told, pids = [], []
    for turn in range(2):
        gateway = await stage.gateway(
            agents=(settings(tmp_path, env, correlation="endpoint"),), agent_sessions_file=str(tmp_path / "sessions")
        )
        answer = await ask(stage, gateway, f"turn {turn}", session="mine")
        assert content(answer) == f"TURN {turn}"
        told.append(json.loads(content(await ask(stage, gateway, "SHOW env", session="mine")))["BASE"])
        pids.append(int(content(await ask(stage, gateway, "SHOW pid", session="mine"))))
        history = json.loads(content(await ask(stage, gateway, "SHOW history", session="mine")))
        await gateway.close()
        assert not runs(pids[-1]), "a gateway that has ended has left no process"
    assert history == ["turn 0", "TURN 0", "turn 1", "TURN 1"]
    assert told[0] != told[1], "it has another address"


def test_an_address_that_was_drawn_again() -> None:
    """The one before leads nowhere; what the session's model calls had in them stays."""
    traffic = AgentTraffic(agent_settings(correlation="endpoint"))
    traffic.gateway_url = "http://gateway"
    session = Session("me", "coder", "s", False, 0.0)
    first = traffic.endpoint_for(session)
    session.exchanges.append(b"kept")
    token = session.token
    second = traffic.endpoint_again(session)
    assert first is not None
    assert second is not None
    assert first.base_url != second.base_url
    assert (session.exchanges, session.token != token) == ([b"kept"], True)
    assert traffic.shared_address() == "http://gateway/narrows/agents/coder/v1"


def test_a_conversation_is_known_by_the_agents_own_name_of_it() -> None:
    traffic = AgentTraffic(agent_settings(correlation="header"))
    session = Session("me", "coder", "s", False, 0.0, conversation="5f3e ses_1")
    traffic.opened(session)
    passage = Passage("coder", b"", b"/v1/chat/completions", b"x-session-id: ses_1\r\n")
    assert traffic.call(passage, counts=False).whose is session


async def test_one_that_takes_no_tool_server_is_found_to_also_after_a_restart(stage: Stage, tmp_path: Path) -> None:
    """The gateway does not know it then, and its client has done nothing wrong."""
    store = tmp_path / "store"
    store.mkdir()
    for turn in range(2):
        gateway = await stage.gateway(
            agents=(settings(tmp_path, {"STORE": str(store)}, correlation="header"),),
            agent_sessions_file=str(tmp_path / "sessions"),
        )
        answer = await ask(stage, gateway, f"turn {turn}", session="mine", tools=[tool("weather")])
        assert content(answer) == f"TURN {turn}"
        await gateway.close()


async def test_a_process_gets_the_key_of_the_day(stage: Stage, tmp_path: Path) -> None:
    key = tmp_path / "key"
    env = {"BASE": "{base_url}", "KEY": "{api_key}"}
    chosen = settings(tmp_path, env, correlation="endpoint", token_file=str(key))
    gateway = await stage.gateway(agents=(chosen,))
    for said in ("first", "second"):
        key.write_text(said)
        answer = await ask(stage, gateway, "SHOW env", session=said)
        assert json.loads(content(answer))["KEY"] == said

"""`narrows demo --agent`: an agent that lives in a session, asked as if it were a model.

Three processes: the gateway, the reference cascade server as the agent, and behind both the model. The agent's own
model calls go through the same gateway, so its records show both sides of every answer. The client is openai-python.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from narrows.cli.demo.gateway import reserved_port, running_gateway
from narrows.cli.demo.models import Model
from narrows.cli.failure import Failure

if TYPE_CHECKING:
    from openai import OpenAI

QUESTIONS = ("Name three rivers of Europe.", "Which of them is the longest?")
"""The second one means something only to an agent that knows the first."""
ENDLESS = "Count from one to three hundred in words."
_STARTS_WITHIN_S = 120.0
_STOPS_WITHIN_S = 10.0
_RECORDED_WITHIN_S = 60.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_CONFIG = """[agents.demo]
kind = "cascade"
url = "http://127.0.0.1:{port}"
models = ["agent"]
"""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as the client saw it. `session` and `use` are what its head says."""

    text: str
    session: str
    use: str
    usage: Any


def show_agent(model: Model, console: Console) -> None:
    """Ask the agent twice, leave it in the middle of a third answer, and say what the gateway saw."""
    from openai import OpenAI  # here and not at the top: it is in the extra `demo` only

    with _agent_before(model) as gateway, OpenAI(base_url=f"{gateway}/v1", api_key="none", max_retries=0) as client:
        served = ", ".join(one.id for one in client.models.list() if one.owned_by == "narrows")
        console.print(f"Agent: the reference cascade server, as the model {served!r} of {gateway}/v1.", markup=False)
        messages: list[dict[str, str]] = []
        for question in QUESTIONS:
            messages.append({"role": "user", "content": question})
            said = _ask(client, messages, console)
            messages.append({"role": "assistant", "content": said.text})
            _tell_of(said, console)
        if model.reports_figures:
            _leave(client, gateway, console)
        _tell_records(_records(gateway, len(QUESTIONS)), console)


def _ask(client: OpenAI, messages: list[dict[str, str]], console: Console) -> Said:
    console.print(Text(f"\n> {messages[-1]['content']}"))
    asked: Any = client.chat.completions.with_raw_response
    answered = asked.create(model="agent", messages=messages, stream=True, stream_options={"include_usage": True})
    pieces: list[str] = []
    usage = None
    for chunk in answered.parse():
        usage = chunk.usage or usage
        for choice in chunk.choices:
            piece = choice.delta.content or ""
            pieces.append(piece)
            console.print(Text(piece), end="", soft_wrap=True)
    console.print()
    head = answered.headers
    return Said("".join(pieces), head["x-narrows-session"], head["x-narrows-session-use"], usage)


def _tell_of(said: Said, console: Console) -> None:
    known = {"new": "a new session", "reused": "the same session: the agent was told only the new question"}
    counted = "its model counts no tokens"
    if said.usage is not None:
        counted = f"{said.usage.prompt_tokens} tokens read and {said.usage.completion_tokens} written by its model"
    console.print(Text(f"  [{known.get(said.use, said.use)}; {counted}]"), soft_wrap=True)


def _leave(client: OpenAI, gateway: str, console: Console) -> None:
    """Close a stream after a few pieces, and see that everything behind it stops."""
    console.print(Text(f"\n> {ENDLESS}"))
    stream = client.chat.completions.create(model="agent", messages=[{"role": "user", "content": ENDLESS}], stream=True)
    pieces = 0
    for chunk in stream:
        pieces += sum(bool(choice.delta.content) for choice in chunk.choices)
        if pieces >= 2:
            break
    left_s = time.monotonic()
    stream.close()
    before = 2 * len(QUESTIONS)
    ended = _until(lambda: len(_exchanges(gateway)) >= before + 2)
    outcomes = sorted(str(one["outcome"]) for one in _exchanges(gateway)[:2])
    said = f"both exchanges had ended {time.monotonic() - left_s:.2f} s later: {' and '.join(outcomes)}"
    console.print(Text(f"  [the client left; {said if ended else 'not everything has ended yet'}]"), soft_wrap=True)


def _tell_records(records: list[dict[str, Any]], console: Console) -> None:
    agents = [one for one in records if one.get("agent")]
    console.print(
        f"\nThe gateway recorded {len(records)} exchanges: {len(agents)} of the client with the agent, and"
        f" {len(records) - len(agents)} of the agent with its model. /narrows/exchanges lists them.\n"
        "Your own agent: put its server under [agents.NAME] in narrows.toml, as docs/agents.md says.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


# The processes


@contextlib.contextmanager
def _agent_before(model: Model) -> Iterator[str]:
    """The gateway's URL, with the agent behind it, whose model it is in front of."""
    with tempfile.TemporaryDirectory() as folder, reserved_port() as port, reserved_port() as gateway_port:
        config = Path(folder) / "narrows.toml"
        config.write_text(_CONFIG.format(port=port))
        with (
            running_gateway(model.base_url, port=gateway_port, config=str(config)) as gateway,
            _cascade_server(port, f"{gateway}/v1", model),
        ):
            yield gateway


@contextlib.contextmanager
def _cascade_server(port: int, model_url: str, model: Model) -> Iterator[None]:
    command = [sys.executable, "-m", "narrows", "cascade-server", "--port", str(port)]
    command += ["--model-url", model_url, "--model", model.name]
    environment = {**os.environ, "OPENAI_API_KEY": model.api_key}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
    try:
        if not _until(lambda: _listens(port) or process.poll() is not None, _STARTS_WITHIN_S) or process.poll():
            raise Failure("the agent's server did not start; `narrows cascade-server` says why")
        yield
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _listens(port: int) -> bool:
    try:
        _DIRECT.open(f"http://127.0.0.1:{port}/", timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _exchanges(gateway: str) -> list[dict[str, Any]]:
    with _DIRECT.open(f"{gateway}/narrows/exchanges", timeout=5) as answer:
        found: list[dict[str, Any]] = json.load(answer)["exchanges"]
    return [one for one in found if one["method"] == "POST"]


def _records(gateway: str, questions: int) -> list[dict[str, Any]]:
    _until(lambda: len(_exchanges(gateway)) >= 2 * questions)
    return _exchanges(gateway)


def _until(condition: Any, within_s: float = _RECORDED_WITHIN_S) -> bool:
    until_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.02)
    return True

"""Run a reference server of the cascade/1 protocol: an agent without tools that really asks a model.

It is for trying out and testing what drives such agents, as the gateway's [agents.NAME] does. Its model traffic goes to
--model-url, which can be the gateway itself, each call with the conversation's name in x-session-id; a conversation
that is begun with a modelEndpoint sends its calls there. --script FILE
makes it misbehave as real servers do: texts that change after the fact, errors, steps that wait for a person, restarts.
--classic makes it speak the older dialect. It keeps everything in memory, and is no server for production.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from narrows.cli.cascade_server.listener import Listener
from narrows.cli.cascade_server.model import Model
from narrows.cli.cascade_server.script import Script, read_script
from narrows.cli.cascade_server.service import Service
from narrows.cli.failure import OK, UNUSABLE, Failure


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of `narrows cascade-server`."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on [127.0.0.1]")
    parser.add_argument("--port", type=int, default=9901, help="the port; 0 takes a free one [9901]")
    parser.add_argument("--model-url", default="", help="the model's base URL, such as http://127.0.0.1:8787/v1")
    parser.add_argument("--model", default="default", help="the model's name, as its server knows it [default]")
    parser.add_argument("--small-model", default="", help="the model for summaries [the same]")
    parser.add_argument("--key-env", default="OPENAI_API_KEY", help="the variable with its key [OPENAI_API_KEY]")
    parser.add_argument("--token-env", default="", help="the variable with the token that every call must show")
    parser.add_argument("--script", default="", metavar="FILE", help="JSON file of what to do for the next messages")
    parser.add_argument("--classic", action="store_true", help="speak the older dialect")


def run(arguments: Namespace) -> int:
    """`narrows cascade-server`."""
    token = os.environ.get(arguments.token_env, "") if arguments.token_env else ""
    if arguments.token_env and not token:
        raise Failure(f"--token-env names the variable {arguments.token_env}: it is not set", UNUSABLE)
    script = _script(arguments.script)
    asyncio.run(_serve(arguments, script, token))
    return OK


def _script(path: str) -> Script:
    if not path:
        return Script()
    try:
        return read_script(Path(path).read_bytes())
    except OSError as error:
        raise Failure(f"{path}: cannot be read ({error.strerror})", UNUSABLE) from None
    except ValueError as error:
        raise Failure(f"{path}: {error}", UNUSABLE) from None


async def _serve(arguments: Namespace, script: Script, token: str) -> None:
    key = os.environ.get(arguments.key_env, "")
    small = arguments.small_model
    model = Model(arguments.model_url, arguments.model, key, small=small) if arguments.model_url else None
    listener = Listener(Service(script, model, classic=arguments.classic), token=token)
    try:
        await listener.listen(arguments.host, arguments.port)
    except OSError as error:
        raise Failure(f"cannot listen on {arguments.host} port {arguments.port}: {error.strerror}") from None
    asks = f"asks {arguments.model_url}" if arguments.model_url else "has no model, only its script"
    print(f"cascade-server listens on http://{arguments.host}:{listener.port} and {asks}", file=sys.stderr, flush=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    await listener.close()
    if model is not None:
        model.close()

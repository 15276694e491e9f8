"""A model with a script, on every wire: it asks twice for a command in the shell, then says that it is done.

It stands where a provider would, behind the gateway. It has no state: what it says next follows from how many tool
outputs stand in the request, so any client with a loop of tools can be driven by it. Every request is kept.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.clients.wires import SPEAKERS, Asked, Json

SHELL = re.compile(r"bash|shell|exec_command|execute", re.IGNORECASE)
COMMAND = "python3 rows.py %d"
"""What the model runs: once with 1, once with 2."""
STEPS = 2
NO_ROUTE = b'{"error": {"message": "no such route", "type": "not_found", "param": null, "code": null}}'
DONE = "All rows were read."


@dataclass
class Upstream:
    """A running script. `asked` holds every request to a model, `other` the paths of all others."""

    port: int
    asked: list[Asked] = field(default_factory=list)
    other: list[str] = field(default_factory=list)


def next_call(asked: Asked) -> tuple[str, Json] | None:
    """The tool to call next and its arguments; None where the model has something to say instead."""
    shell = next((tool for tool in asked.tools if SHELL.search(str(tool.get("name", "")))), None)
    step = len(asked.outputs)
    if shell is None or step >= STEPS:
        return None
    return str(shell["name"]), _arguments(shell, COMMAND % (step + 1))


def _arguments(tool: Json, command: str) -> Json:
    """Arguments that a shell tool's schema asks for."""
    schema = tool.get("schema") or {}
    properties, required = schema.get("properties") or {}, schema.get("required") or []
    key = next((key for key in ("cmd", "command", "commands", "script") if key in properties), "command")
    is_list = (properties.get(key) or {}).get("type") == "array"
    arguments: Json = {key: ["bash", "-lc", command] if is_list else command}
    for name in required:
        if name not in arguments:
            arguments[name] = "list the rows" if (properties.get(name) or {}).get("type") == "string" else False
    return arguments


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: Upstream

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def do_GET(self) -> None:
        self.upstream.other.append(f"GET {self.path}")
        models = [{"id": "scripted-1", "object": "model", "created": 0, "owned_by": "tests"}]
        self._send(200, "application/json", json.dumps({"object": "list", "data": models}).encode())

    def do_POST(self) -> None:
        body = self._body()
        path = self.path.partition("?")[0]
        speaker = next((one for one in SPEAKERS if one.takes(path)), None)
        if speaker is None:
            self.upstream.other.append(f"POST {self.path}")
            self._send(
                404, "application/json", b'{"error":{"message":"no such route","type":"x","param":null,"code":null}}'
            )
            return
        asked = speaker.read(self.path, body)
        self.upstream.asked.append(asked)
        self._send(200, *speaker.answer(asked, next_call(asked), DONE))

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def playing() -> Iterator[Upstream]:
    """The script, on a free port of this machine."""
    upstream = Upstream(0)
    handler = type("Handler", (_Handler,), {"upstream": upstream})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    upstream.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield upstream
    finally:
        server.shutdown()
        server.server_close()

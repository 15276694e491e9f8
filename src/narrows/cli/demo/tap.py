"""A relay in front of the model that keeps what the model was sent.

The demo claims things about forwarded bytes, so it looks at the bytes that really arrive, behind the gateway, and does
not ask the gateway. It relays a connection at a time in plain threads; it is a measuring instrument, not a proxy.
"""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit

from narrows.core.http1 import Sized, head_end, parse_request_head

_HEAD_LIMIT_BYTES = 65_536
_READ_BYTES = 65_536


class Tap:
    """Listens on a free loopback port and relays to `base_url`; `bodies` holds every request body, in order."""

    def __init__(self, base_url: str) -> None:
        target = urlsplit(base_url)
        self._target = (target.hostname or "127.0.0.1", target.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._path = target.path
        self.bodies: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def base_url(self) -> str:
        """Where to send what should be kept and relayed."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}{self._path}"

    def close(self) -> None:
        """Stop listening; connections under way end by themselves."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                downstream, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._relay, args=(downstream,), daemon=True).start()

    def _relay(self, downstream: socket.socket) -> None:
        with downstream, socket.create_connection(self._target) as upstream:
            for connection in (downstream, upstream):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_pump, args=(upstream, downstream), daemon=True)
            back.start()
            kept = RequestBodies(self.bodies)
            try:
                while data := downstream.recv(_READ_BYTES):
                    kept.receive_data(data)
                    upstream.sendall(data)
                upstream.shutdown(socket.SHUT_WR)
            except OSError:
                return  # one side left; the other is closed by the `with`
            back.join()


class RequestBodies:
    """Cuts one connection's requests into bodies and appends each, whole, to `bodies`."""

    def __init__(self, bodies: list[bytes]) -> None:
        self._bodies = bodies
        self._buffer = b""

    def receive_data(self, data: bytes) -> None:
        """Take the next bytes of the connection."""
        self._buffer += data
        while (end := head_end(self._buffer, _HEAD_LIMIT_BYTES)) > 0:
            framing = parse_request_head(self._buffer[:end]).framing
            size = framing.size if isinstance(framing, Sized) else 0
            if len(self._buffer) < end + size:
                return
            if size:
                self._bodies.append(self._buffer[end : end + size])
            self._buffer = self._buffer[end + size :]


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(_READ_BYTES):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one side left

"""How llhttp, h11 and our own parser read the same bytes, in one form that can be compared.

A `Reading` is the first message of a byte stream. Ours says where that message ends; the peers are then given exactly
those bytes and a second, known message (the sentinel): a peer that frames the first one otherwise loses the sentinel.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import h11
import httptools

from narrows.core.http1 import (
    ChunkDecoder,
    Chunked,
    FramingError,
    NoBody,
    RequestHead,
    ResponseHead,
    Sized,
    UntilClose,
    head_end,
    parse_request_head,
    parse_response_head,
)

LIMIT = 1 << 20
NEXT_REQUEST = b"GET /sentinel HTTP/1.1\r\nHost: s\r\n\r\n"
NEXT_RESPONSE = b"HTTP/1.1 299 Sentinel\r\nContent-Length: 0\r\n\r\n"


@dataclass(slots=True)
class Reading:
    """One message. `start` is method, target, minor or status, reason, minor; names are in lower case, values without
    the blanks around them; `size` counts the bytes that belong to it, without an unfinished line, which is judged when
    it ends; `complete`: its end was seen."""

    start: tuple[bytes | int, ...] = ()
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False
    size: int = 0
    keep_alive: bool = True
    upgrade: bool = False
    until_close: bool = False

    def same_message(self, other: Reading) -> bool:
        return (self.start, self.fields, self.body, self.complete) == (
            other.start,
            other.fields,
            other.body,
            other.complete,
        )


class Refused(Exception):
    """A peer takes these bytes for no message."""


def read_ours(stream: bytes, request_method: bytes | None = None) -> Reading | None:
    """Our reading; None where we refuse the bytes, or have not seen a whole head. With a `request_method` the stream is
    the response to it."""
    try:
        end = head_end(stream, LIMIT)
        if end < 0:
            return None
        if request_method is None:
            head: RequestHead | ResponseHead
            head = request = parse_request_head(stream[:end])
            start: tuple[bytes | int, ...] = (request.method, request.target, request.minor)
        else:
            head = response = parse_response_head(stream[:end], request_method)
            start = (response.status, response.reason.strip(b" \t"), response.minor)
        reading = Reading(start, _fields(head.fields), keep_alive=head.keep_alive, upgrade=head.upgrade)
        rest = stream[end:]
        match head.framing:
            case NoBody():
                reading.complete, reading.size = True, end
            case Sized(size):
                reading.body = rest[:size]
                reading.complete, reading.size = len(reading.body) == size, end + len(reading.body)
            case Chunked():
                decoder = ChunkDecoder()
                taken, payload = decoder.receive_data(rest)
                reading.body = b"".join(payload)
                reading.complete, reading.size = decoder.done, end + taken - len(decoder._scan._part)
            case UntilClose():
                reading.body, reading.size, reading.until_close = rest, len(stream), True
    except FramingError:
        return None
    return reading


def _fields(block: bytes) -> list[tuple[bytes, bytes]]:
    pairs = (line.split(b":", 1) for line in block.split(b"\r\n")[:-1])
    return [(name.lower(), value.strip(b" \t")) for name, value in pairs]


class _Messages:
    """Callbacks of httptools: collects messages; trailer fields come after the head is complete and are left out."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.parser: httptools.HttpRequestParser | httptools.HttpResponseParser | None = None
        self._in_head = True
        self._url = b""
        self._status = b""

    def on_message_begin(self) -> None:
        self.readings.append(Reading())
        self._in_head = True
        self._url = self._status = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_status(self, status: bytes) -> None:
        self._status += status

    def on_header(self, name: bytes, value: bytes | None) -> None:
        if self._in_head:
            self.readings[-1].fields.append((name.lower(), (value or b"").strip(b" \t")))

    def on_headers_complete(self) -> None:
        self._in_head = False
        reading = self.readings[-1]
        assert self.parser is not None
        minor = int(self.parser.get_http_version()[-1])
        if isinstance(self.parser, httptools.HttpRequestParser):
            reading.start = (self.parser.get_method(), self._url, minor)
        else:
            reading.start = (self.parser.get_status_code(), self._status.strip(b" \t"), minor)

    def on_body(self, data: bytes) -> None:
        self.readings[-1].body += data

    def on_message_complete(self) -> None:
        assert self.parser is not None
        self.readings[-1].complete = True
        self.readings[-1].keep_alive = self.parser.should_keep_alive()


def read_llhttp(stream: bytes, *, of_response: bool) -> list[Reading]:
    """Every message that llhttp finds. The bytes after an upgrade are another protocol's and are not read.

    Raises:
        Refused: llhttp does.
    """
    messages = _Messages()
    parser = httptools.HttpResponseParser(messages) if of_response else httptools.HttpRequestParser(messages)
    messages.parser = parser
    try:
        parser.feed_data(stream)
    except httptools.HttpParserUpgrade:
        messages.readings[-1].upgrade = True
    except httptools.HttpParserError as error:
        if "Pause on CONNECT/Upgrade" in str(error):  # a 101, which it does not take for an upgrade of its own
            return messages.readings
        raise Refused(f"llhttp: {error}") from error
    return messages.readings


def read_h11(stream: bytes, request_method: bytes | None, *, closed: bool, switched: bool) -> tuple[Reading, bytes]:
    """The first message as h11 reads it, and the bytes it left. `closed`: the stream ends with its connection;
    `switched`: the request had proposed another protocol.

    Raises:
        Refused: h11 does.
    """
    connection = h11.Connection(h11.SERVER if request_method is None else h11.CLIENT, LIMIT)
    reading = Reading()
    try:
        if request_method is not None:
            proposal = [("Connection", "upgrade"), ("Upgrade", "x")] if switched else []
            connection.send(h11.Request(method=request_method, target="/", headers=[("Host", "a"), *proposal]))
            connection.send(h11.EndOfMessage())
        connection.receive_data(stream)
        if closed:
            connection.receive_data(b"")
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                minor = int(event.http_version[-1:])
                reading.start = (event.method, event.target, minor)
                reading.fields = list(event.headers)
            elif isinstance(event, h11.InformationalResponse | h11.Response):
                minor = int(event.http_version[-1:])
                reading.start = (event.status_code, event.reason.strip(b" \t"), minor)
                reading.fields = list(event.headers)
                if isinstance(event, h11.InformationalResponse):
                    reading.complete = True
                    return reading, connection.trailing_data[0]
            elif isinstance(event, h11.Data):
                reading.body += event.data
            elif isinstance(event, h11.EndOfMessage):
                reading.complete = True
                return reading, connection.trailing_data[0]
            else:
                return reading, connection.trailing_data[0]
    except h11.RemoteProtocolError as error:
        raise Refused(f"h11: {error}") from error

"""What follows from a request's head alone, worked out once for requests on a connection that differ in length only.

A client of a model sends the same head again and again; what changes is the number after `Content-Length:`. So a
connection remembers its last head around that number. A block that is the same around it, with a number that is valid
by itself, is the same head with another length: nothing in `core.http1` reads that number but to find the end of the
body. Everything else about such a request, from its framing rules to the head that goes upstream, is then known.

Nothing here may depend on anything but the head and the rules it was judged by: what may change between two requests
is asked for each of them, in the exchange.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from narrows.core.headers import field, forward_request_fields
from narrows.core.http1 import MAX_LENGTH_DIGITS, Chunked, Framing, NoBody, RequestHead, Sized
from narrows.errors import GatewayError
from narrows.server.admission import Passed, Planned, admit
from narrows.server.agents.passage import Passage, passage_of
from narrows.server.keys import Entry, Holder
from narrows.server.own_routes import Told

if TYPE_CHECKING:
    from narrows.server.gateway import Gateway

MAX_REMEMBERED_BYTES = 4096
"""A longer head is worked out each time: what a connection remembers is held as long as it is open."""

_LENGTH = re.compile(rb"\ncontent-length:[ \t]*+([0-9]++)[ \t]*+\r")
_CODING = re.compile(rb"\r\n(?i:accept-encoding):[^\r]*+")
_CHUNKED = re.compile(rb"\r\n(?i:transfer-encoding):[^\r]*+")
_NOTHING: frozenset[bytes] = frozenset()
_UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request's head, and what is to be done about it. `own` answers it in the upstream's stead; `admitted` may be
    the error that refuses it. `holder`: whose gateway key it shows. `before` and `after` are the head that goes
    upstream, around the number of its length where it has one. `upgrades`: it asks for a tunnel. `passage`: it is an
    agent's model call, and `path` what that asks its upstream for."""

    head: RequestHead
    method: str
    path: str
    own: Callable[[], Told] | None
    admitted: Planned | Passed | GatewayError
    upgrades: bool = False
    before: bytes = b""
    after: bytes = b""
    holder: Holder | None = None
    passage: Passage | None = None

    def upstream_head(self, length: int | None) -> bytes:
        """The head that goes upstream; `length` is the body's, where its framing is a length."""
        if length is None or not self.after:
            return self.before + self.after
        return b"%b%d%b" % (self.before, length, self.after)


def uncoded(prepared: Prepared) -> Prepared:
    """The same for a body of another length, whose answer is to be readable as it comes: its length is a number, and
    no coding but identity is accepted."""
    block = prepared.before + prepared.after
    if prepared.after:
        block = prepared.before + b"0" + prepared.after
    block = _CODING.sub(b"", block)[:-2] + b"Accept-Encoding: identity\r\n\r\n"
    if isinstance(prepared.head.framing, Chunked):
        block = _CHUNKED.sub(b"\r\nContent-Length: 0", block, count=1)
    found = _LENGTH.search(block.lower())
    assert found is not None
    return replace(prepared, before=block[: found.start(1)], after=block[found.end(1) :])


def prepare(head: RequestHead, gateway: Gateway) -> Prepared:
    """Work it out. Errors are part of the result."""
    origin_form = head.origin_form
    passage = None if gateway.agents is None else passage_of(head, gateway.settings.own_prefix)
    method = head.method.decode()
    path = origin_form.partition(b"?")[0].decode("latin-1") if passage is None else passage.path
    own = gateway.own_routes.find(head) if passage is None else None
    try:
        entry = _enter(head, origin_form, gateway) if passage is None else passage.enter(head, gateway.keyring)
    except GatewayError as error:
        return Prepared(head, method, path, None, error)
    try:
        admitted = admit(head, entry.origin_form, gateway.rules)
        target = gateway.target.join(entry.origin_form)
    except GatewayError as error:
        return Prepared(head, method, path, own, error, holder=entry.holder, passage=passage)
    upgrades = _upgrades(head)
    fields = forward_request_fields(
        head,
        host=gateway.target.authority,
        drop=admitted.drop | entry.drop,
        add=gateway.own_lines + _UPGRADE if upgrades else gateway.own_lines,
    )
    block = b"%b %b HTTP/1.1\r\n%b\r\n" % (head.method, target, fields)
    length = _LENGTH.search(block.lower()) if isinstance(head.framing, Sized) else None
    cut, go_on = length.span(1) if length else (len(block), len(block))
    return Prepared(head, method, path, own, admitted, upgrades, block[:cut], block[go_on:], entry.holder, passage)


def _enter(head: RequestHead, origin_form: bytes, gateway: Gateway) -> Entry:
    """Whose request it is; at the probes' routes, and where nobody needs a key, it is anybody's."""
    if gateway.keyring is None or gateway.own_routes.is_open(head):
        return Entry(None, origin_form, _NOTHING)
    return gateway.keyring.enter(head, origin_form)


def _upgrades(head: RequestHead) -> bool:
    """Only WebSocket is let through: another protocol (h2c) could carry requests past everything we do."""
    asked = head.upgrade and head.minor == 1 and isinstance(head.framing, NoBody)
    return asked and (field(head.fields, b"upgrade") or b"").lower() == b"websocket"


@dataclass(frozen=True, slots=True)
class Remembered:
    """The last head of a connection: its bytes around the number of its length, and what was worked out."""

    prefix: bytes
    suffix: bytes
    prepared: Prepared

    def again_in(self, buffer: bytes) -> tuple[Framing, int] | None:
        """Where the same head, whole, starts `buffer`: its framing, and the byte after its blank line."""
        if not buffer.startswith(self.prefix):
            return None
        start = len(self.prefix)
        if not self.suffix:
            return self.prepared.head.framing, start
        stop = buffer.find(b"\r", start, start + MAX_LENGTH_DIGITS + 1)
        digits = buffer[start:stop]
        if stop < 0 or not digits.isdigit() or (digits[0] == b"0"[0] and stop - start > 1):
            return None
        return (Sized(int(digits)), stop + len(self.suffix)) if buffer.startswith(self.suffix, stop) else None


def remembered(block: bytes, prepared: Prepared) -> Remembered | None:
    """What to remember of a head of these bytes; None where that is not worth it."""
    if len(block) > MAX_REMEMBERED_BYTES:
        return None
    if not isinstance(prepared.head.framing, Sized):
        return Remembered(block, b"", prepared)
    length = _LENGTH.search(block.lower())
    return None if length is None else Remembered(block[: length.start(1)], block[length.end(1) :], prepared)

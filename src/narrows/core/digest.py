"""The digest of a part: equal digests mean equal text, role and tool call, hence equal decisions under one policy.

BLAKE3, because a digest stands for the text in every cache: a collision that somebody can make would put one
conversation's edit into another. A call's digest is made once for all the outputs that name it, as a body may hold one
long call and thousands of those.
"""

from __future__ import annotations

from blake3 import blake3

from narrows.core.tool_call import OutputPlace, ToolCall

DIGEST_BYTES = 32
PLAIN_BYTES = 512
_JOINED_BYTES = 4096
"""Up to this length it costs less to copy a literal than to hand it over by itself."""


def call_digest(tool_call: ToolCall | None) -> bytes:
    """Thirty-two bytes over a tool call, none where there is no call."""
    if tool_call is None:
        return b""
    name = tool_call.name.encode(errors="surrogatepass")
    arguments = tool_call.arguments.encode(errors="surrogatepass")
    return blake3(b"%d:%b" % (len(name), name)).update(arguments).digest()


def part_digest(literal: bytes, role: str, call: bytes) -> bytes:
    """Thirty-two bytes over a JSON string literal, whose text it is, and the `call_digest` of what produced it; or, of
    a literal under `PLAIN_BYTES` that is longer than a digest, all these bytes themselves, which cost less.

    Lengths are digested too, so that no two sets of fields run together into the same bytes.
    """
    named = role.encode()
    front = b"%d:%d:%b%b" % (len(named), len(call), named, call)
    size = len(literal)
    if DIGEST_BYTES < size < PLAIN_BYTES:
        return front + literal
    if size < _JOINED_BYTES:
        return blake3(front + literal).digest()
    return blake3(front).update(literal).digest()


def chain_digest(before: bytes, part: bytes, place: OutputPlace) -> bytes:
    """Thirty-two bytes over a tool output's `part_digest` and place, and over all earlier ones: `before` is the chain
    up to the one before, nothing at the first. Equal chains mean equal outputs from the first to this one."""
    return blake3(b"chain %d.%d %d:%b%b" % (place.number, place.text, len(before), before, part)).digest()

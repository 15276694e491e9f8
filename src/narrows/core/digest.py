"""The digest of a part: equal digests mean equal text, role and tool call, hence equal decisions under one policy.

BLAKE3, because a digest stands for the text in every cache: a collision that somebody can make would put one
conversation's edit into another.
"""

from __future__ import annotations

from blake3 import blake3

from narrows.core.tool_call import ToolCall


def part_digest(literal: bytes, role: str, tool_call: ToolCall | None) -> bytes:
    """Thirty-two bytes over a JSON string literal, whose text it is, and the call that produced it.

    The lengths are digested too, so that no two sets of fields run together into the same bytes.
    """
    fields = [role.encode()]
    if tool_call is not None:
        fields += [tool_call.name.encode(errors="surrogatepass"), tool_call.arguments.encode(errors="surrogatepass")]
    head = b"".join(b"%d:%b" % (len(one), one) for one in fields)
    return blake3(b"%d;%b" % (len(head), head)).update(literal).digest()

"""What an exchange says of a request that an agent is to answer: who asks, how the answer gets there, whose it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from blake3 import blake3

from narrows.core.headers import field
from narrows.core.http1 import RequestHead
from narrows.records.types import Outcome
from narrows.server.replies import Reply
from narrows.server.story import Story
from narrows.wire.types import Wire

if TYPE_CHECKING:
    from narrows.server.forwarding import Client

SESSION_FIELD: Final = b"x-narrows-session"
_KEY = "key "
_KEY_FIELDS = (b"authorization", b"x-api-key", b"api-key")


@dataclass(frozen=True, slots=True)
class Asking:
    """The exchange that asks, as far as its answer needs it. `reply` gives a whole answer; `ended` is told when a
    stream is over, and whether the connection can be kept; `closing`: whether it cannot in any case."""

    client: Client
    head: RequestHead
    story: Story
    wire: Wire | None
    reply: Callable[[Reply, Outcome], None]
    ended: Callable[[bool], None]
    closing: Callable[[], bool]


def key_of(owner: str) -> str:
    """The name of the gateway key of this owner; empty where it is none's."""
    return owner.removeprefix(_KEY) if owner.startswith(_KEY) else ""


def owner_of(key_name: str | None, fields: bytes) -> str:
    """Whose request it is: the holder of a gateway key, or whoever shows the same key for the provider."""
    if key_name is not None:
        return _KEY + key_name
    shown = next((value for name in _KEY_FIELDS if (value := field(fields, name))), b"")
    return blake3(shown).hexdigest()

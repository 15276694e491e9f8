"""Whose limits an agent's model call counts among.

A call that shows a gateway key counts as every request does, and may be refused with the time after which to repeat it;
only, one that shows the key of its own run needs no place in flight, as the run has it, and would wait for itself. One
whose address is its credential shows none: it counts for the key that the settings name for the agent's calls, or else
for the one whose request has set the agent to work. It is never refused, as a body that has begun is not: the agent
would repeat it until its run fails, after most of it has been paid for. What goes beyond a limit is a debt, for which
that key's next requests wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from narrows.core.http1 import Chunked, Framing
from narrows.server.agents.asking import key_of
from narrows.server.exchange import Exchange
from narrows.server.forwarding import Client
from narrows.server.keys import Holder
from narrows.server.prepared import Prepared

if TYPE_CHECKING:
    from narrows.server.gateway import Gateway


class CountedExchange(Exchange):
    """A model call of an agent's. `_payer`: whose it is, where it has no place in flight; `_run_key`: the name of the
    key of its run."""

    __slots__ = ("_payer", "_run_key")

    def __init__(self, gateway: Gateway, client: Client, prepared: Prepared, framing: Framing) -> None:
        super().__init__(gateway, client, prepared, framing)
        self._payer: Holder | None = None
        self._run_key = ""

    def _count_for(self, owner: str, calls_key: str) -> None:
        """It is a call of this owner's session; `calls_key`: the key that the settings name."""
        self._run_key = key_of(owner)
        keyring = self._gateway.keyring
        if self._prepared.holder is not None or keyring is None:
            return
        self._payer = keyring.named(calls_key or self._run_key)
        if self._payer is not None:
            self.story.key = self._payer.name
            self._payer.allowance.count(self._announced_bytes() or 0)

    def _take_allowance(self, holder: Holder, *, place: bool = True) -> None:
        own = holder.name == self._run_key
        super()._take_allowance(holder, place=place and not own)
        self._payer = holder if own else None

    def body_data(self, data: bytes, *, ended: bool) -> None:
        if self._payer is not None and isinstance(self._framing, Chunked) and not self._ended:
            self._payer.allowance.add(len(data))
        super().body_data(data, ended=ended)

    def _count_further(self, body_bytes: int) -> None:
        """A request that the gateway makes by itself, to go on with an answer, counts as well."""
        payer = self._payer or self._prepared.holder
        if payer is not None:
            self.story.key = payer.name
            payer.allowance.count(body_bytes)

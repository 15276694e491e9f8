"""A connection to a host by whichever of its addresses answers first (RFC 8305, section 5).

A name may have addresses that nobody answers at: of IPv6 where the network has none, or of a machine that is down. The
system takes minutes to give one up, which is more than there is to connect in all. So the next address is tried as soon
as one has failed, or when none has answered for a moment, and the first that answers is it. The families take turns,
beginning with the one that the resolver puts first. Not every event loop does this by itself: uvloop does not.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any, Final

ATTEMPT_DELAY_S: Final = 0.25
"""What RFC 8305 recommends, section 8."""

Address = tuple[socket.AddressFamily, Any]
"""A family, and an address as its sockets take it."""


async def dialled(host: str, port: int) -> socket.socket | None:
    """A socket that is connected to `host`; None where that is an address itself, and there is nothing to choose.

    Raises:
        OSError: the name does not resolve, or no address of it can be reached: why, for each.
        UnicodeError: it is no name.
    """
    if _is_address(host):
        return None
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await first_to_answer(in_turns([(family, address) for family, _, _, _, address in found]))


def in_turns(addresses: Sequence[Address]) -> list[Address]:
    """The same addresses, each once, a family's next after another's."""
    by_family: dict[socket.AddressFamily, list[Address]] = {}
    for one in dict.fromkeys(addresses):
        by_family.setdefault(one[0], []).append(one)
    return [one for one in chain(*zip_longest(*by_family.values())) if one is not None]


async def first_to_answer(addresses: Sequence[Address]) -> socket.socket:
    """A socket that is connected to one of them.

    Raises:
        OSError: none can be reached.
    """
    loop = asyncio.get_running_loop()
    waiting = list(reversed(addresses))
    attempts: list[asyncio.Task[socket.socket]] = []
    trying: set[asyncio.Task[socket.socket]] = set()
    won: asyncio.Task[socket.socket] | None = None
    try:
        while won is None and (waiting or trying):
            if waiting:
                attempts.append(loop.create_task(_connected(waiting.pop())))
                trying.add(attempts[-1])
            delay_s = ATTEMPT_DELAY_S if waiting else None
            done, trying = await asyncio.wait(trying, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
            won = next((one for one in done if one.exception() is None), None)
    finally:
        for attempt in attempts:
            if attempt is not won:
                _break_off(attempt)
    if won is not None:
        return won.result()  # nothing is waited for in between: whoever is cancelled there would leave it open
    failed = [error for one in attempts if (error := one.exception()) is not None]
    raise failed[0] if len(failed) == 1 else OSError(f"no address answers: {'; '.join(map(str, failed))}")


def _break_off(attempt: asyncio.Task[socket.socket]) -> None:
    """Have it end soon, and close what came too late."""

    def close(ended: asyncio.Task[socket.socket]) -> None:
        if not ended.cancelled() and ended.exception() is None:
            ended.result().close()

    attempt.cancel()
    attempt.add_done_callback(close)


async def _connected(address: Address) -> socket.socket:
    family, where = address
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio lets small writes wait
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, where)
    except BaseException:
        made.close()
        raise
    return made


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

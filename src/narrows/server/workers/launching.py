"""Starts the processes of a gateway with several, each with what it inherits.

Descriptors keep their numbers in the new process: the listening sockets, the end of its channel, and its end of the
pair over which clients are handed to the process that has the agents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from narrows.server.agents.handing_over import handing_over_pair, refuse_waiting
from narrows.server.workers.listeners import Listeners
from narrows.server.workers.member import Member, launched
from narrows.server.workers.messages import Begin, Document
from narrows.settings import Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the supervisor asks of the world. `command` starts a worker, with the descriptor of its channel as the last
    word; `read_document` gives the settings' document as it is now, `read` what settings it makes here; both raise
    SettingsError."""

    command: tuple[str, ...]
    read_document: Callable[[], Document]
    read: Callable[[Document], Settings]


class Launcher:
    """Starts processes by `command`."""

    def __init__(self, command: tuple[str, ...], listeners: Listeners) -> None:
        self._command = command
        self._listeners = listeners
        self._giving, self._taking = handing_over_pair()

    async def worker(self, begin: Begin) -> Member:
        """One that accepts clients.

        Raises:
            NotPreparedError: the system starts no process.
        """
        begin = msgspec.structs.replace(begin, agents_give=self._giving.fileno())
        inherited = [*self._listeners.all(), self._giving]
        return _begun(await launched(self._command, begin.worker, inherited), begin)

    async def agents(self, begin: Begin) -> Member:
        """The one that has the agents, and takes its clients from the others.

        Raises:
            NotPreparedError: the system starts no process.
        """
        begin = msgspec.structs.replace(begin, agents_take=self._taking.fileno())
        return _begun(await launched(self._command, begin.worker, [self._taking]), begin)

    async def refuse_waiting(self) -> None:
        """Tell the clients that wait for the process that has the agents that there will be none."""
        await refuse_waiting(self._taking)


def _begun(member: Member, begin: Begin) -> Member:
    member.send(begin)
    return member

"""Hands clients' connections to the one process that has the agents, where several processes serve the port.

A worker reads a request to know whom it is for. One for an agent is not passed on and its answer back: the connection
itself goes over, as a descriptor through a socket pair that all workers share, with the bytes that have been read of
it. From then on that process is the client's server, for the next requests on the connection as well: it is a gateway
like the others. So there is one exchange, one record, and a client that leaves is noticed where its run is.

The socket pair is the supervisor's and outlives either end: what is handed over while the agents' process is being
replaced waits in it. Its messages are whole and in order. The bytes go along in a file without a name, as they may be
more than a message holds. Whoever has been taken is answered, also by a process that drains; and whoever waits when
there will be nobody to take him is told so, with the time after which to ask again.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from secrets import token_hex
from time import time

from narrows.agents.request import model_of
from narrows.errors import Overloaded
from narrows.server.agents.passage import AGENTS
from narrows.server.replies import error_reply
from narrows.server.resetting import reset_on_close
from narrows.settings import AgentSettings

SESSIONS = b"/v1/sessions/"
GIVEN_WITHIN_S = 5.0
_AGAIN_S = 0.005
_RETRY_AFTER_S = 2
_LINGER_S = 1.0
_PIECE_BYTES = 1 << 16
_MESSAGE = b"client"
_MESSAGE_BYTES = 64


def handing_over_pair() -> tuple[socket.socket, socket.socket]:
    """The end that workers give to, and the end that the agents' process takes from."""
    kind = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM
    giving, taking = socket.socketpair(socket.AF_UNIX, kind)
    for end in (giving, taking):
        end.setblocking(False)
        end.set_inheritable(True)
    return giving, taking


class Elsewhere:
    """The agents, as a worker knows them that has none: their models, and how to get a client to them. `stops`: the
    process that has them ends, and has no successor."""

    def __init__(self, end: socket.socket, agents: Sequence[AgentSettings], own_prefix: str) -> None:
        self.models = tuple(model for agent in agents for model in agent.models)
        self.started_s = int(time())
        self.stops = False
        self._end = end
        self._served = frozenset((*self.models, *([""] if any(agent.default for agent in agents) else [])))
        self._path = (own_prefix + AGENTS).encode()

    def serves(self, body: bytes) -> bool:
        """Whether a request of this body is for an agent."""
        return model_of(body) in self._served

    def takes(self, target: bytes) -> bool:
        """Whether a request for this target is an agent's own, or about a session."""
        return target.startswith((self._path, SESSIONS))

    async def take_over(self, transport: asyncio.Transport, read: bytes, within_s: float) -> None:
        """Hand over a client, once it has taken, in that time, what was written to it; one that leaves has left, and
        one that takes nothing is reset.

        Raises:
            Overloaded: as `give` does, or they stop; the client is still here.
        """
        if self.stops:
            raise _stopping()
        loop = asyncio.get_running_loop()
        until_s = loop.time() + within_s
        while transport.get_write_buffer_size() and not transport.is_closing() and loop.time() < until_s:
            await asyncio.sleep(_AGAIN_S)
        if transport.get_write_buffer_size():  # it takes nothing; what it has must not look whole
            reset_on_close(transport)
            transport.abort()
        elif not transport.is_closing():
            await self.give(transport.get_extra_info("socket").fileno(), read)
            transport.abort()  # closes our descriptor, and not the connection, which has another by now

    async def give(self, descriptor: int, read: bytes) -> None:
        """Hand over a connection, of which these bytes have been read. The caller closes its own descriptor.

        Raises:
            Overloaded: nobody has taken what was handed over before; this was not, and nothing of it was done.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + GIVEN_WITHIN_S
        content = _file_of(read)
        try:
            while True:
                try:
                    socket.send_fds(self._end, [_MESSAGE], [descriptor, content])
                    return
                except (BlockingIOError, InterruptedError, OSError) as error:
                    passing = isinstance(error, BlockingIOError | InterruptedError)
                    if not passing or loop.time() >= until_s:
                        raise Overloaded(
                            "the gateway's process for agents takes no requests at the moment; try again",
                            retry_after_s=_RETRY_AFTER_S,
                        ) from error
                await asyncio.sleep(_AGAIN_S)
        finally:
            os.close(content)


class Arrivals:
    """Takes what workers hand over; `take` is given each connection, and what was read of it."""

    def __init__(self, end: socket.socket, take: Callable[[socket.socket, bytes], None]) -> None:
        self._end = end
        self._take = take
        self._taking = False

    def begin(self) -> None:
        """Take what comes, and what has come."""
        if not self._taking:
            self._taking = True
            asyncio.get_running_loop().add_reader(self._end.fileno(), self._arrived)

    def stop(self) -> None:
        """Leave what comes to a successor."""
        if self._taking:
            self._taking = False
            asyncio.get_running_loop().remove_reader(self._end.fileno())

    def _arrived(self) -> None:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._end, _MESSAGE_BYTES, 2)
        except (BlockingIOError, InterruptedError):
            return
        if not message:  # the supervisor is gone, and with it all workers
            self.stop()
        client = _client_of(descriptors)
        if client is not None:
            self._take(*client)


async def refuse_waiting(end: socket.socket) -> None:
    """Answer everybody who waits to be taken from this end, as nobody will take them: 503, to be sent again."""
    reply = error_reply(_stopping()).to_bytes("nrw-" + token_hex(6), keep_alive=False)
    waiting: list[socket.socket] = []
    with suppress(BlockingIOError, InterruptedError):
        while (received := socket.recv_fds(end, _MESSAGE_BYTES, 2))[0]:
            client = _client_of(received[1])
            if client is not None:
                waiting.append(client[0])
    loop = asyncio.get_running_loop()
    until_s = loop.time() + _LINGER_S
    for connection in waiting:
        with suppress(OSError):  # it has left
            connection.send(reply)
            connection.shutdown(socket.SHUT_WR)
    left = waiting
    while left and loop.time() < until_s:  # to close before a client has sent everything would reset its answer
        left = [connection for connection in left if not _has_ended(connection)]
        await asyncio.sleep(_AGAIN_S)
    for connection in waiting:
        connection.close()


def _stopping() -> Overloaded:
    """Why a client is not handed over."""
    return Overloaded("the gateway stops, and its agents with it; send the request again", retry_after_s=_RETRY_AFTER_S)


def _client_of(descriptors: Sequence[int]) -> tuple[socket.socket, bytes] | None:
    """The connection that a message has brought, and what was read of it."""
    if len(descriptors) != 2:
        for descriptor in descriptors:
            os.close(descriptor)
        return None
    client, content = descriptors
    read = _content_of(content)
    connection = socket.socket(fileno=client)
    connection.setblocking(False)
    connection.set_inheritable(False)
    return connection, read


def _has_ended(connection: socket.socket) -> bool:
    """Whether the other side has said everything; what there is of it is thrown away."""
    try:
        return not connection.recv(_PIECE_BYTES)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True


def _file_of(data: bytes) -> int:
    """A file without a name that holds these bytes."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("narrows")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
    return descriptor


def _content_of(descriptor: int) -> bytes:
    try:
        pieces: list[bytes] = []
        at = 0
        with suppress(OSError):
            while piece := os.pread(descriptor, os.fstat(descriptor).st_size - at, at):
                pieces.append(piece)
                at += len(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)

"""A close that the other side sees as a reset."""

from __future__ import annotations

import asyncio
import socket

import pytest

from narrows.server.resetting import reset_on_close


@pytest.mark.parametrize("reset", [True, False])
async def test_a_close_is_a_reset_only_where_it_was_asked_for(reset: bool) -> None:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as peer:
        accepted, _ = listener.accept()
        transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, accepted)
        if reset:
            reset_on_close(transport)
        transport.close()
        await asyncio.sleep(0.05)
        peer.settimeout(5)
        if reset:
            with pytest.raises(ConnectionResetError):
                peer.recv(1)
        else:
            assert peer.recv(1) == b""

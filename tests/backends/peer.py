"""A server of agents, and a backend of it that is asked things."""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

from narrows.agents.observation import Observation
from narrows.agents.tools import ClientTool
from narrows.backends.types import Outgoing, Turn
from tests.backends.turns import looks

_Turn_co = TypeVar("_Turn_co", bound=Turn, covariant=True)


class Answering(Protocol[_Turn_co]):
    """What is needed of a backend."""

    async def start(self) -> str: ...

    async def send(self, conversation: str, message: Outgoing) -> _Turn_co: ...


_Server = TypeVar("_Server")
_Turn = TypeVar("_Turn", bound=Turn)
_Backend = TypeVar("_Backend")


class Peer(Generic[_Server, _Backend, _Turn]):
    """Both. `asked` is the backend once more, as what `ask` needs of it."""

    def __init__(self, server: _Server, backend: _Backend, asked: Answering[_Turn]) -> None:
        self.server = server
        self.backend = backend
        self._asked = asked
        self._sent = 0

    def message(self, text: str, *tools: ClientTool, **fields: Any) -> Outgoing:
        self._sent += 1
        return Outgoing(text, f"message-{self._sent}", tools=tools, **fields)

    async def ask(self, text: str, *tools: ClientTool, conversation: str = "", **fields: Any) -> _Turn:
        """A turn, of a conversation of its own if none is named."""
        return await self._asked.send(conversation or await self._asked.start(), self.message(text, *tools, **fields))

    async def answer(self, text: str, *tools: ClientTool, conversation: str = "", **fields: Any) -> list[Observation]:
        """Every look at such a turn."""
        return await looks(await self.ask(text, *tools, conversation=conversation, **fields))

"""One agent's process as the other side of the protocol: what is asked of it, and who hears what it says by itself.

The official SDK does the calls and their answers, and has the forms of what is sent. What comes is read leniently,
since one unknown word in an update is no reason to lose a turn. The agent is offered neither files nor terminals of the
gateway's machine; what it asks for that is not offered does not exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from acp import AGENT_METHODS, CLIENT_METHODS, PROTOCOL_VERSION, RequestError
from acp.core import Connection
from acp.schema import ClientCapabilities, FileSystemCapabilities, Implementation, InitializeRequest
from pydantic import BaseModel

from narrows.backends.acp.failures import as_error
from narrows.backends.acp.process import AgentProcess, Launch
from narrows.backends.acp.updates import Json
from narrows.errors import AgentFailed, AgentUnavailable

START_TIMEOUT_S: Final = 60.0
"""For what an agent answers before it works: its beginning, and that of a session."""
LAST_OUTPUT_S: Final = 2.0
QUESTION: Final = "_narrows/still_there"
"""A method that no agent has, in the names that the protocol leaves to others: its answer is an error."""
QUESTION_TIMEOUT_S: Final = 1.0
QUIET_QUESTIONS: Final = 5
MAX_QUESTIONS: Final = 1000
CANCELLED: Final[Mapping[str, Any]] = {"outcome": {"outcome": "cancelled"}}
Ended = Callable[[int | None, tuple[str, ...]], None]
"""Told of a process that has ended by itself: its status, and the last lines of its standard error."""


class Listener(Protocol):
    """Who hears of a session."""

    def update(self, update: Json) -> None:
        """Something new in the session."""
        ...

    async def permission(self, asked: Json) -> Mapping[str, Any]:
        """The answer to a question for permission."""
        ...


class _Heard:
    """Counts what is said, and heeds nothing of it."""

    def __init__(self) -> None:
        self.count = 0

    def update(self, update: Json) -> None:
        if update.get("sessionUpdate") != "available_commands_update":
            self.count += 1

    async def permission(self, asked: Json) -> Mapping[str, Any]:  # noqa: ARG002 # whatever it asks, nobody is there
        return CANCELLED


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an agent has said of itself. `logins`: its names of ways to log in."""

    loads: bool = False
    resumes: bool = False
    takes_images: bool = False
    takes_http_tools: bool = False
    logins: tuple[str, ...] = ()


class AcpPeer:
    """A process that has been started. `runs_away`: it goes on with what it was told to stop."""

    def __init__(self, process: AgentProcess, ended: Ended) -> None:
        self._process = process
        self._ended = ended
        self._wanted = True
        self._listeners: dict[str, Listener] = {}
        self._sessions: set[str] = set()
        self._asking = 0
        self.runs_away = False
        self._gone = asyncio.Event()
        self.abilities = Abilities()
        self._connection = Connection(self._hear, process)
        self._watching = asyncio.create_task(self._watch())

    @classmethod
    async def begin(cls, launch: Launch, ended: Ended) -> AcpPeer:
        """Start a process, and agree with it on the protocol.

        Raises:
            GatewayError: it cannot be.
        """
        peer = cls(await AgentProcess.begin(launch), ended)
        try:
            await peer._initialize()
        except BaseException:
            await peer.end()
            raise
        return peer

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._wanted and not self._process.over.is_set() and self._process.status is None

    @property
    def busy(self) -> bool:
        """Whether somebody waits for it: a turn is under way, or it has been asked for something else."""
        return bool(self._listeners) or self._asking > 0

    def claim(self, session: str) -> bool:
        """Have a session for one conversation alone. Whether it is no other's."""
        free = session not in self._sessions
        self._sessions.add(session)
        return free

    def give_up(self, session: str) -> None:
        """The conversation that has it is no more."""
        self._sessions.discard(session)

    def listen(self, session: str, listener: Listener) -> None:
        """From now on tell it of the session."""
        self._listeners[session] = listener

    def leave(self, session: str, listener: Listener) -> None:
        """Tell it no more."""
        if self._listeners.get(session) is listener:
            del self._listeners[session]

    async def ask(self, method: str, request: BaseModel, timeout_s: float | None = START_TIMEOUT_S) -> Json:
        """What the agent answers; `method` by the SDK's name. One that does not, and of which nobody else wants
        anything, is ended: it would not answer the next one either.

        Raises:
            GatewayError: it does not, or with an error.
        """
        self._asking += 1
        try:
            async with asyncio.timeout(timeout_s):
                return await self.asked(method, request)
        except RequestError as error:
            raise as_error(AGENT_METHODS[method], error, self.abilities.logins) from error
        except ConnectionError:
            raise await self.lost(AGENT_METHODS[method]) from None
        except TimeoutError:
            why = f"has not answered {AGENT_METHODS[method]} within {timeout_s:g} s"
            if self._asking == 1 and not self._listeners:
                self._process.trouble = f"it {why}"
                await self._process.end()
            raise AgentUnavailable(f"the agent {why}") from None
        finally:
            self._asking -= 1

    async def asked(self, method: str, request: BaseModel) -> Json:
        """The same, with the SDK's own errors."""
        answer = await self._connection.send_request(AGENT_METHODS[method], _fields(request))
        return answer if isinstance(answer, Mapping) else {}

    async def hear_out(self, session: str) -> None:
        """Return when the agent has ended what it repeats of a session that it has loaded. Some answer before that, and
        go on: so they are asked for something else, again and again, until nothing has come between several answers.

        Raises:
            AgentFailed: it goes on and on.
        """
        heard = _Heard()
        self.listen(session, heard)
        try:
            quiet = 0
            for _ in range(MAX_QUESTIONS):
                before = heard.count
                with suppress(RequestError, TimeoutError, ConnectionError):
                    async with asyncio.timeout(QUESTION_TIMEOUT_S):
                        await self._connection.send_request(QUESTION, {})
                quiet = quiet + 1 if heard.count == before else 0
                if quiet == QUIET_QUESTIONS:
                    return
        finally:
            self.leave(session, heard)
        raise AgentFailed("session/load: the agent does not come to the end of what it repeats")

    async def tell(self, method: str, notice: BaseModel) -> None:
        """Tell the agent; where it is no more, nobody."""
        with suppress(ConnectionError):
            await self._connection.send_notification(AGENT_METHODS[method], _fields(notice))

    async def lost(self, doing: str) -> AgentUnavailable:
        """The error of whoever waited for the process when it ended, or when the SDK gave it up for what it said."""
        if not self._process.over.is_set():
            self._process.trouble = self._process.trouble or "what it says is not the protocol's"
            await self._process.end()
        await self._gone.wait()
        if not self._wanted:
            why = "has been ended by the gateway"
        elif self._process.trouble:
            why = f"was ended, as {self._process.trouble}"
        else:
            why = f"has ended with status {self._process.status}; its last lines are in the gateway's log"
        return AgentUnavailable(f"{doing}: the agent's process {why}")

    async def gone(self) -> None:
        """Return when its process has ended."""
        await self._gone.wait()

    async def end(self) -> None:
        """End it, and return when it has."""
        self._wanted = False
        await self._process.end()
        await asyncio.wait({self._watching})

    async def _initialize(self) -> None:
        capabilities = ClientCapabilities(
            fs=FileSystemCapabilities(read_text_file=False, write_text_file=False), terminal=False
        )
        request = InitializeRequest(
            protocol_version=PROTOCOL_VERSION,
            client_capabilities=capabilities,
            client_info=Implementation(name="narrows", version="1"),
        )
        told = await self.ask("initialize", request)
        version = told.get("protocolVersion")
        if version not in (1, 2):
            raise AgentFailed(f"the agent speaks version {str(version)[:20]} of the Agent Client Protocol, and not 1")
        self.abilities = _abilities(told)

    async def _watch(self) -> None:
        """Notice the end, whoever brought it, and see to it that there is one where the protocol has broken down."""
        exited = asyncio.ensure_future(self._process.wait())
        silent = asyncio.ensure_future(self._process.over.wait())
        await asyncio.wait({exited, silent}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({silent}, timeout=LAST_OUTPUT_S)  # what it wrote before its end is read still
        for waiting in (exited, silent):
            waiting.cancel()
        await self._process.end()
        self._gone.set()
        await self._connection.close()
        if self._wanted:
            self._ended(self._process.status, self._process.last_words)

    async def _hear(self, method: str, params: Any, notice: bool) -> Any:
        """What the agent says or asks by itself."""
        said: Json = params if isinstance(params, Mapping) else {}
        listener = self._listeners.get(str(said.get("sessionId")))
        if method == CLIENT_METHODS["session_update"]:
            update = said.get("update")
            if listener is not None and isinstance(update, Mapping):
                listener.update(update)
            return None
        if method == CLIENT_METHODS["session_request_permission"] and not notice:
            return CANCELLED if listener is None else await listener.permission(said)
        if notice:
            return None
        raise RequestError.method_not_found(method)


def _fields(request: BaseModel) -> dict[str, Any]:
    return request.model_dump(mode="json", by_alias=True, exclude_none=True)


def _abilities(told: Json) -> Abilities:
    agent = _inner(told, "agentCapabilities")
    methods = told.get("authMethods")
    logins: Sequence[Any] = methods if isinstance(methods, list) else []
    return Abilities(
        loads=agent.get("loadSession") is True,
        resumes="resume" in _inner(agent, "sessionCapabilities"),
        takes_images=_inner(agent, "promptCapabilities").get("image") is True,
        takes_http_tools=_inner(agent, "mcpCapabilities").get("http") is True,
        logins=tuple(str(one.get("name") or one.get("id")) for one in logins if isinstance(one, Mapping)),
    )


def _inner(said: Json, name: str) -> Json:
    found = said.get(name)
    return found if isinstance(found, Mapping) else {}

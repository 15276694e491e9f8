"""A request to the MCP server of an agent's session, which has its client's tools (docs/decisions/0014).

Everything is answered at once but a call of a tool: that is kept open while the session's client is asked, by the same
machinery as a call that is withheld on the agent's model traffic, and its output is the call's result. Meanwhile the
agent hears every few seconds that its request is not forgotten. It goes on by itself when it has the output.

The protocol does not count a connection that breaks as a word of the agent's; but an answer that was begun cannot be
asked for again here, so the agent can never have it. So a request that is broken off ends its run, as it does where
the agent says that it waits no longer, and what its client brings then is told that it has expired.

Whoever has the token may come in: an error here is in the words of JSON-RPC, but for a wrong token's and for what is no
request at all. What goes wrong with a call is its result, marked as an error, for the model to read.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from time import perf_counter
from typing import TYPE_CHECKING, Final, assert_never

from narrows.agents.observation import AgentCall
from narrows.agents.session import Session
from narrows.agents.tools import CallOutput
from narrows.core.headers import field, field_values
from narrows.core.http1 import Framing
from narrows.errors import AgentFailed, AgentOverloaded, GatewayError, NoSuchRoute
from narrows.inject import mcp
from narrows.records.types import AgentCallFigures, Outcome
from narrows.server.agents.agent import Agent
from narrows.server.agents.tool_servers import Served
from narrows.server.browsers import comes_from_another_site
from narrows.server.deadlines import NEVER_S
from narrows.server.exchange import Exchange
from narrows.server.forwarding import Client
from narrows.server.prepared import Prepared
from narrows.server.replies import CONTINUE, REQUEST_ID_FIELD, Reply
from narrows.server.request_body import HeldBody

if TYPE_CHECKING:
    from narrows.server.gateway import Gateway

WAITING_S: Final = 5.0
"""So often an agent is shown that its call goes on."""
_JSON: Final = "application/json"
_STREAM: Final = b"text/event-stream"
_VERSION_FIELD: Final = b"mcp-protocol-version"
_WAITING: Final = b": waiting for the client's tool\n\n"
_BLANK: Final = b"\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"
_NOBODY: Final = b"null"


class ToolExchange(Exchange):
    """One such request. `_held`: the call that waits for its output; `_waits`: it does still; `_kept_bytes` of it are
    counted as held; `_streams`: its answer is an event stream; `_shown`: how often it was said that it goes on;
    `_open`: the story is not told yet."""

    __slots__ = (
        "_agent",
        "_figures",
        "_held",
        "_kept_bytes",
        "_open",
        "_served",
        "_session",
        "_shown",
        "_streams",
        "_timer",
        "_waits",
    )

    def __init__(self, gateway: Gateway, client: Client, prepared: Prepared, framing: Framing) -> None:
        super().__init__(gateway, client, prepared, framing)
        assert prepared.passage is not None
        self._agent: Agent | None = None
        self._session: Session | None = None
        self._served: Served | None = None
        self._figures = AgentCallFigures(agent=prepared.passage.agent)
        self._held: mcp.CallTool | None = None
        self._waits = False
        self._kept_bytes = 0
        self._streams = False
        self._shown = 0
        self._timer: asyncio.TimerHandle | None = None
        self._open = True

    # The request

    def begin(self, *, body_follows: bool, body_is_here: bool) -> None:
        self._complete = not body_follows
        prepared = self._prepared
        try:
            if isinstance(prepared.admitted, GatewayError):
                raise prepared.admitted
            self._enter()
            refusal = self._refusal()
            if refusal is None:
                self._incoming = HeldBody(self._framing, self._gateway.budget, self._gateway.settings.max_body_bytes)
        except GatewayError as error:
            self.failed(error)
            return
        if refusal is not None:
            self._say(refusal, Outcome.REFUSED)
        elif not body_is_here:
            if prepared.head.expect_continue and body_follows:
                self._client.write(CONTINUE)
            self._proceed(b"")

    def _enter(self) -> None:
        """Find whose request it is.

        Raises:
            NoSuchRoute: nobody's.
        """
        passage, agents = self._prepared.passage, self._gateway.agents
        assert passage is not None
        self._agent = None if agents is None else agents.named(passage.agent)
        if self._agent is None:
            raise NoSuchRoute(f"there is no agent {passage.agent}; the settings' tables [agents.NAME] name them")
        self._session, self._served = self._agent.tool_servers.find(passage.token)
        self._note(None)

    def _refusal(self) -> Reply | None:
        """The answer to what is refused for its head; None where nothing is."""
        head = self._prepared.head
        if comes_from_another_site(head):
            return _error(403, "this is for an agent's own program, and not for web pages of other sites")
        if head.method != b"POST":
            return _error(405, "send messages by POST; there is no stream to listen to, and no session to end")
        spoken = field(head.fields, _VERSION_FIELD)
        if spoken is not None and spoken.decode("latin-1") not in mcp.VERSIONS:
            return _error(400, f"this server speaks MCP of {', '.join(mcp.VERSIONS)}, and was spoken to in another")
        return None

    def _plan(self, body: HeldBody) -> None:
        payload = body.payload()
        body.release()
        try:
            self._enter()  # again: the conversation may be another since the request began
        except NoSuchRoute as error:
            self.failed(error)
            return
        message = mcp.read_message(payload)
        self.story.received_s = perf_counter()
        match message:
            case mcp.Initialize():
                self._reply("initialize", mcp.initialized(message, version("narrows")))
            case mcp.Ping(id_):
                self._reply("ping", mcp.answer(id_, b"{}"))
            case mcp.ListTools(id_):
                assert self._served is not None
                self._reply("tools/list", mcp.answer(id_, self._served.listed.result))
            case mcp.CallTool():
                self._call(message, len(payload))
            case mcp.Cancelled(request):
                assert self._served is not None
                self._note("notifications/cancelled")
                self._served.cancel(mcp.same_id(request), self._gateway.loop.time())
                self._accept()
            case mcp.Told():
                self._accept()
            case mcp.Refused(answer, is_request):
                status, outcome = (200, Outcome.ANSWERED) if is_request else (400, Outcome.REFUSED)
                self._say(Reply(status, _JSON, answer + b"\n"), outcome)
            case _:
                assert_never(message)

    # A call

    def _call(self, call: mcp.CallTool, size: int) -> None:
        """Have the client asked, and wait; `size`: of the whole request."""
        agents, session, served = self._gateway.agents, self._session, self._served
        assert agents is not None
        assert session is not None
        assert served is not None
        self._note("tools/call")
        if call.name not in served.listed.names:
            self._fail(call, "there is no such tool here; `tools/list` tells which there are")
            return
        loop = self._gateway.loop
        if served.is_cancelled(mcp.same_id(call.id), loop.time()):
            self._fail(call, "it was cancelled before it came")
            return
        made = AgentCall(call.id.decode(), call.name, call.arguments)
        try:
            taken = agents.called(self._figures.agent, session.id, [made], lambda got: self._deliver(loop, got))
        except AgentOverloaded as error:
            self._fail(call, error.message)
            return
        if not taken:
            self._fail(call, "the client that has this tool asks for nothing at the moment, so nobody can run it")
            return
        self._held, self._waits, self._kept_bytes = call, True, size
        self._gateway.budget.hold(size)
        self._streams = _STREAM in b",".join(field_values(self._prepared.head.fields, b"accept")).lower()
        self._client.deadline_s = NEVER_S
        served.held.append((mcp.same_id(call.id), self.cancelled))
        self._open_answer()
        self._show_waiting()

    def _fail(self, call: mcp.CallTool, words: str) -> None:
        assert self._served is not None
        self._served.answered(mcp.same_id(call.id), self._gateway.loop.time())
        self._reply("tools/call", mcp.output(call.id, words, is_error=True))

    def _deliver(self, loop: asyncio.AbstractEventLoop, got: tuple[CallOutput, ...] | GatewayError) -> None:
        """Take the outputs from the event loop: whoever brings them is not to be interrupted."""
        if isinstance(got, GatewayError):
            self._waits = False  # the run is over, and not to be ended again
        loop.call_soon(self.delivered, got)

    def delivered(self, got: tuple[CallOutput, ...] | GatewayError) -> None:
        """The output of the call, or why there is none."""
        call = self._held
        if call is None or self._ended:
            return
        self._waits = False
        if isinstance(got, GatewayError):
            self.story.error_code = got.code
            self._finish_answer(mcp.output(call.id, f"there is no output: {got.message}", is_error=True))
        else:
            (only,) = got
            self._finish_answer(mcp.output(call.id, only.output))

    def cancelled(self) -> None:
        """The agent waits no longer, and wants no answer."""
        call = self._held
        if call is None or self._ended:
            return
        self._give_up("the agent waits no longer for the output of the tool that it called")
        self._finish_answer(b"" if self._streams else mcp.output(call.id, "it was cancelled", is_error=True))

    def _give_up(self, words: str) -> None:
        """End the run that this call is of."""
        if self._waits and self._session is not None and self._gateway.agents is not None:
            self._waits = False
            self._gateway.agents.gave_up(self._figures.agent, self._session.id, AgentFailed(words))

    # The answer to a call

    def _open_answer(self) -> None:
        head, story = self._prepared.head, self.story
        story.status = 200
        story.first_byte_s = perf_counter()
        self._client.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nCache-Control: no-store\r\n%b%b: %b\r\nConnection: %b\r\n\r\n"
            % (
                _STREAM if self._streams else _JSON.encode(),
                b"Transfer-Encoding: chunked\r\n" if head.minor else b"",
                REQUEST_ID_FIELD,
                story.request_id.encode(),
                b"keep-alive" if self._keeps else b"close",
            )
        )

    @property
    def _keeps(self) -> bool:
        """Whether the connection can carry another exchange after an answer whose length is not known."""
        head = self._prepared.head
        return bool(head.minor) and head.keep_alive and not self._gateway.draining

    def _show_waiting(self) -> None:
        if self._held is None or self._ended:
            return
        if self._client.writable:
            self._shown += 1
            token = self._held.progress
            shown = _event(mcp.progress(token, self._shown)) if token else _WAITING
            self._write(shown if self._streams else _BLANK)
        self._timer = self._gateway.loop.call_later(WAITING_S, self._show_waiting)

    def _finish_answer(self, answer: bytes) -> None:
        if answer:
            self._write(_event(answer) if self._streams else answer + b"\n")
        if self._prepared.head.minor:
            self._client.write(_LAST_CHUNK)
        self._release()
        self._tell(Outcome.REFUSED if self.story.error_code else Outcome.ANSWERED)
        self._client.exchange_ended(keep_alive=self._keeps)

    def _write(self, data: bytes) -> None:
        self.story.response_bytes += len(data)
        self.story.first_chunk_s = self.story.first_chunk_s or perf_counter()
        self._client.write(b"%x\r\n%b\r\n" % (len(data), data) if self._prepared.head.minor else data)

    # Other answers

    def _reply(self, method: str, answer: bytes) -> None:
        self._note(method)
        self._say(Reply(200, _JSON, answer + b"\n"), Outcome.ANSWERED)

    def _accept(self) -> None:
        """There is nothing to answer."""
        self._say(Reply(202, _JSON, b""), Outcome.ANSWERED)

    def _say(self, reply: Reply, outcome: Outcome) -> None:
        self.story.status, self.story.response_bytes = reply.status, len(reply.body)
        self._answer(reply, outcome)

    def _note(self, method: str | None) -> None:
        """Put down what this is, for the record; only what the gateway itself has a name for."""
        assert self._agent is not None
        assert self._session is not None
        run = self._agent.traffic.run_of(self._session)
        self._figures = AgentCallFigures(
            agent=self._figures.agent,
            session=self._session.name,
            run=None if run is None else run.name,
            mcp=method,
        )

    # What the client's connection tells

    def client_writable(self, writable: bool) -> None:
        if self._held is not None:
            limit_s = self._gateway.settings.idle_timeout_s
            self._client.deadline_s = NEVER_S if writable else self._gateway.loop.time() + limit_s

    def client_stuck(self) -> None:
        if self._held is not None:
            self._client.abort()
            self.client_gone()
        else:
            super().client_stuck()

    # How it ends

    def lose(self) -> None:
        self._client.cut(reset=not self._prepared.head.minor)
        self._release()
        self._tell(Outcome.TRUNCATED)

    def failed(self, error: GatewayError) -> None:
        if self._held is None:
            super().failed(error)
        else:
            self.story.error_code = error.code
            self.lose()

    def _release(self) -> None:
        super()._release()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._gateway.budget.give_back(self._kept_bytes)
        self._kept_bytes = 0
        if self._held is not None and self._served is not None:
            self._served.held[:] = [one for one in self._served.held if one[1] != self.cancelled]
            self._served.answered(mcp.same_id(self._held.id), self._gateway.loop.time())
        self._give_up("the agent has broken off the request that waited for a tool")

    def _tell(self, outcome: Outcome) -> None:
        if self._open:
            self._open = False
            self.story.agent_call = self._figures
            super()._tell(outcome)


def _error(status: int, words: str) -> Reply:
    """An error of HTTP, with one of JSON-RPC that says why."""
    allow = b"Allow: POST\r\n" if status == 405 else b""
    return Reply(status, _JSON, mcp.failure(_NOBODY, mcp.INVALID_REQUEST, words) + b"\n", allow)


def _event(message: bytes) -> bytes:
    return b"event: message\ndata: %b\n\n" % message

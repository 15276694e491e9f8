"""Which session of an agent a model call belongs to.

In this order: by the token of the path, which the gateway drew for the session and gave the agent's server as the place
for its model calls; by the header that names the server's own conversation; and, where the settings say so, to the one
run that there is. On the shared address nothing but what a request says tells whose it is: where the settings name the
gateway key of the agent's calls, those under another key are nobody's. A call that is nobody's goes to the upstream as
any request does, and no run counts it.

A token is 256 random bits. What is kept of it is a digest, by which it is looked up: the time that takes tells nothing
of a token that is not equal to one. It dies with its session, and with the conversation that it was drawn for; so does
everything that is known here of either.
"""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from blake3 import blake3

from narrows.agents.session import Session
from narrows.backends.types import ModelEndpoint, own_name
from narrows.errors import NoSuchRoute
from narrows.server.agents.offering import Offerings
from narrows.server.agents.passage import AGENTS, API_KEY_PREFIX, Passage
from narrows.server.agents.traffic import ModelCall, RunTraffic
from narrows.settings import AgentSettings, Correlation, ModelWire

TOKEN_BYTES: Final = 32


def token_digest(token: bytes) -> bytes:
    """What is kept of a token."""
    return blake3(token).digest()


class AgentTraffic:
    """The model calls of one agent. `kept`: sessions from before, whose tokens count on. `gateway_url` is where agents
    reach this gateway, with its own prefix and without a slash at the end; it is known once the gateway listens.
    `lends_key`: the gateway has a key for the upstream, so an agent needs none of its own; `has_keys`: it has keys of
    its own, so that those who reach it are not all one party."""

    def __init__(self, settings: AgentSettings, kept: tuple[Session, ...] = ()) -> None:
        self._settings = settings
        self._background = frozenset(settings.background_models)
        self._by_token: WeakValueDictionary[bytes, Session] = WeakValueDictionary()
        self._by_conversation: WeakValueDictionary[str, Session] = WeakValueDictionary()
        self._runs: WeakKeyDictionary[Session, RunTraffic] = WeakKeyDictionary()
        self._offerings: WeakKeyDictionary[Session, Offerings] = WeakKeyDictionary()
        self.gateway_url = ""
        self.lends_key = False
        self.has_keys = False
        for session in kept:
            self.opened(session)

    @property
    def passes(self) -> bool:
        """Whether the agent's model calls come through here at all."""
        return self._settings.correlation is not Correlation.NONE

    @property
    def owns_shared_address(self) -> bool:
        """Whether calls on the shared address that count as the agent's can be nobody else's: what a client's tools are
        called with follows from what its model is told."""
        return not self.has_keys or bool(self._settings.calls_key)

    @property
    def owns_an_address(self) -> bool:
        """Whether there is an address where that is so: each conversation's, if there are such, or the shared one."""
        return self._settings.correlation is Correlation.ENDPOINT or self.owns_shared_address

    def endpoint_for(self, session: Session) -> ModelEndpoint | None:
        """Where a conversation that is about to begin for this session is to send its model calls; it may at once."""
        session.token, session.exchanges = b"", []
        self._offerings.pop(session, None)
        return self.endpoint_again(session)

    def endpoint_again(self, session: Session) -> ModelEndpoint | None:
        """Another such place for a conversation that goes on; the one before leads nowhere any more."""
        chosen = self._settings
        if chosen.correlation is not Correlation.ENDPOINT:
            return None
        token = token_urlsafe(TOKEN_BYTES)
        session.token = token_digest(token.encode())
        self._by_token[session.token] = session
        key = API_KEY_PREFIX.decode() + token if self.lends_key else ""
        return ModelEndpoint(self._address(f"/s/{token}"), key, chosen.model_wire.value)

    def shared_address(self) -> str:
        """The base URL that the model calls of all conversations can come in under."""
        return self._address("")

    def _address(self, place: str) -> str:
        base_url = f"{self.gateway_url}{AGENTS}{self._settings.name}{place}"
        if self._settings.model_wire in (ModelWire.OPENAI_CHAT, ModelWire.OPENAI_RESPONSES):
            base_url += "/v1"  # clients of the other wires put the version before the rest themselves
        return base_url

    def opened(self, session: Session) -> None:
        """The session's conversation has a name."""
        if session.token:
            self._by_token[session.token] = session
        if session.conversation:
            self._by_conversation[own_name(session.conversation)] = session

    def run(self, name: str) -> RunTraffic:
        """What a run hears of its model calls."""
        return RunTraffic(name, self._background)

    def run_of(self, session: Session) -> RunTraffic | None:
        """The run whose calls the session's are."""
        return self._runs.get(session)

    def run_begins(self, session: Session, run: RunTraffic) -> None:
        """From now on the session's calls are this run's."""
        self._runs[session] = run

    def run_ends(self, session: Session) -> None:
        """From now on they are nobody's; the run has noted what those before came to."""
        run = self._runs.pop(session, None)
        if run is not None:
            run.calls.clear()  # they refer to it

    def call(self, passage: Passage, key: str | None = None, *, counts: bool) -> ModelCall:
        """A request begins; `key`: the name of the gateway key that it shows; `counts`: it asks a model, and for no
        list or the like.

        Raises:
            NoSuchRoute: its token is no session's, or the agent is not set up to send its calls here.
        """
        if not self.passes:
            raise NoSuchRoute(
                f"the agent {passage.agent} is not set up to send its model calls through the gateway: set"
                f" `correlation` under [agents.{passage.agent}]"
            )
        session = self._session_of(passage, key)
        if session is None:
            return ModelCall(None)
        return self.call_of(session) if counts else ModelCall(None, session)

    def call_of(self, session: Session) -> ModelCall:
        """A model call of this session begins."""
        run = self._runs.get(session)
        return ModelCall(None, session) if run is None else run.call(session)

    def offerings_of(self, session: Session) -> Offerings:
        """What its clients' tools are on its model traffic."""
        found = self._offerings.get(session)
        if found is None:
            found = self._offerings[session] = Offerings(session.exchanges)
        return found

    def _session_of(self, passage: Passage, key: str | None) -> Session | None:
        if passage.token:
            digest = token_digest(passage.token)
            session = self._by_token.get(digest)
            if session is None or session.token != digest:
                raise NoSuchRoute("this address is no session's of the agent, or not any more")
            return session
        if self._settings.calls_key and key != self._settings.calls_key:
            return None
        name = passage.session_name(self._settings.session_header)
        named = self._by_conversation.get(name)
        if named is not None and own_name(named.conversation) == name:
            return named
        if self._settings.correlation is Correlation.SINGLE and len(self._runs) == 1:
            return next(iter(self._runs))
        return None

"""Which session of an agent a request continues.

In this order: the one that waits for the outputs that the request brings; the one that an explicit name says; the one
whose last finished turn is a prefix of the request's messages, by its digest; a fresh one.

A checkout is one step and gives the session to one request alone, until it is given back: completed, with the digest of
what now is its history, or not. A busy session that was named is refused; one that was only found is left alone, and
the request gets a fresh one. Edited history finds nothing and is told anew, which the use says. A session that nobody
has named, and whose turn did not complete, is not found any more, as the agent knows something that its client does
not; under the name that its client was told it is, for what is new alone. A named one is found as before, with the
history of the last turn that did. One that waits for its client's tools is for their outputs alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from narrows.agents.calls import CallBook, ExpiredCall, Outputs, PendingCall
from narrows.agents.session import Ask, Fresh, Lease, Session, SessionUse
from narrows.errors import MissingToolOutputs, SessionBusy, SessionDiverged, ToolCallExpired, UnsupportedParameter

BUSY_RETRY_AFTER_S = 1


class Shelf(Protocol):
    """Where sessions are kept beyond this process."""

    def put(self, session: Session) -> None:
        """Keep a session as it is now."""
        ...

    def drop(self, session: Session) -> None:
        """Keep it no longer."""
        ...

    def expire(self, agent: str, calls: Sequence[ExpiredCall]) -> None:
        """Keep these of an agent's calls as expired."""
        ...

    def forget(self, agent: str, ids: Sequence[str]) -> None:
        """Keep these expired calls no longer."""
        ...


class Sessions:
    """All sessions of an agent: at most `limit` that nobody uses, none of them older than `ttl_s`. `kept` and
    `expired`: the sessions and expired calls that a `shelf` has from before, the oldest first."""

    def __init__(
        self,
        limit: int,
        ttl_s: float,
        shelf: Shelf | None = None,
        kept: Iterable[Session] = (),
        expired: Iterable[ExpiredCall] = (),
    ) -> None:
        self._limit = limit
        self._ttl_s = ttl_s
        self._shelf = shelf
        self._sessions: OrderedDict[tuple[str, str, str], Session] = OrderedDict()
        self._by_key: dict[bytes, Session] = {}
        self._book = CallBook(limit, ttl_s, expired)
        for session in kept:
            self._sessions[session.place] = session
            if session.key:
                self._by_key[session.key] = session
            if session.held:  # by a process that is no more
                self.expire(session, session.used_s)
            else:
                self._book.wait(session.place, session.calls)

    def __len__(self) -> int:
        return len(self._sessions)

    def listed(self) -> tuple[Session, ...]:
        """All of them, the longest unused first."""
        return tuple(self._sessions.values())

    def find(self, owner: str, agent: str, name: str) -> Session | None:
        """The session of this name, whoever uses it."""
        return self._sessions.get((owner, agent, name))

    def checkout(self, ask: Ask, at_s: float, fresh: Fresh) -> Lease:
        """The session for a request, which nobody else gets until it is given back.

        Raises:
            SessionBusy: another request has the one that is named, or that waits for what the request brings.
            SessionDiverged: it is named, and what the request sends as its history, or as its tools, is not.
            MissingToolOutputs: some of the outputs that it waits for are not there.
            NoSuchToolCall: an output is for a call of somebody else's session.
            ToolCallExpired: an output is for a call that nobody waits for any more.
            UnsupportedParameter: it cannot have the outputs together with what else was sent.
        """
        self._forget_old(at_s)
        if ask.outputs is not None:
            lease = self._resumed(ask, ask.outputs, at_s)
            if lease is not None:
                return lease
        if ask.name:
            return self._named(ask, at_s, fresh)
        for known in range(len(ask.digests) - 1, 0, -1):
            session = self._by_key.get(ask.digests[known - 1])
            if session is not None and not session.leased and not session.calls:
                return self._lease(session, SessionUse.REUSED, known, at_s)
        return self._fresh(ask, fresh, at_s)

    def pause(self, lease: Lease, calls: tuple[PendingCall, ...], at_s: float, *, held: bool) -> None:
        """Give a session back that waits for the outputs of these calls, and for nothing else."""
        session = lease.session
        self._settle(session)
        session.calls, session.held = calls, held
        self._book.wait(session.place, calls)
        self._give_back(session, at_s)
        self._keep(session)

    def show(self, lease: Lease, count: int, at_s: float) -> tuple[PendingCall, ...]:
        """Give a session back that waits still: for the outputs of so many more of its calls, which are these."""
        session = lease.session
        shown = [call for call in session.calls if call.shown]
        new = [replace(call, shown=True) for call in session.calls if not call.shown][:count]
        session.calls = (*shown, *new, *session.calls[len(shown) + len(new) :])
        self._give_back(session, at_s)
        self._keep(session)
        return tuple(new)

    def expire(self, session: Session, at_s: float) -> None:
        """What a session waits for will not come in time: its turn has not completed. A request that has the session
        has it still, to give back."""
        if self._sessions.get(session.place) is not session:
            return
        expired, dropped = self._book.expire(session.owner, session.calls, at_s)
        if self._shelf is not None:
            self._shelf.expire(session.agent, expired)
            self._shelf.forget(session.agent, dropped)
        self._settle(session)
        if not session.leased:
            self.give_up(Lease(session, SessionUse.RESUMED), at_s)

    def complete(self, lease: Lease, key: bytes, at_s: float) -> None:
        """Give a session back whose turn is complete; its history now has the digest `key`."""
        self._settle(lease.session)
        self._give_back(lease.session, at_s)
        self._unkey(lease.session)
        lease.session.key = key
        self._by_key[key] = lease.session
        self._keep(lease.session)

    def give_up(self, lease: Lease, at_s: float) -> None:
        """Give a session back whose turn did not complete: one that nobody has named is used again by its name alone,
        which its client was told, and is gone where its agent knows nothing."""
        session = lease.session
        session.steps = None
        self._settle(session)
        self._give_back(session, at_s)
        if not session.named:
            self._unkey(session)
        if session.named or session.conversation:
            self._keep(session)
        else:
            self._drop(session)

    def put_back(self, lease: Lease, at_s: float) -> None:
        """Give a session back to whose agent nothing was said."""
        self._give_back(lease.session, at_s)
        if not lease.session.key and not lease.session.conversation:
            self._drop(lease.session)
        else:
            self._keep(lease.session)

    def forget_conversation(self, lease: Lease) -> Lease:
        """The backend has lost what the agent knew: the same session, to be told everything."""
        lease.session.conversation, lease.session.steps = "", None
        self._settle(lease.session)
        self._unkey(lease.session)
        return Lease(lease.session, SessionUse.RETOLD)

    def _resumed(self, ask: Ask, outputs: Outputs, at_s: float) -> Lease | None:
        try:
            place = self._book.find(ask.owner, outputs.by_id)
        except ToolCallExpired:
            if outputs.followed:
                return None  # it is a new turn, of an agent that is told everything
            raise
        if place is None:
            return None
        session = self._sessions[place]
        if ask.name not in ("", session.name):
            raise SessionDiverged(f"these outputs are for the session {session.name!r}, and {ask.name!r} was named")
        if session.leased:
            raise SessionBusy(
                "another request has brought these outputs already; wait for its answer",
                retry_after_s=BUSY_RETRY_AFTER_S,
                may_have_acted=True,
            )
        came = outputs.before | session.outputs | outputs.by_id
        missing = [call.id for call in session.calls if call.shown and call.id not in came]
        if missing:
            raise MissingToolOutputs(
                f"there is no tool message for {', '.join(missing)}; add one each", param="messages"
            )
        if outputs.followed and outputs.whole and not session.named:
            self.give_up(Lease(session, SessionUse.RESUMED), at_s)
            return None  # its client goes on without it, and tells another everything
        if outputs.followed:
            raise UnsupportedParameter(
                "the agent waits for the outputs of its tool calls alone; send what follows them when it has answered",
                param="messages",
            )
        if session.held and ask.tools not in (b"", session.tools):
            raise UnsupportedParameter(
                "the agent goes on with the tools that it has; send the same `tools` with the outputs", param="tools"
            )
        session.tools = ask.tools or session.tools
        session.outputs = {call.id: came[call.id] for call in session.calls if call.shown}
        return self._lease(session, SessionUse.RESUMED, 0, at_s)

    def _named(self, ask: Ask, at_s: float, fresh: Fresh) -> Lease:
        session = self._sessions.get((ask.owner, ask.agent, ask.name))
        if session is None:
            return self._fresh(ask, replace(fresh, name=ask.name), at_s, named=True)
        _check_free(session)
        session.named = True
        if not session.conversation:
            session.tools = ask.tools
        if session.tools != ask.tools:
            raise SessionDiverged(f"the session {ask.name!r} was begun with other tools; send these, or name another")
        if session.key and session.key in ask.digests[:-1]:
            return self._lease(session, SessionUse.REUSED, ask.digests.index(session.key) + 1, at_s)
        if not ask.has_answers:
            use = SessionUse.REUSED if session.conversation else SessionUse.NEW
            return self._lease(session, use, 0, at_s)
        if session.conversation:
            raise SessionDiverged(
                f"the history that was sent is not that of the session {ask.name!r}; send only what is new, or name"
                " another session"
            )
        return self._lease(session, SessionUse.RETOLD, 0, at_s)

    def _fresh(self, ask: Ask, fresh: Fresh, at_s: float, *, named: bool = False) -> Lease:
        session = Session(ask.owner, ask.agent, fresh.name, named, at_s, id=fresh.id, tools=ask.tools)
        self._sessions[session.place] = session
        return self._lease(session, SessionUse.RETOLD if ask.has_answers else SessionUse.NEW, 0, at_s)

    def _lease(self, session: Session, use: SessionUse, known: int, at_s: float) -> Lease:
        session.leased, session.used_s = True, at_s
        if self._shelf is not None and session.named and session.conversation:
            self._shelf.put(replace(session, steps=None, calls=(), held=False))
        elif self._shelf is not None:
            self._shelf.drop(session)
        return Lease(session, use, known)

    def _settle(self, session: Session) -> None:
        """It waits for no outputs any more."""
        self._book.forget(session.calls)
        session.calls, session.outputs, session.held = (), {}, False

    def _keep(self, session: Session) -> None:
        if self._shelf is not None:
            self._shelf.put(session)

    def _give_back(self, session: Session, at_s: float) -> None:
        session.leased, session.used_s = False, at_s
        self._sessions.move_to_end(session.place)

    def _forget_old(self, at_s: float) -> None:
        over = len(self._sessions) - self._limit
        for session in list(self._sessions.values()):
            if over <= 0 and at_s - session.used_s < self._ttl_s:
                return
            if not session.leased and not session.held:
                self._drop(session)
                over -= 1

    def _unkey(self, session: Session) -> None:
        if self._by_key.get(session.key) is session:
            del self._by_key[session.key]
        session.key = b""

    def _drop(self, session: Session) -> None:
        self._unkey(session)
        self._settle(session)
        self._sessions.pop(session.place, None)
        if self._shelf is not None:
            self._shelf.drop(session)


def _check_free(session: Session) -> None:
    if session.leased:
        raise SessionBusy(
            f"the session {session.name!r} is in use by another request; wait for it to end",
            retry_after_s=BUSY_RETRY_AFTER_S,
        )
    if session.calls:
        waiting = ", ".join(call.id for call in session.calls if call.shown)
        raise SessionBusy(
            f"the session {session.name!r} waits for the output of {waiting}; send a tool message for each",
            may_have_acted=True,
        )

"""The calls of client's tools that wait for their outputs, by the ids that clients know them by.

An id belongs to one session of one owner. Outputs come for all calls that a client was shown, or none is taken; a
client that wants one call at a time is shown the next when it has brought the output of the last. A call whose agent
could not wait any longer stays known as expired for a while, so that its client is told what became of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from narrows.agents.observation import AgentCall
from narrows.agents.request import Message
from narrows.errors import MalformedRequest, MissingToolOutputs, NoSuchToolCall, ToolCallExpired

SessionKey = tuple[str, str, str]
"""Whose session it is, which agent's, and its name."""
_CALLS_A_SESSION = 4
"""How many expired calls are remembered for each session that may be."""


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call that waits for its output. `id`: the gateway's, which the client knows; `call`: as the agent's side has
    it; `shown`: the client has been told of it."""

    id: str
    call: AgentCall
    shown: bool = True


@dataclass(frozen=True, slots=True)
class ExpiredCall:
    """A call that waits no longer."""

    id: str
    owner: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of tools at the end of a request's messages. `by_id`: each call's; `followed`: there are messages
    after them; `before`: outputs of other calls that stand further up; `whole`: the calls stand there, too."""

    by_id: dict[str, str]
    followed: bool
    before: dict[str, str] = field(default_factory=dict)
    whole: bool = False


def outputs_of(messages: Sequence[Message]) -> Outputs | None:
    """The outputs that a request brings; None where it brings none.

    Raises:
        MalformedRequest: one call has two.
    """
    stop = len(messages)
    while (stop and messages[stop - 1].role == "user") or (stop and messages[stop - 1].instructs):
        stop -= 1
    start = stop
    while start and messages[start - 1].role == "tool":
        start -= 1
    if start == stop:
        return None
    found = [(message.call_id, message.text) for message in messages[start:stop]]
    by_id = dict(found)
    if len(by_id) != len(found):
        twice = sorted({id_ for place, (id_, _) in enumerate(found) if id_ in dict(found[:place])})
        raise MalformedRequest(f"there are two tool messages for {', '.join(twice)}; send one each", param="messages")
    before = {message.call_id: message.text for message in messages[:start] if message.role == "tool"}
    called = {call.id for message in messages[:start] for call in message.calls}
    return Outputs(by_id, stop < len(messages), before, called.issuperset(by_id))


class CallBook:
    """Which session each call belongs to. At most so many expired ones are remembered, and none longer than `ttl_s`."""

    def __init__(self, sessions: int, ttl_s: float, expired: Iterable[ExpiredCall] = ()) -> None:
        self._limit = sessions * _CALLS_A_SESSION
        self._ttl_s = ttl_s
        self._waiting: dict[str, SessionKey] = {}
        self._expired: OrderedDict[str, ExpiredCall] = OrderedDict((one.id, one) for one in expired)

    def wait(self, key: SessionKey, calls: Iterable[PendingCall]) -> None:
        """These calls wait."""
        self._waiting.update({one.id: key for one in calls})

    def forget(self, calls: Iterable[PendingCall]) -> None:
        """They wait no longer, as they have their outputs or their session is gone."""
        for one in calls:
            self._waiting.pop(one.id, None)

    def expire(self, owner: str, calls: Sequence[PendingCall], at_s: float) -> tuple[list[ExpiredCall], list[str]]:
        """They wait no longer, as the agent does not. Which are expired now, and the ids of those too old to be
        remembered."""
        self.forget(calls)
        now = [ExpiredCall(one.id, owner, at_s) for one in calls]
        self._expired.update({one.id: one for one in now})
        dropped: list[str] = []
        for one in list(self._expired.values()):
            if len(self._expired) <= self._limit and at_s - one.at_s < self._ttl_s:
                break
            del self._expired[one.id]
            dropped.append(one.id)
        return now, dropped

    def find(self, owner: str, ids: Iterable[str]) -> SessionKey | None:
        """The session that waits for these outputs; None where nobody has made any of these calls.

        Raises:
            NoSuchToolCall: a call is somebody else's.
            ToolCallExpired: a call has expired.
            MissingToolOutputs: some of the calls are of a session that waits, and some are not.
        """
        ids = list(ids)
        foreign = [one for one in ids if self._owner(one) not in (None, owner)]
        if foreign:
            raise NoSuchToolCall(f"there is no tool call {', '.join(foreign)}", param="messages")
        expired = [one for one in ids if one in self._expired]
        if expired:
            raise ToolCallExpired(
                f"the agent waits no longer for the output of {', '.join(expired)}: it could not wait longer, or the"
                " gateway was started again meanwhile; send the conversation anew from a user's message",
                param="messages",
            )
        keys = {self._waiting[one] for one in ids if one in self._waiting}
        if not keys:
            return None
        (key, *others) = keys
        stray = [one for one in ids if self._waiting.get(one) != key]
        if others or stray:
            raise MissingToolOutputs(
                f"the outputs are not all of one run: it has not made the call {', '.join(stray)}", param="messages"
            )
        return key

    def _owner(self, id_: str) -> str | None:
        if id_ in self._waiting:
            return self._waiting[id_][0]
        return self._expired[id_].owner if id_ in self._expired else None

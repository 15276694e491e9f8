"""Calls of a cascade server: Connect's unary protocol, JSON over POST (https://connectrpc.com/docs/protocol).

An error is judged by its `code` and not by its status, as servers disagree about the latter. A classic server answers a
conversation that it does not know with `unknown` and a text; that text is `not_found`. Where a server refuses the
token, the credential is read again, once, as a server that restarts may have a new one. At most `max_calls` are in
flight, but for those that the server holds on purpose.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final

import msgspec

from narrows.backends.types import Credentials, Poster
from narrows.errors import AgentCredentials, AgentUnavailable, UpstreamError

TIMEOUTS_S: Final = {
    "Health": 10.0,
    "StartCascade": 10.0,
    "UpdateConversationAnnotations": 5.0,
    "SendUserCascadeMessage": 120.0,
    "GetCascadeTrajectorySteps": 10.0,
    "GetCascadeTrajectory": 10.0,
    "CancelCascadeInvocation": 5.0,
    "HandleCascadeUserInteraction": 5.0,
}
_LOST: Final = "trajectory not found"
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


class CallFailed(Exception):  # named for what happened
    """The server answered with an error: Connect's `code`, and its own words."""

    def __init__(self, method: str, code: str, message: str) -> None:
        super().__init__(f"{method} failed: {message or code} ({code})")
        self.code = code
        self.words = message


class Calls:
    """The way to one server. `service` stands in the path; `token_field` carries the token."""

    def __init__(
        self, poster: Poster, credentials: Credentials, *, service: str, token_field: str, max_calls: int = 4
    ) -> None:
        self._poster = poster
        self._credentials = credentials
        self._service = service
        self._token_field = token_field
        self._room = asyncio.Semaphore(max_calls)

    async def call(self, method: str, request: dict[str, Any], *, held_s: float | None = None) -> dict[str, Any]:
        """The answer to a call; `held_s`: for how long the server may hold it, where it may, and then the call takes no
        room.

        Raises:
            CallFailed: the server says so.
            AgentUnavailable: no answer, or one that cannot be read.
            AgentCredentials: there is no token, or the server refuses it.
        """
        body = msgspec.json.encode(request)
        room: AbstractAsyncContextManager[object] = self._room if held_s is None else nullcontext()
        async with room:
            try:
                return await self._once(method, body, held_s or 0.0, again=False)
            except CallFailed as error:
                if error.code != "unauthenticated":
                    raise
            try:
                return await self._once(method, body, held_s or 0.0, again=True)
            except CallFailed as error:
                if error.code != "unauthenticated":
                    raise
                raise AgentCredentials(
                    f"the agent's server refuses the token that the gateway has for it ({error.words or error.code});"
                    " look at token_env or token_file of this agent"
                ) from None

    def close(self) -> None:
        """Close the connections that are kept."""
        self._poster.close()

    async def _once(self, method: str, body: bytes, held_s: float, *, again: bool) -> dict[str, Any]:
        token = await self._credentials.token(again=again)
        fields = [("Content-Type", "application/json")]
        if token:
            fields.append((self._token_field, token))
        timeout_s = TIMEOUTS_S[method] + held_s
        try:
            posted = await self._poster.post(f"/{self._service}/{method}", fields, body, timeout_s)
        except UpstreamError as error:
            raise AgentUnavailable(f"{method}: {error.message}") from error
        try:
            answer = _DECODER.decode(posted.body or b"{}")
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            answer = None
        if posted.status == 200 and answer is not None:
            return answer
        if answer is None or not isinstance(answer.get("code"), str):
            if posted.status == 401:
                raise CallFailed(method, "unauthenticated", "")
            raise AgentUnavailable(f"{method}: the agent's server answered {posted.status} without a Connect error")
        code, words = str(answer["code"]), str(answer.get("message", ""))
        raise CallFailed(method, "not_found" if _LOST in words else code, words)

"""The sides of an exchange that a fault has met: what its client saw, what the upstream saw, what was recorded."""

from __future__ import annotations

from dataclasses import dataclass

from narrows.records.types import ExchangeRecord, Outcome
from narrows.server.app import RunningGateway
from tests.raw_client import Answered, RawClient, chat, request
from tests.stage import Stage

CHAT = "/v1/chat/completions"
ASKED = request("POST", CHAT, body=chat())


@dataclass(frozen=True, slots=True)
class Seen:
    """`requests`: how many the upstream has had, over all."""

    answer: Answered
    record: ExchangeRecord
    requests: int

    def refused(self, status: int, code: str, *, requests: int) -> None:
        """An error of ours, recorded as such, that says what happened and what to do."""
        assert (self.answer.status, self.answer.error_code) == (status, code)
        happened, _, remedy = self.answer.json["error"]["message"].partition("; ")
        assert happened
        assert remedy
        record = self.record
        assert (record.outcome, record.status, record.error_code) == (Outcome.REFUSED, status, code)
        assert self.requests == requests

    def answered(self, status: int, body: bytes, *, requests: int) -> None:
        """The upstream's answer, to its end."""
        assert (self.answer.status, self.answer.raw_body, self.answer.complete) == (status, body, True)
        assert self.answer.values(b"x-narrows-error") == []
        record = self.record
        assert (record.outcome, record.status, record.error_code) == (Outcome.ANSWERED, status, None)
        assert self.requests == requests

    def truncated(self, body: bytes, *, requests: int) -> None:
        """The front of the upstream's answer, with its framing and without its end."""
        assert (self.answer.status, self.answer.raw_body, self.answer.complete) == (200, body, False)
        record = self.record
        assert (record.outcome, record.status, record.error_code) == (Outcome.TRUNCATED, 200, None)
        assert record.response_bytes == len(body)
        assert self.requests == requests


async def ask(stage: Stage, gateway: RunningGateway, sent: bytes = ASKED, client: RawClient | None = None) -> Seen:
    """One exchange, on a connection of its own if none is given."""
    index = gateway.gateway.telling.ring.appended
    client = client or await stage.client(gateway)
    await client.send(sent)
    return await seen(stage, gateway, client, index)


async def seen(stage: Stage, gateway: RunningGateway, client: RawClient, index: int = 0) -> Seen:
    """How the exchange ends that has been begun."""
    answer = await client.answer()
    record = await stage.record(gateway, index)
    return Seen(answer, record, len(stage.upstream.requests))

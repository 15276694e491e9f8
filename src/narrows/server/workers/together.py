"""One worker answers for all: readiness, figures and exchanges of every worker, gathered through the supervisor.

A worker that does not answer in time is named as silent, and its last known figures stand in, so that no counter falls.
The gateway is ready while one worker is: the others' connections are taken over by those that live.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count

import msgspec
from msgspec import Raw, Struct

from narrows.records.ring import DEFAULT_CAPACITY
from narrows.server.own_routes import exchanges_reply, metrics_reply, readiness_reply
from narrows.server.replies import Reply
from narrows.server.workers.channel import Channel
from narrows.server.workers.messages import Gather, Gathered, Report, Subject, ToWorker
from narrows.telemetry.sheets import added, render, silent

GATHER_S = 1.0
"""How long the supervisor waits for workers."""
_GIVE_UP_S = 3.0


class _Listed(Struct):
    appended: int
    exchanges: list[Raw]


class _Times(Struct):
    total_s: float


class _Ended(Struct):
    started_at: float
    timings: _Times


class Workers:
    """The `Together` of a worker."""

    def __init__(self, channel: Channel[ToWorker]) -> None:
        self._channel = channel
        self._questions = count(1)
        self._asked: dict[int, asyncio.Future[Gathered]] = {}

    async def readiness(self) -> Reply:
        return _readiness(await self._gather(Subject.READINESS))

    async def metrics(self) -> Reply:
        gathered = await self._gather(Subject.METRICS)
        sheets = [silent(one.figures or []) if one.silent else one.figures or [] for one in gathered.reports]
        return metrics_reply(render(added([*sheets, gathered.departed])))

    async def exchanges(self) -> Reply:
        return exchanges_reply(merged_exchanges((await self._gather(Subject.EXCHANGES)).reports))

    def gathered(self, answer: Gathered) -> None:
        """What the supervisor has found out."""
        waiting = self._asked.get(answer.question)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def _gather(self, subject: Subject) -> Gathered:
        """What all workers know; nothing where the supervisor itself does not answer."""
        question = next(self._questions)
        waiting: asyncio.Future[Gathered] = asyncio.get_running_loop().create_future()
        self._asked[question] = waiting
        self._channel.send(Gather(question, subject))
        try:
            async with asyncio.timeout(_GIVE_UP_S):
                return await waiting
        except TimeoutError:
            return Gathered(question, [])
        finally:
            del self._asked[question]


def _readiness(gathered: Gathered) -> Reply:
    rows: list[dict[str, object]] = []
    why: dict[str, None] = {}
    ready = False
    for one in sorted(gathered.reports, key=lambda report: (report.worker, report.pid)):
        reasons = ["does not answer"] if one.silent else [*(one.reasons or [])]
        serves = one.state == "serving" and not reasons
        ready |= serves
        if one.state == "serving":
            why |= dict.fromkeys(reasons)
        rows.append({"worker": one.worker, "pid": one.pid, "state": one.state, "ready": serves, "reasons": reasons})
    return readiness_reply([] if ready else [*why] or ["no worker serves"], rows)


def merged_exchanges(reports: Sequence[Report]) -> bytes:
    """The newest exchanges of all, each with its `worker`; `silent` names those that are missing, if any are."""
    appended = 0
    found: list[tuple[float, int, Raw]] = []
    for one in reports:
        listed = msgspec.json.decode(one.exchanges, type=_Listed | None)
        if listed is not None:
            appended += listed.appended
            found += [(_ended_at(raw), one.worker, raw) for raw in listed.exchanges]
    found.sort(key=lambda each: each[0], reverse=True)
    marked = [Raw(b'{"worker":%d,' % worker + bytes(raw)[1:]) for _, worker, raw in found[:DEFAULT_CAPACITY]]
    told: dict[str, object] = {"appended": appended, "exchanges": marked}
    missing = sorted(one.worker for one in reports if one.silent)
    if missing:
        told["silent"] = missing
    return msgspec.json.encode(told)


def _ended_at(raw: Raw) -> float:
    one = msgspec.json.decode(raw, type=_Ended)
    return one.started_at + one.timings.total_s

"""The parts of several workers, one at a time; tests/e2e/test_workers.py runs them together, as processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from narrows.errors import SettingsError
from narrows.server.replies import Reply
from narrows.server.workers.channel import Channel, open_channel
from narrows.server.workers.inquiry import Inquiries
from narrows.server.workers.launching import Surroundings
from narrows.server.workers.listeners import Listeners
from narrows.server.workers.member import Member, NotPreparedError, launched
from narrows.server.workers.messages import (
    Accept,
    Accepting,
    Allow,
    Answer,
    Ask,
    Begin,
    Gather,
    Gathered,
    Prepared,
    Report,
    Retire,
    Retired,
    Stop,
    Subject,
    ToSupervisor,
    ToWorker,
    Unusable,
)
from narrows.server.workers.supervisor import Supervisor
from narrows.server.workers.together import Workers, merged_exchanges
from narrows.server.workers.worker import work
from narrows.settings import Settings
from narrows.telemetry.log import EventLog
from tests.gateways import settings_for
from tests.raw_client import raw_client, request
from tests.scripted_upstream import ScriptedUpstream
from tests.stage import Lines

# Channels


@asynccontextmanager
async def channels() -> AsyncIterator[tuple[Channel[Any], Channel[Any]]]:
    """The supervisor's end and the worker's."""
    one, other = socket.socketpair()
    ends = await open_channel(one, ToSupervisor), await open_channel(other, ToWorker)
    yield ends
    for end in ends:
        end.close()


async def test_messages_arrive_in_order_and_unknown_ones_are_passed_over() -> None:
    class FromTomorrow(msgspec.Struct, tag="from_tomorrow"):
        more: int = 1

    async with channels() as (supervisor, worker):
        for message in (FromTomorrow(), Accept((3, 4)), Stop()):
            supervisor.send(message)
        assert [await worker.receive(), await worker.receive()] == [Accept((3, 4)), Stop()]
        supervisor.close()
        assert await worker.receive() is None
        worker.send(Retired())
        await worker.flushed()


async def test_a_large_message_is_whole() -> None:
    async with channels() as (supervisor, worker):
        report = Report(1, 2, "serving", exchanges=msgspec.Raw(b'"' + b"x" * 3_000_000 + b'"'))
        worker.send(Answer(7, report))
        assert await supervisor.receive() == Answer(7, report)


# Listeners


@pytest.mark.parametrize("own_sockets", [True, False])
def test_every_worker_has_sockets_of_the_one_port(own_sockets: bool) -> None:
    if own_sockets and sys.platform != "linux":
        own_sockets = False
    listeners = Listeners("127.0.0.1", 0, 3, own_sockets=own_sockets)
    ports = {one.getsockname()[1] for number in (1, 2, 3) for one in listeners.of(number)}
    assert ports == {listeners.port}
    assert len(listeners.all()) == (3 if own_sockets else 1)
    assert listeners.descriptors([1, 2, 3]) == tuple(sorted(one.fileno() for one in listeners.all()))
    for _ in range(9):
        socket.create_connection(("127.0.0.1", listeners.port), timeout=5).close()
    with pytest.raises(OSError, match="in use"):
        Listeners("127.0.0.1", listeners.port, 2, own_sockets=own_sockets)
    listeners.close()
    Listeners("127.0.0.1", listeners.port, 2).close()


def test_a_port_that_a_single_gateway_has_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        Listeners("127.0.0.1", taken.getsockname()[1], 2)


# A worker as its supervisor sees it


def ignoring(member: Member, message: Gather) -> None: ...


async def member_that(code: str) -> tuple[Member, asyncio.Task[int]]:
    """A process that has the channel's descriptor as its last argument, and says what `code` writes to it."""
    prelude = "import os, sys; fd = int(sys.argv[-1]); say = lambda text: os.write(fd, text.encode() + b'\\n');"
    member = await launched([sys.executable, "-c", prelude + code], 1, [])
    return member, asyncio.create_task(member.listen(ignoring))


async def test_a_worker_that_is_ready_says_so_and_its_end_is_heard() -> None:
    member, end = await member_that(
        """say('{"type":"prepared","policy_version":"p"}'); say('{"type":"accepting","descriptors":[5]}');"""
        "os.read(fd, 1)"
    )
    assert (await member.prepared()).policy_version == "p"
    assert await member.accepting((5,), 60)
    assert not await member.accepting((6,), 0.01)
    member.send(Stop())
    assert await end == 0
    assert not await member.accepting((5,), 60)
    assert member.retired.is_set()


@pytest.mark.parametrize(
    ("code", "problems", "status"),
    [
        ("""say('{"type":"unusable","problems":["no upstream"]}'); sys.exit(2)""", ("no upstream",), 2),
        ("sys.exit(3)", ("worker 1 ended with status 3; its log says why",), 3),
    ],
)
async def test_a_worker_that_cannot_start_says_why(code: str, problems: tuple[str, ...], status: int) -> None:
    member, end = await member_that(code)
    with pytest.raises(NotPreparedError) as raised:
        await member.prepared()
    assert (raised.value.problems, raised.value.status) == (problems, status)
    assert await end == status


async def test_a_program_that_is_not_there_is_no_worker() -> None:
    with pytest.raises(NotPreparedError, match="cannot be started"):
        await launched(["/nowhere/python"], 1, [])


async def test_one_that_does_not_answer_is_silent_and_its_last_figures_stand_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("narrows.server.workers.inquiry.GATHER_S", 0.05)
    member, end = await member_that("import time; time.sleep(60)")
    gathered = await Inquiries().gather(Gather(9, Subject.METRICS), [member], [], 4)
    (report,) = gathered.reports
    assert (gathered.question, report.silent, report.pid) == (9, True, member.pid)
    assert [row.value for row in gathered.departed] == [4]
    member.kill()
    assert await end == -9


# Speaking for all


async def asked(subject: Subject, *reports: Report) -> Reply:
    """What a worker answers when the supervisor has gathered these."""
    async with channels() as (supervisor, worker):
        together = Workers(worker)
        answer = asyncio.create_task(
            {
                Subject.READINESS: together.readiness,
                Subject.METRICS: together.metrics,
                Subject.EXCHANGES: together.exchanges,
            }[subject]()
        )
        question = await supervisor.receive()
        assert isinstance(question, Gather)
        together.gathered(Gathered(question.question, list(reports)))
        return await answer


@pytest.mark.parametrize(
    ("reports", "status", "reasons"),
    [
        ([Report(1, 11, "serving", reasons=[]), Report(2, 12, "serving", silent=True)], 200, []),
        ([Report(1, 11, "draining", reasons=[]), Report(1, 13, "serving", reasons=[])], 200, []),
        ([Report(1, 11, "serving", reasons=["full"]), Report(2, 12, "serving", reasons=["full"])], 503, ["full"]),
        ([Report(1, 11, "draining", reasons=[])], 503, ["no worker serves"]),
        ([], 503, ["no worker serves"]),
    ],
)
async def test_the_gateway_is_ready_while_one_worker_is(reports: list[Report], status: int, reasons: list[str]) -> None:
    reply = await asked(Subject.READINESS, *reports)
    told = json.loads(reply.body)
    assert (reply.status, told["ready"], told["reasons"]) == (status, status == 200, reasons)
    assert [one["pid"] for one in told["workers"]] == [one.pid for one in reports]


def test_exchanges_are_merged_the_newest_first_and_marked() -> None:
    def listed(*ends: float) -> msgspec.Raw:
        exchanges = [{"started_at": end - 1, "timings": {"total_s": 1.0}, "path": f"/{end:g}"} for end in ends]
        return msgspec.Raw(json.dumps({"appended": len(ends) + 1, "exchanges": exchanges}).encode())

    merged = json.loads(
        merged_exchanges(
            [
                Report(1, 11, "serving", exchanges=listed(9.0, 2.0)),
                Report(2, 12, "serving", exchanges=listed(5.0)),
                Report(3, 13, "serving", silent=True),
            ]
        )
    )
    assert [(one["worker"], one["path"]) for one in merged["exchanges"]] == [(1, "/9"), (2, "/5"), (1, "/2")]
    assert (merged["appended"], merged["silent"]) == (5, [3])


# A worker


def begin(**changes: Any) -> Begin:
    fields: dict[str, Any] = {
        "worker": 1, "workers": 2, "host": "127.0.0.1", "port": 8787, "document": {}, "loop_mark": "m",
        "prove": False, "held_back": True,
    }  # fmt: skip
    return Begin(**(fields | changes))


async def test_a_worker_does_what_it_is_told(scripted_upstream: ScriptedUpstream) -> None:
    listeners = Listeners("127.0.0.1", 0, 2)
    ours, theirs = socket.socketpair()
    channel: Channel[Any] = await open_channel(ours, ToSupervisor)
    working = asyncio.create_task(work(theirs, lambda document: settings_for(scripted_upstream.url)))
    channel.send(begin(port=listeners.port))
    prepared = await channel.receive()
    assert isinstance(prepared, Prepared)
    assert prepared.waiting == ("workers",), "the settings ask for one worker, and there are two"
    channel.send(Accept(listeners.descriptors([1, 2])))
    assert await channel.receive() == Accepting(listeners.descriptors([1, 2]))
    async with raw_client(listeners.port) as client:
        await client.send(request())
        assert (await client.answer()).status == 200
        for allowed in (False, True):
            channel.send(Ask(1, Subject.READINESS))
            answer = await channel.receive()
            assert isinstance(answer, Answer)
            assert bool(answer.report.reasons) is not allowed, "the classifier is being tried"
            channel.send(Allow())
        await client.send(request(target="/readyz"))
        question = await channel.receive()
        assert question == Gather(1, Subject.READINESS)
        channel.send(Gathered(1, [Report(2, 5, "serving", reasons=[])]))
        assert (await client.answer()).json["workers"][0]["pid"] == 5
        channel.send(Retire(5.0, wholly=False))
        assert await channel.receive() == Retired()
        await client.send(request())
        last = await client.answer()
        assert (last.status, last.values(b"connection")) == (200, [b"close"])
        assert await client.rest() == b""
    final = await channel.receive()
    assert isinstance(final, Answer)
    assert final.report.figures
    assert await working == 0
    assert await channel.receive() is None
    listeners.close()


async def test_a_worker_that_cannot_do_what_it_is_told_ends() -> None:
    """It would be deaf to its supervisor for ever; so it drains, and is replaced."""
    ours, theirs = socket.socketpair()
    channel: Channel[Any] = await open_channel(ours, ToSupervisor)
    working = asyncio.create_task(work(theirs, lambda document: settings_for("http://h")))
    channel.send(begin())
    assert isinstance(await channel.receive(), Prepared)
    channel.send(Accept((1_000_000,)))
    with pytest.raises(OSError, match="descriptor"):
        await asyncio.wait_for(working, 60)


async def test_a_worker_that_cannot_work_says_why() -> None:
    def read(document: dict[str, object]) -> Settings:
        raise SettingsError(("no upstream", f"and {document['x']}"))

    ours, theirs = socket.socketpair()
    channel: Channel[Any] = await open_channel(ours, ToSupervisor)
    working = asyncio.create_task(work(theirs, read))
    channel.send(begin(document={"x": "more"}))
    assert await channel.receive() == Unusable(("no upstream", "and more"))
    assert await working == 2


async def test_a_worker_without_a_supervisor_ends() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    assert await work(theirs, lambda document: settings_for("http://h")) == 0


# Workers that end at the worst moment

_ODD_WORKER = """
import json, os, signal, socket, sys, time
channel = socket.socket(fileno=int(sys.argv[-1])).makefile("rwb", buffering=0)
def say(**message): channel.write(json.dumps(message).encode() + b"\\n")
with open(sys.argv[1], "a+") as runs:
    runs.write("x"); runs.flush(); runs.seek(0)
    run = len(runs.read())
for line in channel:
    told = json.loads(line)
    if told["type"] == "begin":
        time.sleep(0.1 * told["worker"])
        say(type="prepared", policy_version="1")
        if run <= told["workers"] and "prepared %d" % told["worker"] in sys.argv[2].split(","):
            os._exit(7)
    if told["type"] == "accept":
        if str(run) in sys.argv[2].split(","):
            os._exit(7)
        say(type="accepting", descriptors=told["descriptors"])
    if told["type"] in ("stop", "retire"):
        break
"""


@asynccontextmanager
async def supervisor_of(tmp_path: Path, workers: int, dying: str) -> AsyncIterator[tuple[Supervisor, Lines]]:
    """One whose workers serve nothing; of the processes that it starts, counted from 1, the `dying` end with the status
    7 when they are told to accept, and the first "prepared N" when it has said that it could."""
    settings = settings_for("http://h", workers=workers, drain_timeout_s=0.1)
    listeners, lines = Listeners("127.0.0.1", 0, workers), Lines()
    log = EventLog(lines, lambda: 0.0, text=False)
    command = (sys.executable, "-c", _ODD_WORKER, str(tmp_path / "runs"), dying)
    supervisor = Supervisor(settings, {}, listeners, log, Surroundings(command, dict, lambda _: settings))
    try:
        yield supervisor, lines
    finally:
        await supervisor.stop()
        listeners.close()
        log.close()


async def until_written(lines: Lines, text: bytes, times: int = 1) -> None:
    async with asyncio.timeout(60):
        while lines.written.count(text) < times:
            await asyncio.sleep(0.01)


async def test_a_worker_that_ends_when_the_gateway_starts_is_replaced(tmp_path: Path) -> None:
    async with supervisor_of(tmp_path, 3, dying="1,2,3") as (supervisor, lines):
        await supervisor.start()
        await until_written(lines, b'"event":"worker_replaced"', 3)
        assert sorted(member.number for member in supervisor.members) == [1, 2, 3]
        assert supervisor.lost == 3


async def test_a_worker_that_ends_while_another_gets_ready_is_replaced(tmp_path: Path) -> None:
    async with supervisor_of(tmp_path, 2, dying="prepared 1") as (supervisor, lines):
        await supervisor.start()
        await until_written(lines, b'"event":"worker_replaced"')
        assert sorted((member.number, member.status) for member in supervisor.members) == [(1, None), (2, None)]


async def test_a_worker_that_replaces_a_lost_one_and_ends_is_replaced_as_well(tmp_path: Path) -> None:
    """It ended before it sat, so nobody else would have missed it."""
    async with supervisor_of(tmp_path, 1, dying="2,3") as (supervisor, lines):
        await supervisor.start()
        os.kill(supervisor.members[0].pid, signal.SIGKILL)
        await until_written(lines, b'"event":"worker_replaced"')
        assert lines.written.count(b"worker 1 ended with status 7 when it was to accept") == 2
        (member,) = supervisor.members
        assert (member.number, member.status) == (1, None)


async def test_a_restart_by_a_worker_that_ends_leaves_the_old_one(tmp_path: Path) -> None:
    async with supervisor_of(tmp_path, 1, dying="2") as (supervisor, lines):
        await supervisor.start()
        pid = supervisor.members[0].pid
        supervisor.restart()
        await until_written(lines, b'"event":"restart_refused"')
        assert [(member.pid, member.leaving) for member in supervisor.members] == [(pid, False)]

"""The process that watches over workers. It serves nothing, and holds what must outlive them: the listening sockets,
the settings' document in force, and the figures of those that are gone.

A worker that ends by itself is replaced, sooner the first time and later each time again; until then another accepts
what is meant for it. A restart replaces all, without a connection refused or an answer lost:

* With the same policy one after another: the new worker accepts before the old one stops. An old one goes on answering
  on the connections it has, each answer saying that the connection closes, so that no client finds one closed that it
  was about to use; it ends after its last exchange.
* With another policy all at once, because a conversation must not be shortened in turns by the one and the other: the
  new ones are made ready, the old ones stop beginning exchanges, and only then the new ones accept. New connections
  wait meanwhile in the sockets' queues, a fraction of a second.

Where there are agents, one more process has them: it accepts nothing, and takes the clients that the workers hand over.
There is never a second one beside it, as two could speak to one agent's conversation: its successor is started when it
has ended. What is handed over meanwhile waits, and is refused where there will be none.

The new workers are new processes and run the code that is installed then. One that cannot start leaves the old ones
as they were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from narrows.errors import SettingsError
from narrows.server.announcing import REWRITES, log_as, new_loop_mark, settings_reloaded
from narrows.server.workers.dealing import dealt
from narrows.server.workers.delays import Delays
from narrows.server.workers.inquiry import Inquiries
from narrows.server.workers.launching import Launcher, Surroundings
from narrows.server.workers.listeners import Listeners
from narrows.server.workers.member import Member, NotPreparedError
from narrows.server.workers.messages import (
    Accept,
    Allow,
    Begin,
    Document,
    Gather,
    Prepared,
    Reload,
    Retire,
    Stop,
)
from narrows.settings import Settings, reloaded, restarted
from narrows.telemetry.events import (
    Restarted,
    Restarting,
    RestartRefused,
    SettingsRejected,
    WorkerLost,
    WorkerReplaced,
)
from narrows.telemetry.log import EventLog
from narrows.telemetry.sheets import Sheet, added, ended

ROLLING_GRACE_S = 2.0
"""How long a replaced worker leaves connections open on which nothing is asked."""
TOGETHER_GRACE_S = 0.25
"""The same where new workers wait for it."""
ACCEPTS_WITHIN_S = 10.0
_KILL_AFTER_S = 5.0
_DIFFER = "the new workers differ in what they would shorten, as code or settings changed meanwhile; restart once more"


class Supervisor:
    """Watches over `settings.workers` workers on `listeners`. `policy_version` is the one in force."""

    def __init__(
        self, settings: Settings, document: Document, listeners: Listeners, log: EventLog, surroundings: Surroundings
    ) -> None:
        self.settings = settings
        self.policy_version = ""
        self.lost = 0
        self.members: list[Member] = []
        self.departed: Sheet = []
        self._document = document
        self._reloaded_document = document
        self._listeners = listeners
        self._log = log
        self._surroundings = surroundings
        self._loop_mark = new_loop_mark()
        self._launcher = Launcher(surroundings.command, listeners)
        self._seats: dict[int, Member] = {}
        self._delays = Delays()
        self._changing = asyncio.Lock()
        self._held_back = True
        self._stopping = False
        self._inquiries = Inquiries()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lives: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start all workers and let them accept.

        Raises:
            NotPreparedError: one of them cannot.
        """
        async with self._changing:
            made = await self._made_ready(self._numbers(), self._document, prove_first=False)
            self.policy_version = made[0][1].policy_version
            for member, _ in made:
                self._seat(member)
            self._deal()
            for member in tuple(self._seats.values()):
                await member.accepting(member.accepts, ACCEPTS_WITHIN_S)
            await self._seat_agents(self._document)

    def allow(self) -> None:
        """The classifier has been shown to load."""
        self._held_back = False
        for member in self.members:
            member.send(Allow())

    async def stop(self) -> None:
        """Let all workers drain, and wait for them, within bounds."""
        self._stopping = True
        for task in tuple(self._tasks):
            task.cancel()
        for member in self.members:
            member.leaving = True
            member.send(Stop())
        if self._lives:  # one for each worker
            await asyncio.wait(self._lives, timeout=self.settings.drain_timeout_s + _KILL_AFTER_S)
        await self.kill()

    async def kill(self) -> None:
        """End all workers at once."""
        self._stopping = True
        for member in self.members:
            member.kill()
        while self.members:
            await asyncio.sleep(0.01)
        await self._launcher.refuse_waiting()

    # Settings

    def reload(self) -> None:
        """Read the settings anew; those that cannot be used change nothing."""
        try:
            document = self._surroundings.read_document()
            change = reloaded(self.settings, self._surroundings.read(document))
        except SettingsError as error:
            self._log.event(SettingsRejected(problems=error.problems))
            return
        self.settings = change.settings
        log_as(self._log, self.settings)
        self._reloaded_document = document
        for member in self._seats.values():
            member.send(Reload(document))
        self._log.event(settings_reloaded(change))

    # Restarts

    def restart(self) -> None:
        """Begin to replace all workers by new ones."""
        self._spawn(self._restart())

    async def _restart(self) -> None:
        async with self._changing:
            try:
                document = self._surroundings.read_document()
                await self._replace_all(document)
            except (SettingsError, NotPreparedError) as error:
                self._log.event(RestartRefused(problems=error.problems))
                return
            self._take_over(document)
            self._log.event(Restarted(policy_version=self.policy_version))

    async def _replace_all(self, document: Document) -> None:
        numbers = self._numbers()
        ((first, prepared),) = await self._made_ready(numbers[:1], document, prove_first=True)
        together = prepared.policy_version != self.policy_version
        self._log.event(
            Restarting(
                policy_version=prepared.policy_version,
                policy_version_before=self.policy_version,
                together=together,
                waiting=prepared.waiting,
                note=f"another policy: {REWRITES}" if together else None,
            )
        )
        if together:
            await self._switch(first, prepared.policy_version, document)
            await self._seat_agents(document)
            return
        await self._succeed(first)
        for number in numbers[1:]:
            ((member, another),) = await self._made_ready([number], document, prove_first=False)
            if another.policy_version != self.policy_version:
                member.kill()
                raise NotPreparedError((_DIFFER,), 1)
            await self._succeed(member)
        await self._seat_agents(document)

    async def _succeed(self, member: Member) -> None:
        """Seat a new worker, and let the old one go once the new one accepts.

        Raises:
            NotPreparedError: it ended instead; the old one stays.
        """
        before = self._seats.get(member.number)
        member.accepts = self._listeners.descriptors([member.number])
        member.send(Accept(member.accepts))
        await member.accepting(member.accepts, ACCEPTS_WITHIN_S)
        if member.status is not None:
            raise NotPreparedError(
                (f"worker {member.number} ended with status {member.status} when it was to accept; its log says why",),
                member.status,
            )
        self._seat(member)
        self._deal()
        if before is not None:
            before.leaving = True
            before.send(Retire(ROLLING_GRACE_S, wholly=False))

    async def _seat_agents(self, document: Document) -> None:
        """Have the agents that the document names in a new process, once the one that has had them has ended."""
        number = self._agents_number
        before = self._seats.pop(number, None)
        if before is not None:
            before.leaving = True
            before.send(Retire(0.0, wholly=True))
        for old in [member for member in self.members if member.number == number]:
            if not await old.gone_within(self.settings.drain_timeout_s + _KILL_AFTER_S):
                old.kill()
        if not self._surroundings.read(document).agents:
            await self._launcher.refuse_waiting()
            return
        try:
            ((member, prepared),) = await self._made_ready([number], document, prove_first=False)
            if prepared.policy_version != self.policy_version:
                member.kill()
                raise NotPreparedError((_DIFFER,), 1)
        except NotPreparedError:
            if before is not None:
                self._spawn(self._replace(number, self._delays.again(number)))
            raise
        member.send(Accept(()))
        self._seat(member)

    async def _switch(self, first: Member, policy_version: str, document: Document) -> None:
        """Seat new workers everywhere, between the last exchange that an old one begins and the first of a new one."""
        try:
            others = await self._made_ready(self._numbers()[1:], document, prove_first=False)
        except NotPreparedError:
            first.kill()
            raise
        before = list(self._seats.values())
        for member in before:
            member.leaving = True
            member.send(Retire(TOGETHER_GRACE_S, wholly=True))
        for member in before:
            try:
                await asyncio.wait_for(member.retired.wait(), TOGETHER_GRACE_S + _KILL_AFTER_S)
            except TimeoutError:
                member.kill()
        self.policy_version = policy_version
        for member in (first, *(member for member, _ in others)):
            self._seat(member)
        self._deal()

    def _take_over(self, document: Document) -> None:
        """The document is in force now, with what it changes for the supervisor itself."""
        self._document = self._reloaded_document = document
        try:
            self.settings = restarted(self.settings, self._surroundings.read(document)).settings
        except SettingsError:
            return  # the new workers' code reads it otherwise than ours, and theirs counts

    # Workers

    @property
    def _agents_number(self) -> int:
        return self.settings.workers + 1

    def _numbers(self) -> list[int]:
        return list(range(1, self.settings.workers + 1))

    async def _made_ready(
        self, numbers: list[int], document: Document, *, prove_first: bool
    ) -> list[tuple[Member, Prepared]]:
        """New workers that could accept, all of one policy; where one cannot, all are ended."""
        members: list[Member] = []
        for place, number in enumerate(numbers):
            begin = Begin(
                worker=number,
                workers=self.settings.workers,
                host=self.settings.host,
                port=self._listeners.port,
                document=document,
                loop_mark=self._loop_mark,
                prove=prove_first and place == 0,
                held_back=self._held_back and not prove_first,
            )
            launch = self._launcher.agents if number == self._agents_number else self._launcher.worker
            member = await launch(begin)
            members.append(member)
            self.members.append(member)
            self._spawn(self._watch(member), for_life=True)
        try:
            made = [(member, await member.prepared()) for member in members]
            if len({prepared.policy_version for _, prepared in made}) > 1:
                raise NotPreparedError((_DIFFER,), 1)
        except (NotPreparedError, asyncio.CancelledError):
            for member in members:
                member.kill()
            raise
        return made

    def _seat(self, member: Member) -> None:
        self._seats[member.number] = member
        member.served_since_s = asyncio.get_running_loop().time()
        if member.status is not None:  # nobody else would notice: it ended before it sat
            self._unseat(member, member.status)

    def _deal(self) -> None:
        """Tell each seated worker what to accept from: its own sockets, and those of seats that are empty."""
        seated = [number for number in self._seats if number != self._agents_number]
        for number, numbers in dealt(seated, self._numbers()).items():
            member, descriptors = self._seats[number], self._listeners.descriptors(numbers)
            if member.accepts != descriptors:
                member.accepts = descriptors
                member.send(Accept(descriptors))

    async def _watch(self, member: Member) -> None:
        status = await member.listen(lambda asker, message: self._spawn(self._gather(asker, message)))
        self.members.remove(member)
        self.departed = added([self.departed, ended(member.figures)])
        if self._seats.get(member.number) is member:
            self._unseat(member, status)

    def _unseat(self, member: Member, status: int) -> None:
        del self._seats[member.number]
        if not member.leaving and not self._stopping:
            self._lose(member, status)

    def _lose(self, member: Member, status: int) -> None:
        served_s = asyncio.get_running_loop().time() - member.served_since_s
        delay_s = self._delays.after(member.number, served_s)
        self.lost += 1
        self._log.event(
            WorkerLost(lost_worker=member.number, pid=member.pid, status=status, restart_in_s=delay_s, lost=self.lost)
        )
        self._deal()
        self._spawn(self._replace(member.number, delay_s))

    async def _replace(self, number: int, delay_s: float) -> None:
        """Fill an empty seat, however often it takes."""
        while True:
            await asyncio.sleep(delay_s)
            async with self._changing:
                if number in self._seats:
                    return  # a restart has filled it
                if await self._filled(number):
                    return
            delay_s = self._delays.again(number)

    async def _filled(self, number: int) -> bool:
        """Whether a new worker took the seat. One whose code is another by now, and shortens otherwise, cannot serve
        beside the others: then all are replaced."""
        try:
            if number == self._agents_number:
                await self._seat_agents(self._document)
                if (seated := self._seats.get(number)) is not None:
                    seated.send(Reload(self._reloaded_document))
                return self._replaced(number)
            ((member, prepared),) = await self._made_ready([number], self._document, prove_first=False)
            if prepared.policy_version == self.policy_version:
                member.send(Reload(self._reloaded_document))
                await self._succeed(member)
            else:
                member.kill()
                await self._replace_all(self._document)
        except NotPreparedError as error:
            self._log.event(RestartRefused(problems=error.problems))
            return False
        return self._replaced(number)

    def _replaced(self, number: int) -> bool:
        if (seated := self._seats.get(number)) is not None:  # otherwise it is lost again, and its successor on the way
            self._log.event(WorkerReplaced(new_worker=number, pid=seated.pid))
        return True

    async def _gather(self, asker: Member, message: Gather) -> None:
        seated = self._seats.values()
        there = [member for member in self.members if member.leaving or member in seated]
        asker.send(await self._inquiries.gather(message, there, self.departed, self.lost))

    def _spawn(self, work: Coroutine[None, None, None], *, for_life: bool = False) -> None:
        """Run a task; one that is not `for_life` ends when the gateway stops."""
        task = asyncio.create_task(work)
        kept = self._lives if for_life else self._tasks
        kept.add(task)
        task.add_done_callback(kept.discard)

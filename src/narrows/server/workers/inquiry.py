"""Asking all workers about a subject, on behalf of one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count

from narrows.server.workers.member import Member
from narrows.server.workers.messages import Ask, Gather, Gathered, Report, Subject
from narrows.server.workers.together import GATHER_S
from narrows.telemetry.sheets import Sheet, added, lost


class Inquiries:
    """Numbers the questions of one supervisor."""

    def __init__(self) -> None:
        self._numbers = count(1)

    async def gather(self, asked: Gather, members: Sequence[Member], departed: Sheet, lost_workers: int) -> Gathered:
        """What `members` answer within a moment; one that does not is silent, and its last known figures stand in."""
        number = next(self._numbers)
        answers = {member: member.ask(Ask(number, asked.subject), number) for member in members}
        if answers:
            await asyncio.wait(answers.values(), timeout=GATHER_S)
        reports = [
            answer.result() if answer.done() else _silent(member, asked.subject) for member, answer in answers.items()
        ]
        figures = asked.subject is Subject.METRICS
        return Gathered(asked.question, reports, added([departed, lost(lost_workers)]) if figures else [])


def _silent(member: Member, subject: Subject) -> Report:
    figures = member.figures if subject is Subject.METRICS else None
    state = "draining" if member.leaving else "serving"
    return Report(member.number, member.pid, state, figures=figures, silent=True)

"""What supervisor and worker say to each other, one class a message.

A worker may be newer than its supervisor, as a restart brings in the code that is installed then. So a message is a
JSON object with a name, fields may be added with defaults, and a message that is not known is passed over.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Raw, Struct

from narrows.telemetry.sheets import Sheet

Document = dict[str, object]
"""A TOML file's content."""


class Subject(StrEnum):
    """What all workers are asked about."""

    READINESS = "readiness"
    METRICS = "metrics"
    EXCHANGES = "exchanges"


# From the supervisor


class Begin(Struct, frozen=True, tag="begin"):
    """What to be: the worker's number (from 1), the settings' document, the running address, and the mark of all.
    `prove`: try the classifier first; `held_back`: it is being tried elsewhere. Inherited descriptors: `agents_take` is
    where the process that has the agents takes clients from, `agents_give` where all others give them to it."""

    worker: int
    workers: int
    host: str
    port: int
    document: Document
    loop_mark: str
    prove: bool
    held_back: bool
    agents_take: int = -1
    agents_give: int = -1


class Accept(Struct, frozen=True, tag="accept"):
    """Accept connections from exactly these of the inherited descriptors."""

    descriptors: tuple[int, ...]


class Allow(Struct, frozen=True, tag="allow"):
    """The classifier loads: plan."""


class Reload(Struct, frozen=True, tag="reload"):
    """Take settings from this document, as far as no restart is needed."""

    document: Document


class Retire(Struct, frozen=True, tag="retire"):
    """Others take over: accept no more, close idle connections after a grace, end what was begun, and end. `wholly`:
    begin nothing more after the grace, because others will decide differently."""

    idle_grace_s: float
    wholly: bool


class Stop(Struct, frozen=True, tag="stop"):
    """The gateway stops: drain and end."""


class Ask(Struct, frozen=True, tag="ask"):
    """Say what you know of a subject."""

    question: int
    subject: Subject


class Report(Struct, frozen=True):
    """What one worker knows of the subject; None where it did not answer in time. `figures` are then its last known."""

    worker: int
    pid: int
    state: str
    reasons: list[str] | None = None
    figures: Sheet | None = None
    exchanges: Raw = Raw(b"null")
    silent: bool = False


class Gathered(Struct, frozen=True, tag="gathered"):
    """What all workers said to `question`; `departed` are the figures of those that are gone."""

    question: int
    reports: list[Report]
    departed: Sheet = []


# From a worker


class Prepared(Struct, frozen=True, tag="prepared"):
    """Ready to accept, under this policy. `waiting`: settings of the document that only a new start can change."""

    policy_version: str
    waiting: tuple[str, ...] = ()


class Unusable(Struct, frozen=True, tag="unusable"):
    """It cannot work, and ends."""

    problems: tuple[str, ...]


class Accepting(Struct, frozen=True, tag="accepting"):
    """It accepts from these descriptors and no others."""

    descriptors: tuple[int, ...]


class Retired(Struct, frozen=True, tag="retired"):
    """It begins nothing more."""


class Gather(Struct, frozen=True, tag="gather"):
    """Ask all workers, me among them."""

    question: int
    subject: Subject


class Answer(Struct, frozen=True, tag="answer"):
    """To an `Ask`, or, with question 0, the last figures before the end."""

    question: int
    report: Report


ToWorker = Begin | Accept | Allow | Reload | Retire | Stop | Ask | Gathered
ToSupervisor = Prepared | Unusable | Accepting | Retired | Gather | Answer
